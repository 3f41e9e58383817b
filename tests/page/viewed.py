"""The page's view of a workplace under uvicorn, in a thread of the test."""

import http.client
import io
import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import uvicorn
from end_to_end.driver import Workplace, wait_for
from PIL import Image
from starlette.applications import Starlette

from scissorsd import config
from scissorsd.page.app import make_app
from scissorsd.page.desk import Desk
from scissorsd.page.gates.access import access_to
from scissorsd.page.view import events
from scissorsd.settings import Config, Page

Values = Any  # what JSON holds


@dataclass(frozen=True)
class View:
    """A server on a workplace, and questions to it."""

    desk: Desk
    app: Starlette
    port: int

    def ask(
        self,
        address: str,
        *,
        method: str = "GET",
        body: Values = None,
        status: int = 200,
        **query: object,
    ) -> Values:
        """Ask for an address below `api/v1/`; return what the answer holds."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            words = "?" + urlencode(query, doseq=True) if query else ""
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1/{address}{words}", sent)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        assert response.status == status, content
        return json.loads(content)

    def act(self, card: Values, action: str, *, status: int = 200, **body: object) -> Values:
        """Do something with a picture; return what is said."""
        address = f"pictures/{card['address']}/{action}"
        return self.ask(address, method="POST", body=body or None, status=status)

    def pages(self, **query: object) -> list[Values]:
        """Return all cards, from page to page."""
        found: list[Values] = []
        cursor = ""
        while True:
            answer = self.ask("pictures?" + urlencode({**query, "before": cursor}, doseq=True))
            found += answer["pictures"]
            cursor = answer["next"] or ""
            if not cursor:
                return found

    def card(self, path: str, **query: object) -> Values:
        """Return the card of the one picture of this path."""
        (card,) = [card for card in self.pages(**query) if card["path"] == path]
        return card

    def states(self, **query: object) -> dict[str, str]:
        """Return the state of every picture."""
        return {card["path"]: card["state"] for card in self.pages(**query)}

    def events(self) -> Generator[tuple[str, Values], None, None]:
        """Yield the events as they come, until the stream ends."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request("GET", "/api/v1/events")
            response = connection.getresponse()
            name = ""
            for line in response:
                key, _, value = line.decode().rstrip("\r\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    yield name, json.loads(value)
        finally:
            connection.close()


def blank() -> bytes:
    """Draw a picture without a subject."""
    buffer = io.BytesIO()
    Image.new("RGB", (96, 72), "white").save(buffer, "JPEG")
    return buffer.getvalue()


@contextmanager
def viewed(
    place: Workplace, page: Page | None = None, more: Config | None = None
) -> Iterator[View]:
    """Serve a workplace, by its configuration or another one, until the test is through."""
    loaded = more or config.load(place.config).config
    desk = Desk(replace(loaded, page=page), lambda *_: None)
    app = make_app(desk, access_to(Page(auth="none"), ""))
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, http="h11", loop="asyncio", log_level="error", ws="none")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield View(desk, app, server.servers[0].sockets[0].getsockname()[1])
    finally:
        events.end(app.state)
        server.should_exit = True
        thread.join()
        desk.close()

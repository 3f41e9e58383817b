"""The files, previews, finishing and zips of the page under uvicorn, in a thread of the test."""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

import uvicorn
from end_to_end.driver import Workplace, wait_for

from scissorsd import config
from scissorsd.page.app import make_app
from scissorsd.page.desk import Desk
from scissorsd.page.gates.access import access_to
from scissorsd.settings import Page

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Message
    body: bytes

    @property
    def error(self) -> dict[str, str]:
        """What went wrong, in words."""
        found: dict[str, str] = json.loads(self.body)["error"]
        return found


class Served:
    """A server on a workplace, and questions to it."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._starting = threading.Lock()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.desk: Desk | None = None

    def ask(
        self,
        address: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] = NOTHING,
        body: bytes = b"",
    ) -> Answer:
        """Ask for an address, from the root."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request(method, address, body or None, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def picture(
        self,
        path: str | bytes,
        what: str,
        *,
        headers: Mapping[str, str] = NOTHING,
        **words: Any,  # noqa: ANN401 - text or numbers
    ) -> Answer:
        """Ask for what there is of a picture in the inbox `shop`."""
        query = "?" + urlencode(words) if words else ""
        return self.ask(f"/api/v1/pictures/shop/{quote(path)}/{what}{query}", headers=headers)

    def zip(self, *paths: str, outputs: str = "all") -> Answer:
        """Ask for a zip of pictures, and fetch it."""
        pictures = [{"inbox": "shop", "path": path} for path in paths]
        ticket = self.ticket({"pictures": pictures, "outputs": outputs})
        assert ticket.status == 201, ticket.body
        return self.ask(f"/api/v1/zips/{json.loads(ticket.body)['id']}")

    def ticket(self, body: Any) -> Answer:  # noqa: ANN401 - whatever a client may send
        """Ask for a ticket of a zip."""
        return self.ask("/api/v1/zips", method="POST", body=json.dumps(body).encode())

    @property
    def port(self) -> int:
        """The port at which it listens; it is started where it was not."""
        with self._starting:
            if self._server is None:
                self._server = self._started()
        server = self._server
        wait_for(lambda: server.started)
        found: int = server.servers[0].sockets[0].getsockname()[1]
        return found

    def _started(self) -> uvicorn.Server:
        loaded = config.load(self._place.config).config
        self.desk = Desk(loaded, lambda *_: None)
        app = make_app(self.desk, access_to(Page(auth="none"), ""))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                port=0,
                http="h11",
                loop="asyncio",
                ws="none",
                log_level="error",
                timeout_graceful_shutdown=5,
            )
        )
        self._thread = threading.Thread(target=server.run)
        self._thread.start()
        return server

    def close(self) -> None:
        """End it."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        if self.desk is not None:
            self.desk.close()


@contextmanager
def served(place: Workplace) -> Iterator[Served]:
    """Serve a workplace, by the configuration that it has when it is first asked."""
    server = Served(place)
    try:
        yield server
    finally:
        server.close()

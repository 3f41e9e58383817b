"""A real page on a real port, in a thread, and what asks it."""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from scissorsd import config
from scissorsd.page.desk import Desk
from scissorsd.page.gates.listen import Place, place_of
from scissorsd.page.serve import serve
from scissorsd.settings import Page

DEADLINE = 120.0
NOTHING: Mapping[str, str] = MappingProxyType({})
ON_ANY_PORT = Page(listen="127.0.0.1:0")


def desk_at(folder: Path, page: Page) -> Desk:
    """Return a desk with one inbox in a folder."""
    (folder / "inbox").mkdir(exist_ok=True)
    rule = {"model": "u2netp", "outputs": [{"kind": "cutout"}]}
    inbox = {"path": "inbox", "outbox": "outbox", "rules": [rule]}
    values = {"state": "state", "inboxes": {"shop": inbox}}
    settings = config.from_values(values, base=folder).config
    settings.state.mkdir(exist_ok=True)
    return Desk(replace(settings, page=page), lambda *_: None)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]  # by small letters
    body: bytes

    @property
    def error(self) -> dict[str, str]:
        """The error in it."""
        error: dict[str, str] = json.loads(self.body)["error"]
        return error


@dataclass(frozen=True)
class Server:
    """A page that runs."""

    place: Place
    desk: Desk

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection to it."""
        return http.client.HTTPConnection("127.0.0.1", self.place.port, timeout=DEADLINE)

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] = NOTHING,
        body: bytes | None = None,
    ) -> Answer:
        """Ask for something, on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            met = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, met, answer.read())
        finally:
            connection.close()


@contextmanager
def served(folder: Path, page: Page = ON_ANY_PORT) -> Iterator[Server]:
    """Serve a page until the block ends."""
    desk = desk_at(folder, page)
    until, ended_or_listens = threading.Event(), threading.Event()
    addresses: list[str] = []

    def told(address: str) -> None:
        addresses.append(address)
        ended_or_listens.set()

    def work() -> None:
        try:
            serve(desk, until=until, told=told)
        finally:
            ended_or_listens.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ended_or_listens.wait(DEADLINE)
        (address,) = addresses
        yield Server(place_of(address), desk)
    finally:
        until.set()
        thread.join(DEADLINE)
        assert not thread.is_alive()
        desk.close()

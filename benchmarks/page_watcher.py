"""Watch the page as an open tab does, without a browser, which would take a part of the machine.

It hears the events, asks for the list as app.js does (0.6 s after an event at the earliest, else
every 2 s), and for the previews of the cards that a window of 1280 by 800 would have.
"""

import http.client
import json
import threading
import urllib.request
from time import monotonic
from types import TracebackType
from typing import Any, Self

SPARE, BUSY = 0.6, 2.0  # seconds between two looks: at the least, and without an event
SHOWN = 30  # cards: five columns, the rows on the screen and two more
LISTED = 100  # in one answer
WIDTH = 320


class Watcher:
    """A window that nobody draws; it watches while it is entered."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._seen: set[str] = set()  # previews
        self._told, self._ended = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._hear, self._look)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def _hear(self) -> None:
        with urllib.request.urlopen(f"{self._address}api/v1/events", timeout=30) as stream:  # noqa: S310 - our own page
            for line in stream:  # a comment every 15 s
                if self._ended.is_set():
                    return
                if line.startswith(b"event: changed"):
                    self._told.set()

    def _look(self) -> None:
        host = self._address.removeprefix("http://").rstrip("/")
        connection = http.client.HTTPConnection(host, timeout=60)
        while not self._ended.is_set():
            began = monotonic()
            self._told.clear()
            listed = json.loads(_get(connection, f"/api/v1/pictures?limit={LISTED}&before="))
            for card in listed["pictures"][:SHOWN]:
                self._show(connection, card)
            took = monotonic() - began
            self._ended.wait(max(SPARE, 4 * took))
            self._told.wait(BUSY - SPARE)
        connection.close()

    def _show(self, connection: http.client.HTTPConnection, card: dict[str, Any]) -> None:
        what = "before" if card["best"] is None else f"outputs/{card['best']}"
        address = f"/api/v1/pictures/{card['address']}/{what}?v={card['version']}&width={WIDTH}"
        if address not in self._seen:
            self._seen.add(address)
            _get(connection, address)


def _get(connection: http.client.HTTPConnection, address: str) -> bytes:
    connection.request("GET", address)
    return connection.getresponse().read()

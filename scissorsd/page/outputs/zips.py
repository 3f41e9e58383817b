"""Many outputs in one zip: first a ticket, which says what is in it, then the zip itself.

A ticket holds the paths that the journal told, in memory and for ten minutes: while a zip is sent,
nothing of the journal is held.
"""

import json
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from scissorsd.config.quick_desk import NAME as QUICK
from scissorsd.core.rules import REVIEW_FOLDER
from scissorsd.page.answers import Refusal
from scissorsd.page.desk import Desk
from scissorsd.page.lookup import Found, desk_of, find
from scissorsd.page.naming import UnknownPictureError
from scissorsd.page.outputs import sending
from scissorsd.page.outputs.zip_stream import Item, zipped

_VALID = 600.0  # seconds
_MOST_TICKETS = 100
_MOST_BYTES = 16 << 20  # of what is asked for: some 100,000 pictures
_CHOICES = ("all", "first")
_QUICK_FOLDERS = 2  # of the quick desk's own, above what was dropped


@dataclass(frozen=True, slots=True)
class _Ticket:
    made_at: float
    items: tuple[Item, ...]


@dataclass(slots=True)
class _Tickets:
    """The tickets that are valid, the oldest first."""

    held: dict[str, _Ticket] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def issue(self, items: tuple[Item, ...]) -> str:
        with self.lock:
            name = secrets.token_urlsafe(16)
            self.held[name] = _Ticket(monotonic(), items)
            for old in list(self.held)[:-_MOST_TICKETS]:
                del self.held[old]
            self._forget_old()
            return name

    def items(self, name: str) -> tuple[Item, ...] | None:
        with self.lock:
            self._forget_old()
            ticket = self.held.get(name)
            return None if ticket is None else ticket.items

    def _forget_old(self) -> None:
        old = [name for name, t in self.held.items() if monotonic() - t.made_at > _VALID]
        for name in old:
            del self.held[name]


async def ask(request: Request) -> Response:
    """Issue a ticket for the outputs of some pictures."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise Refusal(413, "too_large", "So many pictures do not go into one zip.")
    items = await run_in_threadpool(_items, desk_of(request), bytes(body))
    name = _tickets(request).issue(items)
    return JSONResponse({"id": name, "count": len(items)}, status_code=201)


async def take(request: Request) -> Response:
    """Send the zip of a ticket."""
    items = _tickets(request).items(request.path_params["id"])
    if items is None:
        raise Refusal(
            404, "no_zip", "This download is over: it was asked for too long ago.", "Ask again."
        )
    moment = datetime.now(tz=UTC).astimezone().strftime("%Y-%m-%d-%H%M%S")
    headers = sending.headers_for("", f"scissorsd-{moment}.zip", download=True)
    del headers["ETag"]
    if request.method == "HEAD":
        return Response(headers=headers, media_type="application/zip")
    return StreamingResponse(zipped(items), headers=headers, media_type="application/zip")


def _tickets(request: Request) -> _Tickets:
    state = request.app.state
    with _one:
        if not hasattr(state, "zip_tickets"):
            state.zip_tickets = _Tickets()
        tickets = state.zip_tickets
    if not isinstance(tickets, _Tickets):
        raise TypeError("app.state.zip_tickets is something else")
    return tickets


_one = threading.Lock()


def _items(desk: Desk, body: bytes) -> tuple[Item, ...]:
    """Return what goes into the zip that is asked for; or refuse."""
    pictures, outputs = _parsed(body)
    found = []
    for inbox, path in pictures:
        with suppress(UnknownPictureError):  # it waits still, or was taken away
            found.append(find(desk, inbox, path))
    several = len({picture.inbox.name for picture in found}) > 1
    items = tuple(item for picture in found for item in _of(picture, outputs, several=several))
    if not items:
        raise Refusal(409, "no_outputs", "Nothing has come of these pictures yet.")
    return items


def _parsed(body: bytes) -> tuple[Sequence[tuple[str, str]], str]:
    try:
        asked: Any = json.loads(body)
        pictures = [(p["inbox"], p["path"]) for p in asked["pictures"]]
        outputs = asked.get("outputs", _CHOICES[0])
        for part in [part for pair in pictures for part in pair]:
            os.fsencode(part)  # a name of this machine, whatever it is
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refusal(
            400, "body", 'A zip is asked for as {"pictures": [{"inbox", "path"}], "outputs"}.'
        ) from error
    if outputs not in _CHOICES:
        raise Refusal(400, "body", f'"outputs" is one of {", ".join(_CHOICES)}.')
    return list(dict.fromkeys(pictures)), outputs


def _of(found: Found, outputs: str, *, several: bool) -> Iterator[Item]:
    """Yield the outputs of a picture, named as they lie in the outbox, or would without review/."""
    paths = [path for _, path in found.outputs]
    for path in paths if outputs == "all" else paths[:1]:
        name = _below(path, Path(found.entry.outbox), found.inbox.folders_elsewhere)
        parts = name.split("/")
        if found.entry.in_review and parts[0] == REVIEW_FOLDER:
            parts = parts[1:]
        if found.inbox.name == QUICK and len(parts) > _QUICK_FOLDERS:
            parts = parts[_QUICK_FOLDERS:]
        if several:
            parts = [found.inbox.name, *parts]
        yield Item(path, "/".join(parts))


def _below(path: Path, outbox: Path, elsewhere: Iterable[Path]) -> str:
    if path.is_relative_to(outbox):
        return os.path.relpath(path, outbox)
    folder = next((folder for folder in elsewhere if path.is_relative_to(folder)), path.parent)
    return os.path.relpath(path, folder.parent) if folder != path.parent else path.name


ROUTES: list[BaseRoute] = [
    Route("/api/v1/zips", ask, methods=["POST"]),
    Route("/api/v1/zips/{id}", take),
]

"""`GET api/v1/events`: server-sent events that only say "look again".

`changed`: the journal or the folders are otherwise than before. `standing`: how the daemon stands,
when that changed or a while has passed. One poller looks for all who listen, and only while someone
does; who comes late misses nothing, since what counts is what they read then. At most four events a
second reach a listener: three looks, and one standing.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

import anyio.to_thread
import structlog
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from scissorsd.errors import ScissorsError
from scissorsd.page.standpoint import stand_at
from scissorsd.page.view import holding
from scissorsd.page.view.outlook import Outlook, outlook_of
from scissorsd.page.view.status import head
from scissorsd.plain_text import one_line

log = structlog.get_logger("scissorsd")

_TOLD = 0.34  # seconds from telling of a change to the next look
_LOOK = 0.1  # seconds between two looks that found nothing new, soon after a change or a drop
_IDLE_LOOK = 1.5  # ... and when nothing has changed for a while
_BUSY = 10.0  # seconds
_STANDING = 5.0  # seconds after which it is told how the daemon stands, whether or not it changed
_STANDING_LOOK = 1.0
_COMMENT = 15  # seconds: so often something is sent, whatever happens
_SLOW = 20.0  # seconds that sending may take
_FACTOR = 20  # a look is followed by a pause so many times as long


@dataclass(slots=True)
class Poller:
    """It looks for all who listen. It lives in the event loop of the server."""

    outlook: Outlook
    changes: int = 0
    standing: str = ""  # as it was told last
    standings: int = 0  # so often
    listeners: int = 0
    is_ended: bool = False
    task: asyncio.Task[None] | None = None
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)  # look now
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    async def listen(self) -> AsyncIterator[ServerSentEvent]:
        """Yield the events, from the standing now on, until it ends."""
        self.listeners += 1
        try:
            if self.task is None or self.task.done():
                self.task = asyncio.create_task(self._run())
            changes, standings = self.changes, 0
            while not self.is_ended:
                if standings != self.standings:
                    standings = self.standings
                    yield ServerSentEvent(self.standing, event="standing")
                if changes != self.changes:
                    changes = self.changes
                    yield ServerSentEvent(json.dumps({"changes": changes}), event="changed")
                async with self.news:
                    while not self.is_ended and (changes, standings) == self._told:
                        await self.news.wait()
        finally:
            self.listeners -= 1

    @property
    def _told(self) -> tuple[int, int]:
        return self.changes, self.standings

    async def end(self) -> None:
        """End all streams: the server stops."""
        self.is_ended = True
        async with self.news:
            self.news.notify_all()

    async def _run(self) -> None:
        """Look until nobody listens."""
        seen: object = None
        known: dict[str, Any] = {}
        changed_at = told_at = looked_at = float("-inf")
        complaint = ""
        while self.listeners and not self.is_ended:
            began = monotonic()
            try:
                now = await anyio.to_thread.run_sync(partial(_glance, self.outlook))
                if seen is not None and now != seen:
                    self.changes += 1
                if now != seen:
                    changed_at = began
                is_due = began - told_at >= _STANDING
                if (
                    is_due
                    or (now != seen and began - looked_at >= _STANDING_LOOK)
                    or looked_at < changed_at <= began - _STANDING_LOOK
                ):
                    looked_at = began
                    stands = await anyio.to_thread.run_sync(partial(head, self.outlook))
                    steady = {
                        k: v for k, v in stands.items() if k not in {"silent_s", "seconds_left"}
                    }
                    if is_due or steady != known:
                        known, told_at = steady, began
                        self.standing = json.dumps(stands)
                        self.standings += 1
                seen = now
                complaint = ""
            except ScissorsError as error:  # the journal cannot be read now, say
                if str(error) != complaint:
                    complaint = str(error)
                    log.warning("page.unseen", why=one_line(complaint))
            async with self.news:
                self.news.notify_all()
            if changed_at == began:
                pause = _TOLD
            else:
                pause = _LOOK if began - changed_at < _BUSY else _IDLE_LOOK
            await self._rest(max(pause, (monotonic() - began) * _FACTOR))

    async def _rest(self, seconds: float) -> None:
        """Wait before the next look; an idle wait ends where the page itself changed something."""
        if seconds >= _IDLE_LOOK:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stirred.wait(), seconds)
        else:
            await asyncio.sleep(seconds)
        self.stirred.clear()

    def stir(self) -> None:
        """Look soon; any thread may ask."""
        with suppress(RuntimeError):  # its loop has ended
            self.loop.call_soon_threadsafe(self.stirred.set)


def _glance(outlook: Outlook) -> object:
    """Return what differs whenever the journal or the folders do."""
    at = stand_at(outlook.desk)
    outlook.inboxes.found(at, patience=0)
    changes = at.journal.changed_elsewhere() if at.journal is not None else 0
    seen = len(outlook.desk.seen.jobs())
    held = holding.steady(at)
    return at.runs, id(at.journal), changes, outlook.inboxes.generation, seen, held


async def events(request: Request) -> EventSourceResponse:
    """Answer with a stream of events, which ends when the page does."""
    return EventSourceResponse(
        _poller(request).listen(),
        ping=_COMMENT,
        ping_message_factory=lambda: ServerSentEvent(comment="still here"),
        send_timeout=_SLOW,
    )


def _poller(request: Request) -> Poller:
    state = request.app.state
    if not hasattr(state, "poller"):
        state.poller = Poller(outlook_of(request))
        state.poller.outlook.desk.stir = state.poller.stir
    poller: Poller = state.poller
    return poller


def end(state: Any) -> None:  # noqa: ANN401 - Starlette's, which takes any attribute
    """End all streams of an application, by its state; from any thread. A server waits for them."""
    poller: Poller | None = getattr(state, "poller", None)
    if poller is not None:
        with suppress(RuntimeError):  # its loop has ended
            asyncio.run_coroutine_threadsafe(poller.end(), poller.loop)


ROUTES: list[BaseRoute] = [Route("/api/v1/events", events)]

"""Calls: a picture is put on the quick desk, waited for, and taken away again with all it became.

One look at the journal serves all who wait, and only when it has changed. Who would have to wait
for longer than clients do is told so at once. Who goes away takes his picture along: what is not
begun yet is never cut.
"""

import asyncio
import math
import secrets
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from scissorsd import failpoints
from scissorsd.config.quick_desk import NAME as QUICK
from scissorsd.core.settling import Sighting
from scissorsd.errors import ScissorsError
from scissorsd.page.answers import TOO_MANY, Refusal
from scissorsd.page.drops import receiving, sweeping
from scissorsd.page.drops.receiving import Intake
from scissorsd.page.foreign.fields import Upload
from scissorsd.page.standpoint import stand_at
from scissorsd.page.view.discarding import discard_waiting
from scissorsd.page.view.outlook import Outlook, outlook_of
from scissorsd.plain_text import one_line
from scissorsd.records import lock
from scissorsd.records.discarding import Discards
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Entry

log = structlog.get_logger("scissorsd")

MOST = 64  # calls in hand; the connections that the page takes are twice as many
# Seconds. Clients wait for 10 to 30.
PATIENCE = failpoints.seconds("CALL_PATIENCE", 25.0)  # that a call may be expected to take
WAIT = failpoints.seconds("CALL_WAIT", 30.0)  # that a picture may wait for its turn
CUT = failpoints.seconds("CALL_CUT", 120.0)  # that it may take in all
FORGET = failpoints.seconds("CALL_FORGET", 60.0)  # after which the rows of calls are struck out
_LOOK = 0.05  # between two looks at the journal
_PACES = 20  # calls that the pace is taken from
_FEWEST = 3
_ENDED = ("done", "failed")
_UNSURE = 30  # seconds to come again in, where nothing better is known


@dataclass(slots=True)
class _Waiting:
    """A picture of a call that is on the desk."""

    sighting: Sighting
    since: float  # monotonic
    ended: asyncio.Future[Entry]
    is_begun: bool = False


@dataclass(slots=True)
class Calls:
    """The calls of one page. It lives in the event loop of the server."""

    outlook: Outlook
    intake: Intake
    in_hand: int = 0
    _waiting: dict[str, _Waiting] = field(default_factory=dict)  # by their paths in the inbox
    _paces: deque[float] = field(default_factory=lambda: deque(maxlen=_PACES))  # seconds of each
    _moved_at: float | None = None  # when one was cut last, if others waited then (monotonic)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)  # held, so that none is lost
    _watcher: asyncio.Task[None] | None = None
    _forgets: bool = False

    # --- who is let in ---------------------------------------------------------------------------

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a call as in hand; refuse it, before it is read, where it would wait too long."""
        self._refuse_idle()
        expected = self.expected(self.in_hand + 1)
        if self.in_hand >= MOST or expected > PATIENCE:
            again = math.ceil(expected - PATIENCE) if expected > PATIENCE else 1
            what = (
                f"{self.in_hand} calls are in hand, and a further one would take {expected:.0f} s"
            )
            raise _busy(max(1, again), what)
        self.in_hand += 1
        try:
            yield
        finally:
            self.in_hand -= 1

    def expected(self, calls: int) -> float:
        """Return how many seconds so many calls will take, at the pace of the last ones."""
        if len(self._paces) < _FEWEST:
            return 0.0
        return calls * sum(self._paces) / len(self._paces)

    def _refuse_idle(self) -> None:
        desk = self.outlook.desk
        if desk.inbox(QUICK) is None:
            advice = "Calls are cut on the quick desk: set `quick: true` in `page:`."
            raise Refusal(503, "no_quick_desk", "this server takes no calls", advice)
        if not lock.is_running(desk.state):
            what = "scissorsd does not run, so that nothing would be cut"
            raise Refusal(503, "not_running", what, "Start it, then ask again.")

    # --- one call --------------------------------------------------------------------------------

    @asynccontextmanager
    async def cut(
        self, request: Request, picture: Upload, rule: str, name: str
    ) -> AsyncIterator[Entry]:
        """Have a picture cut by a rule; give its job, which is done or failed. It goes afterwards.

        Raises Refusal, and ClientDisconnect where the client has gone.
        """
        batch = f"{sweeping.CALL}{secrets.token_hex(8)}"
        at = (QUICK, f"{rule}/{name}", batch)
        sighting = await receiving.take(picture.pieces(), self.outlook, self.intake, at)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(sighting, monotonic(), loop.create_future())
        self._waiting[sighting.path] = waiting
        if self._watcher is None or self._watcher.done():
            self._watcher = self._begun(self._watch())
        try:
            yield await self._outcome(request, waiting)
        finally:
            self._begun(self._tidy(waiting))

    async def _outcome(self, request: Request, waiting: _Waiting) -> Entry:
        gone: asyncio.Future[None] = asyncio.create_task(_gone(request))
        try:
            while not waiting.ended.done():
                limit = CUT if waiting.is_begun else WAIT
                left = waiting.since + limit - monotonic()
                if left <= 0:
                    what = f"the picture was not cut within {limit:.0f} s"
                    raise _busy(_UNSURE, what)
                both: set[asyncio.Future[Any]] = {gone, waiting.ended}
                await asyncio.wait(
                    both,
                    timeout=min(left, 1.0),  # it may be begun meanwhile, and have more time
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if gone.done() and not waiting.ended.done():
                    raise ClientDisconnect
        finally:
            gone.cancel()
        return waiting.ended.result()

    # --- the watch on the journal ----------------------------------------------------------------

    async def _watch(self) -> None:
        """Look for all who wait, until nobody does."""
        seen: object = None
        complaint = ""
        while self._waiting:
            try:
                seen, found = await run_in_threadpool(self._look, seen, list(self._waiting))
            except ScissorsError as error:  # the journal cannot be read now
                found = []
                if str(error) != complaint:
                    complaint = str(error)
                    log.warning("page.unseen", why=one_line(complaint))
            for entry in found:
                waiting = self._waiting.get(entry.path)
                if waiting is None:
                    continue
                waiting.is_begun = True
                if entry.state in _ENDED and not waiting.ended.done():
                    waiting.ended.set_result(entry)
                    self._note_pace()
            await asyncio.sleep(_LOOK)

    def _note_pace(self) -> None:
        """Note that a picture was cut: how fast they are is seen while several wait."""
        now = monotonic()
        if self._moved_at is not None:
            self._paces.append(now - self._moved_at)
        others_wait = any(not one.ended.done() for one in self._waiting.values())
        self._moved_at = now if others_wait else None

    def _look(self, seen: object, paths: list[str]) -> tuple[object, list[Entry]]:
        """Return what the journal says of pictures, if it is another than when it was seen."""
        journal = self.outlook.desk.journal()
        if journal is None:
            return None, []
        now = id(journal), journal.changed_elsewhere(), tuple(paths)
        if now == seen:
            return seen, []
        inbox = stand_at(self.outlook.desk).inbox(QUICK)
        if inbox is None:
            return seen, []
        known = (journal.entries.of_source(inbox.path, path)[:1] for path in paths)
        return now, [entry for entries in known for entry in entries]

    # --- what is left ----------------------------------------------------------------------------

    async def _tidy(self, waiting: _Waiting) -> None:
        """Take a picture away: at once, or when what was begun has ended."""
        if not waiting.ended.done():
            await run_in_threadpool(self._withdraw, waiting.sighting)
            await asyncio.wait({waiting.ended}, timeout=_LOOK * 10)
            if waiting.is_begun:
                await asyncio.wait({waiting.ended}, timeout=CUT)
        self._waiting.pop(waiting.sighting.path, None)
        await run_in_threadpool(self._remove, waiting.sighting.path)
        if not self._forgets:
            self._forgets = True
            self._begun(self._forget())

    def _withdraw(self, sighting: Sighting) -> None:
        desk = self.outlook.desk
        with suppress(OSError, ScissorsError):
            discard_waiting(desk.inbox(QUICK), sighting)
        self.outlook.inboxes.expect(QUICK)

    def _remove(self, path: str) -> None:
        inbox = self.outlook.desk.inbox(QUICK)
        if inbox is None:
            return
        try:
            sweeping.remove_batch(inbox, "/".join(path.split("/")[:2]))
        except OSError as error:  # the sweeper takes it another time
            log.warning("page.unswept", why=one_line(str(error)))

    async def _forget(self) -> None:
        await asyncio.sleep(FORGET)
        self._forgets = False
        try:
            await run_in_threadpool(strike_out, self.outlook)
        except ScissorsError as error:
            log.warning("page.unswept", why=one_line(str(error)))

    def _begun(self, work: Any) -> asyncio.Task[None]:  # noqa: ANN401 - a coroutine
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def strike_out(outlook: Outlook) -> int:
    """Forget the jobs of calls that have ended and whose files are gone; return how many.

    One look of the daemon at its journal then serves many calls.
    """
    at = stand_at(outlook.desk)
    inbox = at.inbox(QUICK)
    if at.view is None or inbox is None:
        return 0
    entries = at.view.ended_of_batches(inbox.path, sweeping.CALL)
    gone = [entry for entry in entries if not (inbox.path / entry.path).exists()]
    if gone:
        with closing(Journal(outlook.desk.state)) as journal:
            discards = Discards(journal.file)
            for entry in gone:
                discards.strike_out(entry)
        outlook.inboxes.expect(QUICK)
    return len(gone)


def calls_of(request: Request) -> Calls:
    """Return the calls of the page to which a request comes."""
    state = request.app.state
    if not hasattr(state, "calls"):
        state.calls = Calls(outlook_of(request), state.intake)
    calls: Calls = state.calls
    return calls


async def _gone(request: Request) -> None:
    """Return when the client has gone; its request was read to the end."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _busy(retry_after: int, why: str) -> Refusal:
    what = "rate limit exceeded"
    return Refusal(
        TOO_MANY, "rate_limit_exceeded", what, f"{one_line(why)}.", retry_after=retry_after
    )

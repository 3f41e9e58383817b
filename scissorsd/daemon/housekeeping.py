"""House-keeping: files that were kept for long enough are removed, and emptied folders.

Each inbox that asks for it has a run now and then, in a thread of its own: a share that hangs
stalls its own inbox's. What may go is told by `records/keeping.py` and looked at again here, file
by file; whatever is not certain stays.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import structlog

from scissorsd import failpoints
from scissorsd.core.keeping import DAY, Clock
from scissorsd.daemon.emptied_folders import EmptiedFolders
from scissorsd.daemon.inbox_state import InboxState
from scissorsd.daemon.reason_files import is_untouched
from scissorsd.errors import JournalError, ScissorsError
from scissorsd.folders import publishing, removing
from scissorsd.folders.mounts import Root
from scissorsd.folders.removing import Own
from scissorsd.plain_text import one_line
from scissorsd.rate_limit import RateLimiter
from scissorsd.records.house_file import HouseFile
from scissorsd.records.journal import Journal
from scissorsd.records.judging_lock import judging
from scissorsd.records.keeping import Due, Keeping
from scissorsd.settings import Inbox

log = structlog.get_logger("scissorsd")

EVERY = failpoints.seconds("HOUSEKEEPING", 3600.0)  # from one run to the next


@dataclass(slots=True)
class _Run:
    """One run for one inbox."""

    inbox: Inbox
    inbox_root: Root
    outbox_root: Root
    now: float  # by the machine's clock when that was believed; it may leap during the run
    thread: threading.Thread | None = None
    removed: Counter[str] = field(default_factory=Counter)  # files by kind, and folders
    changed: int = 0  # pictures whose files stay, since one is not what we had put there
    troubles: list[str] = field(default_factory=list)  # why a file or folder stays


class Housekeeping:
    """The house-keeping of a daemon. Only the control loop calls `beat` and `stop`."""

    def __init__(self, journal: Journal) -> None:
        self._keeping = Keeping(journal.file)
        self._state = journal.file.path.parent
        self._house = HouseFile(self._state)
        self._clock: Clock | None = None
        self._looked_at = 0.0  # the clock; monotonic
        self._clock_says = 0.0  # when it was last looked at
        self._runs: dict[str, _Run] = {}  # the latest, by the inbox's name
        self._next: dict[str, tuple[object, float]] = {}  # what is wanted, and when (monotonic)
        self._stopping = threading.Event()
        self._warnings = RateLimiter(1, DAY)

    def beat(self, states: Iterable[InboxState], now: float) -> None:
        """Start the runs that are due."""
        wanting = [state for state in states if is_wanted(state.inbox)]
        for state in wanting:
            wanted = state.inbox.keep, state.inbox.remove_emptied, state.inbox.outbox
            before, due = self._next.get(state.name, (None, 0.0))
            if now < due and before == wanted:
                continue
            if state.away or state.barred or not state.scans or self._is_running(state.name):
                continue
            self._next[state.name] = wanted, now + EVERY
            try:
                if self._believe_clock(now):
                    self._start(state)
            except JournalError as error:
                log.warning("housekeeping.left", inbox=state.name, why=one_line(str(error)))

    def stop(self) -> list[threading.Thread]:
        """Keep house no more. Returns the runs that end after the file that they are at."""
        self._stopping.set()
        return [run.thread for run in self._runs.values() if run.thread is not None]

    def _is_running(self, name: str) -> bool:
        run = self._runs.get(name)
        return run is not None and run.thread is not None and run.thread.is_alive()

    def _start(self, state: InboxState) -> None:
        run = _Run(state.inbox, state.inbox_root, state.outbox_root, self._clock_says)
        run.thread = threading.Thread(
            target=self._keep_house, args=(run,), name=f"keep house of {state.name}", daemon=True
        )
        with suppress(RuntimeError):  # no thread can be started now: the next run tries again
            run.thread.start()
            self._runs[state.name] = run

    # --- the clock ---------------------------------------------------------------------------

    def _believe_clock(self, now: float) -> bool:
        """Whether anything may be removed by the machine's clock, as it goes now."""
        at, before = time.time(), self._clock
        self._clock_says = at
        if before is None:
            before = self._house.clock() or Clock(self._keeping.latest() or at)
            self._looked_at = now
        self._clock = before.look(at, now - self._looked_at)
        self._looked_at = now
        try:
            self._house.keep_clock(self._clock)
        except OSError as error:  # its disk is full, say
            log.debug("housekeeping.clock_unwritten", why=error.strerror or str(error))
        if not self._clock.is_believed and self._warnings.left("clock", now):
            days = (at - self._clock.believed) / DAY
            log.warning(
                "housekeeping.waits",
                why=f"the clock is {abs(days):.0f} days {'ahead of' if days > 0 else 'behind'} "
                "what scissorsd last saw; nothing is removed by it until it has run for a week, "
                "or is set right",
            )
        return self._clock.is_believed

    # --- a run -------------------------------------------------------------------------------

    def _keep_house(self, run: _Run) -> None:
        began = monotonic()
        try:
            failpoints.at("keep")
            if run.inbox.keep.shortest is not None and not run.outbox_root.why_away():
                self._sweep(run)
            if run.inbox.remove_emptied and not run.inbox_root.why_away():
                pictures = self._keeping.disposed(run.inbox.path)
                sweep = EmptiedFolders(run.inbox, run.inbox_root, self._house, self._stopping)
                run.removed["folders"] = sweep.remove(pictures, run.now)
                run.troubles += sweep.troubles
        except JournalError as error:
            if self._stopping.is_set():  # and the journal is closed already
                return
            run.troubles.append(str(error))
        except Exception as error:  # noqa: BLE001 - it must not end without a word
            run.troubles.append(f"{type(error).__name__}: {error}")
        if run.troubles and self._warnings.left(f"{run.inbox.name}: {run.troubles[0]}", began):
            log.warning(
                "housekeeping.left",
                inbox=run.inbox.name,
                why=one_line(run.troubles[0]),
                left=len(run.troubles),
            )
        tell = log.info if run.removed.total() else log.debug
        tell(
            "housekeeping.done",
            inbox=run.inbox.name,
            **{kind: run.removed[kind] for kind in ("processed", "failed", "review", "folders")},
            changed=run.changed,
            left=len(run.troubles),
            seconds=round(monotonic() - began, 3),
        )

    def _sweep(self, run: _Run) -> None:
        inbox = run.inbox
        for due in self._keeping.due(inbox.path, inbox.outbox, inbox.keep, run.now):
            if self._stopping.is_set():
                return
            try:
                self._remove(due, run)
            except JournalError:
                raise
            except ScissorsError as error:  # this one stays; the next run tries again
                run.troubles.append(str(error))

    def _remove(self, due: Due, run: _Run) -> None:
        """Remove the files of one kind of a picture, if all that are there are still ours."""
        seen = [removing.look(own) for own in _owned(due)]
        found = {one.found for one in seen}
        if "other" in found:
            run.changed += 1
            return
        if "own" not in found:
            if due.is_begun:  # and was cut short after the last file
                self._keeping.finish(due, time.time())
            return
        with judging(self._state) if due.kind == "review" else nullcontext():
            if run.outbox_root.why_away() or not self._keeping.begin(due, time.time()):
                return
            failpoints.at("keep.begun")
            if not removing.remove_all(seen):
                run.changed += 1
                return
            self._keeping.finish(due, time.time())
        run.removed[due.kind] += sum(one.found == "own" for one in seen)
        for one in seen:
            log.debug("housekeeping.removed", inbox=run.inbox.name, file=str(one.own.place))


def is_wanted(inbox: Inbox) -> bool:
    """Whether an inbox asks for house-keeping."""
    return inbox.keep.shortest is not None or (inbox.remove_emptied and inbox.recursive)


def _owned(due: Due) -> Iterator[Own]:
    """Yield the files of a picture, the reason for which it failed last."""
    yield from due.own
    if due.note is not None:
        entry, content = due.entry, publishing.read_small_file(due.note)
        is_ours = is_untouched(entry.reason, Path(entry.source), entry.rule, content)
        digest = publishing.digest_of(content) if is_ours else b""
        yield Own(due.note, len(content) if is_ours else -1, digest)

"""Where one inbox stands: what has been seen, has settled, is in hand, is held.

Only the control loop touches a desk, and a desk touches no share: it decides what to look at,
what to hand to a worker, and what to try again when. Times are seconds on a monotonic clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from scissorsd import failpoints
from scissorsd.core.backoff import backoff
from scissorsd.core.rules import Rule, choose
from scissorsd.core.settling import Settler, Sighting
from scissorsd.daemon.outcomes import Changed, Held, LeftAlone, Outcome, Task
from scissorsd.errors import JournalError
from scissorsd.folders.publishing import Root
from scissorsd.folders.watching import Away, Scanned, Watched
from scissorsd.plain_text import one_line
from scissorsd.rate_limit import RateLimit
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Entry, Known
from scissorsd.settings import Inbox

log = structlog.get_logger("scissorsd")

# Seconds; the pauses of what is held double from the first on.
FIRST_PAUSE = failpoints.seconds("FIRST_PAUSE", 2.0)
LONGEST_PAUSE = failpoints.seconds("LONGEST_PAUSE", 300.0)
FLAPS = 20  # so often is told within that time that an inbox went away or came back
TELL_AGAIN = failpoints.seconds("TELL_AGAIN", 600.0)  # before what lasts is logged again


@dataclass(slots=True)
class Hold:
    """A picture that waits for something to pass."""

    source: Sighting
    reason: str
    until: float
    times: int = 0
    looks: int = 0  # how often it was found truncated, or had too little memory
    outbox_wide: bool = False
    kind: str = ""  # what the reason has in common with other pictures'


_NOTHING = Sighting("", 0, 0, 0, 0)


def _root_of(inbox: Inbox) -> Root:
    return Root(inbox.path, require_mount=inbox.require_mount)


@dataclass(slots=True)
class Desk:
    """The state of one inbox."""

    inbox: Inbox
    journal: Journal
    inbox_root: Root
    outbox_root: Root
    settler: Settler
    looks: int  # a truncated picture is looked at this often before it counts as failed
    ready: dict[str, tuple[float, Sighting]] = field(default_factory=dict)  # settled when, what
    working: dict[str, Task] = field(default_factory=dict)
    held: dict[str, Hold] = field(default_factory=dict)
    unfinished: dict[str, Entry] = field(default_factory=dict)  # left by the last run
    # In hand when the program died, with their strikes, or short of memory: they work alone.
    suspects: dict[str, int] = field(default_factory=dict)
    watched: Watched | None = None
    away: str = ""
    barred: str = ""  # why nothing of it may be taken, though it is there
    unseen: str = ""  # what of the inbox the last scan could not look at
    scans: int = 0
    paused: Hold | None = None  # the whole outbox waits
    # What a worker found nothing to do with, as it was then: nobody need look again.
    left_alone: dict[str, tuple[Sighting, int]] = field(default_factory=dict)
    again: set[str] | None = None  # cut anew what was cut before, but not these: done in this run
    journal_lost: bool = False
    old: set[str] = field(default_factory=set)  # there at start, when the journal was lost
    said: RateLimit = field(default_factory=lambda: RateLimit(1, TELL_AGAIN))
    changes: RateLimit = field(default_factory=lambda: RateLimit(FLAPS, TELL_AGAIN))
    away_told_at: float = 0.0

    @classmethod
    def open(
        cls, inbox: Inbox, journal: Journal, *, looks: int, again: bool, journal_lost: bool
    ) -> "Desk":
        """Open the desk of an inbox, with what the last run left unfinished."""
        left = {e.path: e for e in journal.entries.unfinished() if e.inbox == str(inbox.path)}
        done = set[str]() if again else None
        return cls(
            inbox,
            journal,
            _root_of(inbox),
            Root(inbox.outbox),
            Settler(inbox.settle),
            looks,
            unfinished=left,
            again=done,
            journal_lost=journal_lost,
        )

    def change(self, inbox: Inbox) -> None:
        """Take over the inbox's new options; what is in hand finishes under the old ones."""
        if inbox.outbox != self.inbox.outbox:
            self.outbox_root = Root(inbox.outbox)
        if inbox.require_mount != self.inbox.require_mount:
            self.inbox_root = _root_of(inbox)
        self.inbox = inbox
        self.settler.quiet = inbox.settle

    def adopt(self, task: Task) -> None:
        """Take over a picture that is in hand already, so that it is not taken again."""
        self.working[task.source.path] = task
        self.unfinished.pop(task.source.path, None)

    @property
    def name(self) -> str:
        """The inbox's name in the configuration."""
        return self.inbox.name

    def backlog(self) -> int:
        """Pictures that are known of and not ended."""
        return len(self.settler) + len(self.ready.keys() | self.working.keys() | self.held.keys())

    # --- settling ----------------------------------------------------------------------------

    def consider(self, sighting: Sighting, now: float) -> None:
        """Decide what a sighting means: known, not ours, to be waited for, or settled."""
        path = sighting.path
        if self.journal_lost and not self.scans:
            self.old.add(path)
        self._meet_unfinished(sighting)
        if self._is_known(sighting) or self._is_in_hand(sighting):
            self.settler.gone(path)
            return
        rule = choose(self.inbox.rules, path)
        if rule is None or rule.skip:
            self.settler.gone(path)
        elif self.settler.saw(sighting, now):
            # One that was cut as it is did not settle anew: it is to be seen whether it came anew.
            if self.again is not None or self._cut_before(sighting) is None:
                log.debug("picture.settled", inbox=self.name, source=path, rule=rule.name)
            self.held.pop(path, None)
            self.ready[path] = (now, sighting)

    def _is_known(self, sighting: Sighting) -> bool:
        known = self.journal.known(self.inbox.path, sighting.path)
        if self.again is not None and sighting.path not in self.again:
            return False
        if self.left_alone.get(sighting.path) == (sighting, sighting.ctime_ns):
            return True
        if known is None or known.version != sighting.version or known.removed:
            return False
        # Something happened to it after it was cut: a worker finds out what.
        is_touched = known.ctime_ns not in {0, sighting.ctime_ns}
        return known.state == "failed" or (known.state == "done" and not is_touched)

    def _cut_before(self, sighting: Sighting) -> Known | None:
        """Return what is known of a picture that was cut as it is and was to stay; else None."""
        known = self.journal.known(self.inbox.path, sighting.path)
        if known is None or known.version != sighting.version or known.removed:
            return None
        return known if known.state == "done" else None

    def _is_in_hand(self, sighting: Sighting) -> bool:
        task = self.working.get(sighting.path)
        hold = self.held.get(sighting.path)
        _, waiting = self.ready.get(sighting.path, (0.0, None))
        return sighting in {task and task.source, hold and hold.source, waiting}

    def _meet_unfinished(self, sighting: Sighting) -> None:
        entry = self.unfinished.pop(sighting.path, None)
        if entry is None:
            return
        if (entry.size, entry.mtime_ns) != sighting.version:
            if not self._close(entry, replaced=True):
                self.unfinished[sighting.path] = entry
        elif entry.attempts and entry.state != "published":
            self.suspects[sighting.path] = entry.attempts

    def _close(self, entry: Entry, *, replaced: bool = False) -> bool:
        try:
            self.journal.close_unfinished(entry, replaced=replaced)
        except JournalError as error:  # a later scan closes it
            log.warning(
                "job.unclosed", inbox=self.name, source=entry.path, why=one_line(str(error))
            )
            return False
        return True

    def scanned(self, scan: Scanned, now: float) -> None:
        """Note that a whole scan has ended; what it did not find is no longer there.

        Unless it could not look everywhere: then what it did not find may still be there.
        """
        self.scans += 1
        self.unseen = scan.unseen_why
        if scan.unseen:
            more = scan.unseen - 1
            self.unseen += f" (and {more} more)" if more else ""
            if self.said.left(f"unseen: {scan.unseen_why.rpartition(': ')[2]}", now):
                log.warning("inbox.unseen", inbox=self.name, why=self.unseen)
            return
        self.unfinished = {p: e for p, e in self.unfinished.items() if not self._close(e)}

    # --- handing out -------------------------------------------------------------------------

    def next_task(self, now: float, *, alone: bool) -> Task | None:
        """Return the next picture for a worker, or none.

        One that was in hand when the program died is only given when nothing else is in hand, so
        that the culprit is known if it dies again; and last, so that the others come out.
        """
        if self.away or self.barred or (self.paused is not None and now < self.paused.until):
            return None
        while path := self._first_ready(alone=alone):
            settled_at, sighting = self.ready.pop(path)
            rule = choose(self.inbox.rules, path)  # anew: a reload may have changed the rules
            # It may be known by now: cut while the share came back under another device number.
            if rule is not None and not rule.skip and not self._is_known(sighting):
                task = self._task(sighting, rule, settled_at)
                self.working[path] = task
                return task
            self.held.pop(path, None)
        return None

    def _first_ready(self, *, alone: bool) -> str | None:
        waiting = (path for path in self.ready if path not in self.working)
        path = next((path for path in waiting if path not in self.suspects), None)
        if path is None and alone:
            path = next((path for path in self.ready if path not in self.working), None)
        return path

    def _task(self, sighting: Sighting, rule: Rule, settled_at: float) -> Task:
        hold = self.held.get(sighting.path)
        return Task(
            inbox=self.inbox,
            inbox_root=self.inbox_root,
            outbox_root=self.outbox_root,
            source=sighting,
            rule=rule,
            settled_at=settled_at,
            attempts=self.suspects.get(sighting.path, 0),
            journal_lost=sighting.path in self.old,
            last_look=hold is not None and hold.looks >= self.looks - 1,
            done=self._cut_before(sighting) if self.again is None else None,
        )

    # --- holding -----------------------------------------------------------------------------

    def ended(self, task: Task, outcome: Outcome, now: float) -> None:
        """Note that a worker has put the picture down, for good or for now."""
        path = task.source.path
        self.working.pop(path, None)
        self.suspects.pop(path, None)
        if self.again is not None:
            self.again.add(path)
        if isinstance(outcome, LeftAlone):
            self.left_alone[path] = task.source, task.source.ctime_ns
        if isinstance(outcome, Held):
            self._hold(task, outcome, now)
        else:
            if not isinstance(outcome, Changed | LeftAlone):
                self._wake(now)
            self.old.discard(path)
            hold = self.held.get(path)
            if hold is not None and hold.source == task.source:
                del self.held[path]

    def _hold(self, task: Task, outcome: Held, now: float) -> None:
        """Put a picture aside until later; each time for longer."""
        path = task.source.path
        hold = self.held.get(path)
        if hold is None or hold.source != task.source:
            hold = Hold(task.source, outcome.reason, now)
        first = self.inbox.settle if outcome.truncated else FIRST_PAUSE
        hold.until = now + backoff(first, hold.times, LONGEST_PAUSE)
        hold.times += 1
        hold.looks += outcome.truncated or outcome.short_of_memory
        if outcome.short_of_memory:
            self.suspects[path] = 1
        hold.reason = outcome.reason
        hold.outbox_wide = outcome.outbox_wide
        hold.kind = outcome.kind or outcome.reason
        self.held[path] = hold
        if outcome.outbox_wide:
            self._rest(outcome.reason, now)
        if self.said.left(f"held: {outcome.kind or outcome.reason}", now):
            log.warning(
                "job.held",
                inbox=self.name,
                source=path,
                why=one_line(outcome.reason),
                held=len(self.held),
            )

    def _rest(self, reason: str, now: float) -> None:
        """Let the whole outbox rest; each time for longer, until a picture gets through."""
        if self.paused is None:
            self.paused = Hold(_NOTHING, reason, now)
        if now >= self.paused.until:
            self.paused.until = now + backoff(FIRST_PAUSE, self.paused.times, LONGEST_PAUSE)
            self.paused.times += 1
        self.paused.reason = reason

    def _wake(self, now: float) -> None:
        """Go on with what waited for the outbox: something has got through."""
        if self.paused is not None:
            self.paused = None
            self._shorten([hold for hold in self.held.values() if hold.outbox_wide], now)

    @staticmethod
    def _shorten(holds: Iterable[Hold], now: float) -> None:
        for hold in holds:
            if hold.until < float("inf"):  # it is not being tried already
                hold.until = min(hold.until, now)

    def recovered(self) -> bool:
        """Whether all is known again that was there when the journal was lost."""
        in_hand = self.ready.keys() | self.working.keys() | self.held.keys()
        settling = any(path in self.settler for path in self.old)
        return bool(self.scans) and not settling and self.old.isdisjoint(in_hand)

    def note_watch(self, message: Watched | Away, now: float) -> None:
        """Note how the inbox is watched from now on, or that it is away."""
        if isinstance(message, Away):
            self.away, self.away_told_at = message.why, float("-inf")
            self.remind(now)
            return
        said = log.bind(inbox=self.name, path=str(self.inbox.path))
        if self.away:
            if self.changes.left("back", now):
                said.info("inbox.back")
            self._shorten(self.held.values(), now)
        self.away, self.watched = "", message
        if self.changes.left("watched", now):
            said.info("inbox.watched", mode=message.mode, why=message.why)

    def bar(self, why: str) -> None:
        """Take nothing while there is a reason not to; without one, go on."""
        if why and why != self.barred:
            log.error("inbox.barred", inbox=self.name, path=str(self.inbox.path), why=one_line(why))
        elif self.barred and not why:
            log.info("inbox.unbarred", inbox=self.name, path=str(self.inbox.path))
        self.barred = why

    def remind(self, now: float) -> None:
        """Say that the inbox is away: once, then rarely."""
        if self.away and now - self.away_told_at >= TELL_AGAIN:
            self.away_told_at = now
            if self.changes.left("away", now):
                path = str(self.inbox.path)
                log.warning("inbox.away", inbox=self.name, path=path, why=self.away)

    def release(self, now: float) -> None:
        """Make ready again what has been held for long enough."""
        for path, hold in self.held.items():
            if hold.until <= now and path not in self.ready and path not in self.working:
                hold.until = float("inf")  # until it is held anew
                self.ready[path] = (now, hold.source)

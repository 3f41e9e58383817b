"""The state of one inbox: what has been seen, has settled, is in hand, is held.

Only the control loop touches it, and it touches no share: it decides what to ask the watcher for,
what to hand to a worker, and what to try again when. Times are seconds on a monotonic clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice

import structlog

from scissorsd import failpoints
from scissorsd.core.rules import Rule, choose
from scissorsd.core.settling import Settler, Sighting
from scissorsd.core.wishes import wish_of
from scissorsd.daemon.elsewhere import task_elsewhere
from scissorsd.daemon.holds import FIRST_PAUSE, Holds
from scissorsd.daemon.outbox import Outbox
from scissorsd.daemon.outcomes import Changed, Held, LeftAlone, Outcome, Task
from scissorsd.errors import JournalError
from scissorsd.folders.messages import Away, Scanned, Watched
from scissorsd.folders.mounts import Root
from scissorsd.plain_text import one_line
from scissorsd.rate_limit import RateLimiter
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Entry, Known
from scissorsd.records.recuts import Elsewhere
from scissorsd.settings import Inbox

log = structlog.get_logger("scissorsd")

# Seconds before what lasts is logged again.
TELL_AGAIN = failpoints.seconds("TELL_AGAIN", 600.0)
LOOKED_THROUGH = 200  # pictures that are ready, for one that fits
Fits = Callable[[Inbox, str, int], bool]  # whether a picture, of this key and size, may be taken
FLAPS = 20  # so often within that time it is logged that an inbox went away or came back


@dataclass(slots=True)
class InboxState:
    """The state of one inbox."""

    inbox: Inbox
    journal: Journal
    inbox_root: Root
    outbox_root: Outbox
    settler: Settler
    max_reads: int  # a truncated picture is read this often before it counts as failed
    ready: dict[str, tuple[float, Sighting]] = field(default_factory=dict)  # and since when
    working: dict[str, Task] = field(default_factory=dict)
    holds: Holds = field(default_factory=Holds)
    unfinished: dict[str, Entry] = field(default_factory=dict)  # left by the last run
    # In hand when the program died, with the number of deaths, or short of memory: cut alone.
    crash_suspects: dict[str, int] = field(default_factory=dict)
    # What is asked for again where it was moved to, by where that is; so it is called here, too.
    elsewhere: dict[str, Elsewhere] = field(default_factory=dict)
    watched: Watched | None = None
    away: str = ""
    barred: str = ""  # why nothing of it may be taken, though it is there
    unseen: str = ""  # what the last scan could not access, with the reason
    scans: int = 0
    # Pictures that a worker left alone, with their ctime: they need no worker while unchanged.
    left_alone: dict[str, tuple[Sighting, int]] = field(default_factory=dict)
    again: set[str] | None = None  # with --again: what ended in this run; else None
    journal_lost: bool = False
    # With a lost journal: pictures of which an earlier run may have published outputs.
    present_at_start: set[str] = field(default_factory=set)
    warning_limit: RateLimiter = field(default_factory=lambda: RateLimiter(1, TELL_AGAIN))
    flap_limit: RateLimiter = field(default_factory=lambda: RateLimiter(FLAPS, TELL_AGAIN))
    away_logged_at: float = 0.0

    @classmethod
    def open(
        cls, inbox: Inbox, journal: Journal, *, max_reads: int, again: bool, journal_lost: bool
    ) -> "InboxState":
        """Open an inbox, with what the last run left unfinished."""
        mine = (e for e in journal.entries.unfinished() if e.inbox == str(inbox.path))
        left = {entry.path: entry for entry in mine if not entry.lies_at}
        return cls(
            inbox,
            journal,
            Root(inbox.path, require_mount=inbox.require_mount),
            Outbox(inbox),
            Settler(inbox.settle),
            max_reads,
            unfinished=left,
            again=set() if again else None,
            journal_lost=journal_lost,
        )

    def change(self, inbox: Inbox) -> None:
        """Take over the inbox's new options; tasks in hand finish under the old ones."""
        self.outbox_root = self.outbox_root.following(inbox)
        if inbox.require_mount != self.inbox.require_mount:
            self.inbox_root = Root(inbox.path, require_mount=inbox.require_mount)
        self.inbox = inbox
        self.settler.quiet = inbox.settle

    def adopt(self, task: Task) -> None:
        """Take over a picture that is in hand already, so that it is not taken again."""
        self.working[task.key] = task
        self.unfinished.pop(task.source.path, None)

    @property
    def name(self) -> str:
        """The inbox's name in the configuration."""
        return self.inbox.name

    def backlog(self) -> int:
        """Return how many pictures are known of and not ended."""
        return len(self.settler) + len(self._settled())

    def _settled(self) -> set[str]:
        return self.ready.keys() | self.working.keys() | self.holds.pictures.keys()

    def take_up(self, now: float) -> None:
        """Take up what is asked for again and lies where it was moved to."""
        for asked in self.journal.recuts.elsewhere(self.inbox.path):
            key = asked.lies_at
            if key in self.working:
                continue
            self.elsewhere[key] = asked
            if key not in self._settled():
                self.ready[key] = now, Sighting(key, asked.size, asked.mtime_ns, 0, 0)
                if asked.attempts and asked.state != "published":
                    self.crash_suspects[key] = asked.attempts

    # --- settling ----------------------------------------------------------------------------

    def consider(self, sighting: Sighting, now: float, *, is_whole: bool = False) -> None:
        """Decide on a sighting: already done, not to be cut, not yet settled, or ready.

        One that is known to be whole need not settle.
        """
        path = sighting.path
        if self.journal_lost and not self.scans:
            self.present_at_start.add(path)
        self._check_unfinished(sighting)
        if self._is_known(sighting) or self._is_in_hand(sighting):
            self.settler.gone(path)
            return
        rule = choose(self.inbox.rules, path)
        if rule is None or rule.skip:
            self.settler.gone(path)
        elif is_whole or self.settler.saw(sighting, now):
            self.settler.gone(path)
            # One that was done as it is did not settle anew: a worker sees whether it came anew.
            if self.again is not None or self._done_before(sighting) is None:
                log.debug("picture.settled", inbox=self.name, source=path, rule=rule.name)
            self.holds.pictures.pop(path, None)
            self.ready[path] = (now, sighting)

    def _is_known(self, sighting: Sighting) -> bool:
        if self.again is not None and sighting.path not in self.again:
            return False
        if self.left_alone.get(sighting.path) == (sighting, sighting.ctime_ns):
            return True
        known = self._known(sighting)
        if known is None:
            return False
        # Its ctime changed after it was cut: a worker finds out why.
        is_touched = known.ctime_ns not in {0, sighting.ctime_ns}
        return known.state == "failed" or (known.state == "done" and not is_touched)

    def _done_before(self, sighting: Sighting) -> Known | None:
        """Return what is known of a picture that was cut as it is, and was to stay, or None."""
        known = self._known(sighting)
        return known if known is not None and known.state == "done" else None

    def _known(self, sighting: Sighting) -> Known | None:
        """Return what is known of this version of a picture that was not removed, or None."""
        known = self.journal.known(self.inbox.path, sighting.path)
        if known is None or known.version != sighting.version or known.removed:
            return None
        return known

    def _is_in_hand(self, sighting: Sighting) -> bool:
        task = self.working.get(sighting.path)
        hold = self.holds.pictures.get(sighting.path)
        _, waiting = self.ready.get(sighting.path, (0.0, None))
        return sighting in {task and task.source, hold and hold.source, waiting}

    def _check_unfinished(self, sighting: Sighting) -> None:
        entry = self.unfinished.pop(sighting.path, None)
        if entry is None:
            return
        if (entry.size, entry.mtime_ns) != sighting.version:
            if not self._close(entry, replaced=True):
                self.unfinished[sighting.path] = entry
        elif entry.attempts and entry.state != "published":
            self.crash_suspects[sighting.path] = entry.attempts

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
        """Note that a scan has ended: unfinished jobs whose picture it did not find are closed.

        If it could not access everything, none is closed: the picture may still be there.
        """
        self.scans += 1
        self.unseen = scan.unseen_why
        if scan.unseen:
            more = scan.unseen - 1
            self.unseen += f" (and {more} more)" if more else ""
            if self.warning_limit.left(f"unseen: {scan.unseen_why.rpartition(': ')[2]}", now):
                log.warning("inbox.unseen", inbox=self.name, why=self.unseen)
            return
        self.unfinished = {p: e for p, e in self.unfinished.items() if not self._close(e)}

    # --- handing out -------------------------------------------------------------------------

    def next_task(self, now: float, *, alone: bool, fits: Fits | None = None) -> Task | None:
        """Return the next picture for a worker, or None; of those that fit, if not all do.

        A crash suspect is only given when nothing else is in hand (`alone`), so that the cause is
        known if the program dies again; and last, so that the others come out.
        """
        if self.away or self.barred or self.holds.is_outbox_paused(now):
            return None
        while key := self._first_ready(alone=alone, fits=fits):
            settled_at, sighting = self.ready.pop(key)
            asked = self.elsewhere.get(key)
            # Anew: a reload may have changed the rules.
            rule = choose(self.inbox.rules, key if asked is None else asked.path)
            # It may be known by now: cut while the share came back under another device number.
            if rule is not None and not rule.skip and not self._is_known(sighting):
                task = self._task(sighting, rule, settled_at)
                if asked is not None:
                    task = task_elsewhere(task, asked)
                self.working[key] = task
                return task
            self.holds.pictures.pop(key, None)
            if asked is not None:
                self.journal.recuts.give_up(asked.job_id)
                del self.elsewhere[key]
        return None

    def _first_ready(self, *, alone: bool, fits: Fits | None) -> str | None:
        calm = (p for p in self.ready if p not in self.working and p not in self.crash_suspects)
        if fits is not None:
            some = islice(calm, LOOKED_THROUGH)
            calm = (path for path in some if fits(self.inbox, path, self.ready[path][1].size))
        if (path := next(calm, None)) is not None or not alone:
            return path
        suspects = (path for path in self.ready if path in self.crash_suspects)
        return next((path for path in suspects if path not in self.working), None)

    def _task(self, sighting: Sighting, rule: Rule, settled_at: float) -> Task:
        hold, known = self.holds.pictures.get(sighting.path), self._known(sighting)
        rule = rule if known is None else wish_of(known.wish).over(rule)
        return Task(
            inbox=self.inbox,
            inbox_root=self.inbox_root,
            outbox_root=self.outbox_root,
            roots_elsewhere=self.outbox_root.elsewhere(rule),
            source=sighting,
            rule=rule,
            settled_at=settled_at,
            attempts=self.crash_suspects.get(sighting.path, 0),
            journal_lost=sighting.path in self.present_at_start,
            last_attempt=hold is not None and hold.bad_reads >= self.max_reads - 1,
            done=self._done_before(sighting) if self.again is None else None,
        )

    # --- holding -----------------------------------------------------------------------------

    def ended(self, task: Task, outcome: Outcome, now: float) -> None:
        """Note what came of a task."""
        path, seen = task.key, replace(task.source, path=task.key)
        self.working.pop(path, None)
        self.crash_suspects.pop(path, None)
        if self.again is not None:
            self.again.add(path)
        if isinstance(outcome, LeftAlone):
            self.left_alone[path] = task.source, task.source.ctime_ns
        if isinstance(outcome, Held):
            self._hold(seen, outcome, now)
            return
        self.elsewhere.pop(path, None)
        if not isinstance(outcome, Changed | LeftAlone):
            self.holds.resume_outbox(now)
        self.present_at_start.discard(path)
        self.holds.forget(seen)

    def _hold(self, source: Sighting, outcome: Held, now: float) -> None:
        first_pause = self.inbox.settle if outcome.truncated else FIRST_PAUSE
        self.holds.hold(source, outcome, now, first_pause=first_pause)
        if outcome.short_of_memory:
            self.crash_suspects[source.path] = 1
        if self.warning_limit.left(f"held: {outcome.kind or outcome.reason}", now):
            log.warning(
                "job.held",
                inbox=self.name,
                source=source.path,
                why=one_line(outcome.reason),
                held=len(self.holds.pictures),
            )

    def release(self, now: float) -> None:
        """Make ready again what has been held for long enough."""
        for sighting in self.holds.due(now, but=self.ready.keys() | self.working.keys()):
            self.ready[sighting.path] = (now, sighting)

    # --- the inbox as a whole ----------------------------------------------------------------

    def recovered(self) -> bool:
        """Whether all is known again that was there when the journal was lost."""
        if not self.scans or any(path in self.settler for path in self.present_at_start):
            return False
        return self.present_at_start.isdisjoint(self._settled())

    def note_watch(self, message: Watched | Away, now: float) -> None:
        """Note how the inbox is watched from now on, or that it is away, and log it."""
        if isinstance(message, Away):
            self.away, self.away_logged_at = message.why, float("-inf")
            self.remind(now)
            return
        bound_log = log.bind(inbox=self.name, path=str(self.inbox.path))
        if self.away:
            if self.flap_limit.left("back", now):
                bound_log.info("inbox.back")
            self.holds.retry_all(now)
        self.away, self.watched = "", message
        if self.flap_limit.left("watched", now):
            bound_log.info("inbox.watched", mode=message.mode, why=message.why)

    def bar(self, why: str) -> None:
        """Take nothing of the inbox while there is a reason `why`; with "" go on."""
        if why and why != self.barred:
            log.error("inbox.barred", inbox=self.name, path=str(self.inbox.path), why=one_line(why))
        elif self.barred and not why:
            log.info("inbox.unbarred", inbox=self.name, path=str(self.inbox.path))
        self.barred = why

    def remind(self, now: float) -> None:
        """Log that the inbox is away: once, then rarely."""
        if self.away and now - self.away_logged_at >= TELL_AGAIN:
            self.away_logged_at = now
            if self.flap_limit.left("away", now):
                path = str(self.inbox.path)
                log.warning("inbox.away", inbox=self.name, path=path, why=self.away)

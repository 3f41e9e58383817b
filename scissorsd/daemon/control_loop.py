"""The daemon: start, loop, stop, reload. One control loop decides everything.

The loop takes messages off one queue (what the watchers saw, what the workers ended), lets
pictures settle on their desk, hands settled ones to workers, and puts down how it stands. It
touches no inbox and no outbox itself, so that no share can hold it up.
"""

import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from types import FrameType

import structlog

from scissorsd import __version__, failpoints
from scissorsd.core.backoff import backoff
from scissorsd.core.eta import Pace
from scissorsd.daemon import job_log, oom, outcomes, pipeline, recovery, standstill
from scissorsd.daemon.folder_layout import Barred, FolderWatch
from scissorsd.daemon.inbox_state import FIRST_PAUSE, LONGEST_PAUSE, TELL_AGAIN, Desk
from scissorsd.daemon.memory import MemoryBudget, in_mb
from scissorsd.daemon.outcomes import Bench, Changed, Done, Ended, Failed, Held, Task
from scissorsd.daemon.systemd import notify, watchdog_pause
from scissorsd.errors import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    EXIT_STOPPED,
    ConfigError,
    JournalDamagedError,
    ScissorsError,
    WeightsError,
)
from scissorsd.folders import real_paths
from scissorsd.folders.watching import (
    Away,
    EventsLost,
    Heard,
    InboxWatcher,
    Looked,
    Message,
    Scanned,
    Watched,
    WatchedFolder,
)
from scissorsd.inference.sessions import Sessions, usable_cpus
from scissorsd.inference.timings import Speeds
from scissorsd.inference.weights import Progress
from scissorsd.machine import TOO_FEW_THREADS, memory_bounds
from scissorsd.rate_limit import RateLimit
from scissorsd.records import journal_file, lock, respelling, status_file
from scissorsd.records.journal import STARVED, Journal
from scissorsd.settings import Config, Inbox

log = structlog.get_logger("scissorsd")

BEAT = 1.0  # seconds between two rounds of the loop when nothing happens
# Seconds: in one job before its worker no longer counts as busy, and that a stop waits for the
# work in hand.
STUCK = failpoints.seconds("STUCK", 10.0)
STOP_LIMIT = failpoints.seconds("STOP_LIMIT", 60.0)
LOOKS = 7  # a truncated picture is looked at this often before it counts as failed
LOOK_LIMIT = 0.5  # seconds that opening an inbox waits for a look at its outbox
CLEAR_UP_LIMIT = 5.0  # seconds that a start waits for litter to be removed
ONCE_LOOKS = 2  # the same under `once`
ONCE_HOLDS = 3  # `once` does not wait longer for what is held this often

TWICE = 0.5  # seconds; sooner, a second signal is the first one, passed on by make or a shell

# What a reload does not change: it is in use by what is in hand.
_FIXED = ("state", "models", "providers", "require_gpu", "precision", "memory")


class _StoppedError(Exception):
    """Told to stop while weights were being fetched."""


@dataclass(slots=True)
class Totals:
    """What this run has done so far."""

    done: int = 0
    failed: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)  # picture, reason


class Daemon:
    """One daemon on one configuration; `run` returns the exit code.

    With `once` it takes what is there now and ends when nothing is left to do, with `again` also
    what was cut before. `on_beat` is called at every round and `fetching` while weights are
    fetched, for progress bars. `load_anew` gives the configuration on SIGHUP, `origin` its file.
    """

    def __init__(
        self,
        config: Config,
        *,
        origin: str = "",
        once: bool = False,
        again: bool = False,
        fetching: Progress | None = None,
        on_beat: Callable[["Daemon"], None] | None = None,
        load_anew: Callable[[], Config] | None = None,
    ) -> None:
        self.config = config
        self.once = once
        self.totals = Totals()
        self.pace = Pace()
        self.desks: dict[str, Desk] = {}
        self._origin = origin
        self._again = again
        self._fetching = fetching
        self._on_beat = on_beat
        self._load_anew = load_anew
        self._watchers: dict[str, InboxWatcher] = {}
        self._queue: queue.SimpleQueue[Message | Barred | Ended | None] = queue.SimpleQueue()
        self._in_hand: dict[int, tuple[Task, float]] = {}  # by id: what, since when
        self._journal_lost = False
        self._job_lines = job_log.JobLines()
        # Of each inbox: the watcher that died last, how many did, when to start another.
        self._deaths: dict[str, tuple[InboxWatcher | None, int, float]] = {}
        self._said_of_standing = RateLimit(1, TELL_AGAIN)
        self._stopping = False
        self._told_to_stop_at = 0.0
        self._watched = standstill.Watched(config.state)
        self._stopped_by = 0  # the signal
        self._reload_wanted = False
        self._refusal: status_file.Refusal | None = None
        self._folders = FolderWatch(self._queue.put)
        self._started_at = time.time()
        self._workers = config.workers or max(2, usable_cpus())

    def run(self) -> int:
        """Start, loop until told to stop (or until nothing is left), stop."""
        with lock.lock(self.config.state), self._watched:
            self._listen_to_signals()
            threading.excepthook = _tell_of_death
            self._folders.claim(self.config)
            self._open_journal()
            crashed = status_file.watch_for_crashes(self.config.state)
            if crashed:
                log.warning("daemon.crashed", what="the last run crashed; suspects work alone now")
            self._hold_interrupted(crashed=crashed)
            self._clear_up()
            try:
                self._start()
                self._loop()
            except _StoppedError:
                log.info("weights.left", what="told to stop while fetching; it goes on next time")
            except WeightsError:
                if not self._stopping:  # else Ctrl-C has ended pip too, and that is why
                    raise
            finally:
                self._stop()
                self._folders.close()
                self.journal.close()
                self._oom.end()
        if self.once and self.is_cut_short():
            return EXIT_STOPPED + self._stopped_by
        return EXIT_SOME_FAILED if self.once and self.left_over() else EXIT_OK

    def _open_journal(self) -> None:
        try:
            self.journal = Journal(self.config.state)
        except JournalDamagedError as error:
            aside = journal_file.set_aside(self.config.state)
            log.error("journal.set_aside", why=error.what, now=str(aside))  # noqa: TRY400 - said
            self.journal = Journal(self.config.state)
        self._journal_lost = journal_file.is_lost(self.config.state)

    def _hold_interrupted(self, *, crashed: bool) -> None:
        """Count the death of the last run against what was in hand; see how this one fares."""
        self._oom = oom.Watch(self.config.state)
        starved = self._oom.last_death()
        if starved:
            log.warning(
                "daemon.out_of_memory",
                what=f"the kernel ended the last run for want of memory, while it was {starved}",
                advice="give it more memory, or a smaller `memory:`, `workers: 1`, model u2netp",
            )
            self.journal.hold_interrupted(recovery.CRASH - 1, STARVED)
        else:
            self.journal.hold_interrupted(recovery.CRASH - 1 if crashed else 0)
        self._oom.keep("opening the networks")

    def _clear_up(self) -> None:
        """Remove what jobs that were cut short left under temporary names, before any goes on."""
        litter = self.journal.cut_short()

        def clear_up() -> None:
            for job_id, where in litter:
                with suppress(ScissorsError):  # its next worker sweeps, too, or says why not
                    recovery.sweep(self.journal, job_id, where)

        _aside(clear_up, "clear up", CLEAR_UP_LIMIT)

    def backlog(self) -> int:
        """Pictures that are known of and not ended."""
        return sum(desk.backlog() for desk in self.desks.values())

    def seconds_left(self) -> float | None:
        """How long the backlog will take at the pace of the last pictures, if that is known."""
        held = sum(len(desk.held) for desk in self.desks.values())
        return self.pace.seconds_left(self.backlog() - held, monotonic())

    def has_looked(self) -> bool:
        """Whether all that is there is known of."""
        return len(self.desks) == len(self.config.inboxes) and all(
            desk.scans or desk.away for desk in self.desks.values()
        )

    def is_cut_short(self) -> bool:
        """Whether a signal ended it before all that is there was done."""
        return self._stopped_by > 0 and (self.backlog() > 0 or not self.has_looked())

    def left_over(self) -> list[tuple[str, str]]:
        """Return what did not come out in this run, with the reason."""
        held = [
            (str(desk.inbox.path / path), hold.reason)
            for desk in self.desks.values()
            for path, hold in desk.held.items()
        ]
        resting = [
            (str(desk.inbox.path / path), desk.paused.reason)
            for desk in self.desks.values()
            if desk.paused is not None
            for path in desk.ready
            if path not in desk.held
        ]
        away = [
            (str(d.inbox.path), d.away or d.barred)
            for d in self.desks.values()
            if d.away or d.barred
        ]
        return self.totals.failures + held + resting + away

    # --- start and stop ----------------------------------------------------------------------

    def _start(self) -> None:
        notify("STATUS=opening the networks", "EXTEND_TIMEOUT_USEC=1800000000")
        for inbox in self.config.inboxes:
            self._open(inbox)
        config = self.config
        self._catalogue = dict(config.catalogue)
        self.sessions = Sessions(
            models=self._catalogue,
            folder=config.models,
            providers="auto" if "auto" in config.providers else config.providers,
            require_gpu=config.require_gpu,
            precision=config.precision,
            progress=self._fetch_unless_stopping,
            speeds=Speeds((config.models, config.state)),
        )
        for model in sorted(models_of(config)):
            self.sessions.open(model)
        self.bench = Bench(
            journal=self.journal,
            sessions=self.sessions,
            catalogue=self._catalogue,
            limits=config.limits,
            memory=self._memory_ceiling(),
        )
        self._journal_version = self.journal.changed_elsewhere()
        notify("READY=1", "STATUS=watching")
        log.info("daemon.ready", inboxes=list(self.desks), workers=self._workers)

    def _memory_ceiling(self) -> MemoryBudget:
        """Return the ceiling for pictures: what is asked for, within what the networks leave."""
        wanted, bounds = self.config.memory, memory_bounds()
        ceiling = MemoryBudget(wanted, bounds)
        if ceiling.ceiling < wanted:
            tightest = bounds[0]
            log.info(
                "memory.limited",
                configured=wanted,
                ceiling=ceiling.ceiling,
                why=f"{tightest.who} gives {in_mb(tightest.total)}, and {in_mb(tightest.held)} of "
                "it are held",
            )
        return ceiling

    def _fetch_unless_stopping(self, done: int, total: int | None, source: str, /) -> None:
        if self._stopping:
            raise _StoppedError
        self._watched.beat(standstill.START_LIMIT)
        if self._fetching is not None:
            self._fetching(done, total, source)

    def _open(self, inbox: Inbox) -> None:
        looks = ONCE_LOOKS if self.once else LOOKS
        respelling.follow(self.journal, inbox)
        self.desks[inbox.name] = Desk.open(
            inbox,
            self.journal,
            looks=looks,
            again=self._again,
            journal_lost=self._journal_lost,
        )
        for task, _ in self._in_hand.values():  # under another name, before a reload
            if task.inbox.path == inbox.path:
                self.desks[inbox.name].adopt(task)
        # An outbox that is a mount now is one ever after; one that hangs must not hold us up.
        outbox = self.desks[inbox.name].outbox_root
        _aside(outbox.why_away, f"look at {outbox.path}", LOOK_LIMIT)
        self._watch(inbox)

    def _watch(self, inbox: Inbox) -> None:
        folder = WatchedFolder(
            name=inbox.name,
            path=inbox.path,
            watch=inbox.watch,
            require_mount=inbox.require_mount,
            recursive=inbox.recursive,
            rescan=inbox.rescan,
            ignore=inbox.ignore,
        )
        root = self.desks[inbox.name].inbox_root
        self._watchers[inbox.name] = InboxWatcher(folder, self._queue.put, root)
        self._watchers[inbox.name].start()

    def _listen_to_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_stop_signal)
            signal.signal(signal.SIGINT, self._on_stop_signal)
            signal.signal(signal.SIGHUP, self._on_reload_signal)

    def _on_stop_signal(self, number: int, _: FrameType | None) -> None:
        if self._stopping and monotonic() - self._told_to_stop_at > TWICE:
            os._exit(128 + number)  # told a second time: leave, which is as safe as being killed
        if not self._stopping:
            self._stopping, self._told_to_stop_at = True, monotonic()
            self._stopped_by = number
            self._queue.put(None)  # wakes the loop; a SimpleQueue takes it within a handler too

    def _on_reload_signal(self, _: int, __: FrameType | None) -> None:
        self._reload_wanted = True
        self._queue.put(None)

    def _stop(self) -> None:
        """Finish the work in hand, within a bound; hand out nothing more."""
        self._stopping = True
        notify("STOPPING=1", f"STATUS=finishing {len(self._in_hand)} pictures")
        for watcher in self._watchers.values():
            watcher.stop()
        log.info("daemon.stopping", in_hand=len(self._in_hand))
        deadline = monotonic() + STOP_LIMIT
        while self._in_hand and monotonic() < deadline:
            self._watched.beat()
            self._take_messages(BEAT)
        while not self._queue.empty():  # what was seen by now counts as left
            self._take_messages(0)
        for task, _ in self._in_hand.values():
            why = f"it has not ended within {STOP_LIMIT:.0f} s; the next start does it anew"
            log.warning("job.left", inbox=task.inbox.name, source=task.source.path, why=why)
        self._note_recovery()
        log.info("daemon.stopped", done=self.totals.done, failed=self.totals.failed)

    # --- the loop ----------------------------------------------------------------------------

    def _loop(self) -> None:
        next_ping = next_standing = 0.0
        while not self._stopping and not (self.once and self._nothing_left()):
            self._watched.beat()
            failpoints.at("loop")
            self._take_messages(self._pause())
            now = monotonic()
            for desk in self.desks.values():
                self._watchers[desk.name].look(desk.settler.due(now))
                desk.release(now)
                desk.remind(now)
            self._hand_out(now)
            self._heed_other_processes()
            self._heed_reload()
            self._folders.beat(self.config, self.journal, now)
            alive = self._supervise()
            if alive and now >= next_ping:
                notify("WATCHDOG=1")
                next_ping = now + (watchdog_pause() or BEAT)
            if now >= next_standing:
                self._oom.keep("cutting")
                if not self._in_hand and not any(desk.ready for desk in self.desks.values()):
                    self.pace.rests()
                self._put_down_standing(now)
                self._note_recovery()
                next_standing = now + BEAT
            if self._on_beat is not None:
                self._on_beat(self)

    def _pause(self) -> float:
        """Seconds until something is due that no message announces."""
        now = monotonic()
        looks = [desk.settler.next_look() for desk in self.desks.values()]
        holds = [hold.until for desk in self.desks.values() for hold in desk.held.values()]
        soonest = min((due for due in looks + holds if due is not None), default=now + BEAT)
        return min(BEAT, max(0.0, soonest - now))

    def _take_messages(self, pause: float) -> None:
        try:
            self._take(self._queue.get(timeout=pause))
            for _ in range(1000):  # then go round, so that a flood does not keep workers idle
                self._take(self._queue.get_nowait())
        except queue.Empty:
            return

    def _take(self, message: Message | Barred | Ended | None) -> None:
        if isinstance(message, Ended):
            self._take_ended(message)
        elif isinstance(message, Barred):
            for desk in self.desks.values():
                desk.bar(message.why.get(desk.name, ""))
        elif message is not None:  # which is only to wake the loop
            self._take_news(message)

    def _take_news(self, message: Message) -> None:
        desk = self.desks.get(message.inbox)
        if desk is None:
            return  # of an inbox that a reload took away
        match message:
            case Heard(path=path, at=at):
                desk.settler.heard(path, at)
            case Looked(sightings=sightings, missing=missing, at=at):
                for sighting in sightings:
                    desk.consider(sighting, at)
                for path in missing:
                    desk.settler.gone(path)
            case Scanned(pictures=pictures, seconds=seconds):
                desk.scanned(message, monotonic())
                log.debug("inbox.scanned", inbox=desk.name, pictures=pictures, seconds=seconds)
            case EventsLost(why=why):
                log.warning("inbox.events_lost", inbox=desk.name, why=why, now="it is scanned")
            case Watched() | Away():
                if desk.away:
                    self._folders.want()
                desk.note_watch(message, monotonic())

    def _nothing_left(self) -> bool:
        return all(
            desk.away
            or desk.barred
            or (
                desk.scans
                and not (desk.settler or desk.working)
                and (
                    self._given_up(desk)
                    or (
                        not desk.ready
                        and all(hold.times >= ONCE_HOLDS for hold in desk.held.values())
                    )
                )
            )
            for desk in self.desks.values()
        )

    def _given_up(self, desk: Desk) -> bool:
        """Whether `once` waits no more for an outbox that is full, say."""
        return self.once and desk.paused is not None and desk.paused.times >= ONCE_HOLDS

    # --- workers -----------------------------------------------------------------------------

    def _hand_out(self, now: float) -> None:
        """Give settled pictures to workers, the inboxes in turn.

        A job that takes very long (a share that hangs) no longer counts against the workers, and
        its inbox gets no further job until it has ended.
        """
        at_work = [task for task, since in self._in_hand.values() if now - since <= STUCK]
        if any(task.attempts for task in at_work):
            return  # one that may kill the program works alone
        stuck = {task.inbox.name for task, since in self._in_hand.values() if now - since > STUCK}
        busy = len(at_work)
        waiting = [
            desk
            for desk in self.desks.values()
            if desk.name not in stuck and not self._given_up(desk)
        ]
        while waiting and busy < self._workers:
            for desk in list(waiting):
                task = desk.next_task(now, alone=not busy)
                if task is None:
                    waiting.remove(desk)
                    continue
                self._give(task, now)
                busy += 1
                if task.attempts or busy >= self._workers:
                    return

    def _give(self, task: Task, now: float) -> None:
        self._in_hand[id(task)] = (task, now)
        self.pace.works(now)
        name = f"cut {task.source.path}"
        try:
            threading.Thread(target=self._work, args=(task,), name=name, daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            reason = f"no thread can be started for it ({error}): {TOO_FEW_THREADS}"
            held = Held(reason, outbox_wide=True, kind="no thread")
            self._queue.put(Ended(task, held, 0.0, now - task.settled_at))

    def _work(self, task: Task) -> None:
        """One worker: runs in its own thread and only puts its outcome on the queue."""
        began = monotonic()
        try:
            outcome = pipeline.process(task, self.bench)
        except MemoryError:  # before there was a job
            outcome = outcomes.SHORT_OF_MEMORY
        except Exception as error:  # noqa: BLE001 - the line ends in an outcome, come what may
            outcome = Held(f"something unforeseen went wrong: {type(error).__name__}: {error}")
        self._queue.put(Ended(task, outcome, monotonic() - began, began - task.settled_at))

    def _take_ended(self, ended: Ended) -> None:
        task, outcome = ended.task, ended.outcome
        self._in_hand.pop(id(task), None)
        desk = next((d for d in self.desks.values() if d.inbox.path == task.inbox.path), None)
        if desk is not None:
            desk.ended(task, outcome, monotonic())
        self._job_lines.write(ended, monotonic())
        if isinstance(outcome, Done | Failed):
            self.pace.ended(monotonic())
        match outcome:
            case Done(verdict=verdict):
                self.totals.done += 1
                if verdict is not None:
                    self.totals.verdicts[verdict] = self.totals.verdicts.get(verdict, 0) + 1
            case Failed(reason=reason):
                self.totals.failed += 1
                if self.once:  # for its last word; a daemon would gather them for ever
                    self.totals.failures.append((str(task.inbox.path / task.source.path), reason))
            case Changed() if desk is not None:
                self._watchers[desk.name].look((task.source.path,))

    # --- supervision -------------------------------------------------------------------------

    def _supervise(self) -> bool:
        """See that every watcher lives; start anew one that died. False if one was dead."""
        dead = [name for name, watcher in self._watchers.items() if not watcher.is_alive()]
        now = monotonic()
        for name in dead:
            watcher = self._watchers[name]
            mourned, times, until = self._deaths.get(name, (None, 0, now))
            if watcher is not mourned:
                log.error("inbox.watcher_died", inbox=name, trace=watcher.died_of)
                until = now
                if times:
                    until += backoff(FIRST_PAUSE, times - 1, LONGEST_PAUSE)
                self._deaths[name] = watcher, times + 1, until
            if now >= until:
                self._watch(self.desks[name].inbox)
        return not dead

    def _heed_other_processes(self) -> None:
        """Notice that `scissorsd retry` has written to the journal, or that it got damaged."""
        if self.journal.file.damaged is not None:
            raise self.journal.file.damaged
        version = self.journal.changed_elsewhere()
        if version != self._journal_version:
            self._journal_version = version
            self.journal.reload()
            for watcher in self._watchers.values():
                watcher.scan_soon()

    def _heed_reload(self) -> None:
        if not self._reload_wanted:
            return
        self._reload_wanted = False
        if self._load_anew is None:
            log.info("config.kept", why="this daemon was started without a configuration file")
            return
        notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._reconfigure(self._load_anew())
        except ConfigError as error:
            self._refusal = status_file.Refusal(time.time(), error.problems)
            for problem in error.problems:
                log.error("config.problem", problem=problem)  # noqa: TRY400 - for a person
            log.error(  # noqa: TRY400 - the same
                "config.kept", why="the new one has problems; the old one goes on"
            )
        else:
            self._refusal = None
        said = f"; {self._refusal.in_words()}" if self._refusal is not None else ""
        notify("READY=1", f"STATUS=watching{said}")

    def _reconfigure(self, new: Config) -> None:
        """Take over a new configuration; what is in hand finishes under the old rules."""
        fixed = {option: getattr(self.config, option) for option in _FIXED}
        for option, value in fixed.items():
            if getattr(new, option) != value:
                log.warning("config.needs_restart", option=option)
        self.config = new = replace(new, **fixed)
        self._catalogue.update(new.catalogue)
        self.bench = replace(self.bench, limits=new.limits)
        self._workers = new.workers or max(2, usable_cpus())
        wanted = {inbox.name: self._as_in_hand(inbox) for inbox in new.inboxes}
        for name, desk in list(self.desks.items()):
            inbox = wanted.get(name)
            if inbox is None or inbox.path != desk.inbox.path:
                self._close(name)
            elif inbox != desk.inbox:
                self._change(desk, inbox)
        for name, inbox in wanted.items():
            if name not in self.desks:
                self._open(inbox)
        self._folders.want()
        log.info("config.reloaded", inboxes=list(self.desks))

    def _as_in_hand(self, inbox: Inbox) -> Inbox:
        """Return an inbox whose pictures are in hand under the path by which they are."""
        for desk in self.desks.values():
            other = desk.inbox.path
            if desk.working and other != inbox.path and real_paths.same(other, inbox.path):
                return replace(inbox, path=other)
        return inbox

    def _close(self, name: str) -> None:
        self._watchers.pop(name).stop()
        del self.desks[name]
        log.info("inbox.closed", inbox=name)

    def _change(self, desk: Desk, inbox: Inbox) -> None:
        """Give a desk its new rules and its watcher its new options; a new scan applies them."""
        respelling.follow(self.journal, inbox)
        desk.change(inbox)
        self._watchers.pop(inbox.name).stop()
        self._watch(inbox)

    def _note_recovery(self) -> None:
        if self._journal_lost and all(desk.recovered() for desk in self.desks.values()):
            self._journal_lost = False
            journal_file.recovered(self.config.state)

    # --- telling -----------------------------------------------------------------------------

    def _put_down_standing(self, now: float) -> None:
        try:
            status_file.write(self.config.state, self._standing(now))
        except OSError as error:  # its disk is full, say; the work goes on
            if self._said_of_standing.left("unwritten", now):
                log.warning("status.unwritten", why=error.strerror or str(error))

    def _standing(self, now: float) -> status_file.Standing:
        inboxes = tuple(
            job_log.inbox_standing(desk, self._watchers[desk.name], self._in_hand.values(), now)
            for desk in self.desks.values()
        )
        return status_file.Standing(
            pid=os.getpid(),
            version=__version__,
            config=self._origin,
            beat=now,
            started_at=self._started_at,
            stopping=self._stopping,
            seconds_left=self.seconds_left(),
            providers=job_log.provider_standings(self.sessions),
            inboxes=inboxes,
            refusal=self._refusal,
        )


def _tell_of_death(dead: threading.ExceptHookArgs) -> None:
    """Tell that a thread of a library died; Python itself would write lines that are no log's."""
    name = dead.thread.name if dead.thread is not None else "?"
    log.error("thread.died", thread=name, why=f"{dead.exc_type.__name__}: {dead.exc_value}")


def _aside(look: Callable[[], object], name: str, limit: float) -> None:
    """Do what a share that hangs could hold up in a thread, and wait so long for it at most."""
    thread = threading.Thread(target=look, name=name, daemon=True)
    with suppress(RuntimeError, MemoryError):  # no thread is to be had: it is not needed now
        thread.start()
        thread.join(limit)


def models_of(config: Config) -> set[str]:
    """Return the names of the models that the rules use."""
    rules = [rule for inbox in config.inboxes for rule in inbox.rules]
    return {rule.model for rule in rules if not rule.skip}

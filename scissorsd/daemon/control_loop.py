"""The daemon: start, loop, stop, reload. One control loop decides everything.

The loop takes messages off one queue (what the watchers saw, what the workers ended), lets
pictures settle, hands settled ones to workers, and writes the status file. It touches no inbox
and no outbox itself, so that no share can block it.
"""

import gc
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import structlog

from scissorsd import __version__, failpoints
from scissorsd.config.quick_desk import with_quick_desk
from scissorsd.core.eta import Pace
from scissorsd.daemon import job_log, oom, standstill, starting, status_report
from scissorsd.daemon.folder_layout import Barred, LayoutCheck
from scissorsd.daemon.inbox_state import TELL_AGAIN
from scissorsd.daemon.inboxes import Inboxes
from scissorsd.daemon.other_machines import OtherMachines
from scissorsd.daemon.outcomes import Bench, Changed, Done, Ended, Failed
from scissorsd.daemon.page_child import PageChild
from scissorsd.daemon.signals import Signals
from scissorsd.daemon.supervision import tell_of_death
from scissorsd.daemon.systemd import notify, watchdog_pause
from scissorsd.daemon.totals import Totals
from scissorsd.daemon.workers import WorkerPool
from scissorsd.errors import EXIT_OK, EXIT_SOME_FAILED, EXIT_STOPPED, ConfigError, WeightsError
from scissorsd.folders.messages import Message
from scissorsd.inference.weights import Progress
from scissorsd.rate_limit import RateLimiter
from scissorsd.records import journal_file, lock, status_file
from scissorsd.settings import Config, hosts_after_reload

log = structlog.get_logger("scissorsd")

BEAT = 1.0  # seconds between two rounds of the loop when nothing happens
STOP_LIMIT = failpoints.seconds("STOP_LIMIT", 60.0)  # that a stop waits for the work in hand

# As Python itself has it; the command line has it less often, for the imports of a start.
_OBJECTS_BETWEEN_COLLECTIONS = (700, 10, 10)
# What a reload does not change: it is in use by what is in hand.
_FIXED = ("state", "models", "providers", "require_gpu", "precision", "memory")


class _StoppedError(Exception):
    """Told to stop while weights were being fetched."""


class Daemon:
    """One daemon on one configuration; `run` returns the exit code.

    With `once` it takes what is there now and ends when nothing is left to do, with `again` also
    what was cut before. `on_beat` is called at every round and `fetching` while weights are
    fetched, for bars. `load_anew` gives the configuration anew, of the file `origin`. `hub`: hosts.
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
        hub: OtherMachines | None = None,
    ) -> None:
        self.config = config
        self.once = once
        self.totals = Totals()
        self.pace = Pace()
        self._origin = origin
        self._again = again
        self._fetching = fetching
        self._on_beat = on_beat
        self._load_anew = load_anew
        self._queue: queue.SimpleQueue[Message | Barred | Ended | None] = queue.SimpleQueue()
        # None only wakes the loop; a SimpleQueue takes it within a signal handler too.
        self._signals = Signals(lambda: self._queue.put(None))
        self._workers = WorkerPool(self._queue.put, self.pace, config, hub)
        self._layout = LayoutCheck(self._queue.put)
        self.page = PageChild(self._queue.put, once=once)
        self._job_lines = job_log.JobLines()
        self._status_warnings = RateLimiter(1, TELL_AGAIN)
        self._watchdog = standstill.Watchdog(config.state)
        self._refusal: status_file.Refusal | None = None
        self._started_at = time.time()

    def run(self) -> int:
        """Start, loop until told to stop (or until nothing is left), stop."""
        with lock.lock(self.config.state), self._watchdog:
            gc.set_threshold(*_OBJECTS_BETWEEN_COLLECTIONS)
            self._signals.listen()
            threading.excepthook = tell_of_death
            self._layout.claim(self.config)
            self.journal = starting.open_journal(self.config.state)
            self.inboxes = Inboxes(
                self.journal,
                self._layout,
                self._queue.put,
                once=self.once,
                again=self._again,
                journal_lost=journal_file.is_lost(self.config.state),
            )
            self._kills = oom.KillRecord(self.config.state)
            starting.blame_last_run(self.config.state, self.journal, self._kills)
            self._kills.keep("opening the networks")
            starting.sweep_temporaries(self.journal, hosts=self._workers.hub is not None)
            try:
                self._start()
                self._loop()
            except _StoppedError:
                log.info("weights.left", what="told to stop while fetching; it goes on next time")
            except WeightsError:
                if not self._signals.stopping:  # else Ctrl-C has ended pip too, and that is why
                    raise
            finally:
                self._stop()
                self._layout.close()
                self.journal.close()
                self._kills.end()
        if self.once and self.is_cut_short():
            return EXIT_STOPPED + self._signals.stopped_by
        return EXIT_SOME_FAILED if self.once and self.left_over() else EXIT_OK

    def backlog(self) -> int:
        """Return how many pictures are known of and not ended."""
        return self.inboxes.backlog()

    def seconds_left(self) -> float | None:
        """Return how long the backlog will take at the pace of the last pictures, if known."""
        return self.pace.seconds_left(self.backlog() - self.inboxes.held(), monotonic())

    def has_scanned(self) -> bool:
        """Whether all that is there is known of."""
        return len(self.inboxes.states) == len(self.config.inboxes) and self.inboxes.are_scanned()

    def is_cut_short(self) -> bool:
        """Whether a signal ended it before all that is there was done."""
        return self._signals.stopped_by > 0 and (self.backlog() > 0 or not self.has_scanned())

    def left_over(self) -> list[tuple[str, str]]:
        """Return what did not come out in this run, with the reason."""
        return self.totals.failures + self.inboxes.left_over()

    # --- start and stop ----------------------------------------------------------------------

    def _start(self) -> None:
        notify("STATUS=opening the networks", "EXTEND_TIMEOUT_USEC=1800000000")
        for inbox in self.config.inboxes:
            self.inboxes.open(inbox)
        config = self.config
        self._catalogue = dict(config.catalogue)
        self.sessions = starting.open_sessions(config, self._catalogue, self._fetch_unless_stopping)
        self.bench = Bench(
            journal=self.journal,
            sessions=self.sessions,
            catalogue=self._catalogue,
            limits=config.limits,
            memory=starting.memory_budget(config.memory),
        )
        self._workers.open(self.journal)
        self._journal_version = self.journal.changed_elsewhere()
        notify("READY=1", "STATUS=watching")
        about = {"version": __version__, "inboxes": list(self.inboxes.states), "once": self.once}
        log.info("daemon.ready", **about, **starting.places(config), workers=self._workers.count)

    def _fetch_unless_stopping(self, done: int, total: int | None, source: str, /) -> None:
        if self._signals.stopping:
            raise _StoppedError
        self._watchdog.beat(standstill.START_LIMIT)
        if self._fetching is not None:
            self._fetching(done, total, source)

    def _stop(self) -> None:
        """Finish the work in hand, within a bound; hand out nothing more."""
        self._signals.stopping = True
        notify("STOPPING=1", f"STATUS=finishing {len(self._workers.in_hand())} pictures")
        self.page.stop()
        self.inboxes.stop()
        self._workers.let_go()
        log.info("daemon.stopping", in_hand=len(self._workers.in_hand()))
        deadline = monotonic() + STOP_LIMIT
        while self._workers.in_hand() and monotonic() < deadline:
            self._watchdog.beat()
            self._take_messages(BEAT)
        while not self._queue.empty():  # what was seen by now counts as left
            self._take_messages(0)
        why = f"it has not ended within {STOP_LIMIT:.0f} s; the next start does it anew"
        for task, _ in self._workers.in_hand():
            log.warning("job.left", inbox=task.inbox.name, source=task.source.path, why=why)
        self._note_recovery()
        self._workers.close()
        self.page.wait()
        log.info("daemon.stopped", done=self.totals.done, failed=self.totals.failed, once=self.once)

    # --- the loop ----------------------------------------------------------------------------

    def _loop(self) -> None:
        next_ping = next_status = 0.0
        while not self._signals.stopping and not (self.once and self.inboxes.have_nothing_left()):
            self._watchdog.beat()
            failpoints.at("loop")
            self._take_messages(self._pause())
            now = monotonic()
            self.inboxes.request_due(now)
            self._workers.hand_out(self.inboxes.to_work_on(), self.bench, now)
            self._heed_other_processes()
            self.inboxes.hurry_if_asked(self.config.state)
            self._heed_reload()
            self._layout.beat(self.config, self.journal, now)
            self.page.beat(self.config, now)
            are_alive = self.inboxes.watchers.restart_dead()
            if are_alive and now >= next_ping:
                notify("WATCHDOG=1")
                next_ping = now + (watchdog_pause() or BEAT)
            if now >= next_status:
                self._kills.keep("cutting")
                if not self._workers.in_hand() and not self.inboxes.have_work():
                    self.pace.rests()
                self._write_status(now)
                self._note_recovery()
                next_status = now + BEAT
            if self._on_beat is not None:
                self._on_beat(self)

    def _pause(self) -> float:
        """Return the seconds until something is due that no message announces."""
        due = self.inboxes.next_due()
        return BEAT if due is None else min(BEAT, max(0.0, due - monotonic()))

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
            for state in self.inboxes.states.values():
                state.bar(message.why.get(state.name, ""))
        elif message is not None:  # which is only to wake the loop
            self.inboxes.take(message)

    def _take_ended(self, ended: Ended) -> None:
        task, outcome = ended.task, ended.outcome
        self._workers.ended(task)
        state = self.inboxes.of_task(task)
        if state is not None:
            state.ended(task, outcome, monotonic())
        self._job_lines.write(ended, monotonic())
        if isinstance(outcome, Done | Failed):
            self.pace.ended(monotonic())
        # Failures are named in the last words of `once`; a daemon would gather them for ever.
        self.totals.count(task, outcome, name_failures=self.once)
        if isinstance(outcome, Changed) and state is not None:
            self.inboxes.watchers[state.name].request((task.source.path,))

    # --- other processes, and a new configuration -----------------------------------------------

    def _heed_other_processes(self) -> None:
        """Notice that `scissorsd retry` has written to the journal, or that it got damaged."""
        if self.journal.file.damaged is not None:
            raise self.journal.file.damaged
        version = self.journal.changed_elsewhere()
        if version != self._journal_version:
            self._journal_version = version
            self.journal.reload()
            self.inboxes.heed_journal(monotonic())

    def _heed_reload(self) -> None:
        if not self._signals.reload_wanted:
            return
        self._signals.reload_wanted = False
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
            kept = "the new one has problems; the old one goes on"
            log.error("config.kept", why=kept)  # noqa: TRY400 - the same
        else:
            self._refusal = None
        refusal = f"; {self._refusal.in_words()}" if self._refusal is not None else ""
        notify("READY=1", f"STATUS=watching{refusal}")

    def _reconfigure(self, new: Config) -> None:
        """Take over a new configuration; what is in hand finishes under the old rules."""
        fixed = {option: getattr(self.config, option) for option in _FIXED}
        fixed["hosts"] = hosts_after_reload(self.config.hosts, new.hosts)
        for option, value in fixed.items():
            if getattr(new, option) != value:
                log.warning("config.needs_restart", option=option)
        self.config = new = with_quick_desk(replace(new, **fixed))
        self._catalogue.update(new.catalogue)
        self.bench = replace(self.bench, limits=new.limits)
        self._workers.follow(new)
        self.inboxes.reconfigure(new.inboxes, [task for task, _ in self._workers.in_hand()])
        log.info("config.reloaded", inboxes=list(self.inboxes.states), **starting.places(new))

    def _note_recovery(self) -> None:
        if self.inboxes.note_recovery():
            journal_file.recovered(self.config.state)

    # --- the status file ---------------------------------------------------------------------

    def _write_status(self, now: float) -> None:
        try:
            status_file.write(self.config.state, self._status(now))
        except OSError as error:  # its disk is full, say; the work goes on
            if self._status_warnings.left("unwritten", now):
                log.warning("status.unwritten", why=error.strerror or str(error))

    def _status(self, now: float) -> status_file.DaemonStatus:
        here, watchers = self._workers.here(), self.inboxes.watchers
        inboxes = tuple(
            status_report.inbox_status(state, watchers[name], here, now)
            for name, state in self.inboxes.states.items()
        )
        return status_file.DaemonStatus(
            pid=os.getpid(),
            version=__version__,
            config=self._origin,
            beat=now,
            started_at=self._started_at,
            stopping=self._signals.stopping,
            seconds_left=self.seconds_left(),
            providers=status_report.provider_statuses(self.sessions),
            inboxes=inboxes,
            refusal=self._refusal,
            page=self.page.status(),
            hub=self._workers.hub_status(),
        )

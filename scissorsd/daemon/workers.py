"""Workers: one thread for each picture in hand, and who gets the next picture."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from time import monotonic

from scissorsd import failpoints
from scissorsd.core.eta import Pace
from scissorsd.core.rules import Rule, choose
from scissorsd.daemon import outcomes, pipeline
from scissorsd.daemon.inbox_state import InboxState
from scissorsd.daemon.other_machines import OtherMachines
from scissorsd.daemon.outcomes import Bench, Ended, Held, Task
from scissorsd.inference.sessions import usable_cpus
from scissorsd.machine import TOO_FEW_THREADS
from scissorsd.records.journal import Journal
from scissorsd.records.status_file import HubStatus
from scissorsd.settings import Config, Inbox

# Seconds in one job before its worker no longer counts as busy.
STUCK = failpoints.seconds("STUCK", 10.0)


class WorkerPool:
    """The workers and their tasks. Only the control loop calls these methods."""

    def __init__(
        self, tell: Callable[[Ended], None], pace: Pace, config: Config, hub: OtherMachines | None
    ) -> None:
        self.count = _count(config, hub)  # of pictures in hand here at once, but for what is stuck
        self.hub = hub
        self._tell = tell
        self._pace = pace
        self._last = ""  # the inbox whose picture was begun last
        self._in_hand: dict[int, tuple[Task, float]] = {}  # by the task's id; since when

    def open(self, journal: Journal) -> None:
        """Give pictures to hosts from now on, where there is a hub."""
        if self.hub is not None:
            self.hub.start(journal)

    def let_go(self) -> None:
        """Let go of what hosts have: the next start does it anew."""
        if self.hub is not None:
            self.hub.stop()

    def close(self) -> None:
        """End what `open` has begun."""
        if self.hub is not None:
            self.hub.close()

    def follow(self, config: Config) -> None:
        """Take over a new configuration."""
        self.count = _count(config, self.hub)
        if self.hub is not None and config.hosts is not None:
            self.hub.follow(config.hosts)

    def hub_status(self) -> HubStatus | None:
        """Return how the hub and its hosts stand; None where none is configured."""
        return self.hub.status() if self.hub is not None else None

    def in_hand(self) -> list[tuple[Task, float]]:
        """Return every task in hand, and since when (monotonic)."""
        return list(self._in_hand.values())

    def here(self) -> list[tuple[Task, float]]:
        """Return every task that this machine works on, and since when (monotonic)."""
        return [(task, since) for task, since in self._in_hand.values() if task.maker is None]

    def hand_out(self, states: Iterable[InboxState], bench: Bench, now: float) -> None:
        """Start a worker for each settled picture while there may be more, the inboxes in turn.

        Hosts, if there are any, have the first of them. The turn goes on from one call to the next:
        mostly there is one free worker, and an inbox with a backlog would else have every one.

        A job that takes very long (a share that hangs) no longer counts as a worker, and its inbox
        gets no further job until it has ended.
        """
        waiting = list(states)
        if self.hub is not None:
            self._send_out(self.hub, waiting, bench, now)
        at_work = [task for task, since in self.here() if now - since <= STUCK]
        if any(task.attempts for task in at_work):
            return  # a crash suspect works alone
        stuck = {task.inbox.name for task, since in self.here() if now - since > STUCK}
        busy, count = len(at_work), max(1, self.count)
        fits = None if self.count else self._fits_no_host
        waiting = self._in_turn([state for state in waiting if state.name not in stuck])
        while waiting and busy < count:
            for state in list(waiting):
                task = state.next_task(now, alone=not busy, fits=fits)
                if task is None:
                    waiting.remove(state)
                    continue
                self._start(task, bench, now)
                self._last = state.name
                busy += 1
                if task.attempts or busy >= count:
                    return

    def _send_out(
        self, hub: OtherMachines, states: list[InboxState], bench: Bench, now: float
    ) -> None:
        """Start a thread for each picture that hosts may have, the inboxes in turn."""
        out: dict[str, Counter[str]] = defaultdict(Counter)  # by network, and then by way
        for gone, _ in self._in_hand.values():
            out[gone.rule.model][gone.way] += 1

        def way(inbox: Inbox, size: int, rule: Rule) -> str:
            return hub.way(inbox, size, bench.networks(rule), out[rule.model])

        def fits(inbox: Inbox, path: str, size: int) -> bool:
            rule = choose(inbox.rules, path)
            if rule is None or rule.skip or not hub.suits(inbox, path, size, rule):
                return False
            return bool(way(inbox, size, rule))

        waiting = self._in_turn(states)
        while waiting:
            for state in list(waiting):
                task = state.next_task(now, alone=False, fits=fits)
                if task is None:
                    waiting.remove(state)
                    continue
                by = way(state.inbox, task.source.size, task.rule)
                out[task.rule.model][by] += 1
                self._start(replace(task, maker=hub.make, way=by), bench, now)
                self._last = state.name

    def _fits_no_host(self, inbox: Inbox, path: str, size: int) -> bool:
        """Whether only this machine can cut a picture, which else is only to watch."""
        rule = choose(inbox.rules, path)
        return self.hub is None or rule is None or not self.hub.suits(inbox, path, size, rule)

    def _in_turn(self, states: list[InboxState]) -> list[InboxState]:
        """Sort inboxes so that the one behind the last comes first."""
        names = [state.name for state in states]
        after = names.index(self._last) + 1 if self._last in names else 0
        return states[after:] + states[:after]

    def ended(self, task: Task) -> None:
        """Note that a task is no longer in hand."""
        self._in_hand.pop(id(task), None)

    def _start(self, task: Task, bench: Bench, now: float) -> None:
        self._in_hand[id(task)] = (task, now)
        self._pace.works(now)
        name = f"cut {task.source.path}"
        try:
            threading.Thread(target=self._work, args=(task, bench), name=name, daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            reason = f"no thread can be started for it ({error}): {TOO_FEW_THREADS}"
            held = Held(reason, outbox_wide=True, kind="no thread")
            self._tell(Ended(task, held, 0.0, now - task.settled_at))

    def _work(self, task: Task, bench: Bench) -> None:
        """Work on one picture, in a thread of its own; only the outcome goes on the queue."""
        began = monotonic()
        try:
            outcome = pipeline.process(task, bench)
        except MemoryError:  # before there was a job
            outcome = outcomes.SHORT_OF_MEMORY
        except Exception as error:  # noqa: BLE001 - every task ends in an outcome
            outcome = Held(f"something unforeseen went wrong: {type(error).__name__}: {error}")
        self._tell(Ended(task, outcome, monotonic() - began, began - task.settled_at))


def _count(config: Config, hub: OtherMachines | None) -> int:
    here = config.hosts.here if config.hosts is not None and hub is not None else None
    return (config.workers or max(2, usable_cpus())) if here is None else here

"""Workers: one thread for each picture in hand, and who gets the next picture."""

import threading
from collections.abc import Callable, Iterable
from time import monotonic

from scissorsd import failpoints
from scissorsd.core.eta import Pace
from scissorsd.daemon import outcomes, pipeline
from scissorsd.daemon.inbox_state import InboxState
from scissorsd.daemon.outcomes import Bench, Ended, Held, Task
from scissorsd.machine import TOO_FEW_THREADS

# Seconds in one job before its worker no longer counts as busy.
STUCK = failpoints.seconds("STUCK", 10.0)


class WorkerPool:
    """The workers and their tasks. Only the control loop calls these methods."""

    def __init__(self, tell: Callable[[Ended], None], pace: Pace, count: int) -> None:
        self.count = count  # of pictures in hand at once, but for those that are stuck
        self._tell = tell
        self._pace = pace
        self._last = ""  # the inbox whose picture was begun last
        self._in_hand: dict[int, tuple[Task, float]] = {}  # by the task's id; since when

    def in_hand(self) -> list[tuple[Task, float]]:
        """Return every task in hand, and since when (monotonic)."""
        return list(self._in_hand.values())

    def hand_out(self, states: Iterable[InboxState], bench: Bench, now: float) -> None:
        """Start a worker for each settled picture while there may be more, the inboxes in turn.

        The turn goes on from one call to the next: mostly there is one free worker, and an inbox
        with a backlog would else have every one of them.

        A job that takes very long (a share that hangs) no longer counts as a worker, and its inbox
        gets no further job until it has ended.
        """
        at_work = [task for task, since in self._in_hand.values() if now - since <= STUCK]
        if any(task.attempts for task in at_work):
            return  # a crash suspect works alone
        stuck = {task.inbox.name for task, since in self._in_hand.values() if now - since > STUCK}
        busy = len(at_work)
        waiting = self._in_turn([state for state in states if state.name not in stuck])
        while waiting and busy < self.count:
            for state in list(waiting):
                task = state.next_task(now, alone=not busy)
                if task is None:
                    waiting.remove(state)
                    continue
                self._start(task, bench, now)
                self._last = state.name
                busy += 1
                if task.attempts or busy >= self.count:
                    return

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

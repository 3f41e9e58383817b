"""All inboxes of a daemon: what is known of each, and who watches it."""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic

import structlog

from scissorsd.config import quick_desk
from scissorsd.daemon import rule_changes
from scissorsd.daemon.folder_layout import LayoutCheck, follow_spelling
from scissorsd.daemon.housekeeping import Housekeeping
from scissorsd.daemon.inbox_state import InboxState
from scissorsd.daemon.outcomes import Task
from scissorsd.daemon.review_watch import ReviewWatch
from scissorsd.daemon.supervision import Watchers, join_all, run_with_limit
from scissorsd.folders import real_paths
from scissorsd.folders.messages import (
    Away,
    EventsLost,
    Heard,
    Message,
    Scanned,
    Sighted,
    Vouched,
    Watched,
)
from scissorsd.records import hurry
from scissorsd.records.journal import Journal
from scissorsd.settings import Inbox

log = structlog.get_logger("scissorsd")

READS = 7  # a truncated picture is read this often before it counts as failed
ONCE_READS = 2  # the same under `once`
ONCE_EMPTY = 5.0  # seconds that `once` waits for something to be written to an empty file
ONCE_HOLDS = 3  # `once` does not wait longer for what is held this often
OUTBOX_LIMIT = 0.5  # seconds that opening an inbox waits for its outbox to answer
_STOP_LIMIT = 5.0  # seconds that a stop waits for threads that use the journal


class Inboxes:
    """The states and the watchers of all inboxes. Only the control loop touches them.

    The parameters are as for `control_loop.Daemon`; `tell` puts a watcher's message on the queue.
    """

    def __init__(
        self,
        journal: Journal,
        layout: LayoutCheck,
        tell: Callable[[Message], None],
        *,
        once: bool,
        again: bool,
        journal_lost: bool,
    ) -> None:
        self.states: dict[str, InboxState] = {}  # by the inbox's name
        self.watchers = Watchers(tell)
        self._journal = journal
        self._layout = layout
        self._housekeeping = Housekeeping(journal)
        self._review_watch = ReviewWatch(journal)
        self._once = once
        self._again = again
        self._journal_lost = journal_lost

    def open(self, inbox: Inbox, in_hand: Iterable[Task] = ()) -> None:
        """Open an inbox and start to watch it.

        Of the tasks that are in hand those are taken over that are this inbox's, under another
        name before a reload.
        """
        if inbox.quick:
            with suppress(OSError):  # it counts as away then, and says why
                quick_desk.make_folders(inbox)
        follow_spelling(self._journal, inbox)
        state = InboxState.open(
            inbox,
            self._journal,
            max_reads=ONCE_READS if self._once else READS,
            again=self._again,
            journal_lost=self._journal_lost,
        )
        self.states[inbox.name] = state
        if self._again:
            self._journal.recuts.ask_for_all_moved(inbox.path)
        state.take_up(monotonic())
        for task in in_hand:
            if task.inbox.path == inbox.path:
                state.adopt(task)
        # An outbox that is a mount now is one ever after; one that hangs must not block the loop.
        for root in state.outbox_root.roots:
            run_with_limit(root.why_away, f"look at {root.path}", OUTBOX_LIMIT)
        self.watchers.start(inbox, state.inbox_root)

    def reconfigure(self, inboxes: Iterable[Inbox], in_hand: Collection[Task]) -> None:
        """Close, change and open inboxes until they are these."""
        wanted = {inbox.name: self._as_in_hand(inbox) for inbox in inboxes}
        for name, state in list(self.states.items()):
            inbox = wanted.get(name)
            if inbox is None or inbox.path != state.inbox.path:
                self._close(name)
            elif inbox != state.inbox:
                self._change(state, inbox)
        for name, inbox in wanted.items():
            if name not in self.states:
                self.open(inbox, in_hand)
        self._layout.request()

    def _as_in_hand(self, inbox: Inbox) -> Inbox:
        """Return an inbox whose pictures are in hand under the path by which they are."""
        for state in self.states.values():
            other = state.inbox.path
            if state.working and other != inbox.path and real_paths.same(other, inbox.path):
                return replace(inbox, path=other)
        return inbox

    def _close(self, name: str) -> None:
        self.watchers.stop(name)
        del self.states[name]
        log.info("inbox.closed", inbox=name)

    def _change(self, state: InboxState, inbox: Inbox) -> None:
        """Change the options of an inbox and restart its watcher; its first scan applies them."""
        follow_spelling(self._journal, inbox)
        rule_changes.tell(self._journal, state.inbox, inbox)
        state.change(inbox)
        self.watchers.stop(inbox.name)
        self.watchers.start(inbox, state.inbox_root)

    def take(self, message: Message) -> None:
        """Take a watcher's message, or the page's."""
        state = self.states.get(message.inbox)
        if state is None:
            return  # of an inbox that a reload took away
        match message:
            case Heard(path=path, at=at):
                state.settler.heard(path, at)
            case Sighted(sightings=sightings, missing=missing, at=at):
                for sighting in sightings:
                    state.consider(sighting, at)
                for path in missing:
                    state.settler.gone(path)
            case Vouched(sighting=sighting, at=at):
                state.consider(sighting, at, is_whole=True)
            case Scanned(pictures=pictures, seconds=seconds):
                state.scanned(message, monotonic())
                self._look_at_review(state)
                log.debug("inbox.scanned", inbox=state.name, pictures=pictures, seconds=seconds)
            case EventsLost(why=why):
                log.warning("inbox.events_lost", inbox=state.name, why=why, now="it is scanned")
            case Watched() | Away():
                self._note_watch(state, message)

    def _note_watch(self, state: InboxState, message: Watched | Away) -> None:
        if state.away:
            self._layout.request()
        state.note_watch(message, monotonic())

    def _look_at_review(self, state: InboxState) -> None:
        if not state.barred:
            self._review_watch.look(state.inbox, state.outbox_root)

    def heed_journal(self, now: float) -> None:
        """Take up what another process has asked for in the journal."""
        for state in self.states.values():
            state.take_up(now)
        self.watchers.scan_soon()

    def of_task(self, task: Task) -> InboxState | None:
        """Return the state of a task's inbox, unless a reload took that away."""
        states = (state for state in self.states.values() if state.inbox.path == task.inbox.path)
        return next(states, None)

    def request_due(self, now: float) -> None:
        """Ask the watchers for the sightings that are due, and make due pictures ready again."""
        for state in self.states.values():
            self.watchers[state.name].request(state.settler.due(now))
            state.release(now)
            state.remind(now)
        if not self._once:
            self._housekeeping.beat(self.states.values(), now)

    def stop(self) -> None:
        """Ask every thread to end; what a share holds fast ends in its own time."""
        self.watchers.stop_all()
        # These use the journal, which is closed next.
        join_all(self._housekeeping.stop() + self._review_watch.stop(), _STOP_LIMIT)

    def hurry_if_asked(self, state_folder: Path) -> None:
        """Try at once all that is held, where `retry --held` has asked for it."""
        if hurry.take(state_folder):
            now = monotonic()
            held = sum(state.holds.hurry(now) for state in self.states.values())
            log.info("holds.hurried", held=held)

    def next_due(self) -> float | None:
        """Return when something is due next that no message announces (monotonic)."""
        sightings = [state.settler.next_check() for state in self.states.values()]
        holds = (hold for s in self.states.values() for hold in s.holds.pictures.values())
        retries = [hold.until for hold in holds]
        return min((due for due in sightings + retries if due is not None), default=None)

    def backlog(self) -> int:
        """Return how many pictures are known of and not ended."""
        return sum(state.backlog() for state in self.states.values())

    def held(self) -> int:
        """Return how many pictures are held."""
        return sum(len(state.holds.pictures) for state in self.states.values())

    def have_work(self) -> bool:
        """Whether a picture is ready to be handed out."""
        return any(state.ready for state in self.states.values())

    def are_scanned(self) -> bool:
        """Whether all that is there is known of."""
        return all(state.scans or state.away for state in self.states.values())

    def to_work_on(self) -> list[InboxState]:
        """Return the inboxes whose pictures may be handed out."""
        return [state for state in self.states.values() if not self._is_given_up(state)]

    def have_nothing_left(self) -> bool:
        """Whether `once` has no more to do."""
        states = self.states.values()
        return all(state.away or state.barred or self._is_through(state) for state in states)

    def _is_through(self, state: InboxState) -> bool:
        is_settling = len(state.settler) > len(self._left_empty(state))
        if not state.scans or is_settling or state.working:
            return False
        if self._is_given_up(state):
            return True
        holds = state.holds.pictures.values()
        return not state.ready and all(hold.times >= ONCE_HOLDS for hold in holds)

    def _left_empty(self, state: InboxState) -> list[str]:
        """Return the empty files for whose content `once` waits no more."""
        return state.settler.empty(monotonic(), ONCE_EMPTY) if self._once else []

    def _is_given_up(self, state: InboxState) -> bool:
        """Whether `once` waits no more for an outbox that is full, say."""
        outbox = state.holds.outbox
        return self._once and outbox is not None and outbox.times >= ONCE_HOLDS

    def left_over(self) -> list[tuple[str, str]]:
        """Return each path of which nothing came out yet, with the reason."""
        states = self.states.values()
        held = [
            (str(state.inbox.path / path), hold.reason)
            for state in states
            for path, hold in state.holds.pictures.items()
        ]
        waiting = [
            (str(state.inbox.path / path), state.holds.outbox.reason)
            for state in states
            if state.holds.outbox is not None
            for path in state.ready
            if path not in state.holds.pictures
        ]
        empty = [
            (str(state.inbox.path / path), "it is empty")
            for state in states
            for path in self._left_empty(state)
        ]
        away = [
            (str(state.inbox.path), state.away or state.barred)
            for state in states
            if state.away or state.barred
        ]
        return held + waiting + empty + away

    def note_recovery(self) -> bool:
        """Whether only now all is known again that was there when the journal was lost."""
        if not self._journal_lost or not all(s.recovered() for s in self.states.values()):
            return False
        self._journal_lost = False
        return True

"""An inbox and the journal under any sequence of events: nothing is lost, nothing done twice."""

import shutil
import tempfile
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scissorsd.config import from_values
from scissorsd.core.rules import Job, plan
from scissorsd.core.settling import Sighting
from scissorsd.daemon.inbox_state import InboxState
from scissorsd.daemon.outcomes import SHORT_OF_MEMORY, Changed, Done, Failed, Held, Outcome, Task
from scissorsd.folders.messages import Scanned
from scissorsd.records.journal import Journal
from scissorsd.settings import Inbox

ROOT = Path("/srv/shop")
PATHS = ["keep/a.jpg", "keep/a.png", "delete/a.jpg"]
READS = 3
SETTLE = 1.0

paths = st.sampled_from(PATHS)
choices = st.integers(0, 10)


def configured(*, skip: bool) -> Inbox:
    """Return the inbox; `skip`: one of its pictures is left alone by a rule."""
    rules = [
        {"name": "skipped", "match": "keep/a.jpg", "skip": True},
        {"name": "kept", "match": "keep/**"},
        {"name": "deleted", "match": "delete/**", "source": "delete"},
    ]
    inbox = {"path": "inbox", "outbox": "outbox", "settle": "1s", "rules": rules[not skip :]}
    return from_values({"state": "state", "inboxes": {"shop": inbox}}, base=ROOT).config.inboxes[0]


@dataclass(frozen=True, slots=True)
class InHand:
    """What a worker holds: the task and, once begun, its job."""

    task: Task
    job: Job | None = None
    published: bool = False


class InboxMachine(RuleBasedStateMachine):
    """A world of files, the inbox that hears and sees of it, workers, and crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="inbox-state-"))
        self.now = 1000.0
        self.inbox = configured(skip=False)
        self.world: dict[str, Sighting] = {}
        self.hands: dict[str, InHand] = {}
        self.ended: dict[str, tuple[int, int]] = {}  # the version last done or failed, still there
        self.cuts: dict[str, set[tuple[int, int]]] = {path: set() for path in PATHS}
        self.names: dict[str, str] = {}  # which picture an output that is out is of
        self.versions = count(1)
        self.open_journal()

    def open_journal(self) -> None:
        """Open the real journal, but spare the disk: no power is cut here."""
        self.journal = Journal(self.folder)
        self.journal.file.db.execute("PRAGMA synchronous = OFF")

    @initialize()
    def start(self) -> None:
        """Start the program: whatever was in hand is forgotten, but for the journal."""
        self.hands.clear()
        self.state = InboxState.open(
            self.inbox, self.journal, max_reads=READS, again=False, journal_lost=False
        )
        self.scan()

    def teardown(self) -> None:
        """Let everything come to its end, then see that nothing was lost."""
        try:
            self.settle_down()
        finally:
            self.journal.close()
            shutil.rmtree(self.folder)

    # --- the world -------------------------------------------------------------------------

    @rule(path=paths, size=st.integers(0, 3), heard=st.booleans())
    def write(self, path: str, size: int, heard: bool) -> None:  # noqa: FBT001 - drawn
        """Put a new version of a picture at a path, or a new picture; perhaps it is heard of."""
        number = next(self.versions)
        self.world[path] = Sighting(path, size, mtime_ns=number, inode=number, device=1)
        self.ended.pop(path, None)
        if heard:
            self.state.settler.heard(path, self.now)

    @rule(path=paths)
    def replace_by_its_twin(self, path: str) -> None:
        """Put the same picture there again, as a restored copy would be: another inode."""
        if path in self.world:
            self.world[path] = replace(self.world[path], inode=next(self.versions))

    @rule(path=paths)
    def vanish(self, path: str) -> None:
        """Take a picture away."""
        self.world.pop(path, None)
        self.ended.pop(path, None)

    @rule(path=paths)
    def touch(self, path: str) -> None:
        """Let an event tell of a path at which nothing may have happened."""
        self.state.settler.heard(path, self.now)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.0, 30.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        """Let the clock go on."""
        self.now += seconds
        self.state.release(self.now)

    # --- the watcher -----------------------------------------------------------------------

    @rule()
    def take_due_sightings(self) -> None:
        """Look at what is due."""
        for path in self.state.settler.due(self.now):
            self.sight(path)

    def sight(self, path: str) -> None:
        """Take a sighting of one path and tell the state."""
        if path in self.world:
            self.state.consider(self.world[path], self.now)
        else:
            self.state.settler.gone(path)

    @rule()
    def scan(self) -> None:
        """Look at everything, as the scans at start and every `rescan` do."""
        for sighting in list(self.world.values()):
            self.state.consider(sighting, self.now)
        self.state.scanned(Scanned(self.inbox.name, len(self.world), 0.0), self.now)

    @rule(skip=st.booleans())
    def reload(self, skip: bool) -> None:  # noqa: FBT001 - drawn
        """Change the rules while it runs; the scan that follows applies them."""
        self.inbox = configured(skip=skip)
        self.state.change(self.inbox)
        self.scan()

    # --- the workers -----------------------------------------------------------------------

    @rule()
    def hand_out(self) -> None:
        """Give the next picture to a worker, as the control loop does."""
        if any(hand.task.attempts for hand in self.hands.values()):
            return
        task = self.state.next_task(self.now, alone=not self.hands)
        if task is None:
            return
        path = task.source.path
        assert path not in self.hands, "one picture is in two hands"
        assert self.ended.get(path) != task.source.version, "it is handed out again though done"
        assert task.source.size, "an empty file never settles"
        self.hands[path] = InHand(task)

    @rule()
    def go_on(self) -> None:
        """Let pictures settle and begin work on some: most sequences would not get that far."""
        for _ in range(2):
            self.now += SETTLE
            self.take_due_sightings()
        self.state.release(self.now)
        for _ in range(3):
            self.hand_out()
        for choice in range(len(self.hands)):
            self.begin(choice)

    def _chosen(self, choice: int) -> InHand:
        hands = list(self.hands.values())
        return hands[choice % len(hands)]

    @precondition(lambda self: self.hands)
    @rule(choice=choices)
    def begin(self, choice: int) -> None:
        """Plan a job and journal it, as the line of a picture does."""
        hand = self._chosen(choice)
        if hand.job is not None:
            return
        task, path = hand.task, hand.task.source.path
        before = self.journal.planned(self.inbox.path, self.inbox.outbox, task.source, task.rule)
        if before is not None and not before.outputs:
            self.hands[path] = InHand(task, before, published=True)
            return
        mine = (str(self.inbox.path), path)
        job = before or plan(
            self.inbox.path,
            self.inbox.outbox,
            task.source,
            task.rule,
            inbox_name="shop",
            date="",
            taken=lambda name: self.journal.owner(self.inbox.outbox, name) not in {None, mine},
        )
        begun = self.journal.begin(job)
        if begun is not None:
            self.hands[path] = InHand(task, begun)

    @precondition(lambda self: self.hands)
    @rule(choice=choices)
    def publish(self, choice: int) -> None:
        """Bring the outputs out, unless the picture is no longer the one that settled."""
        hand = self._chosen(choice)
        task, path = hand.task, hand.task.source.path
        if hand.job is None or hand.published:
            return
        if self.world.get(path) != task.source:
            self.journal.withdraw(hand.job)
            self._put_down(hand, Changed("replaced"))
            self.sight(path)
            return
        assert task.source.version not in self.cuts[path], "its outputs come out twice"
        self.cuts[path].add(task.source.version)
        for output in hand.job.outputs:
            owner = self.names.setdefault(output.path, path)
            assert owner == path, "two pictures under one name"
        names = [str(self.inbox.outbox / output.path) for output in hand.job.outputs]
        self.journal.published(hand.job, names, verdict="ok", provider="cpu")
        self.hands[path] = replace(hand, published=True)

    @precondition(lambda self: self.hands)
    @rule(choice=choices)
    def dispose_and_finish(self, choice: int) -> None:
        """Dispose of the source as the rule says and end the job."""
        hand = self._chosen(choice)
        task, path = hand.task, hand.task.source.path
        if hand.job is None or not hand.published:
            return
        unchanged = self.world.get(path) == task.source
        if hand.job.rule.source == "delete":
            self.cuts[path].clear()  # the same version may come again, and is then a new picture
            if unchanged:
                del self.world[path]
        elif unchanged:
            self.ended[path] = task.source.version
        self.journal.finish(hand.job)
        self._put_down(hand, Done() if unchanged else Changed("replaced"))
        if not unchanged:
            self.sight(path)

    @precondition(lambda self: self.hands)
    @rule(choice=choices)
    def fail(self, choice: int) -> None:
        """Set a picture aside, before anything of it was published."""
        hand = self._chosen(choice)
        task, path = hand.task, hand.task.source.path
        if hand.job is None or hand.published:
            return
        if task.rule.source == "delete":
            if self.world.get(path) != task.source:
                return  # the real line holds it
            del self.world[path]
        elif self.world.get(path) == task.source:
            self.ended[path] = task.source.version
        self.journal.fail(hand.job, "it is bad", ("note",))
        self._put_down(hand, Failed("it is bad"))

    @precondition(lambda self: self.hands)
    @rule(choice=choices, truncated=st.booleans(), wide=st.booleans())
    def hold(self, choice: int, truncated: bool, wide: bool) -> None:  # noqa: FBT001 - drawn
        """Put a picture aside until something passes."""
        hand = self._chosen(choice)
        if hand.job is None or (truncated and (hand.task.last_attempt or hand.published)):
            return
        self.journal.hold(hand.job, "busy")
        outcome = Held("busy", outbox_wide=wide and not truncated, truncated=truncated)
        self._put_down(hand, outcome)

    @rule()
    def hold_all(self) -> None:
        """Put everything aside that is in hand, as a share that is busy does."""
        for _ in range(len(self.hands)):
            self.hold(0, truncated=False, wide=False)

    def _put_down(self, hand: InHand, outcome: Outcome) -> None:
        self.hands.pop(hand.task.source.path)
        self.state.ended(hand.task, outcome, self.now)

    # --- faults ----------------------------------------------------------------------------

    @rule()
    def crash(self) -> None:
        """Die without a word, and start again with what the journal has."""
        self.journal.close()
        self.open_journal()
        self.start()

    @rule(path=paths)
    def ask_again(self, path: str) -> None:
        """Let another process mark a failed picture to be taken again."""
        failed = [
            e for e in self.journal.entries.of_source(self.inbox.path, path) if e.state == "failed"
        ]
        if failed and failed[0].path not in self.hands:
            self.journal.ask_again(failed[0].id)
            self.journal.reload()
            if self.ended.get(path) == (failed[0].size, failed[0].mtime_ns):
                del self.ended[path]
            self.scan()

    # --- what must hold --------------------------------------------------------------------

    @invariant()
    def what_is_in_hand_is_known(self) -> None:
        """See that the inbox and the workers agree on what is in hand."""
        assert self.state.working.keys() == self.hands.keys()

    def settle_down(self) -> None:
        """Let no more happen, and every job end well: then each picture has had its due."""
        self.scan()
        for _ in range(200):
            while self.hands:
                self.begin(0)
                self.publish(0)
                if self.hands:
                    self.dispose_and_finish(0)
            self.take_due_sightings()
            self.state.release(self.now)
            self.hand_out()
            if not self.hands:
                self.now += 7.0
        for path, sighting in self.world.items():
            skipped = path == "keep/a.jpg" and self.inbox.rules[0].skip
            if sighting.size == 0 or skipped:
                continue
            known = self.journal.known(self.inbox.path, path)
            assert known is not None, f"{path} is lost"
            assert known.version == sighting.version, f"{path}: its last version is lost"
            assert known.state in {"done", "failed"}, f"{path} is {known.state} for ever"
        assert not self.state.ready
        assert not self.state.holds.pictures, "something is held for ever"


InboxMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestInboxState = InboxMachine.TestCase


def test_what_was_short_of_memory_works_alone(tmp_path: Path) -> None:
    """It is given last and only when nothing else is in hand, and has as many reads as others."""
    journal = Journal(tmp_path)
    state = InboxState.open(
        configured(skip=False), journal, max_reads=READS, again=False, journal_lost=False
    )
    for number, path in enumerate(PATHS):
        state.ready[path] = (0.0, Sighting(path, 1, number, number, 1))
    tasks = [state.next_task(1.0, alone=False) for _ in PATHS]
    assert all(task is not None and not task.attempts for task in tasks)
    now = 1.0
    for reads in range(1, READS):
        assert tasks[0] is not None
        state.ended(tasks[0], SHORT_OF_MEMORY, now)
        now += 1000
        state.release(now)
        assert state.next_task(now, alone=False) is None
        tasks[0] = state.next_task(now, alone=True)
        assert tasks[0] is not None
        assert tasks[0].attempts
        assert tasks[0].last_attempt == (reads == READS - 1)
    journal.close()

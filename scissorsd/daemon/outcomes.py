"""What is handed to a worker, and what can come of it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from scissorsd.core.catalogue import Model
from scissorsd.core.file_names import Facts
from scissorsd.core.masking import Judgement
from scissorsd.core.rules import Job, Rule, Verdict
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.daemon.memory import MemoryBudget
from scissorsd.folders import mounts
from scissorsd.pictures.cutting_out import Inference
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Known
from scissorsd.settings import Inbox, Limits

# --- the bench: what every job shares --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tools:
    """What pictures are cut with on one machine."""

    sessions: Inference
    catalogue: Mapping[str, Model]
    limits: Limits
    memory: MemoryBudget

    def networks(self, rule: Rule) -> list[Model]:
        """Return the networks that may see a picture under this rule, its own first."""
        names = (rule.model, rule.second_opinion)
        return [self.catalogue[name] for name in names if name in self.catalogue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench(Tools):
    """What the jobs of one daemon share."""

    journal: Journal
    now: Callable[[], datetime] = field(default=lambda: datetime.now(tz=UTC))


@dataclass(frozen=True, slots=True)
class Task:
    """A settled picture that falls under a rule, handed to a worker."""

    inbox: Inbox
    inbox_root: mounts.Root
    outbox_root: mounts.Root
    source: Sighting
    rule: Rule
    settled_at: float  # monotonic
    attempts: int = 0  # begun before without an orderly end
    journal_lost: bool = False  # and the picture was there before: its outputs may be out
    last_attempt: bool = False  # if it is truncated, or short of memory, it is taken to stay so
    done: Known | None = None  # it was cut as it is, but may have been dropped again since
    lies_at: str = ""  # asked for again where it was moved to, absolute; empty: in the inbox
    job_id: int = 0  # of such a one
    roots_elsewhere: tuple[mounts.Root, ...] = ()  # of outputs that go to other folders
    facts: Facts | None = None  # what names tell of the picture itself, once it is read
    maker: "Maker | None" = None  # who makes its outputs; none: this machine
    way: str = ""  # how it travels to who makes them, if it does: see other_machines.py

    def prepare(self) -> None:
        """Raise HoldError unless all of its outputs can be put where they belong."""
        for root in (self.outbox_root, *self.roots_elsewhere):
            root.prepare()

    @property
    def path(self) -> Path:
        """Where the picture was dropped."""
        return self.inbox.path / self.source.path

    @property
    def key(self) -> str:
        """What the picture is known by among those of its inbox: its path, or where it lies."""
        return self.lies_at or self.source.path


# --- what can come of a job ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """All outputs are out and the source is disposed of."""

    outputs: tuple[str, ...] = ()
    verdict: Verdict | None = None  # none: the outputs were out before; only the source was left
    numbers: Mapping[str, float] = field(default_factory=dict)  # of the verdict
    stays: str = ""  # why the source, which was to be moved, is where it was
    model: str = ""  # whose mask it is
    asked: str = ""  # the network that gave a second opinion, if one did
    provider: str = ""
    precision: str = ""
    width: int = 0
    height: int = 0
    infer_s: float = 0.0
    remarks: tuple[str, ...] = ()  # what was left behind of the picture, or guessed, in words
    host: str = ""  # that cut it; empty: this machine


@dataclass(frozen=True, slots=True)
class Failed:
    """Set aside with its reason."""

    reason: str
    trace: str = ""  # only for what nobody foresaw


@dataclass(frozen=True, slots=True)
class Held:
    """To be tried again after a pause."""

    reason: str
    outbox_wide: bool = False
    truncated: bool = False
    short_of_memory: bool = False  # it is tried again alone
    kind: str = ""  # what the reason has in common with other pictures'


SHORT_OF_MEMORY = Held(
    "there was not enough memory for this picture; it is tried again, alone",
    short_of_memory=True,
    kind="short of memory",
)


@dataclass(frozen=True, slots=True)
class Changed:
    """The picture was replaced or taken away; what is there now settles anew."""

    reason: str


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Nothing is to be done with it, as it is now."""

    reason: str
    echo: bool = False  # it is an output of ours: something is wrong with how the folders lie


Outcome = Done | Failed | Held | Changed | LeftAlone


@dataclass(frozen=True, slots=True)
class Made:
    """The outputs of a picture, in the order of its rule's, and what there is to say of them.

    They are the bytes in `contents`; or a host has staged them, each beside its place.
    """

    content: bytes  # the digest by which the content of the source is known
    facts: Facts  # what names may tell of the picture
    judgement: Judgement
    done: Done  # but for the outputs
    contents: tuple[bytes, ...] = ()
    staged: tuple[Stamp, ...] = ()


# Makes the outputs of a job, which are there within the `with` block. Raises what off_the_line.py
# knows.
Maker = Callable[[Task, Job, Bench], AbstractContextManager[Made]]


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker has put a task down."""

    task: Task
    outcome: Outcome
    total_s: float
    wait_s: float  # from settled to taken up

"""What travels between a watcher and its hosts: orders and answers.

Pure: values in, values out. Everything is named as the watcher has it; a host that has a folder
under another path translates. What comes off the wire is taken only if it is so to the letter.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Literal, TypeVar

from scissorsd.core.catalogue import Model
from scissorsd.core.masking import Judgement
from scissorsd.core.rules import Rule
from scissorsd.errors import ScissorsError
from scissorsd.hosts.messages.carried import NOTHING, Carried, Way, is_what_was_ordered
from scissorsd.hosts.messages.folder_names import Name
from scissorsd.hosts.messages.names import FORMAT, answers_queue, staging_tag
from scissorsd.hosts.messages.plain_values import NotPlainError, built, plain

T = TypeVar("T")

_ID = re.compile(r"[0-9A-Za-z]{1,64}")
HASH = re.compile(r"[0-9a-f]{32}")  # BLAKE2b, 16 bytes
_FOLDER_UP = {"", ".", ".."}


class NotUnderstoodError(ScissorsError):
    """An order or an answer is of another format, or is not one at all."""


# --- orders ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Root:
    """A folder as the watcher has it, and how another machine may find the same one."""

    path: str  # absolute
    names: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Roots:
    """All folders that an order may touch."""

    inbox: Root
    outbox: Root
    elsewhere: tuple[Root, ...] = ()  # those outside of the outbox to which outputs go
    backgrounds: tuple[Root, ...] = ()  # those of pictures for backgrounds


@dataclass(frozen=True, slots=True)
class Source:
    """The picture, as the watcher saw it settle."""

    path: str  # relative to the inbox
    size: int  # bytes
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class OrderLimits:
    """The largest picture that is read."""

    file: int  # bytes
    pixels: int


@dataclass(frozen=True, slots=True)
class Order:
    """One picture to cut: what, by which rule, and whom to tell."""

    scissorsd: str  # the watcher's version
    watcher: str  # the id of its job journal
    job: int
    turn: int  # counts each time that the job was begun
    inbox: str  # its name
    roots: Roots
    source: Source
    head: str  # `carried.head_of` the picture
    rule: Rule
    model: Model  # as `described`
    outputs: tuple[str, ...]  # for each of the rule's its path: in the outbox, or absolute
    limits: OrderLimits
    second: Model | None = None  # the network that gives a second opinion
    last_look: bool = False  # what is truncated now stays so
    backgrounds: Mapping[str, str] = field(default_factory=dict)  # of pictures: path, SHA-256
    data: Carried | None = None  # where the picture goes along; none: it is read where it lies
    same_version: bool = False  # only a host of the watcher's version may cut it
    format: Literal[1] = FORMAT

    @property
    def reply(self) -> str:
        """The queue in which the answer is awaited."""
        return answers_queue(self.watcher)

    @property
    def way(self) -> Way:
        """How the picture comes to a host."""
        return "paths" if self.data is None else "bytes"

    def tag(self, nonce: str) -> str:
        """Return the tag of the temporary files of one execution of it."""
        return staging_tag(self.watcher, self.job, self.turn, nonce)

    def sent(self) -> "Order":
        """Return it as it is remembered while it is out: without what it carries."""
        return self if self.data is None else replace(self, data=NOTHING)


def described(model: Model) -> Model:
    """Return what a host must know of a network: what it is, not where it could be had."""
    name = PurePosixPath(model.file).name
    return replace(model, file=name, url=None, wheel=None, licence="", unclear="", tested=True)


def write_order(order: Order) -> dict[str, Any]:
    """Return an order as it travels."""
    return {**plain(order), "reply": order.reply}


def read_order(value: object) -> Order:
    """Return the order that came; raises NotUnderstoodError."""
    fields = dict(value) if isinstance(value, dict) else {}
    reply = fields.pop("reply", "")
    order = _read(Order, fields, "order")
    if wrong := _wrong_with(order, reply):
        raise NotUnderstoodError(f"an order is not sound: {wrong}")
    return order


@dataclass(frozen=True, slots=True)
class Address:
    """Whom to tell that an order was not understood."""

    watcher: str
    job: int
    turn: int


def address_of(value: object) -> Address | None:
    """Return whence something came that may be no order at all; None where it does not say."""
    fields = value if isinstance(value, dict) else {}
    watcher, job, turn = (fields.get(name) for name in ("watcher", "job", "turn"))
    if not isinstance(watcher, str) or not _ID.fullmatch(watcher):
        return None
    if type(job) is not int or type(turn) is not int:
        return None
    return Address(watcher, job, turn)


def _wrong_with(order: Order, reply: object) -> str:
    """Return what contradicts itself in an order; "" if nothing does."""
    known = order.roots
    roots = (known.inbox, known.outbox, *known.elsewhere, *known.backgrounds)
    paths = [path for root in roots for path in (root.path, *(name.path for name in root.names))]
    elsewhere = [root.path for root in order.roots.elsewhere]
    second = order.second.name if order.second else ""
    ordered = (order.source.size, order.head, order.backgrounds)
    checks = (
        (bool(_ID.fullmatch(order.watcher)), "the watcher's id"),
        (reply == order.reply, "its reply goes to another watcher"),
        (order.job > 0 and order.turn > 0, "job and turn"),
        (bool(HASH.fullmatch(order.head)), "the head of the picture"),
        (order.source.size > 0, "the size of the picture"),
        (order.model.name == order.rule.model, "the network is not its rule's"),
        (second in {"", order.rule.second_opinion}, "the second network is not its rule's"),
        (len(order.outputs) == len(order.rule.outputs) > 0, "the number of its outputs"),
        (all(path.startswith("/") and _is_inside(path) for path in paths), "its folders"),
        (_is_inside(order.source.path, absolute=False), "the path of the picture"),
        (all(_is_planned(path, elsewhere) for path in order.outputs), "the path of an output"),
        (is_what_was_ordered(order.data, *ordered), "what goes along is not what it says"),
    )
    return first_broken(checks)


def first_broken(checks: Iterable[tuple[bool, str]]) -> str:
    """Return what the first check is called that does not hold; "" if all do."""
    return next((name for holds, name in checks if not holds), "")


def _is_planned(path: str, elsewhere: list[str]) -> bool:
    if not path.startswith("/"):
        return _is_inside(path, absolute=False)
    below = any(path.startswith(root.rstrip("/") + "/") for root in elsewhere)
    return below and _is_inside(path)


def _is_inside(path: str, *, absolute: bool = True) -> bool:
    """Whether a path leads where it seems to."""
    parts = path.split("/")[1:] if absolute and path != "/" else path.split("/")
    return path == "/" or ("\0" not in path and _FOLDER_UP.isdisjoint(parts))


# --- answers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StagedFile:
    """An output, whole and synced, that has not got its name yet; or that goes along."""

    temporary: str  # its name for now, in the folder that it belongs to; empty: it goes along
    path: str  # the planned one, or that in review/
    size: int  # bytes
    digest: str  # BLAKE2b of its content, 16 bytes in hex


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of a picture, in the words of `outcomes.Made` and `outcomes.Done`."""

    staged: tuple[StagedFile, ...]
    content: str  # by what the picture itself is known: BLAKE2b, 16 bytes in hex
    facts: Mapping[str, str]  # what names may tell of the picture
    judgement: Judgement
    model: str
    asked: str
    provider: str
    precision: str
    width: int
    height: int
    infer_s: float
    remarks: tuple[str, ...]
    data: tuple[bytes, ...] = field(default=(), repr=False)  # the outputs that go along


@dataclass(frozen=True, slots=True)
class Fault:
    """Why nothing was made: an error of our own tree, by its name."""

    kind: str
    what: str
    advice: str = ""
    outbox_wide: bool = False
    as_: str = ""  # HoldError.kind
    place: str = ""  # PlaceTakenError.place
    too_long: bool = False  # NameRefusedError.too_long
    judgement: Judgement | None = None  # RefusedByRuleError's
    host_only: bool = False  # it is the host's own trouble: another one may well do it


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order: something was made, or there is an error."""

    job: int
    turn: int
    nonce: str  # of the execution, 8 hex digits
    host: str
    version: str  # the host's
    seconds: float  # that it was in hand
    came_back: bool = False  # the order was given out before: another may have staged for it, too
    made: Made | None = None
    error: Fault | None = None
    format: Literal[1] = FORMAT


def write_answer(answer: Answer) -> dict[str, Any]:
    """Return an answer as it travels."""
    value: dict[str, Any] = plain(answer)
    return value


def read_answer(value: object) -> Answer:
    """Return the answer that came; raises NotUnderstoodError."""
    answer = _read(Answer, value, "answer")
    if (answer.made is None) == (answer.error is None):
        raise NotUnderstoodError("an answer says neither or both: what was made, and an error")
    return answer


def _read(kind: type[T], value: object, name: str) -> T:
    spoken = value.get("format") if isinstance(value, dict) else None
    if spoken != FORMAT or type(spoken) is not int:
        raise NotUnderstoodError(
            f"this {name} is of format {spoken!r:.20}; this version speaks {FORMAT}",
            "Run one version of scissorsd on the watcher and on every host.",
        )
    try:
        return built(kind, value)
    except NotPlainError as error:
        raise NotUnderstoodError(
            f"an {name} is not understood: {name}{error}",
            "Run one version of scissorsd on the watcher and on every host.",
        ) from None

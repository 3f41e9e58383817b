"""The straight line of one picture: plan, read, mask, cut, publish, journal, dispose."""

import os
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from scissorsd import faults, folders, images
from scissorsd.config import Inbox, Limits
from scissorsd.core.canvas import asks_nothing, framed_size
from scissorsd.core.catalogue import Model
from scissorsd.core.masking import Judgement
from scissorsd.core.rules import (
    FAILED_FOLDER,
    Format,
    Job,
    Rule,
    Verdict,
    fit,
    in_review,
    plan,
)
from scissorsd.core.settling import Sighting
from scissorsd.errors import (
    HoldError,
    JournalError,
    OverLimitsError,
    PictureError,
    ScissorsError,
    SessionError,
    SourceChangedError,
    TruncatedPictureError,
    WeightsError,
)
from scissorsd.journal import Journal
from scissorsd.machine import give_back_memory
from scissorsd.making import Cut, Inference, cut_out, refuse_impossible, render_all

# What one pixel costs at most while its picture is in hand: measured over every format that is
# read, 10 to 18 bytes; encoding takes no more, but for these formats.
BYTES_PER_PIXEL = 20
BYTES_PER_PIXEL_DEEP = 36  # where 16 bits are read or written
BYTES_PER_PIXEL_ENCODING: dict[Format, int] = {"webp": 30, "avif": 50}
HELD = 8  # by the picture itself, its clean colours and its mask, while a framed output is made
SHALLOW = 8  # bits
# A picture in hand when the program died is a suspect, and is tried again alone. A crash (a signal
# such as SIGSEGV) counts for a hundred deaths, since a kill or a power cut says little of the
# picture: only one that has the program killed every time, for want of memory, comes so far.
CRASH = 100
DEATHS = 3 * CRASH  # a picture that was in hand at so many is not tried again


# --- the bench: what every job shares --------------------------------------------------------


_READ_AHEAD = 4  # this part of the ceiling, at most, is for files that are not being cut yet
_LARGE = 64 << 20  # bytes
PATIENCE = 30.0  # seconds: a share that hangs in the middle of a file must not stop the others


class MemoryCeiling:
    """Lets pictures in while they fit together under a ceiling; a larger one goes alone.

    A picture holds the bytes of its file while that is read, then what it takes to cut it, then
    the bytes of its outputs until they are published.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling  # bytes
        self._in_use = 0
        self._reading = 0  # of it, for files that are read or wait to be cut
        self._cutting = 0  # how many are being decoded, cut and encoded, which always ends
        self._in_line: list[Room] = []  # to be cut
        self._changed = threading.Condition()

    @contextmanager
    def room_for(self, cost: int) -> "Iterator[Room]":
        """Wait until `cost` bytes are free, and hold them."""
        with self._changed:
            self._changed.wait_for(lambda: self._may_enter(cost), PATIENCE)
            self._in_use += cost
            self._reading += cost
        room = Room(self, cost)
        try:
            yield room
        finally:
            self._change(room, 0)

    def _may_enter(self, cost: int) -> bool:
        fits = self._in_use + cost <= self.ceiling
        is_little = not self._reading or self._reading + cost <= self.ceiling // _READ_AHEAD
        return self._in_use == 0 or (fits and is_little)

    def _wait_in_line(self, room: "Room", cost: int) -> None:
        """Wait for more room, in turn; if nothing is being cut, there is no more to wait for."""
        with self._changed:
            self._in_line.append(room)
            self._changed.wait_for(
                lambda: (
                    self._in_line[0] is room
                    and (not self._cutting or self._in_use - room.held + cost <= self.ceiling)
                )
            )
            self._in_line.remove(room)
            self._reading -= room.held
            self._in_use += cost - room.held
            self._cutting += 1
            room.held, room.stage = cost, "cutting"
            self._changed.notify_all()

    def _change(self, room: "Room", cost: int) -> None:
        with self._changed:
            self._reading -= room.held if room.stage == "reading" else 0
            self._in_use += cost - room.held
            self._cutting -= room.stage == "cutting"
            room.held, room.stage = cost, "publishing"
            self._changed.notify_all()


@dataclass(slots=True, eq=False)
class Room:
    """The bytes that one picture holds under the ceiling."""

    ceiling: MemoryCeiling
    held: int
    stage: Literal["reading", "cutting", "publishing"] = "reading"

    def grow(self, cost: int) -> None:
        """Wait until the picture can be cut, which takes so many bytes in all."""
        self.ceiling._wait_in_line(self, cost)  # noqa: SLF001 - the two are one

    def shrink(self, cost: int) -> None:
        """Give back all but so many bytes: the picture is cut."""
        self.ceiling._change(self, cost)  # noqa: SLF001 - the two are one


@dataclass(frozen=True, slots=True)
class Bench:
    """What the jobs of one daemon share."""

    journal: Journal
    sessions: Inference
    catalogue: Mapping[str, Model]
    limits: Limits
    memory: MemoryCeiling
    now: Callable[[], datetime] = field(default=lambda: datetime.now(tz=UTC))


@dataclass(frozen=True, slots=True)
class Task:
    """A settled picture that falls under a rule, handed to a worker."""

    inbox: Inbox
    inbox_root: folders.Root
    outbox_root: folders.Root
    source: Sighting
    rule: Rule
    settled_at: float  # monotonic
    attempts: int = 0  # begun before without an orderly end
    journal_lost: bool = False  # and the picture was there before: its outputs may be out
    last_look: bool = False  # if it is truncated now, it is taken to stay so


# --- what can come of a job ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """All outputs are out and the source is disposed of."""

    outputs: tuple[str, ...] = ()
    verdict: Verdict | None = None  # none: the outputs were out before; only the source was left
    model: str = ""
    provider: str = ""
    width: int = 0
    height: int = 0
    infer_s: float = 0.0


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
    kind: str = ""  # what the reason has in common with other pictures'


@dataclass(frozen=True, slots=True)
class Changed:
    """The picture was replaced or taken away; what is there now settles anew."""

    reason: str


Outcome = Done | Failed | Held | Changed


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker has put a task down."""

    task: Task
    outcome: Outcome
    total_s: float
    wait_s: float  # from settled to taken up


# --- the line --------------------------------------------------------------------------------


def process(task: Task, bench: Bench) -> Outcome:
    """Take one picture along the whole line. Whatever happens, it ends in an outcome."""
    try:
        job, is_published = _begin(task, bench)
    except (HoldError, JournalError) as error:
        return _held(error)
    try:
        done = Done() if is_published else _cut_and_publish(task, job, bench)
        _dispose(task, job, bench)
        bench.journal.finish(task.inbox.path, job)
    except Exception as error:  # noqa: BLE001 - no picture stops the daemon
        return _off_the_line(task, job, bench, error)
    return done


def _begin(task: Task, bench: Bench) -> tuple[Job, bool]:
    """Plan the job and journal it; also whether its outputs are out already."""
    inbox, outbox = task.inbox.path, task.inbox.outbox
    before = bench.journal.planned(inbox, outbox, task.source, task.rule)
    known = bench.journal.known(inbox, task.source.path)
    state = known.state if known is not None else ""
    if before is not None and not before.outputs:
        return before, True
    task.outbox_root.prepare()  # before names are planned: away, all of them would seem free
    asked = state in {"failed", "again"}  # for what was done before; these gave up their names
    if task.journal_lost and not asked:
        found = _find_done(task, bench)
        if found is not None:
            return found, True
    if before is not None and not asked:
        begun = bench.journal.begin(inbox, outbox, before)
        if begun is not None:
            tag = str(begun.id)
            folders.remove_temporaries([(outbox / name).parent for name in begun.names], tag=tag)
            return begun, False
    mine = (str(inbox), task.source.path)

    def taken(name: str) -> bool:
        owner = bench.journal.owner(outbox, name)
        return folders.exists(outbox / name) if owner is None else owner != mine

    while True:
        date = bench.now().astimezone().strftime("%Y-%m-%d")
        job = plan(task.inbox.name, task.source, task.rule, date=date, taken=taken)
        job = replace(job, inbox=str(inbox))  # templates take its name, the journal its path
        begun = bench.journal.begin(inbox, outbox, job)
        if begun is not None:
            return begun, False


def _find_done(task: Task, bench: Bench) -> Job | None:
    """After the journal was lost: take a picture for cut if all its outputs are there to see."""
    inbox, outbox = task.inbox.path, task.inbox.outbox
    date = bench.now().astimezone().strftime("%Y-%m-%d")
    mine = (str(inbox), task.source.path)

    def taken(name: str) -> bool:
        return bench.journal.owner(outbox, name) not in {None, mine}

    job = plan(task.inbox.name, task.source, task.rule, date=date, taken=taken)
    for review in (False, True):
        paths = [in_review(p.path) if review else p.path for p in job.outputs]
        if all(folders.is_newer(outbox / path, task.source) for path in paths):
            begun = bench.journal.begin(inbox, outbox, replace(job, inbox=str(inbox)))
            if begun is not None:
                absolute = [str(outbox / path) for path in paths]
                bench.journal.published(inbox, begun, absolute, verdict="", provider="")
            return begun
    return None


def _cut_and_publish(task: Task, job: Job, bench: Bench) -> Done:
    inbox = task.inbox
    if task.attempts >= DEATHS:
        raise PictureError(
            "the program died again and again while it worked on this picture",
            "It is left alone until the file changes, or until 'scissorsd retry' asks for it.",
        )
    with bench.memory.room_for(min(task.source.size, bench.limits.file)) as room:
        files, done = _made(task, job, bench, room)
        if room.held > _LARGE:
            give_back_memory()
        room.shrink(sum(len(content) for _, content in files))
        folders.check_unchanged(inbox.path, task.source)
        task.outbox_root.prepare()
        folders.publish(files, tag=str(job.id))
    verdict = done.verdict or ""
    bench.journal.published(inbox.path, job, done.outputs, verdict=verdict, provider=done.provider)
    return done


def _made(task: Task, job: Job, bench: Bench, room: Room) -> tuple[list[tuple[Path, bytes]], Done]:
    """Make the outputs, and what there will be to say when they are out."""
    rule = task.rule
    data = folders.read_source(task.inbox.path, task.source, limit=bench.limits.file)
    header = images.read_header(data, max_pixels=bench.limits.pixels)
    refuse_impossible(header.height, header.width, rule.outputs, max_pixels=bench.limits.pixels)
    room.grow(len(data) + _bytes_to_cut(header, rule))
    faults.at("decode", task.source.path)
    deep = any(output.depth != "8" for output in rule.outputs)
    picture = images.read(data, max_pixels=bench.limits.pixels, deep=deep)
    cut = cut_out(picture, bench.catalogue[rule.model], bench.sessions, rule.mask)
    what_then = _what_then(rule, cut.judgement.verdict)
    if what_then == "fail":
        raise _RefusedError(cut.judgement, rule)
    files = _render_all(task, job, picture, cut, review=what_then == "review", bench=bench)
    return files, Done(
        outputs=tuple(str(path) for path, _ in files),
        verdict=cut.judgement.verdict,
        model=rule.model,
        provider=cut.provider,
        width=picture.rgb.shape[1],
        height=picture.rgb.shape[0],
        infer_s=cut.infer_s,
    )


def _bytes_to_cut(header: images.Header, rule: Rule) -> int:
    """Say what a picture of this size takes at most, from decoding to the encoded outputs."""
    pixels = header.width * header.height
    deep = any(
        output.depth == "16" or (output.depth == "same" and header.bits > SHALLOW)
        for output in rule.outputs
    )
    most = pixels * (BYTES_PER_PIXEL_DEEP if deep else BYTES_PER_PIXEL)
    for output in rule.outputs:
        encoding = BYTES_PER_PIXEL_ENCODING.get(output.format, BYTES_PER_PIXEL)
        most = max(most, pixels * encoding)
        if not asks_nothing(output):
            height, width = framed_size(header.height, header.width, output)
            most = max(most, pixels * HELD + height * width * encoding)
    return most


class _RefusedError(PictureError):
    """The rule says that a picture with this verdict fails."""

    def __init__(self, judgement: Judgement, rule: Rule) -> None:
        super().__init__(
            judgement.reason, f"The rule {rule.name!r} says that such a picture fails."
        )
        self.judgement = judgement


def _what_then(rule: Rule, verdict: Verdict) -> str:
    if verdict == "no_subject":
        return rule.when_no_subject
    return rule.when_doubtful if verdict == "doubtful" else "publish"


def _render_all(
    task: Task, job: Job, picture: images.Picture, cut: Cut, *, review: bool, bench: Bench
) -> list[tuple[Path, bytes]]:
    outbox = task.inbox.outbox
    paths = [outbox / (in_review(p.path) if review else p.path) for p in job.outputs]
    outputs = [planned.output for planned in job.outputs]
    contents = render_all(picture, cut, outputs, max_pixels=bench.limits.pixels)
    files = list(zip(paths, contents, strict=True))
    if review:
        first = files[0][0]
        note = _note(task, f"A person should look at this: {cut.judgement.reason}.")
        files.append((_reason_file(first), note))
    return files


def _dispose(task: Task, job: Job, bench: Bench) -> None:
    for note in _reason_files(task, bench):
        folders.remove(Path(note))
    if job.rule.source == "delete":
        folders.delete(task.inbox.path, task.source)
    elif job.rule.source == "move":
        task.inbox_root.must_be_there()  # gone is not moved
        task.outbox_root.prepare()
        folders.move(
            task.inbox.path, task.source, task.inbox.outbox / job.moved_to, tag=str(job.id)
        )


# --- the ways off the line -------------------------------------------------------------------


def _off_the_line(task: Task, job: Job, bench: Bench, error: Exception) -> Outcome:
    """Decide what a fault means for the picture: gone, held, or failed."""
    match error:
        case SourceChangedError():
            return _let_go(task, job, bench, error)
        case TruncatedPictureError() if not task.last_look:
            held = Held(str(error), truncated=True, kind="truncated")
            return _hold(task, job, bench, held)
        case HoldError() | WeightsError() | SessionError() | JournalError():
            return _hold(task, job, bench, _held(error))
        case MemoryError():
            return _hold(task, job, bench, Held("there was not enough memory for this picture"))
        case ScissorsError():
            return _fail(task, job, bench, error)
    unforeseen = PictureError(
        f"something unforeseen went wrong: {type(error).__name__}: {error}",
        "This is a fault of scissorsd; please report it, with the picture if you can.",
    )
    outcome = _fail(task, job, bench, unforeseen)
    trace = "".join(traceback.format_exception(error))
    return replace(outcome, trace=trace) if isinstance(outcome, Failed) else outcome


def _held(error: ScissorsError) -> Held:
    if isinstance(error, HoldError):
        return Held(str(error), outbox_wide=error.outbox_wide, kind=error.kind)
    return Held(str(error), kind=type(error).__name__)


def _let_go(task: Task, job: Job, bench: Bench, error: SourceChangedError) -> Outcome:
    """End a job whose picture is no longer the one that settled; unless the inbox is away."""
    try:
        task.inbox_root.must_be_there()
        known = bench.journal.known(task.inbox.path, task.source.path)
        aside = bench.journal.set_aside_at(job)
        if len(aside) > 1 and folders.exists(Path(aside[1])):
            # it was set aside before, and only to be journalled
            reason = folders.content(Path(aside[0])).partition(b"\n\nPicture: ")[0].decode()
            bench.journal.fail(task.inbox.path, job, reason, aside)
            return Failed(reason)
        if known is not None and known.state == "published":
            bench.journal.finish(task.inbox.path, job)  # its outputs are out; its source is gone
        else:
            bench.journal.withdraw(task.inbox.path, job)
    except HoldError as away:
        return _hold(task, job, bench, _held(away))
    except JournalError as journal_error:
        return _held(journal_error)
    return Changed(str(error))


def _hold(task: Task, job: Job, bench: Bench, outcome: Held) -> Held:
    try:
        bench.journal.hold(task.inbox.path, job, outcome.reason)
    except JournalError as error:
        return replace(outcome, reason=f"{outcome.reason}; and {error}")
    return outcome


def _fail(task: Task, job: Job, bench: Bench, error: ScissorsError) -> Failed | Held:
    """Set a picture aside: its reason and, where the rule disposes of sources, the source."""
    tag = str(job.id)
    try:
        task.outbox_root.prepare()
        aside = _set_aside_at(task, job, bench, str(error))
        folders.publish([(Path(aside[0]), _note(task, str(error)))], tag=tag)
        for kept in aside[1:]:
            folders.move(task.inbox.path, task.source, Path(kept), tag=tag)
        verdict = error.judgement.verdict if isinstance(error, _RefusedError) else ""
        bench.journal.fail(task.inbox.path, job, str(error), aside, verdict=verdict)
    except (HoldError, JournalError, SourceChangedError, OverLimitsError) as fault:
        reason = f"{error}\nand it could not be set aside: {fault}"
        return _hold(task, job, bench, replace(_held(fault), reason=reason))
    return Failed(str(error))


def _set_aside_at(task: Task, job: Job, bench: Bench, reason: str) -> tuple[str, ...]:
    """Choose and journal where the reason goes and, if it goes too, the source.

    Once chosen it stays, so that a repeated job does not set the picture aside twice.
    """
    aside = bench.journal.set_aside_at(job)
    moves = task.rule.source != "keep"
    if len(aside) == 1 + moves:
        return aside
    place = _failed_place(task)
    others: set[Path] = set()  # chosen by others at this moment
    while True:
        kept = folders.free_name(place.parent, place.name, others) if moves else place
        note = _reason_file(kept)
        said = folders.content(note)
        if note in others or (said and _picture_line(task) not in said.splitlines()):
            note = folders.free_name(note.parent, note.name, others)  # that is another inbox's
        aside = (str(note), str(kept)) if moves else (str(note),)
        if bench.journal.setting_aside(job, reason, aside):
            return aside
        others |= {note, kept}


def _failed_place(task: Task) -> Path:
    folder = task.inbox.outbox / FAILED_FOLDER
    place = folder / task.source.path
    if len(os.fsencode(place)) <= _LONGEST_PATH:
        return place
    return folder / fit(task.source.path.replace("/", "-"), place.suffix)


_LONGEST_PATH = 4000  # bytes: what Linux takes, less what a temporary name may need


def _reason_file(picture: Path) -> Path:
    return picture.with_name(fit(picture.name, ".txt"))


def _reason_files(task: Task, bench: Bench) -> list[str]:
    """Give the reasons of earlier versions that failed where they are; they hold no more."""
    entries = bench.journal.of_source(task.inbox.path, task.source.path)
    return [e.set_aside[0] for e in entries if e.state == "failed" and len(e.set_aside) == 1]


def _note(task: Task, text: str) -> bytes:
    rule = f"Rule: {task.rule.name} (inbox {task.inbox.name})"
    return b"\n".join([os.fsencode(text), b"", _picture_line(task), os.fsencode(rule), b""])


def _picture_line(task: Task) -> bytes:
    """Give the line of a reason file that tells whose it is."""
    return b"Picture: " + os.fsencode(repr(str(task.inbox.path / task.source.path))[1:-1])

"""The straight line of one picture: plan, read, mask, cut, publish, journal, dispose."""

import os
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from scissorsd import failpoints
from scissorsd.core.canvas import asks_nothing, framed_size
from scissorsd.core.catalogue import Model
from scissorsd.core.masking import Judgement
from scissorsd.core.rules import (
    AS_IT_IS,
    FAILED_FOLDER,
    SHORT_NAME_LIMIT,
    Format,
    Job,
    Naming,
    Rule,
    Verdict,
    destinations,
    in_review,
    plan,
)
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.daemon.memory import LARGE, MemoryCeiling, Room
from scissorsd.errors import (
    HoldError,
    InTheWayError,
    JournalError,
    NameRefusedError,
    PictureError,
    PlaceTakenError,
    ScissorsError,
    SessionError,
    SourceChangedError,
    TruncatedPictureError,
    WeightsError,
)
from scissorsd.folders import no_replace, publishing
from scissorsd.machine import give_back_memory
from scissorsd.pictures import reading
from scissorsd.pictures.cutting_out import Inference, cut_out, refuse_impossible, render_all
from scissorsd.records.journal import STARVED, Journal
from scissorsd.records.journal_rows import Known
from scissorsd.settings import Inbox, Limits

# What one pixel costs at most while its picture is in hand: measured over every format that is
# read, 10 to 18 bytes; encoding takes no more, but for these formats.
BYTES_PER_PIXEL = 20
BYTES_PER_PIXEL_LEAST = 7  # a picture as Pillow has it and, beside it, as an array
BYTES_PER_PIXEL_DEEP = 36  # where 16 bits are read or written
BYTES_PER_PIXEL_ENCODING: dict[Format, int] = {"webp": 30, "avif": 50}
HELD = 8  # by the picture itself, its clean colours and its mask, while a framed output is made
SHALLOW = 8  # bits
# A picture in hand when the program died is a suspect, and is tried again alone. A crash (a signal
# such as SIGSEGV) counts for a hundred deaths, and so does one for want of memory; another kill or
# a power cut says little of the picture.
CRASH = 100
DEATHS = 3 * CRASH  # a picture that was in hand at so many is not tried again


# --- the bench: what every job shares --------------------------------------------------------


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
    inbox_root: publishing.Root
    outbox_root: publishing.Root
    source: Sighting
    rule: Rule
    settled_at: float  # monotonic
    attempts: int = 0  # begun before without an orderly end
    journal_lost: bool = False  # and the picture was there before: its outputs may be out
    last_look: bool = False  # if it is truncated, or short of memory, it is taken to stay so
    done: Known | None = None  # it was cut as it is, but may have been dropped again since


# --- what can come of a job ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """All outputs are out and the source is disposed of."""

    outputs: tuple[str, ...] = ()
    verdict: Verdict | None = None  # none: the outputs were out before; only the source was left
    stays: str = ""  # why the source, which was to be moved, is where it was
    model: str = ""
    provider: str = ""
    width: int = 0
    height: int = 0
    infer_s: float = 0.0
    remarks: tuple[str, ...] = ()  # what was left behind of the picture, or guessed, in words


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
        left_alone = _why_left_alone(task, bench)
        if left_alone is not None:
            return left_alone
        job, is_published = _begin(task, bench)
    except (HoldError, JournalError) as error:
        return _held(error)
    try:
        job, done = (job, Done()) if is_published else _cut_and_publish(task, job, bench)
        moved, stays = _dispose(task, job, bench)
        bench.journal.finish(task.inbox.path, job, moved=moved, stays=bool(stays))
        done = replace(done, stays=stays)
    except Exception as error:  # noqa: BLE001 - no picture stops the daemon
        return _off_the_line(task, job, bench, error)
    return done


def _why_left_alone(task: Task, bench: Bench) -> LeftAlone | None:
    """Say why nothing is to be done, or None."""
    own = own_file(task.inbox.path, task.source, bench.journal)
    if own:
        return LeftAlone(f"it is a file of scissorsd's own, {own}, seen by another path", echo=True)
    if task.done is None:
        return None
    if not publishing.came_after(task.inbox.path, task.source, task.done.inode, task.done.ctime_ns):
        return LeftAlone("it was cut, and only its attributes were touched since")
    outputs = bench.journal.outputs_of(task.inbox.path, task.source)
    if all(publishing.exists(Path(path)) for path in outputs):
        return LeftAlone("it was cut, and its outputs are there")
    return None


def own_file(inbox: Path, source: Sighting, journal: Journal) -> str:
    """Return where a sighted file lies as an output, or a moved source, of pictures of this inbox.

    So it does where the outbox can be seen within the inbox, through a bind mount or a link: it
    would be cut again and again. Nothing where it is none.
    """
    places = (stamp.place for stamp in journal.stamps.like(source, inbox))
    return next((p for p in places if no_replace.is_same_file(Path(p), inbox / source.path)), "")


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
        _vouch(task, before, bench)
        begun = bench.journal.begin(inbox, outbox, before)
        if begun is not None:
            sweep(bench.journal, begun.id, [(outbox / name).parent for name in begun.names])
            return begun, False
    job, _ = _planned(task, bench, lambda job: bench.journal.begin(inbox, outbox, job))
    if state:
        _take_back(job, task, bench)  # what it was about to put out under another rule
    return job, False


def _vouch(task: Task, before: Job, bench: Bench) -> None:
    """Stamp what a job that an older version left half done may have put out: it left no stamps."""
    if not bench.journal.stamps.is_of_older_version(before):
        return
    outbox = task.inbox.outbox
    paths = [outbox / name for planned in before.outputs for name in _both(planned.path)]
    found = [publishing.stamped(path) for path in paths if publishing.exists(path)]
    bench.journal.stamps.add(before, [stamp for stamp in found if stamp is not None])


def _both(path: str) -> tuple[str, str]:
    return path, in_review(path)


def sweep(journal: Journal, job_id: int, places: Sequence[Path]) -> None:
    """Remove what an interrupted job left under temporary names in these folders."""
    unplaced = [s for s in journal.stamps.unplaced(job_id) if not publishing.is_stamp_placed(s)]
    journal.stamps.remove(unplaced)  # first: without its temporary name it would count as placed
    publishing.discard(unplaced)
    publishing.remove_temporaries(places, tag=_tag(journal, job_id))


def _tag(journal: Journal, job_id: int) -> str:
    return f"{journal.id}-{job_id}"


def _planned(
    task: Task,
    bench: Bench,
    record: Callable[[Job], Job | None],
    *,
    naming: Naming = AS_IT_IS,
    avoid: Collection[str] = (),
) -> tuple[Job, Naming]:
    """Plan the job under names that are free, and record it; also the naming that it took."""
    inbox, outbox = task.inbox.path, task.inbox.outbox

    def taken(name: str) -> bool:
        return str(outbox / name) in avoid or _is_taken(task, name, bench, naming)

    while True:
        date = bench.now().astimezone().strftime("%Y-%m-%d")
        try:
            job = plan(
                task.inbox.name, task.source, task.rule, date=date, taken=taken, naming=naming
            )
        except NameRefusedError as refusal:
            naming = stricter(naming, refusal)
            continue
        # templates take the inbox's name, the journal its path
        recorded = record(replace(job, inbox=str(inbox)))
        if recorded is not None:
            return recorded, naming


def _is_taken(task: Task, name: str, bench: Bench, naming: Naming) -> bool:
    outbox = task.inbox.outbox
    owner = bench.journal.owner(outbox, name)
    if owner not in {None, (str(task.inbox.path), task.source.path)}:
        return True
    try:
        there = publishing.exists(outbox / name)
    except NameRefusedError as refusal:
        if stricter(naming, refusal) != naming:
            raise
        return False  # it cannot be there; to publish it says why
    return there and (owner is None or not _is_own(task, outbox / name, bench))


def stricter(naming: Naming, refusal: NameRefusedError) -> Naming:
    """Return how to name files where these names were refused; the same if there is no way."""
    if refusal.too_long:
        return replace(naming, limit=SHORT_NAME_LIMIT)
    return replace(naming, portable=True)


def _is_own(task: Task, place: Path, bench: Bench) -> bool:
    """Whether what is at a place was put there for this same picture, or one before it."""
    inbox, path = task.inbox.path, task.source.path
    stamps = bench.journal.stamps.at(place, inbox, path)
    if stamps:
        return any(publishing.is_own(stamp) for stamp in stamps)
    return bench.journal.stamps.was_published(place, inbox, path)


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
        if all(publishing.is_newer(outbox / path, task.source) for path in paths):
            begun = bench.journal.begin(inbox, outbox, replace(job, inbox=str(inbox)))
            if begun is not None:
                absolute = [str(outbox / path) for path in paths]
                bench.journal.published(inbox, begun, absolute, verdict="", provider="")
            return begun
    return None


def _cut_and_publish(task: Task, job: Job, bench: Bench) -> tuple[Job, Done]:
    """Cut the picture and put its outputs out; give the job as it came out, and what to say."""
    inbox = task.inbox
    if task.attempts >= DEATHS:
        raise _deadly(task, bench)
    with bench.memory.room_for(min(task.source.size, bench.limits.file)) as room:
        made = _made(task, bench, room)
        if room.held > LARGE:
            give_back_memory()
        room.shrink(sum(map(len, made.contents)))
        publishing.check_unchanged(inbox.path, task.source)
        task.outbox_root.prepare()
        job, stamps = _publish(task, job, made, bench)
    done = replace(made.done, outputs=tuple(stamp.place for stamp in stamps))
    bench.journal.published(
        inbox.path,
        job,
        done.outputs,
        verdict=done.verdict or "",
        provider=done.provider,
        stamps=stamps,
    )
    return job, done


def _deadly(task: Task, bench: Bench) -> PictureError:
    """Say what a picture does with which the program died again and again."""
    entries = bench.journal.entries.of_source(task.inbox.path, task.source.path)
    if entries and entries[0].reason == STARVED:
        return PictureError(
            "the kernel ended the program again and again, for want of memory, while it worked on "
            "this picture alone",
            "Give it more memory (the limit of the container or the service), or make the picture "
            "smaller; then 'scissorsd retry' asks for it.",
        )
    return PictureError(
        "the program died again and again while it worked on this picture",
        "It is left alone until the file changes, or until 'scissorsd retry' asks for it.",
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """The outputs of a picture, in the order of its rule's, and what there is to say of them."""

    contents: tuple[bytes, ...]
    note: bytes  # why a person should look at it, or nothing: then it is not for review
    done: Done


def _publish(task: Task, job: Job, made: _Made, bench: Bench) -> tuple[Job, tuple[Stamp, ...]]:
    """Put all outputs out; under other names where these were taken meanwhile, or are refused.

    Gives the job as it came out.
    """
    naming, avoid = AS_IT_IS, set[str]()
    while True:
        try:
            return job, _put_out(task, job, made, bench, naming, avoid)
        except PlaceTakenError as error:
            avoid.add(error.place)
        except NameRefusedError as refusal:
            if stricter(naming, refusal) == naming:
                raise
            naming = stricter(naming, refusal)
        job, naming = _planned(
            task, bench, partial(_renamed, task, job, bench), naming=naming, avoid=avoid
        )
        _take_back(job, task, bench)


def _renamed(task: Task, job: Job, bench: Bench, anew: Job) -> Job | None:
    anew = replace(anew, id=job.id)
    done = bench.journal.replan(task.inbox.path, task.inbox.outbox, anew)
    return anew if done else None


def _put_out(
    task: Task, job: Job, made: _Made, bench: Bench, naming: Naming, avoid: Collection[str]
) -> tuple[Stamp, ...]:
    outbox, tag = task.inbox.outbox, _tag(bench.journal, job.id)
    paths = [outbox / (in_review(p.path) if made.note else p.path) for p in job.outputs]
    files = list(zip(paths, made.contents, strict=True))
    if made.note:
        others = set(map(Path, avoid))
        files.append((_free_note(task, _reason_file(paths[0], naming), others), made.note))
    own = {str(path) for path, _ in files if publishing.exists(path) and _is_own(task, path, bench)}
    staged = publishing.stage(files, tag=tag)
    try:
        bench.journal.stamps.add(job, staged)
        publishing.commit(staged, own=own, tag=tag)
    except (ScissorsError, OSError):
        bench.journal.stamps.remove(staged)
        publishing.discard(staged)
        raise
    return staged


def _take_back(job: Job, task: Task, bench: Bench) -> None:
    """Remove what a job that was cut short had put out under names that it no longer has."""
    outbox = task.inbox.outbox
    kept = {str(outbox / name) for name in job.names}
    left = [s for s in bench.journal.stamps.unplaced(job.id) if s.place not in kept]
    for stamp in left:
        if publishing.is_own(stamp):
            publishing.remove(Path(stamp.place))
    bench.journal.stamps.remove(left)


def _made(task: Task, bench: Bench, room: Room) -> _Made:
    """Make the outputs, and what there will be to say when they are out."""
    rule = task.rule
    data = publishing.read_source(task.inbox.path, task.source, limit=bench.limits.file)
    header = reading.read_header(data, max_pixels=bench.limits.pixels)
    bench.memory.refuse_over(len(data) + header.width * header.height * BYTES_PER_PIXEL_LEAST)
    refuse_impossible(header.height, header.width, rule.outputs, max_pixels=bench.limits.pixels)
    room.grow(len(data) + _bytes_to_cut(header, rule))
    failpoints.at("decode", task.source.path)
    deep = any(output.depth != "8" for output in rule.outputs)
    picture = reading.read(data, max_pixels=bench.limits.pixels, deep=deep)
    cut = cut_out(picture, bench.catalogue[rule.model], bench.sessions, rule.mask)
    what_then = _what_then(rule, cut.judgement.verdict)
    if what_then == "fail":
        raise _RefusedError(cut.judgement, rule)
    contents = render_all(picture, cut, rule.outputs, max_pixels=bench.limits.pixels)
    note = b""
    if what_then == "review":
        note = _note(task, f"A person should look at this: {cut.judgement.reason}.")
    done = Done(
        verdict=cut.judgement.verdict,
        model=rule.model,
        provider=cut.provider,
        width=picture.rgb.shape[1],
        height=picture.rgb.shape[0],
        infer_s=cut.infer_s,
        remarks=picture.metadata.remarks,
    )
    return _Made(tuple(contents), note, done)


def _bytes_to_cut(header: reading.Header, rule: Rule) -> int:
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


def _dispose(task: Task, job: Job, bench: Bench) -> tuple[Stamp | None, str]:
    """Do with the source as the rule says; give where it was moved to, or why it has to stay."""
    for note in map(Path, _reason_files(task, bench)):
        if is_reason_for(task.inbox.path / task.source.path, note):
            publishing.remove(note)
    if job.rule.source == "delete":
        publishing.delete(task.inbox.path, task.source)
    if job.rule.source != "move":
        return None, ""
    task.inbox_root.must_be_there()  # gone is not moved
    task.outbox_root.prepare()
    naming, avoid = AS_IT_IS, set[str]()
    while True:
        target = task.inbox.outbox / job.moved_to
        try:
            return _moved(task, job, target, bench), ""
        except PlaceTakenError as error:
            avoid.add(error.place)
        except (NameRefusedError, InTheWayError) as refusal:
            if isinstance(refusal, InTheWayError) or stricter(naming, refusal) == naming:
                return None, f"the picture stays where it is: {refusal}"
            naming = stricter(naming, refusal)
        job = _redirected(task, job, bench, naming, avoid)


def _moved(task: Task, job: Job, target: Path, bench: Bench) -> Stamp:
    try:
        return publishing.move(
            task.inbox.path,
            task.source,
            target,
            tag=_tag(bench.journal, job.id),
            own=lambda place: _is_own(task, place, bench),
            staged=lambda copy: bench.journal.stamps.add(job, [copy]),
        )
    except PlaceTakenError:
        bench.journal.stamps.remove(bench.journal.stamps.unplaced(job.id))
        raise


def _redirected(task: Task, job: Job, bench: Bench, naming: Naming, avoid: Collection[str]) -> Job:
    """Choose another place for the source, and journal it."""
    for place in destinations(job.rule, task.source.path, naming):
        is_free = str(task.inbox.outbox / place) not in avoid
        is_free = is_free and not _is_taken(task, place, bench, naming)
        if is_free and bench.journal.redirect(job, place):
            return replace(job, moved_to=place)
    raise AssertionError("the places never end")


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
            return _short_of_memory(task, job, bench)
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


def _short_of_memory(task: Task, job: Job, bench: Bench) -> Outcome:
    """Try a picture for which memory did not do alone, and in the end no more."""
    if not task.last_look:
        return _hold(task, job, bench, SHORT_OF_MEMORY)
    short = PictureError(
        "there is not enough memory for this picture, though it was tried alone",
        "Give scissorsd more (ulimit -v, the container's or the service's limit), or make the "
        "picture smaller; then 'scissorsd retry' asks for it.",
    )
    return _fail(task, job, bench, short)


def _let_go(task: Task, job: Job, bench: Bench, error: SourceChangedError) -> Outcome:
    """End a job whose picture is no longer the one that settled; unless the inbox is away."""
    try:
        task.inbox_root.must_be_there()
        known = bench.journal.known(task.inbox.path, task.source.path)
        aside = bench.journal.set_aside_at(job)
        if len(aside) > 1 and publishing.exists(Path(aside[1])):
            reason = bench.journal.reason(job)  # it was set aside, and only to be journalled
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
    """Set a picture aside: its reason and, where the rule disposes of sources, the source.

    Where nothing can be put beside it, the reason is in the job journal, and the source stays.
    """
    reason = str(error)
    try:
        task.outbox_root.prepare()
        try:
            aside = _set_aside(task, job, bench, reason)
        except (PictureError, PlaceTakenError) as fault:
            aside = ()
            reason = f"{reason}\nand it could not be set aside: {fault}"
        verdict = error.judgement.verdict if isinstance(error, _RefusedError) else ""
        bench.journal.fail(task.inbox.path, job, reason, aside, verdict=verdict)
    except (HoldError, JournalError, SourceChangedError) as fault:
        reason = f"{error}\nand it could not be set aside: {fault}"
        return _hold(task, job, bench, replace(_held(fault), reason=reason))
    return Failed(reason)


def _set_aside(task: Task, job: Job, bench: Bench, reason: str) -> tuple[str, ...]:
    """Put the reason and, if it goes too, the source into failed/; give their places.

    The places are journalled first, so that a repeated job does not set the picture aside twice.
    """
    naming, others = AS_IT_IS, set[Path]()
    while True:
        aside: tuple[str, ...] = ()
        try:
            aside = _set_aside_at(task, job, bench, reason, naming, others)
            _put_note(task, Path(aside[0]), reason, _tag(bench.journal, job.id))
            for kept in aside[1:]:
                _moved(task, job, Path(kept), bench)
        except PlaceTakenError as taken:
            others.add(Path(taken.place))
        except NameRefusedError as refusal:
            if stricter(naming, refusal) == naming:
                raise
            naming = stricter(naming, refusal)
        else:
            return aside
        if aside and _is_note_of(task, Path(aside[0])):
            publishing.remove(Path(aside[0]))
        bench.journal.setting_aside(job, reason, ())


def _put_note(task: Task, place: Path, reason: str, tag: str) -> None:
    publishing.publish([(place, _note(task, reason))], tag=tag, own=partial(_is_note_of, task))


def _set_aside_at(
    task: Task, job: Job, bench: Bench, reason: str, naming: Naming, avoid: Collection[Path]
) -> tuple[str, ...]:
    """Choose and journal where the reason goes and, if it goes too, the source."""
    aside = bench.journal.set_aside_at(job)
    moves = task.rule.source != "keep"
    if len(aside) == 1 + moves:
        return aside
    place = _failed_place(task, naming)
    others = set(avoid)
    while True:
        kept = publishing.free_name(place.parent, place.name, others) if moves else place
        note = _free_note(task, _reason_file(kept, naming), others)
        aside = (str(note), str(kept)) if moves else (str(note),)
        if bench.journal.setting_aside(job, reason, aside):
            return aside
        others |= {note, kept}  # chosen by others at this moment


def _failed_place(task: Task, naming: Naming) -> Path:
    folder = task.inbox.outbox / FAILED_FOLDER
    if publishing.is_in_the_way(folder):
        folder = publishing.free_name(folder.parent, folder.name)
    place = folder / naming.path(task.source.path)
    too_long = len(os.fsencode(place)) > _LONGEST_PATH
    if not too_long and not any(map(publishing.is_in_the_way, _between(place, folder))):
        return place
    return folder / naming.made(task.source.path.replace("/", "-"), place.suffix)


def _between(place: Path, folder: Path) -> Iterator[Path]:
    """Return the folders of a path that lie below a folder."""
    return (parent for parent in place.parents if folder in parent.parents)


_LONGEST_PATH = 4000  # bytes: what Linux takes, less what a temporary name may need


def _free_note(task: Task, place: Path, others: Collection[Path]) -> Path:
    """Return a place for a reason: this one, unless another picture's or no reason is there."""
    if place not in others and (not publishing.exists(place) or _is_note_of(task, place)):
        return place
    return publishing.free_name(place.parent, place.name, {place, *others})


def _is_note_of(task: Task, place: Path) -> bool:
    """Whether the file at a place is the reason that was given for this picture."""
    line = _picture_line(task.inbox.path / task.source.path)
    return line in publishing.content(place).splitlines()


def is_reason_for(picture: Path, place: Path) -> bool:
    """Whether a file, where the journal has a picture's reason, is one for a picture so called.

    It may name the picture by another path, by which its inbox was known then.
    """
    name = _picture_line(Path("/") / picture.name).removeprefix(_PICTURE)
    lines = publishing.content(place).splitlines()
    return any(line.startswith(_PICTURE) and line.endswith(name) for line in lines)


def _reason_file(picture: Path, naming: Naming) -> Path:
    return picture.with_name(naming.made(picture.name, ".txt"))


def _reason_files(task: Task, bench: Bench) -> list[str]:
    """Return the reasons of earlier versions that failed where they are; they hold no more."""
    entries = bench.journal.entries.of_source(task.inbox.path, task.source.path)
    return [e.set_aside[0] for e in entries if e.state == "failed" and len(e.set_aside) == 1]


def _note(task: Task, text: str) -> bytes:
    rule = f"Rule: {task.rule.name} (inbox {task.inbox.name})"
    line = _picture_line(task.inbox.path / task.source.path)
    return b"\n".join([os.fsencode(text), b"", line, os.fsencode(rule), b""])


def _picture_line(picture: Path) -> bytes:
    """Return the line of a reason file that tells whose it is."""
    return _PICTURE + os.fsencode(repr(str(picture))[1:-1])


_PICTURE = b"Picture: "

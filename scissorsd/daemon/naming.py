"""The names of a job's files: chosen where they are free, and journalled before they are used.

A name is free when the journal has it for no other picture, and no file is there but this picture's
own (`is_own`). Where the file system refuses a name, `stricter` naming makes another.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from scissorsd.core.file_names import AS_IT_IS, SHORT_NAME_LIMIT, Facts, Naming
from scissorsd.core.rules import Job, destinations, plan
from scissorsd.core.stamps import Stamp
from scissorsd.daemon.outcomes import (
    Bench,
    Task,
)
from scissorsd.errors import (
    NameRefusedError,
    PlaceTakenError,
)
from scissorsd.folders import publishing, sources
from scissorsd.records import names
from scissorsd.records.journal import Journal
from scissorsd.settings import Inbox


def tag_of(journal: Journal, job_id: int) -> str:
    """Return what marks a job's temporary files, so that a later run knows them for its own."""
    return f"{journal.id}-{job_id}"


def plan_job(
    task: Task, bench: Bench, taken: Callable[[str], bool], naming: Naming = AS_IT_IS
) -> Job:
    """Plan the job under names that are not `taken`; nothing is recorded.

    A picture that is cut again has the names that it had, and their date, as far as may be.
    """
    file, inbox, source = bench.journal.file, task.inbox.path, task.source
    before = bench.journal.recuts.before(inbox, source)
    told = task.rule.is_told_by_pictures
    began = bench.now() if before is None else datetime.fromtimestamp(before.begun_at, tz=UTC)
    job = plan(
        task.inbox.path,
        task.inbox.outbox,
        task.source,
        task.rule,
        inbox_name=task.inbox.name,
        date=began.astimezone().strftime("%Y-%m-%d"),
        taken=taken,
        naming=naming,
        before=() if before is None else before.outputs,
        facts=task.facts or (names.facts_of(file, inbox, source) if told else None),
        counter=names.counter_of(file, inbox, source, task.rule) if task.rule.counts else 1,
    )
    return replace(job, id=task.job_id, lies_at=task.lies_at)


def plan_and_record(
    task: Task,
    bench: Bench,
    record: Callable[[Job], Job | None],
    *,
    naming: Naming = AS_IT_IS,
    avoid: Collection[str] = (),
) -> tuple[Job, Naming]:
    """Plan the job under names that are free, and `record` it; also return the naming it took.

    `record` returns None where one of the names was taken meanwhile: then it is planned anew.
    """
    outbox = task.inbox.outbox

    def taken(name: str) -> bool:
        return str(outbox / name) in avoid or is_taken(task, name, bench, naming)

    while True:
        try:
            job = plan_job(task, bench, taken, naming)
        except NameRefusedError as refusal:
            naming = stricter(naming, refusal)
            continue
        recorded = record(job)
        if recorded is not None:
            return recorded, naming


def name_by_facts(task: Task, job: Job, facts: Facts, bench: Bench) -> tuple[Task, Job]:
    """Give a job names that tell of its picture, which is known by now, where they do.

    One that was cut short after that has them already.
    """
    if not job.rule.is_told_by_pictures:
        return task, job
    task = replace(task, facts=facts)
    if names.facts_of(bench.journal.file, task.inbox.path, task.source) is None:
        job, _ = plan_and_record(task, bench, partial(renamed, job, bench))
        take_back(job, task, bench)
    return task, job


def renamed(job: Job, bench: Bench, anew: Job) -> Job | None:
    """Record that a job has the names of another plan; None where one was just taken."""
    anew = replace(anew, id=job.id)
    return anew if bench.journal.replan(anew) else None


def is_taken(task: Task, name: str, bench: Bench, naming: Naming) -> bool:
    """Whether a name in the outbox is another picture's, or that of a file which is not ours.

    Raises NameRefusedError where a stricter naming may help.
    """
    source = task.source.path
    return is_name_taken(task.inbox, source, name, bench.journal, naming, job_id=task.job_id)


def is_name_taken(
    inbox: Inbox,
    source: str,
    name: str,
    journal: Journal | None,
    naming: Naming,
    *,
    job_id: int = 0,
) -> bool:
    """Answer as `is_taken` does, for a picture that need not be there; there may be no journal."""
    outbox = inbox.outbox
    owner = journal.owner(outbox, name, job_id) if journal is not None else None
    if owner not in {None, (str(inbox.path), source)}:
        return True
    try:
        there = publishing.exists(outbox / name)
    except NameRefusedError as refusal:
        if stricter(naming, refusal) != naming:
            raise
        return False  # it cannot be there; to publish it says why
    if owner is None or journal is None:
        return there
    return there and not is_put_there(inbox.path, source, outbox / name, journal)


def stricter(naming: Naming, refusal: NameRefusedError) -> Naming:
    """Return how to name files where these names were refused; the same if there is no way."""
    if refusal.too_long:
        return replace(naming, limit=SHORT_NAME_LIMIT)
    return replace(naming, portable=True)


def is_own(task: Task, place: Path, bench: Bench) -> bool:
    """Whether what is at a place was put there for this same picture, or one before it."""
    return is_put_there(task.inbox.path, task.source.path, place, bench.journal)


def is_put_there(inbox: Path, source: str, place: Path, journal: Journal) -> bool:
    """Whether what is at a place was put there for a picture of an inbox."""
    stamps = journal.stamps.at(place, inbox, source)
    if stamps:
        return any(publishing.matches_stamp(stamp) for stamp in stamps)
    return journal.stamps.was_published(place, inbox, source)


def take_back(job: Job, task: Task, bench: Bench) -> None:
    """Remove what a job that was cut short had put out under names that it no longer has."""
    outbox = task.inbox.outbox
    kept = {str(outbox / name) for name in job.names}
    left = [s for s in bench.journal.stamps.unplaced(job.id) if s.place not in kept]
    for stamp in left:
        if publishing.matches_stamp(stamp):
            publishing.remove(Path(stamp.place))
    bench.journal.stamps.remove(left)


def move_source(task: Task, job: Job, target: Path, bench: Bench) -> Stamp:
    """Move the source to a place that the journal has for it; return its stamp there.

    Raises PlaceTakenError where another file is there.
    """
    try:
        return sources.move(
            task.inbox.path,
            task.source,
            target,
            tag=tag_of(bench.journal, job.id),
            own=lambda place: is_own(task, place, bench) or _is_same_picture(job, place, bench),
            staged=lambda copy: bench.journal.stamps.add(job, [copy]),
        )
    except PlaceTakenError:
        bench.journal.stamps.remove(bench.journal.stamps.unplaced(job.id))
        raise


def _is_same_picture(job: Job, place: Path, bench: Bench) -> bool:
    """Whether a file is the picture itself, byte by byte: it was left there when that came back."""
    content = bench.journal.recuts.content(job.id)
    there = publishing.stamp_file(place) if content else None
    return there is not None and there.digest == content


def redirect(task: Task, job: Job, bench: Bench, naming: Naming, avoid: Collection[str]) -> Job:
    """Return the job with another place for its source, journalled."""
    for place in destinations(job.rule, task.source.path, naming):
        is_free = str(task.inbox.outbox / place) not in avoid
        is_free = is_free and not is_taken(task, place, bench, naming)
        if is_free and bench.journal.redirect(job, place):
            return replace(job, moved_to=place)
    raise AssertionError("the places never end")

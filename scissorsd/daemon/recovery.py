"""What becomes of a picture that the journal knows already: after a restart, or seen again.

    journalled        what is made of it                                        where
    nothing           planned and begun                                         begin
    begun, held       under the same rule: begun again under its own names,     _begin_again
                      its temporary files removed; what hosts still have
                      goes on in the same turn
                      under another rule: planned anew, and what it had         begin
                      published under other names is taken back
    published         nothing is cut; its source is disposed of                 recover
    done              left alone, unless dropped again or an output is gone     left_alone
    failed            planned anew: it has given up its names                   begin
    again             planned anew, under the names that it had if that may be  begin
    done, come back   the same bytes under the same name: as if it had never    known_by_content
                      been away; cut again if its rule or outputs are others
    (journal lost)    published, where all its outputs are there and newer      _found_done

Before a picture is read, `refuse_deadly` stops one that was in hand at too many deaths of the
program. One whose file is gone or was replaced is let go of (off_the_line.py).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from scissorsd.core.rules import Job, in_review
from scissorsd.core.settling import Sighting
from scissorsd.core.wishes import wish_of
from scissorsd.daemon.naming import is_put_there, plan_and_record, plan_job, tag_of, take_back
from scissorsd.daemon.outcomes import Bench, LeftAlone, Task
from scissorsd.errors import PictureError, SourceChangedError
from scissorsd.folders import publishing, scanning
from scissorsd.folders.holding import hold_on_error
from scissorsd.records.interrupted import STARVED
from scissorsd.records.journal import Journal
from scissorsd.records.reviews import Reviews

# A picture in hand when the program died is a suspect, and is tried again alone. A crash (a signal
# such as SIGSEGV) counts for a hundred deaths, and so does one for want of memory; another kill or
# a power cut says little of the picture.
CRASH = 100
DEATHS = 3 * CRASH  # a picture that was in hand at so many is not tried again


def left_alone(task: Task, bench: Bench) -> LeftAlone | None:
    """Return why nothing is to be done with a picture, where that is so."""
    own = bench.journal.stamps.own_file(task.inbox.path, task.source)
    if own:
        return LeftAlone(f"it is a file of scissorsd's own, {own}, seen by another path", echo=True)
    if task.done is None:
        return None
    if not scanning.came_after(task.inbox.path, task.source, task.done.inode, task.done.ctime_ns):
        return LeftAlone("it was cut, and only its attributes were touched since")
    reviews = Reviews(bench.journal.file)
    if reviews.is_rejected(task.inbox.path, task.source.path, task.source.version):
        return LeftAlone("it was cut, and a person rejected what came of it")
    outputs = bench.journal.outputs_of(task.inbox.path, task.source)
    if all(publishing.is_there(Path(path)) for path in outputs):
        return LeftAlone("it was cut, and its outputs are there")
    return None


def known_by_content(task: Task, bench: Bench) -> Task:
    """Know a picture by its bytes that was cut and comes back: moved by hand, with another time.

    Return the task, with the wish that the picture has.
    """
    recuts = bench.journal.recuts
    earlier = () if task.lies_at else recuts.done_under_this_name(task.inbox.path, task.source)
    if not earlier or task.source.size > bench.limits.file:
        return task
    there = publishing.stamp_file(task.path)
    same = (cut for cut in earlier if there is not None and cut.content == there.digest)
    before = next(same, None)
    if before is None:
        return task
    entry = before.entry
    task.prepare()
    rule = wish_of(entry.wish).over(task.rule)
    is_out = (
        entry.state == "done"
        and before.is_under(rule)
        and (
            entry.judged == "rejected" or all(map(publishing.is_there, map(Path, entry.published)))
        )
    )
    known = recuts.come_back(entry, task.source, is_out=is_out)
    return replace(task, rule=rule) if known else task


def origin_of(task: Task) -> tuple[Path, Sighting]:
    """Return the folder in which a picture is to be read, and the sighting of it there.

    Raises SourceChangedError where it was moved to a place at which it is no more.
    """
    if not task.lies_at:
        return task.inbox.path, task.source
    place = Path(task.lies_at)
    with hold_on_error(f"look at {place}"):
        there = scanning.sight(place.parent, place.name)
    if there is None or there.size != task.source.size:
        raise SourceChangedError(f"{place}, where the picture was moved to, is not there any more")
    return place.parent, there


def recover(task: Task, bench: Bench) -> Job | None:
    """Return the job of a picture that was begun before; None where it is to be begun.

    One without outputs is published already.
    """
    inbox = task.inbox.path
    earlier = bench.journal.planned(inbox, task.inbox.outbox, task.source, task.rule)
    if earlier is not None and not earlier.outputs:
        return earlier
    task.prepare()  # before names are planned: away, all of them would seem free
    if _state(task, bench) in {"failed", "again"}:
        return None
    if task.journal_lost and (done := _found_done(task, bench)) is not None:
        return done
    return _begin_again(task, earlier, bench) if earlier is not None else None


def begin(task: Task, bench: Bench) -> Job:
    """Plan the job under names that are free, and journal it."""
    known = _state(task, bench)
    record = partial(bench.journal.begin, by_host=task.maker is not None)
    job, _ = plan_and_record(task, bench, record)
    if known:
        take_back(job, task, bench)  # what it was about to put out under another rule
    return job


def _state(task: Task, bench: Bench) -> str:
    if task.lies_at:
        return "again"
    known = bench.journal.known(task.inbox.path, task.source.path)
    return known.state if known is not None else ""


def _begin_again(task: Task, earlier: Job, bench: Bench) -> Job | None:
    """Begin a job again under its own names; None where one of these was taken meanwhile."""
    if task.turn and earlier.turn == task.turn:
        return earlier  # hosts have it: under these names, in this turn
    outbox = task.inbox.outbox
    _vouch(task, earlier, bench)
    job = bench.journal.begin(earlier, by_host=task.maker is not None)
    if job is not None:
        sweep(bench.journal, job.id, [(outbox / name).parent for name in job.names])
    return job


def _vouch(task: Task, earlier: Job, bench: Bench) -> None:
    """Stamp what a job that an older version left half done may have put out: it left no stamps."""
    if not bench.journal.stamps.is_of_older_version(earlier):
        return
    outbox = task.inbox.outbox
    names = [name for p in earlier.outputs for name in (p.path, in_review(p.path))]
    stamps = [
        publishing.stamp_file(outbox / name) for name in names if publishing.is_there(outbox / name)
    ]
    bench.journal.stamps.add(earlier, [stamp for stamp in stamps if stamp is not None])


def sweep(journal: Journal, job_id: int, places: Sequence[Path]) -> None:
    """Remove what an interrupted job left under temporary names in these folders.

    And, if its outputs are out, what they were to replace: its source may be gone since.
    """
    unplaced = [s for s in journal.stamps.unplaced(job_id) if not publishing.is_stamp_placed(s)]
    journal.stamps.remove(unplaced)  # first: without its temporary name it would count as placed
    publishing.discard(unplaced)
    publishing.remove_temporaries(places, tag=tag_of(journal, job_id))
    entry = journal.entries.of_job(job_id)
    if entry is not None and entry.state == "published":
        remove_superseded(job_id, Path(entry.inbox), entry.path, journal)


def remove_superseded(job_id: int, inbox: Path, source: str, journal: Journal) -> None:
    """Remove what was put out of a picture before and is not made of it now, if it is ours."""
    for place in journal.recuts.superseded(job_id):
        path = Path(place)
        if not publishing.is_there(path) or not is_put_there(inbox, source, path, journal):
            continue
        if place in journal.recuts.superseded(job_id):  # nothing was accepted there meanwhile
            publishing.remove(path)


def _found_done(task: Task, bench: Bench) -> Job | None:
    """Journal a picture as published whose outputs are all there, after the journal was lost."""
    inbox, outbox = task.inbox.path, task.inbox.outbox
    mine = (str(inbox), task.source.path)

    def taken(name: str) -> bool:
        return bench.journal.owner(outbox, name) not in {None, mine}

    job = plan_job(task, bench, taken)
    for review in (False, True):
        paths = [in_review(p.path) if review else p.path for p in job.outputs]
        if all(publishing.is_newer(outbox / path, task.source) for path in paths):
            begun = bench.journal.begin(job)
            if begun is None:
                return None
            absolute = [str(outbox / path) for path in paths]
            bench.journal.published(begun, absolute, verdict="", provider="")
            return replace(begun, outputs=())
    return None


def refuse_deadly(task: Task, bench: Bench) -> None:
    """Raise PictureError for a picture that was in hand when the program died again and again."""
    if task.attempts < DEATHS:
        return
    entries = bench.journal.entries.of_source(task.inbox.path, task.source.path)
    if entries and entries[0].reason == STARVED:
        raise PictureError(
            "the kernel ended the program again and again, for want of memory, while it worked on "
            "this picture alone",
            "Give it more memory (the limit of the container or the service), or make the picture "
            "smaller; then 'scissorsd retry' asks for it.",
        )
    raise PictureError(
        "the program died again and again while it worked on this picture",
        "It is left alone until the file changes, or until 'scissorsd retry' asks for it.",
    )

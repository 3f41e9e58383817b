"""The straight line of one picture.

plan → begin → read → decode → cut out → render → publish → published → dispose → finish

Begin, published and finish are the journal's; what a restart makes of a job that stood between two
of them is told in recovery.py, the ways off the line in off_the_line.py.
"""

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

from scissorsd.core.file_names import AS_IT_IS, Naming
from scissorsd.core.rules import Job, action, in_review
from scissorsd.core.stamps import Stamp
from scissorsd.daemon.making import make_here
from scissorsd.daemon.naming import (
    is_own,
    move_source,
    name_by_facts,
    plan_and_record,
    redirect,
    renamed,
    stricter,
    tag_of,
    take_back,
)
from scissorsd.daemon.off_the_line import held, off_the_line
from scissorsd.daemon.outcomes import Bench, Done, Made, Outcome, Task
from scissorsd.daemon.reason_files import reason_file
from scissorsd.daemon.recovery import (
    begin,
    known_by_content,
    left_alone,
    origin_of,
    recover,
    refuse_deadly,
    remove_superseded,
)
from scissorsd.daemon.set_aside import free_note, reason_of, remove_reasons
from scissorsd.errors import (
    InTheWayError,
    NameRefusedError,
    PlaceTakenError,
    ScissorsError,
)
from scissorsd.folders import publishing, sources


def process(task: Task, bench: Bench) -> Outcome:
    """Take one picture along the whole line. Whatever happens, it ends in an outcome."""
    try:
        if (alone := left_alone(task, bench)) is not None:
            return alone
        task = known_by_content(task, bench)
        job = recover(task, bench) or begin(task, bench)
    except ScissorsError as error:  # there is no job yet that could fail
        return held(error)
    try:
        done = Done()
        if job.outputs:  # else they are out, and only the source is left to dispose of
            refuse_deadly(task, bench)
            with (task.maker or _make_here)(task, job, bench) as made:
                task, job = name_by_facts(task, job, made.facts, bench)
                job, stamps = _publish(task, job, made, bench)
                done = replace(made.done, outputs=tuple(stamp.place for stamp in stamps))
                _published(job, done, stamps, made.content, bench)
        remove_superseded(job.id, task.inbox.path, task.source.path, bench.journal)
        moved, stays = _dispose(task, job, bench)
        bench.journal.finish(job, moved=moved, stays=bool(stays))
    except Exception as error:  # noqa: BLE001 - no picture stops the daemon
        return off_the_line(task, job, bench, error)
    return replace(done, stays=stays)


# --- the steps, in their order ---------------------------------------------------------------


def _make_here(task: Task, job: Job, bench: Bench) -> AbstractContextManager[Made]:
    """Read, decode, cut out and render on this machine."""
    known = bench.journal.recuts.content(job.id) if task.lies_at else b""
    return make_here(*origin_of(task), job.rule, bench, known=known)


def _publish(task: Task, job: Job, made: Made, bench: Bench) -> tuple[Job, tuple[Stamp, ...]]:
    """Publish all outputs: under other names where these were taken meanwhile, or are refused.

    Return the job as it came out, and the stamps of its files.
    """
    sources.check_unchanged(*origin_of(task))
    task.prepare()
    naming, avoid = AS_IT_IS, set[str]()
    while True:
        try:
            return job, _publish_under(task, job, made, bench, naming, avoid)
        except PlaceTakenError as error:
            avoid.add(error.place)
        except NameRefusedError as refusal:
            if stricter(naming, refusal) == naming:
                raise
            naming = stricter(naming, refusal)
        job, naming = plan_and_record(
            task, bench, partial(renamed, job, bench), naming=naming, avoid=avoid
        )
        take_back(job, task, bench)


def _publish_under(
    task: Task, job: Job, made: Made, bench: Bench, naming: Naming, avoid: Collection[str]
) -> tuple[Stamp, ...]:
    """Publish all outputs under the job's names, or none of them."""
    outbox, tag = task.inbox.outbox, tag_of(bench.journal, job.id)
    is_for_review = action(job.rule, made.judgement.verdict) == "review"
    paths = [outbox / (in_review(p.path) if is_for_review else p.path) for p in job.outputs]
    notes = []
    if is_for_review:
        reason = reason_of(task, f"A person should look at this: {made.judgement.reason}.")
        others = set(map(Path, avoid))
        notes = [(free_note(task, reason_file(paths[0], naming), others), reason)]
    places = [*paths, *(path for path, _ in notes)]
    own = {str(path) for path in places if publishing.exists(path) and is_own(task, path, bench)}
    if [stamp.place for stamp in made.staged] == list(map(str, paths)):
        staged = (*made.staged, *publishing.stage(notes, tag=tag))
    else:  # made here, or under other names now
        contents = made.contents or map(publishing.read_staged, made.staged)
        staged = publishing.stage([*zip(paths, contents, strict=True), *notes], tag=tag)
    try:
        bench.journal.stamps.add(job, staged)
        publishing.commit(staged, own=own, tag=tag)
    except (ScissorsError, OSError):
        bench.journal.stamps.remove(staged)
        publishing.discard(stamp for stamp in staged if stamp not in made.staged)
        raise
    return staged


def _published(
    job: Job, done: Done, stamps: tuple[Stamp, ...], content: bytes, bench: Bench
) -> None:
    bench.journal.published(
        job,
        done.outputs,
        verdict=done.verdict or "",
        numbers=done.numbers,
        provider=done.provider,
        model=done.model,
        stamps=stamps,
        content=content,
    )


def _dispose(task: Task, job: Job, bench: Bench) -> tuple[Stamp | None, str]:
    """Do with the source as the rule says; return its stamp where it was moved, or why it stays."""
    remove_reasons(task, bench)
    if job.rule.source == "delete":
        sources.delete(task.inbox.path, task.source)
    if job.rule.source != "move":
        return None, ""
    task.inbox_root.must_be_there()  # gone is not moved
    task.outbox_root.prepare()
    naming, avoid = AS_IT_IS, set[str]()
    while True:
        target = task.inbox.outbox / job.moved_to
        try:
            return move_source(task, job, target, bench), ""
        except PlaceTakenError as error:
            avoid.add(error.place)
        except (NameRefusedError, InTheWayError) as refusal:
            if isinstance(refusal, InTheWayError) or stricter(naming, refusal) == naming:
                return None, f"the picture stays where it is: {refusal}"
            naming = stricter(naming, refusal)
        job = redirect(task, job, bench, naming, avoid)

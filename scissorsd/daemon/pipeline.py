"""The straight line of one picture.

plan → begin → read → decode → cut out → render → publish → published → dispose → finish

Begin, published and finish are the journal's; what a restart makes of a job that stood between two
of them is told in recovery.py, the ways off the line in off_the_line.py.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from scissorsd import failpoints
from scissorsd.core.file_names import AS_IT_IS, Naming
from scissorsd.core.rules import Job, action, in_review
from scissorsd.core.stamps import Stamp
from scissorsd.daemon.memory import LARGE, Lease, bytes_to_cut, least_bytes_to_cut
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
from scissorsd.daemon.off_the_line import RefusedByRuleError, held, off_the_line
from scissorsd.daemon.outcomes import Bench, Done, Outcome, Task
from scissorsd.daemon.reason_files import reason_file
from scissorsd.daemon.recovery import (
    begin,
    known_by_content,
    left_alone,
    origin_of,
    recover,
    refuse_deadly,
)
from scissorsd.daemon.set_aside import free_note, reason_of, remove_reasons
from scissorsd.errors import (
    InTheWayError,
    NameRefusedError,
    PlaceTakenError,
    ScissorsError,
    SourceChangedError,
)
from scissorsd.folders import publishing, sources
from scissorsd.machine import give_back_memory
from scissorsd.pictures import reading
from scissorsd.pictures.cutting_out import (
    Cut,
    find_subject,
    measured,
    refuse_impossible,
    render_all,
)
from scissorsd.pictures.picture import Picture


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
            with bench.memory.lease(min(task.source.size, bench.limits.file)) as lease:
                data, content = _read(task, bench)
                picture = _decode(data, task, bench, lease)
                del data
                task, job = name_by_facts(task, job, picture, bench)
                cut = find_subject(
                    picture,
                    bench.catalogue[job.rule.model],
                    bench.sessions,
                    job.rule.mask,
                    other=bench.catalogue.get(job.rule.second_opinion),
                    doubtful_above=job.rule.doubtful_above,
                )
                cut = measured(cut, job.rule.outputs)
                rendered = _render(picture, cut, task, bench)
                del picture, cut
                _shrink(lease, rendered, bench)
                job, stamps = _publish(task, job, rendered, bench)
            done = replace(rendered.done, outputs=tuple(stamp.place for stamp in stamps))
            _published(job, done, stamps, content, bench)
        _remove_superseded(task, job, bench)
        moved, stays = _dispose(task, job, bench)
        bench.journal.finish(job, moved=moved, stays=bool(stays))
    except Exception as error:  # noqa: BLE001 - no picture stops the daemon
        return off_the_line(task, job, bench, error)
    return replace(done, stays=stays)


# --- the steps, in their order ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rendered:
    """The outputs of a picture, in the order of its rule's, and what there is to say of them."""

    contents: tuple[bytes, ...]
    note: bytes  # why a person should look at it; empty: it is not for review
    done: Done


def _read(task: Task, bench: Bench) -> tuple[bytes, bytes]:
    """Return the file of a picture, and the digest by which its content is known."""
    folder, source = origin_of(task)
    data = sources.read_source(folder, source, limit=bench.limits.file)
    content = publishing.digest_of(data)
    if task.lies_at and bench.journal.recuts.content(task.job_id) not in {b"", content}:
        raise SourceChangedError(f"{task.lies_at} is no longer the picture that was cut")
    return data, content


def _decode(data: bytes, task: Task, bench: Bench, lease: Lease) -> Picture:
    """Decode a picture when there is memory for all that follows."""
    outputs = task.rule.outputs
    header = reading.read_header(data, max_pixels=bench.limits.pixels)
    bench.memory.refuse_over(len(data) + least_bytes_to_cut(header))
    refuse_impossible(header.height, header.width, outputs, max_pixels=bench.limits.pixels)
    networks = bench.networks(task.rule)
    bench.memory.grow(lease, len(data) + bytes_to_cut(header, task.rule, networks))
    failpoints.at("decode", task.source.path)
    deep = any(output.depth != "8" for output in outputs)
    return reading.read(data, max_pixels=bench.limits.pixels, deep=deep)


def _render(picture: Picture, cut: Cut, task: Task, bench: Bench) -> _Rendered:
    """Make the bytes of every output; raises RefusedByRuleError where the verdict is to fail."""
    rule = task.rule
    wanted = action(rule, cut.judgement.verdict)
    if wanted == "fail":
        raise RefusedByRuleError(cut.judgement, rule)
    contents = render_all(picture, cut, rule.outputs, max_pixels=bench.limits.pixels)
    looked_at = f"A person should look at this: {cut.judgement.reason}."
    return _Rendered(
        contents=tuple(contents),
        note=reason_of(task, looked_at) if wanted == "review" else b"",
        done=Done(
            verdict=cut.judgement.verdict,
            numbers=cut.judgement.numbers,
            model=cut.model,
            asked=cut.asked,
            provider=cut.provider,
            precision=cut.precision,
            width=picture.rgb.shape[1],
            height=picture.rgb.shape[0],
            infer_s=cut.infer_s,
            remarks=(*picture.metadata.remarks, *cut.remarks),
        ),
    )


def _shrink(lease: Lease, rendered: _Rendered, bench: Bench) -> None:
    """Give back the memory of all but the outputs."""
    if lease.bytes > LARGE:
        give_back_memory()
    bench.memory.shrink(lease, sum(map(len, rendered.contents)))


def _publish(
    task: Task, job: Job, rendered: _Rendered, bench: Bench
) -> tuple[Job, tuple[Stamp, ...]]:
    """Publish all outputs: under other names where these were taken meanwhile, or are refused.

    Return the job as it came out, and the stamps of its files.
    """
    sources.check_unchanged(*origin_of(task))
    task.prepare()
    naming, avoid = AS_IT_IS, set[str]()
    while True:
        try:
            return job, _publish_under(task, job, rendered, bench, naming, avoid)
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
    task: Task, job: Job, rendered: _Rendered, bench: Bench, naming: Naming, avoid: Collection[str]
) -> tuple[Stamp, ...]:
    """Publish all outputs under the job's names, or none of them."""
    outbox, tag = task.inbox.outbox, tag_of(bench.journal, job.id)
    paths = [outbox / (in_review(p.path) if rendered.note else p.path) for p in job.outputs]
    files = list(zip(paths, rendered.contents, strict=True))
    if rendered.note:
        others = set(map(Path, avoid))
        files.append((free_note(task, reason_file(paths[0], naming), others), rendered.note))
    own = {str(path) for path, _ in files if publishing.exists(path) and is_own(task, path, bench)}
    staged = publishing.stage(files, tag=tag)
    try:
        bench.journal.stamps.add(job, staged)
        publishing.commit(staged, own=own, tag=tag)
    except (ScissorsError, OSError):
        bench.journal.stamps.remove(staged)
        publishing.discard(staged)
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


def _remove_superseded(task: Task, job: Job, bench: Bench) -> None:
    """Remove what was put out of this picture before and is not made of it now, if it is ours."""
    for place in map(Path, bench.journal.recuts.superseded(job)):
        if publishing.is_there(place) and is_own(task, place, bench):
            publishing.remove(place)


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

"""Setting a picture aside: its reason and, where the rule disposes of sources, the source."""

import os
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from scissorsd.core.file_names import AS_IT_IS, Naming
from scissorsd.core.rules import FAILED_FOLDER, Job
from scissorsd.daemon.naming import (
    move_source,
    stricter,
    tag_of,
)
from scissorsd.daemon.outcomes import (
    Bench,
    Task,
)
from scissorsd.daemon.reason_files import is_note_of, is_reason_for, note, reason_file
from scissorsd.errors import (
    NameRefusedError,
    PlaceTakenError,
)
from scissorsd.folders import publishing

_LONGEST_PATH = 4000  # bytes: what Linux takes, less what a temporary name may need


def set_aside(task: Task, job: Job, bench: Bench, reason: str) -> tuple[str, ...]:
    """Put the reason and, if it goes too, the source into failed/; return their paths.

    The places are journalled first, so that a repeated job does not set the picture aside twice.
    """
    naming, others = AS_IT_IS, set[Path]()
    while True:
        aside: tuple[str, ...] = ()
        try:
            aside = _set_aside_at(task, job, bench, reason, naming, others)
            _put_note(task, Path(aside[0]), reason, tag_of(bench.journal, job.id))
            for kept in aside[1:]:
                moved = move_source(task, job, Path(kept), bench)
                bench.journal.stamps.add(job, [moved])  # by which `keep` knows it again
        except PlaceTakenError as taken:
            others.add(Path(taken.place))
        except NameRefusedError as refusal:
            if stricter(naming, refusal) == naming:
                raise
            naming = stricter(naming, refusal)
        else:
            return aside
        if aside and is_note_of(task.path, Path(aside[0])):
            publishing.remove(Path(aside[0]))
        bench.journal.setting_aside(job, reason, ())


def _put_note(task: Task, place: Path, reason: str, tag: str) -> None:
    publishing.publish(
        [(place, reason_of(task, reason))], tag=tag, own=partial(is_note_of, task.path)
    )


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
        reason_at = free_note(task, reason_file(kept, naming), others)
        aside = (str(reason_at), str(kept)) if moves else (str(reason_at),)
        if bench.journal.setting_aside(job, reason, aside):
            return aside
        others |= {reason_at, kept}  # chosen by others at this moment


def _failed_place(task: Task, naming: Naming) -> Path:
    folder = task.inbox.outbox / FAILED_FOLDER
    if publishing.is_in_the_way(folder):
        folder = publishing.free_name(folder.parent, folder.name)
    place = folder / naming.path(task.source.path)
    too_long = len(os.fsencode(place)) > _LONGEST_PATH
    if not too_long and not any(map(publishing.is_in_the_way, _between(place, folder))):
        return place
    return folder / naming.name(task.source.path.replace("/", "-"), place.suffix)


def _between(place: Path, folder: Path) -> Iterator[Path]:
    """Return the folders of a path that lie below a folder."""
    return (parent for parent in place.parents if folder in parent.parents)


def free_note(task: Task, place: Path, others: Collection[Path]) -> Path:
    """Return a place for a reason: this one, unless another picture's or no reason is there."""
    if place not in others and (not publishing.exists(place) or is_note_of(task.path, place)):
        return place
    return publishing.free_name(place.parent, place.name, {place, *others})


def reason_of(task: Task, reason: str) -> bytes:
    """Return the content of the reason file of a task."""
    return note(reason, task.path, rule=task.rule.name, inbox=task.inbox.name)


def remove_reasons(task: Task, bench: Bench) -> None:
    """Remove the reasons of earlier versions that failed where they are: these hold no more."""
    for entry in bench.journal.entries.of_source(task.inbox.path, task.source.path):
        if entry.state == "failed" and len(entry.set_aside) == 1:
            reason = Path(entry.set_aside[0])
            if is_reason_for(task.path, reason):
                publishing.remove(reason)

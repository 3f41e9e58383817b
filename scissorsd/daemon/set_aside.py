"""Setting a picture aside: its reason and, where the rule disposes of sources, the source."""

import os
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from scissorsd.core.rules import (
    AS_IT_IS,
    FAILED_FOLDER,
    Job,
    Naming,
)
from scissorsd.daemon.naming import (
    move_source,
    stricter,
    tag_of,
)
from scissorsd.daemon.outcomes import (
    Bench,
    Task,
)
from scissorsd.errors import (
    NameRefusedError,
    PlaceTakenError,
)
from scissorsd.folders import publishing

_PICTURE = b"Picture: "
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
                move_source(task, job, Path(kept), bench)
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
    publishing.publish([(place, note(task, reason))], tag=tag, own=partial(_is_note_of, task))


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
    if place not in others and (not publishing.exists(place) or _is_note_of(task, place)):
        return place
    return publishing.free_name(place.parent, place.name, {place, *others})


def _is_note_of(task: Task, place: Path) -> bool:
    """Whether the file at a place is the reason that was given for this picture."""
    line = _picture_line(task.inbox.path / task.source.path)
    return line in publishing.read_small_file(place).splitlines()


def is_reason_for(picture: Path, place: Path) -> bool:
    """Whether a file, where the journal has a picture's reason, is one for a picture so called.

    It may name the picture by another path, by which its inbox was known then.
    """
    name = _picture_line(Path("/") / picture.name).removeprefix(_PICTURE)
    lines = publishing.read_small_file(place).splitlines()
    return any(line.startswith(_PICTURE) and line.endswith(name) for line in lines)


def reason_file(picture: Path, naming: Naming) -> Path:
    """Return the path of the file that says what is the matter with a picture, beside it."""
    return picture.with_name(naming.name(picture.name, ".txt"))


def remove_reasons(task: Task, bench: Bench) -> None:
    """Remove the reasons of earlier versions that failed where they are: these hold no more."""
    for entry in bench.journal.entries.of_source(task.inbox.path, task.source.path):
        if entry.state == "failed" and len(entry.set_aside) == 1:
            reason = Path(entry.set_aside[0])
            if is_reason_for(task.inbox.path / task.source.path, reason):
                publishing.remove(reason)


def note(task: Task, text: str) -> bytes:
    """Return the content of a reason file: the text, the picture, and its rule."""
    rule = f"Rule: {task.rule.name} (inbox {task.inbox.name})"
    line = _picture_line(task.inbox.path / task.source.path)
    return b"\n".join([os.fsencode(text), b"", line, os.fsencode(rule), b""])


def _picture_line(picture: Path) -> bytes:
    """Return the line of a reason file that tells whose it is."""
    return _PICTURE + os.fsencode(repr(str(picture))[1:-1])

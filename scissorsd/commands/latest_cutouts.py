"""The latest cutouts of an outbox, from the job journals or else from the folder."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from scissorsd.core import contact_sheet
from scissorsd.core.contact_sheet import Judged
from scissorsd.core.rules import (
    FAILED_FOLDER,
    PROCESSED_FOLDER,
    REJECTED_FOLDER,
    REVIEW_FOLDER,
)
from scissorsd.errors import JournalError, UsageError
from scissorsd.folders import scanning
from scissorsd.folders.real_paths import relative_to
from scissorsd.pictures.thumbnails import has_alpha
from scissorsd.records import respelling
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.journal_rows import Entry
from scissorsd.records.state_folders import StateFolder

_JOBS_PER_CUTOUT = (
    20  # so many jobs are read for each cutout that is wanted, as outputs may be gone
)
_LEFT_OUT = (PROCESSED_FOLDER, FAILED_FOLDER, REJECTED_FOLDER)
_SHOWN_FIRST = ("cutout", "flat", "comparison", "mask")  # of a job's outputs the first is shown


@dataclass(frozen=True, slots=True)
class ShownCutout:
    """A cutout, or what was made instead of one, and what its job's journal says."""

    path: Path
    verdict: Judged
    in_review: bool
    source: str = ""  # the picture as it was dropped, where a job journal tells of it
    doubt: float | None = None


def latest(
    outbox: Path, states: Sequence[StateFolder], count: int
) -> tuple[list[ShownCutout], bool]:
    """Return the latest cutouts, the latest first, and whether a job journal tells of them."""
    journalled = _of_journals(outbox, states, count)
    if journalled:
        return journalled, True
    if not outbox.is_dir():
        raise UsageError(f"{outbox} is not a folder")
    return _of_folder(outbox, count), False


def _of_journals(outbox: Path, states: Sequence[StateFolder], count: int) -> list[ShownCutout]:
    """Return the cutouts that are there; and those that are not, after them, if they are fewer."""
    there: dict[Path, ShownCutout] = {}
    gone: dict[Path, ShownCutout] = {}
    journals: list[Journal] = []
    try:
        entries = [_entries(state, outbox, journals) for state in states]
        jobs = heapq.merge(*entries, key=_ended_at, reverse=True)
        for entry in islice(jobs, _JOBS_PER_CUTOUT * count):
            output = _shown(entry)
            if output is None or output.path in there or output.path in gone:
                continue
            (there if is_there(output.path) else gone)[output.path] = output
            if len(there) == count:
                break
    except JournalError:
        if not there:
            return []
    finally:
        for journal in journals:
            journal.close()
    few = islice(gone.values(), min(len(there), count - len(there)))
    return [*there.values(), *few]


def _ended_at(entry: Entry) -> float:
    return entry.ended_at or entry.begun_at


def _entries(state: StateFolder, outbox: Path, opened: list[Journal]) -> Iterator[Entry]:
    if not (state.folder / FILE).exists():
        return
    try:
        journal = Journal(state.folder, read_only=True)
    except JournalError:
        return  # another user's: the sheet is made without its verdicts
    opened.append(journal)
    for folder in _spellings(state, journal, outbox):
        for entry in journal.entries.with_outputs_in(folder):
            rejected = Path(entry.outbox) / REJECTED_FOLDER
            if entry.judged != "rejected" or folder.is_relative_to(rejected):
                yield entry


def _spellings(state: StateFolder, journal: Journal, outbox: Path) -> list[Path]:
    """Return every path of a folder under which a journal may know it: below outboxes as named."""
    spellings = [outbox]
    for inbox in state.config.inboxes:
        below = relative_to(outbox, inbox.outbox)
        if below is not None:
            spellings += [inbox.outbox / below, respelling.recorded(journal, inbox).outbox / below]
    return list(dict.fromkeys(spellings))


def _shown(entry: Entry) -> ShownCutout | None:
    """Choose the output of a job that is shown: its cutout or, where it has none, another."""
    path_of = dict(zip(entry.kinds, entry.published, strict=False))
    path = next((path_of[kind] for kind in _SHOWN_FIRST if kind in path_of), None)
    if path is None and entry.published:
        path = entry.published[0]
    if path is None:
        return None
    verdict: Judged = next((known for known in contact_sheet.WORDS if known == entry.verdict), "")
    return ShownCutout(Path(path), verdict, entry.in_review, entry.source, entry.doubt)


def is_there(path: Path) -> bool:
    """Whether a cutout is still there, and may be looked at."""
    try:
        return scanning.sight(path.parent, path.name) is not None
    except OSError:
        return False


def _of_folder(outbox: Path, count: int) -> list[ShownCutout]:
    """Return the latest pictures with an alpha channel or, where there is none, of any kind."""
    sightings = sorted(
        scanning.scan(outbox, recursive=True, ignore=_LEFT_OUT),
        key=lambda sighting: sighting.mtime_ns,
        reverse=True,
    )
    pictures = [
        ShownCutout(outbox / s.path, "", s.path.startswith(f"{REVIEW_FOLDER}/")) for s in sightings
    ]
    cutouts = list(islice((output for output in pictures if has_alpha(output.path)), count))
    return cutouts or pictures[:count]

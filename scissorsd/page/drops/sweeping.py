"""The quick desk is a desk, not a shelf: what has lain on it for longer than `page.keep` goes.

A batch is a folder of one gesture, MODEL-EDGES/ID/, with its pictures and all that came of them;
it goes as a whole, when its last picture has been done for so long. Nothing goes that waits, is
held or is being cut. The rows of the journal stay.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import structlog

from scissorsd import failpoints
from scissorsd.core.ignored_names import is_picture_name
from scissorsd.core.keeping import Clock
from scissorsd.core.rules import FAILED_FOLDER, REJECTED_FOLDER, REVIEW_FOLDER
from scissorsd.errors import JournalError
from scissorsd.page.desk import Desk
from scissorsd.page.drops import receiving as drops
from scissorsd.plain_text import one_line
from scissorsd.records.house_file import HouseFile
from scissorsd.records.journal import Journal
from scissorsd.settings import Inbox

log = structlog.get_logger("scissorsd")

EVERY = failpoints.seconds("PAGE_SWEEP", 3600.0)
CALL = "call-"  # begins the name of a batch that is a call's, which removes it itself
_CALL_KEPT = 3600.0  # seconds, where the page was killed before it had
_ENDED = {"done", "failed"}
_ABOVE = ("", REVIEW_FOLDER, REJECTED_FOLDER, FAILED_FOLDER)  # in the outbox


@dataclass(slots=True)
class _Batch:
    """What of one gesture lies on the desk, and when anything last happened to it."""

    pictures: set[str] = field(default_factory=set)  # relative to the inbox
    files: list[Path] = field(default_factory=list)
    last: float = 0.0


def keep_sweeping(desk: Desk, until: threading.Event) -> None:
    """Sweep once an hour, until the event; a thread's whole life."""
    clock = MachineClock(desk)
    while not until.is_set():
        try:
            drops.sweep_left_over(desk)
            if clock.is_believed():
                sweep(desk, time.time())
        except (OSError, JournalError) as error:
            log.warning("page.unswept", why=one_line(str(error)))
        until.wait(EVERY)


def sweep(desk: Desk, now: float) -> int:
    """Remove the batches that have been kept for long enough; return how many."""
    swept = 0
    journal = desk.journal()
    for inbox in desk.config.inboxes if journal is not None else ():
        if not inbox.quick:
            continue
        for name, batch in _batches(inbox).items():
            keep = _CALL_KEPT if name.partition("/")[2].startswith(CALL) else desk.page.keep
            last = _last(batch, journal, inbox) if journal is not None else None
            if last is None or keep is None or now - last < keep:
                continue
            _remove(inbox, batch)
            swept += 1
            log.info("page.swept", batch=name, files=len(batch.files))
    return swept


def remove_batch(inbox: Inbox, name: str) -> None:
    """Remove what lies of a batch, by MODEL-EDGES/ID. Raises OSError."""
    folders = [inbox.path / name, *(inbox.outbox / above / name for above in _ABOVE)]
    _remove(inbox, _Batch(files=[path for folder in folders for path, _ in _files(folder)]))


def _batches(inbox: Inbox) -> dict[str, _Batch]:
    """Return what lies on the desk, by MODEL-EDGES/ID."""
    batches: defaultdict[str, _Batch] = defaultdict(_Batch)
    choices = {rule.name for rule in inbox.rules} | set(_old_choices(inbox))
    for choice in choices:
        for path, changed in _files(inbox.path / choice):
            relative = path.relative_to(inbox.path).as_posix()
            batch = batches[_name(relative)]
            batch.last = max(batch.last, changed)
            batch.files.append(path)
            if is_picture_name(relative):
                batch.pictures.add(relative)
        for above in _ABOVE:
            for path, changed in _files(inbox.outbox / above / choice):
                batch = batches[_name(path.relative_to(inbox.outbox / above).as_posix())]
                batch.last = max(batch.last, changed)
                batch.files.append(path)
    return batches


def _old_choices(inbox: Inbox) -> Iterator[str]:
    """Yield the folders of choices that there are no more: of a network that was taken away."""
    with suppress(FileNotFoundError), os.scandir(inbox.path) as entries:
        yield from (e.name for e in entries if e.is_dir(follow_symlinks=False))


def _name(path: str) -> str:
    """Return the batch of a path: what lies right in a choice's folder is one of its own."""
    return "/".join(path.split("/")[:2])


def _files(folder: Path) -> Iterator[tuple[Path, float]]:
    """Yield every file below a folder with the moment of its last change; no link is followed."""
    if folder.is_symlink():
        return
    for here, _, names in os.walk(folder):
        for name in names:
            path = Path(here, name)
            with suppress(FileNotFoundError):
                status = path.lstat()
                yield path, max(status.st_mtime, status.st_ctime)


def _last(batch: _Batch, journal: Journal, inbox: Inbox) -> float | None:
    """Return when anything last happened to a batch; None while something is still to."""
    last = batch.last
    for path in batch.pictures:
        entries = journal.entries.of_source(inbox.path, path)
        if not entries or any(entry.state not in _ENDED for entry in entries):
            return None
        last = max(last, *(max(entry.ended_at, entry.judged_at) for entry in entries))
    return last


def _remove(inbox: Inbox, batch: _Batch) -> None:
    """Remove the files that were seen, and the folders that are empty then."""
    failpoints.at("page.sweep")
    for path in batch.files:
        path.unlink(missing_ok=True)
    for folder in sorted({path.parent for path in batch.files}, reverse=True):
        for empty in (folder, *folder.parents):
            if empty in {inbox.path, inbox.outbox}:
                break
            try:
                empty.rmdir()
            except OSError:  # something is in it
                break


class MachineClock:
    """Whether the machine's clock is believed: one that has leapt would take everything."""

    def __init__(self, desk: Desk) -> None:
        self._folder = desk.own_folder
        self._file = HouseFile(self._folder)
        self._clock = self._file.clock() or Clock(time.time())
        self._looked_at = monotonic()

    def is_believed(self) -> bool:
        """Look at it."""
        now = monotonic()
        self._clock = self._clock.look(time.time(), now - self._looked_at)
        self._looked_at = now
        self._folder.mkdir(exist_ok=True)  # where there is no quick desk, nobody has made it yet
        self._file.keep_clock(self._clock)
        return self._clock.is_believed

"""Where the files of a job lie now, opened to be read: its picture, and its outputs."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from scissorsd.commands.lookup import inbox_unavailable_reason
from scissorsd.core.ignored_names import is_picture_name, why_ignored
from scissorsd.folders.scanning import fold_time, open_no_follow
from scissorsd.page.answers import Refusal
from scissorsd.page.desk import Desk
from scissorsd.page.lookup import Found
from scissorsd.page.naming import UnknownPictureError
from scissorsd.plain_text import escape_undecodable
from scissorsd.records.journal_rows import Entry
from scissorsd.records.state_folders import StateFolder

_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV}
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Opened:
    """A file, opened, and what it was then: a regular one. Who has it closes it."""

    file: BinaryIO
    status: os.stat_result
    path: Path

    @property
    def name(self) -> str:
        """The file's name, as a sentence can hold it."""
        return escape_undecodable(self.path.name)

    @property
    def version(self) -> tuple[int, int]:
        """Its size and time, as the journal has them."""
        return self.status.st_size, fold_time(self.status.st_mtime_ns)


def open_source(desk: Desk, found: Found) -> Opened:
    """Open the picture itself: in its inbox, or where it was moved or set aside; or refuse.

    The file that was cut comes first; a newer one in its place is better than none.
    """
    entry = found.entry
    unavailable = inbox_unavailable_reason(StateFolder(desk.state, desk.config), found.inbox)
    other: Opened | None = None
    with _in_words(Path(entry.source)):
        for opened in _opened(entry, but_inbox=bool(unavailable)):
            if opened.version == (entry.size, entry.mtime_ns):
                if other is not None:
                    other.file.close()
                return opened
            if other is None:
                other = opened
            else:
                opened.file.close()
    if other is not None:
        return other
    if unavailable:
        raise Refusal(503, "away", unavailable)
    removed = "The rule has it deleted when it is cut, or" if not entry.moved_to else "Perhaps"
    raise Refusal(
        404,
        "gone",
        f"The picture {found.name} is no longer there.",
        f"{removed} somebody has moved it.",
    )


def open_waiting(desk: Desk, inbox_name: str, path: str) -> Opened:
    """Open a picture that lies in its inbox and that no job has yet; or refuse."""
    inbox = desk.inbox(inbox_name)
    opened: Opened | None = None
    if inbox is not None and is_picture_name(path) and not why_ignored(path, inbox.ignore):
        unavailable = inbox_unavailable_reason(StateFolder(desk.state, desk.config), inbox)
        if unavailable:
            raise Refusal(503, "away", unavailable)
        with _in_words(Path(path)):
            opened = _regular(_open_below(inbox.path, path), inbox.path / path)
    if opened is None:
        raise UnknownPictureError(inbox_name, path)
    return opened


def _opened(entry: Entry, *, but_inbox: bool) -> Iterator[Opened]:
    """Open what lies at each place where the picture may be."""
    moved = [place for place in (entry.lies_at, entry.moved_to, *entry.set_aside) if place]
    tries = [partial(open_no_follow, Path(place)) for place in moved if is_picture_name(place)]
    places = [Path(place) for place in moved if is_picture_name(place)]
    if not but_inbox:
        at = 1 if entry.lies_at else 0
        tries.insert(at, partial(_open_below, Path(entry.inbox), entry.path))
        places.insert(at, Path(entry.source))
    for attempt, place in zip(tries, places, strict=True):
        opened = _regular(attempt(), place)
        if opened is not None:
            yield opened


def open_output(desk: Desk, found: Found, number: int) -> Opened:
    """Open one of the outputs of a job; or refuse."""
    outputs = found.outputs
    if not 0 <= number < len(outputs):
        raise Refusal(404, "no_output", f"{found.name} has no output {number}.")
    _, path = outputs[number]
    with _in_words(path):
        opened = _regular(open_no_follow(path), path)
    if opened is not None:
        return opened
    why = _outbox_trouble(desk, found)
    if why:
        raise Refusal(503, "away", why)
    raise Refusal(
        404,
        "gone",
        f"{escape_undecodable(path.name)} is no longer in the outbox.",
        "Retry has the picture cut again.",
    )


def _outbox_trouble(desk: Desk, found: Found) -> str:
    """Say why nothing of an outbox can be had now; "" where that is not known."""
    stands = desk.standing()
    live = [i for i in stands.inboxes if i.name == found.inbox.name] if stands else []
    if live and live[0].paused:
        return f"The outbox {found.entry.outbox} rests: {live[0].paused}. It goes on by itself."
    if not Path(found.entry.outbox).is_dir():
        return f"The outbox {found.entry.outbox} is not there. It may be on a share that is away."
    return ""


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        name = escape_undecodable(path.name)
        raise Refusal(503, "unreadable", f"{name} cannot be read: {error.strerror}.") from error


def _regular(file: BinaryIO | None, path: Path) -> Opened | None:
    if file is None:
        return None
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode):
        return Opened(file, status, path)
    file.close()
    return None


def _open_below(root: Path, path: str) -> BinaryIO | None:
    """Open a file below a folder, following no link on the way from there; None where none is."""
    *folders, name = path.split("/")
    try:
        holder = os.open(root, _FOLDER)
        try:
            for folder in folders:
                inner = os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=holder)
                os.close(holder)
                holder = inner
            return os.fdopen(os.open(name, _FILE, dir_fd=holder), "rb")
        finally:
            os.close(holder)
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise


def read_whole(opened: Opened, limit: int) -> bytes:
    """Read a file to its end and close it; refuse what is larger than the limit."""
    with opened.file as file, _in_words(opened.path):
        data = file.read(limit + 1) if opened.status.st_size <= limit else None
    if data is None or len(data) > limit:
        raise Refusal(
            413,
            "too_large",
            f"{opened.name} has {opened.status.st_size:,} bytes; the limit is {limit:,}.",
            "Raise 'limits: {file: …}' in the configuration.",
        )
    return data

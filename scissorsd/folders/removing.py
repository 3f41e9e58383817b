"""Remove what has been kept for long enough: a file that is still our own, an empty folder."""

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scissorsd import failpoints
from scissorsd.folders.holding import hold_on_error
from scissorsd.folders.mounts import is_mount
from scissorsd.folders.publishing import copy_and_digest, sync_folder
from scissorsd.folders.scanning import fold_time, open_no_follow

Found = Literal["gone", "own", "other"]


@dataclass(frozen=True, slots=True)
class Own:
    """A file of ours, and all that there is to know it by: one of the last two at least."""

    place: Path
    size: int
    digest: bytes = b""  # of its content; empty: not known
    mtime_ns: int | None = None  # None: it does not count


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a place has found: `identity` tells whether the same file is still there."""

    own: Own
    found: Found
    identity: tuple[int, ...] = ()


def look(own: Own) -> Seen:
    """Return whether a file is still there, and still the very one; it is read to the end.

    Raises HoldError where that cannot be told.
    """
    with hold_on_error(f"read {own.place}"):
        try:
            status = own.place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return Seen(own, "gone")
        if not _is_like(own, status):
            return Seen(own, "other")
        file = open_no_follow(own.place)
        if file is None:
            return Seen(own, "other")
        with file:
            identity = _identity(os.fstat(file.fileno()))
            same = not own.digest or copy_and_digest(file.read, len) == own.digest
            same = same and identity == _identity(status) == _identity(os.fstat(file.fileno()))
    return Seen(own, "own", identity) if same else Seen(own, "other")


def _is_like(own: Own, status: os.stat_result) -> bool:
    known = bool(own.digest) or own.mtime_ns is not None
    same_time = own.mtime_ns in {None, fold_time(status.st_mtime_ns)}
    return known and stat.S_ISREG(status.st_mode) and status.st_size == own.size and same_time


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (
        *(status.st_dev, status.st_ino, status.st_size),
        *(status.st_mtime_ns, status.st_ctime_ns),
    )


def remove_all(seen: Sequence[Seen]) -> bool:
    """Remove files that were found to be our own; False where one is another by now: it stays.

    Raises HoldError where one cannot be removed. What was removed is gone for good afterwards.
    """
    is_whole = True
    for one in seen:
        if one.found != "own":
            continue
        place = one.own.place
        with hold_on_error(f"remove {place}"):
            try:
                if _identity(place.lstat()) == one.identity:
                    place.unlink()
                else:
                    is_whole = False
            except FileNotFoundError:
                continue
    for folder in {one.own.place.parent for one in seen}:
        sync_folder(folder)
    failpoints.at("keep.synced")
    return is_whole


# --- emptied folders ----------------------------------------------------------------------------

_IN_USE = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR}


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as it was looked at."""

    inode: int
    changed: float  # when anything was last put in, taken out or set; by its file system's clock


def look_at_folder(inbox: Path, folder: str) -> Folder | None:
    """Look at a folder of an inbox.

    None where it is not there, or not one of the inbox's own file system: a link, a mount, or what
    lies behind one of these. Raises OSError where it cannot be looked at.
    """
    try:
        place, status = inbox, inbox.stat()
        for part in folder.split("/"):
            place, device = place / part, status.st_dev
            status = place.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_dev != device or is_mount(place):
                return None
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Folder(status.st_ino, max(status.st_mtime, status.st_ctime))


def is_empty(folder: Path) -> bool:
    """Whether nothing at all is in a folder, be it hidden. Raises OSError."""
    with os.scandir(folder) as entries:
        return next(entries, None) is None


def remove_folder(folder: Path) -> bool:
    """Remove a folder; False where something is in it: then it stays. Raises OSError."""
    try:
        folder.rmdir()  # which the kernel does only where it is empty at this very moment
    except OSError as error:
        if error.errno in _IN_USE:
            return False
        raise
    failpoints.at("keep.folder")
    sync_folder(folder.parent)
    return True

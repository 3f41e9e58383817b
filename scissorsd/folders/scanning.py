"""Scan an inbox, and take sightings of single files."""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scissorsd import failpoints
from scissorsd.core.ignored_names import is_picture_name, why_itself_ignored
from scissorsd.core.settling import Sighting

_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}


def scan(
    root: Path,
    below: str = "",
    *,
    recursive: bool,
    ignore: Sequence[str],
    inodes: bool = True,
    unseen: Callable[[str, OSError], None] = lambda _, __: None,
) -> Iterator[Sighting]:
    """Yield a sighting of every picture under the inbox, or under one of its folders.

    `inodes` is as for `look`. Symbolic links are not followed; what is not a regular file is
    passed over, and so is what vanishes during the scan. Of what is there and cannot be looked
    at, `unseen` is told, with its path from the inbox; the root itself raises OSError.
    """
    pending = [below]
    while pending:
        folder = pending.pop()
        try:
            failpoints.at("scan.folder" if folder else "scan")
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            if recursive and not why_itself_ignored(path, ignore):
                                pending.append(path)
                            continue
                        if not is_picture_name(path) or why_itself_ignored(path, ignore):
                            continue
                        failpoints.at("scan.picture")
                        sighting = sighting_of(
                            path, entry.stat(follow_symlinks=False), inodes=inodes
                        )
                    except OSError as error:
                        _pass_over(path, error, unseen)
                        continue
                    if sighting is not None:
                        yield sighting
        except OSError as error:
            if not folder:
                raise
            _pass_over(folder, error, unseen)


def _pass_over(path: str, error: OSError, unseen: Callable[[str, OSError], None]) -> None:
    if error.errno not in _NOT_THERE - {errno.ENAMETOOLONG}:
        unseen(path, error)


def check_listable(root: Path) -> None:
    """Raise OSError where an inbox is there but cannot be listed."""
    failpoints.at("list")
    os.scandir(root).close()


def look(root: Path, path: str, *, inodes: bool = True) -> Sighting | None:
    """Look at one path; none when no regular file is there. OSError: that cannot be told.

    Without `inodes` a file's number is left out, for file systems that do not keep it.
    """
    try:
        failpoints.at("sight")
        return sighting_of(path, (root / path).lstat(), inodes=inodes)
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise


def came_after(root: Path, source: Sighting, inode: int, ctime_ns: int) -> bool:
    """Whether a file is another than the one of which these are known, not only touched since.

    It is if it has another number (0: not known), or was made after that one last changed. Both
    times are of the same clock, the file system's.
    """
    if inode and source.inode and source.inode != inode:
        return True
    born_ns = _born_ns(root / source.path)
    return born_ns is not None and born_ns > ctime_ns


def _born_ns(path: Path) -> int | None:
    """Return when a file was made, in nanoseconds, where that is kept (statx(2))."""
    statx = getattr(ctypes.CDLL(None), "statx", None)
    if statx is None:
        return None
    found = ctypes.create_string_buffer(_STATX_SIZE)
    if statx(_AT_FDCWD, os.fsencode(path), _NO_FOLLOW, _BORN, found) != 0:
        return None
    (mask,) = struct.unpack_from("=I", found.raw)
    seconds, nanoseconds = struct.unpack_from("=qI", found.raw, _BORN_AT)
    return int(seconds * 10**9 + nanoseconds) if mask & _BORN else None


_AT_FDCWD, _NO_FOLLOW, _BORN = -100, 0x100, 0x800  # AT_SYMLINK_NOFOLLOW, STATX_BTIME
_STATX_SIZE, _BORN_AT = 256, 80  # bytes: of struct statx, and where its stx_btime is


def is_folder(path: Path) -> bool:
    """Whether a folder is at the path, not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def sighting_of(path: str, status: os.stat_result, *, inodes: bool) -> Sighting | None:
    """Return the sighting that a file's status makes; None where it is not a regular file."""
    if not stat.S_ISREG(status.st_mode):
        return None
    inode = status.st_ino if inodes else NO_INODE
    mtime_ns, ctime_ns = folded(status.st_mtime_ns), folded(status.st_ctime_ns)
    return Sighting(path, status.st_size, mtime_ns, inode, status.st_dev, ctime_ns)


def folded(nanoseconds: int) -> int:
    """Return a time as 64 bits with a sign, which is what the job journal keeps."""
    return (nanoseconds + _HALF) % (2 * _HALF) - _HALF


NO_INODE = 0
_HALF = 1 << 63  # nanoseconds: a time after the year 2262 is folded


def open_plainly(path: str, flags: int) -> int:
    """Open a file, but follow no link, and should it be a FIFO by now, do not wait."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


# What opening it says when something else has taken a picture's place: nothing, a file where its
# folder was, a symbolic link, a folder, a socket or a device.
NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV}

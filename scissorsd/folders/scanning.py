"""Scan an inbox, and take sightings of single files."""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from scissorsd import failpoints
from scissorsd.core.ignored_names import is_picture_name, why_itself_ignored
from scissorsd.core.settling import Sighting

NO_INODE = 0
_HALF = 1 << 63  # nanoseconds: a time after the year 2262 is folded
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
# What open(2) says when something else has taken a picture's place: nothing, a file where its
# folder was, a symbolic link, a folder, a socket or a device.
_NO_FILE = {*_NOT_THERE, errno.EISDIR, errno.ENXIO, errno.ENODEV}
_AT_FDCWD, _NO_FOLLOW, _BIRTH_TIME = -100, 0x100, 0x800  # AT_SYMLINK_NOFOLLOW, STATX_BTIME
_STATX_SIZE, _BIRTH_TIME_OFFSET = 256, 80  # bytes: of struct statx, and where its stx_btime is


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

    `inodes` is as for `sight`. Symbolic links are not followed. What is not a regular file is
    passed over, and so is what vanishes during the scan. `unseen` is called with each path from
    the inbox that is there and cannot be accessed; the root itself raises OSError.
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
                        status = entry.stat(follow_symlinks=False)
                        sighting = sighting_from_stat(path, status, inodes=inodes)
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


def sight(root: Path, path: str, *, inodes: bool = True) -> Sighting | None:
    """Return the sighting of one path; None where no regular file is there.

    Without `inodes` the inode is left out, for file systems that do not keep it. Raises OSError
    where the path cannot be accessed.
    """
    try:
        failpoints.at("sight")
        return sighting_from_stat(path, (root / path).lstat(), inodes=inodes)
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise


def sighting_from_stat(path: str, status: os.stat_result, *, inodes: bool) -> Sighting | None:
    """Return the sighting that a file's status makes; None where it is not a regular file."""
    if not stat.S_ISREG(status.st_mode):
        return None
    inode = status.st_ino if inodes else NO_INODE
    mtime_ns, ctime_ns = fold_time(status.st_mtime_ns), fold_time(status.st_ctime_ns)
    return Sighting(path, status.st_size, mtime_ns, inode, status.st_dev, ctime_ns)


def fold_time(nanoseconds: int) -> int:
    """Return a time as a signed integer of 64 bits, which is what the job journal keeps."""
    return (nanoseconds + _HALF) % (2 * _HALF) - _HALF


def came_after(root: Path, source: Sighting, inode: int, ctime_ns: int) -> bool:
    """Whether a file is another than the one with this inode and ctime, not only touched since.

    It is another if its inode differs (0: not known), or if its birth time is after `ctime_ns`.
    Both times are of the file system's clock.
    """
    if inode and source.inode and source.inode != inode:
        return True
    birth_ns = _birth_time_ns(root / source.path)
    return birth_ns is not None and birth_ns > ctime_ns


def _birth_time_ns(path: Path) -> int | None:
    """Return when a file was made, in nanoseconds, where the file system keeps it (statx(2))."""
    statx = getattr(ctypes.CDLL(None), "statx", None)
    if statx is None:
        return None
    status = ctypes.create_string_buffer(_STATX_SIZE)
    if statx(_AT_FDCWD, os.fsencode(path), _NO_FOLLOW, _BIRTH_TIME, status) != 0:
        return None
    (mask,) = struct.unpack_from("=I", status.raw)
    seconds, nanoseconds = struct.unpack_from("=qI", status.raw, _BIRTH_TIME_OFFSET)
    return int(seconds * 10**9 + nanoseconds) if mask & _BIRTH_TIME else None


def is_folder(path: Path) -> bool:
    """Whether a folder is at the path, not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def open_no_follow(path: Path) -> BinaryIO | None:
    """Open a file to read it; None where no file is. No link is followed, no FIFO waited for."""
    try:
        return open(path, "rb", opener=_open_at_once)
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)

"""Rename a file without ever replacing another one.

However many processes on however many machines publish into one folder, each path is taken by one
of them. The file is written under a temporary name and then gets its own by what the file system
offers, tried in this order:

link, then unlink          nearly all: ext4, XFS, Btrfs, ZFS, tmpfs, overlayfs, SMB, NFS, most FUSE
RENAME_NOREPLACE           what has no links but is local: FAT, exFAT. Not on SMB, where the kernel
                           looks first and then has the server replace
O_CREAT | O_EXCL, rename   what has neither: an exclusively created placeholder is replaced. A
                           process killed before it has written its mark there leaves an empty file
"""

import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

_AT_FDCWD = -100
_NO_REPLACE = 1  # RENAME_NOREPLACE of <linux/fs.h>
# Errors of a file system that has no such call (EACCES: an SMB server's that has no links). They
# may also be about the names or the permissions: then the last way raises them, too.
_LACKING = {
    *(errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK, errno.EACCES),
}
# statfs(2): file systems whose files another machine or program decides on: SMB, NFS, FUSE, 9p, …
_REMOTE = {0xFF534D42, 0xFE534D42, 0x517B, 0x6969, 0x65735546, 0x01021997, 0x5346414F, 0x00C36400}
_MARK = b"scissorsd takes this place for "


def rename(origin: Path, target: Path, *, tag: str = "") -> None:
    """Rename a file to a path at which nothing is.

    Raises FileExistsError where something is there, be it a dangling link, and OSError as rename
    does; then the file still has its old name. `tag` is the caller's alone: it marks the
    placeholder, so that one left by a killed process is recognised.
    """
    mark = _MARK + (tag or secrets.token_hex(8)).encode()
    try:
        if not (_link_and_unlink(origin, target) or _renameat2(origin, target)):
            _reserve_and_rename(origin, target, mark)
    except FileExistsError:
        if not _is_placeholder(target, mark):
            raise
        origin.rename(target)


def is_reserved(target: Path, tag: str) -> bool:
    """Whether a placeholder is there that was left by a process with this tag."""
    return bool(tag) and _is_placeholder(target, _MARK + tag.encode())


def _renameat2(origin: Path, target: Path) -> bool:
    """Return whether the file was renamed; False where the file system has no such call."""
    rename = _libc_function("renameat2")
    if rename is None or _file_system(target.parent) in _REMOTE:
        return False
    old, new = os.fsencode(origin), os.fsencode(target)
    if rename(_AT_FDCWD, old, _AT_FDCWD, new, _NO_REPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _LACKING:
        return False
    raise OSError(number, os.strerror(number), str(origin), None, str(target))


def _file_system(folder: Path) -> int:
    """Return the number of the type of a folder's file system (statfs(2)); 0: not known."""
    statfs = _libc_function("statfs")
    status = ctypes.create_string_buffer(256)  # struct statfs begins with the type
    if statfs is None or statfs(os.fsencode(folder), status) != 0:
        return 0
    return int.from_bytes(status.raw[: ctypes.sizeof(ctypes.c_long)], sys.byteorder) & 0xFFFFFFFF


@cache
def _libc_function(name: str) -> Callable[..., int] | None:
    """Return a function of the C library; None where it has no such function."""
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    return function


def _link_and_unlink(origin: Path, target: Path) -> bool:
    """Return whether the file was renamed; False where the file system has no such call."""
    try:
        os.link(origin, target, follow_symlinks=False)
    except OSError as error:
        # It may be linked all the same: killed, asked twice (NFS), or the answer was lost (SMB).
        if not is_same_file(origin, target) or _is_one_name(origin, target):
            if error.errno in _LACKING:
                return False
            raise
    try:
        origin.unlink()
    except OSError:
        if os.path.lexists(origin):  # else it was unlinked, and the answer was lost
            with suppress(OSError):
                target.unlink()  # the file still has its old name, and must not have two
            raise
    return True


def _is_one_name(one: Path, other: Path) -> bool:
    """Whether two paths lead to one and the same entry, through a link or a mount."""
    with suppress(OSError):
        same = one.name.casefold() == other.name.casefold()
        return same and one.parent.samefile(other.parent)
    return True


def _reserve_and_rename(origin: Path, target: Path, mark: bytes) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(mark)
    except OSError:
        with suppress(OSError):
            target.unlink()
        raise
    try:
        origin.rename(target)
    except OSError:
        if _is_placeholder(target, mark):
            with suppress(OSError):
                target.unlink()
            raise
        if os.path.lexists(origin):  # else a server renamed it, and the answer was lost
            raise


def _is_placeholder(target: Path, mark: bytes) -> bool:
    with suppress(OSError), target.open("rb") as file:
        return file.read(len(mark) + 1) == mark
    return False


def is_same_file(one: Path, other: Path) -> bool:
    """Whether both names are of one file now; symbolic links are not followed.

    SMB without `serverino` gives two names of one file two inodes: then sizes and times decide.
    """
    try:
        first, second = one.lstat(), other.lstat()
    except OSError:
        return False
    if os.path.samestat(first, second):
        return True
    linked = first.st_nlink > 1 and second.st_nlink > 1 and first.st_dev == second.st_dev
    times = [(status.st_size, status.st_mtime_ns, status.st_ctime_ns) for status in (first, second)]
    return linked and times[0] == times[1]


def copy_times_and_mode(origin: Path, copy: Path) -> None:
    """Copy times and mode as far as the file system takes them."""
    with suppress(OSError):
        shutil.copystat(origin, copy)

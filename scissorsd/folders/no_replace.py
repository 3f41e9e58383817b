"""Taking a place: a file gets its name whole, and never in the stead of another.

However many processes on however many machines publish into one folder, each place is taken by
one of them. The file is written under a name that cannot clash (`temporary`) and then gets its own
by what the file system has to offer, in this order:

link, then unlink          nearly all: ext4, XFS, Btrfs, ZFS, tmpfs, overlayfs, SMB, NFS, most FUSE
RENAME_NOREPLACE           what has no links but is this machine's own: FAT, exFAT. Not on SMB,
                           where the kernel looks first and then has the server replace
O_CREAT | O_EXCL, rename   what has neither: a place-holder is taken, and then replaced. A process
                           killed before it has put its mark there leaves an empty file
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
# What may say that a file system has no such call (EACCES: SMB where the server's has no links).
# It may also be about the names or the rights: then the last way says so, too.
_LACKING = {
    *(errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK, errno.EACCES),
}
# statfs(2): those where another machine or program decides what is there: SMB, NFS, FUSE, 9p, …
_REMOTE = {0xFF534D42, 0xFE534D42, 0x517B, 0x6969, 0x65735546, 0x01021997, 0x5346414F, 0x00C36400}
_MARK = b"scissorsd takes this place for "


def take(origin: Path, place: Path, *, tag: str = "") -> None:
    """Rename a file to a place at which nothing is.

    Raises FileExistsError where something is there, be it a dangling link, and OSError as rename
    does; then the file still has its old name. `tag` is the taker's alone: by it a place-holder
    left by a process that was killed is known again.
    """
    mark = _MARK + (tag or secrets.token_hex(8)).encode()
    try:
        if not (_link_and_unlink(origin, place) or _rename_without_replacing(origin, place)):
            _hold_and_rename(origin, place, mark)
    except FileExistsError:
        if not _is_marked(place, mark):
            raise
        origin.rename(place)


def is_held(place: Path, tag: str) -> bool:
    """Whether a place-holder is there that was left by a process with this tag."""
    return bool(tag) and _is_marked(place, _MARK + tag.encode())


def _rename_without_replacing(origin: Path, place: Path) -> bool:
    """Do so; false where this cannot be done here."""
    rename = _call("renameat2")
    if rename is None or _file_system(place.parent) in _REMOTE:
        return False
    old, new = os.fsencode(origin), os.fsencode(place)
    if rename(_AT_FDCWD, old, _AT_FDCWD, new, _NO_REPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _LACKING:
        return False
    raise OSError(number, os.strerror(number), str(origin), None, str(place))


def _file_system(folder: Path) -> int:
    """Return the number by which the kernel knows a folder's type of file system; 0: not known."""
    statfs = _call("statfs")
    found = ctypes.create_string_buffer(256)  # struct statfs begins with it
    if statfs is None or statfs(os.fsencode(folder), found) != 0:
        return 0
    return int.from_bytes(found.raw[: ctypes.sizeof(ctypes.c_long)], sys.byteorder) & 0xFFFFFFFF


@cache
def _call(name: str) -> Callable[..., int] | None:
    """Return a call of the C library, where it has it."""
    call: Callable[..., int] | None = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    return call


def _link_and_unlink(origin: Path, place: Path) -> bool:
    """Do so; false where this cannot be done here."""
    try:
        os.link(origin, place, follow_symlinks=False)
    except OSError as error:
        # else linked all the same: killed then, asked twice (NFS), or the answer was lost (SMB)
        if not is_same_file(origin, place) or _is_one_name(origin, place):
            if error.errno in _LACKING:
                return False
            raise
    try:
        origin.unlink()
    except OSError:
        if os.path.lexists(origin):  # else its answer was lost
            with suppress(OSError):
                place.unlink()  # the file has its old name still, and is not to have two
            raise
    return True


def _is_one_name(one: Path, other: Path) -> bool:
    """Whether two paths lead to one and the same entry, by a link or a mount."""
    with suppress(OSError):
        same = one.name.casefold() == other.name.casefold()
        return same and one.parent.samefile(other.parent)
    return True


def _hold_and_rename(origin: Path, place: Path, mark: bytes) -> None:
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(mark)
    except OSError:
        with suppress(OSError):
            place.unlink()
        raise
    try:
        origin.rename(place)
    except OSError:
        if _is_marked(place, mark):
            with suppress(OSError):
                place.unlink()
            raise
        if os.path.lexists(origin):  # else a server did it, and its answer was lost on the way
            raise


def _is_marked(place: Path, mark: bytes) -> bool:
    with suppress(OSError), place.open("rb") as file:
        return file.read(len(mark) + 1) == mark
    return False


def is_same_file(one: Path, other: Path) -> bool:
    """Whether both names are of one file now; symbolic links are not followed.

    SMB without `serverino` gives two names two numbers: then the rest tells.
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
    """Carry these over as far as the file system lets itself be told: nice to have, no more."""
    with suppress(OSError):
        shutil.copystat(origin, copy)

"""Users: as whom this process and the daemon work, and to whom a file belongs."""

import ctypes
import grp
import os
import platform
import pwd
import re
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scissorsd.records import lock, status_file

_SETGROUPS = {"x86_64": 116, "aarch64": 159, "riscv64": 159}  # the number of the system call


@dataclass(frozen=True, slots=True)
class User:
    """A user as the kernel judges what it may do with a file."""

    uid: int
    gid: int
    groups: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name, or the number of one that has none, as in a container."""
        return user_name(self.uid)

    @property
    def in_commands(self) -> str:
        """The user as `chown` takes it."""
        return f"{self.name}:" if not self.name.isdigit() else f"{self.uid}:{self.gid}"


def user_name(uid: int) -> str:
    """Return the name of a user, or the number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def me() -> User:
    """Return the user as whom this process works."""
    return User(os.geteuid(), os.getegid(), tuple(os.getgroups()))


def of_daemon(state: Path) -> User | None:
    """Return the user as whom the daemon on a state folder works; if none runs, the folder's owner.

    None where neither is to be known.
    """
    stands = status_file.read(state) if lock.is_running(state) else None
    if stands is not None:
        with suppress(OSError, ValueError, KeyError):
            return _of_process(stands.pid)
    try:
        status = state.stat()
    except OSError:
        return None
    groups: tuple[int, ...] = ()
    with suppress(KeyError):
        groups = tuple(os.getgrouplist(pwd.getpwuid(status.st_uid).pw_name, status.st_gid))
    return User(status.st_uid, status.st_gid, groups)


def _of_process(pid: int) -> User:
    """Read proc(5): real, effective, saved and file-system numbers, in that order."""
    text = Path(f"/proc/{pid}/status").read_text()
    numbers = dict(re.findall(r"^(Uid|Gid|Groups):\s*(.*)$", text, re.MULTILINE))
    groups = tuple(map(int, numbers["Groups"].split()))
    return User(int(numbers["Uid"].split()[3]), int(numbers["Gid"].split()[3]), groups)


def become(user: User) -> bool:
    """Let this thread alone work with files as another user; return whether that is possible.

    The kernel keeps these numbers for each thread (setfsuid(2)), and takes root's power over files
    away with them (capabilities(7)). The C library has no setgroups for one thread: hence the call
    by its number.
    """
    if user == me():
        return True
    number = _SETGROUPS.get(platform.machine())
    if os.geteuid() != 0 or sys.platform != "linux" or number is None:
        return False
    libc = ctypes.CDLL(None)
    groups = (ctypes.c_uint32 * len(user.groups))(*user.groups)
    size = ctypes.c_long(len(user.groups))
    if libc.syscall(ctypes.c_long(number), size, groups) != 0:
        return False
    libc.setfsgid(user.gid)
    libc.setfsuid(user.uid)
    return int(libc.setfsuid(-1)) == user.uid  # which changes nothing, and returns what is


def whose(path: Path) -> str:
    """Say to whom a file or folder belongs and what its mode is, or '' where that is not seen."""
    try:
        status = path.lstat()
    except OSError:
        return ""
    owner = f"{user_name(status.st_uid)}:{_group_name(status.st_gid)}"
    return f"{owner}, mode {stat.S_IMODE(status.st_mode):04o}"

"""What is mounted where, what is known of file systems, and folders that may be away.

Without /proc (on other systems than Linux) nothing is known of mounts.
"""

import errno
import os
import re
import select
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scissorsd.errors import HoldError, InTheWayError, NameRefusedError
from scissorsd.folders.holding import ADVICE, hold_on_error

# File systems on which another machine, or the other side of a hypervisor or of FUSE, can write
# without this kernel raising an event.
_REMOTE = {
    *("cifs", "smb3", "smbfs", "nfs", "nfs4", "afs", "ceph", "glusterfs", "lustre", "beegfs"),
    *("9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "davfs", "ncpfs", "fakeowner"),
}
# File systems on which a file may get another inode whenever the kernel has forgotten it.
_FLEETING_INODES = {"vfat", "msdos", "exfat", "cifs", "smb3", "smbfs"}

_TABLE = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of /proc/self/mountinfo; see proc_pid_mountinfo(5)."""

    id: int
    system: str  # the file system, as major:minor
    root: str  # which folder of the file system is mounted
    point: str  # where
    fs_type: str
    source: str  # such as /dev/sda1 or //nas/photos
    parent: int = 0  # the mount that it lies on
    address: str = ""  # of the machine that serves it, where the kernel tells


def table() -> Iterator[Mount]:
    """Yield what is mounted, the latest last."""
    try:
        lines = _TABLE.read_bytes().split(b"\n")[:-1]
    except OSError:
        return
    for line in lines:
        before, _, after = line.partition(b" - ")
        number, parent, system, root, point, *_ = before.split(b" ")
        fs_type, source, options, *_ = (*after.split(b" "), b"", b"")
        address = _ADDRESS.search(options)
        yield Mount(
            id=int(number),
            system=_unescaped(system),
            root=_unescaped(root),
            point=_unescaped(point),
            fs_type=_unescaped(fs_type),
            source=_unescaped(source),
            parent=int(parent),
            address=_unescaped(address[1]) if address else "",
        )


def _unescaped(field: bytes) -> str:
    if b"\\" not in field:
        return os.fsdecode(field)
    return os.fsdecode(_ESCAPED.sub(lambda escape: bytes([int(escape[1], 8)]), field))


_ESCAPED = re.compile(rb"\\([0-7]{3})")
_ADDRESS = re.compile(rb"(?:^|,)addr=([^,]+)")


class View:
    """Which mount is seen at a path, as the kernel walks: later mounts hide earlier ones. Pure."""

    def __init__(self, mounts: Sequence[Mount]) -> None:
        numbers = {mount.id for mount in mounts}
        self._on: dict[tuple[int | None, str], Mount] = {}  # what lies on a mount, by its point
        for mount in mounts:
            lies_on = mount.parent if mount.parent in numbers - {mount.id} else None
            self._on[lies_on, mount.point] = mount
        self.visible = [mount for mount in mounts if self.at(mount.point) is mount]

    def at(self, path: str) -> Mount | None:
        """Return the mount that is seen at an absolute path without links."""
        seen, here = None, ""
        for part in ("", *filter(None, path.split("/"))):
            here = f"{here.rstrip('/')}/{part}"
            while (above := self._on.get((seen.id if seen else None, here))) is not None:
                seen = above
        return seen


class Table:
    """The table of mounts, read again only once it has changed. Any thread may call."""

    def __init__(self) -> None:
        self._changes = Changes()
        self._lock = threading.Lock()
        self._view: View | None = None

    def view(self) -> View:
        """Return what is mounted now; the same object as long as nothing has changed."""
        with self._lock:
            if self._changes.any() or self._view is None:
                self._view = View(list(table()))
            return self._view

    def close(self) -> None:
        """Close it; a change is no longer seen."""
        with self._lock:
            self._changes.close()


def is_mount(path: Path) -> bool:
    """Whether something is mounted at the path, be it a folder of the same file system."""
    real = os.path.realpath(path)
    return os.path.ismount(path) or any(mount.point == real for mount in table())


def mount_of(path: Path, mounts: Sequence[Mount] = ()) -> Mount | None:
    """Return the mount that a path lies on, of those in the table; None where it is not known."""
    mounts = mounts or list(table())
    number = _mount_number(path)
    exact = next((mount for mount in mounts if mount.id == number), None)
    if exact is not None:
        return exact
    return _mount_above(os.path.realpath(path), mounts)


def _mount_above(path: str, mounts: Sequence[Mount]) -> Mount | None:
    above = [m for m in mounts if f"{path}/".startswith(f"{m.point.rstrip('/')}/")]
    return max(reversed(above), key=lambda mount: len(mount.point), default=None)


def may_hang(path: Path) -> bool:
    """Whether another machine or process has to answer for a path; the path is not accessed.

    A process that waits for such an answer cannot even be killed before it has come.
    """
    mount = _mount_above(os.path.abspath(path), list(table()))  # noqa: PTH100 - realpath would ask
    return mount is not None and not raises_events(mount.fs_type)


def _mount_number(path: Path) -> int | None:
    """Return the number of the mount that a path lies on: of several at one point the right one."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, AttributeError):
        return None
    try:
        line = re.search(
            r"^mnt_id:\s*(\d+)", Path(f"/proc/self/fdinfo/{handle}").read_text(), re.MULTILINE
        )
    except OSError:
        return None
    finally:
        os.close(handle)
    return int(line[1]) if line else None


def mount_type(path: Path) -> str:
    """Return the kernel's name for the type of the file system that a path lies on, or ""."""
    mount = mount_of(path)
    return mount.fs_type if mount is not None else ""


def below_source(mount: Mount) -> str:
    """Return which folder of the source of a remote mount is mounted; "" for the source itself.

    To the kernel mounts of two folders of a server may be one file system: `root` is then, for some
    of them, a part of the source already.
    """
    root = mount.root.rstrip("/")
    return "" if mount.source.rstrip("/").endswith(root) else root


def is_remote(mount: Mount) -> bool:
    """Whether its source is a folder of another machine, by a name that other mounts share."""
    return mount.fs_type in _REMOTE and (":/" in mount.source or mount.source.startswith("//"))


def raises_events(file_system: str) -> bool:
    """Whether native events can be trusted on a file system of this type."""
    return file_system not in _REMOTE and not file_system.startswith("fuse")


def keeps_inodes(file_system: str) -> bool:
    """Whether a file on a file system of this type keeps its inode."""
    return file_system not in _FLEETING_INODES and not file_system.startswith("fuse")


class Changes:
    """Detects mounts and unmounts."""

    def __init__(self) -> None:
        self._table: BinaryIO | None = None
        with suppress(OSError):
            self._table = _TABLE.open("rb")

    def any(self) -> bool:
        """Whether something was mounted or unmounted since the last call: one system call."""
        if self._table is None:
            return False
        change = select.poll()
        change.register(self._table, select.POLLPRI)  # see proc_pid_mounts(5)
        return bool(change.poll(0))

    def close(self) -> None:
        """Close the table of mounts."""
        if self._table is not None:
            self._table.close()
            self._table = None


class Root:
    """An inbox or outbox folder, which may be a mount that goes away and comes back.

    One that is not `for_all` takes outputs of some rules: it holds their pictures alone.
    """

    def __init__(self, path: Path, *, require_mount: bool = False, for_all: bool = True) -> None:
        self.path = path
        self._for_all = for_all
        self._called = "the outbox" if for_all else "the folder of an output"
        self._mounted = require_mount
        self._prepared = False

    def why_away(self) -> str:
        """Return why the folder is not there now, or "". Gone is not empty."""
        try:
            status = self.path.stat()
        except OSError as error:
            return f"{self.path}: {error.strerror or error}"
        if not stat.S_ISDIR(status.st_mode):
            return f"{self.path} is not a folder"
        if is_mount(self.path):
            self._mounted = True
        elif self._mounted:
            return f"{self.path} is a folder, but what is mounted there is gone"
        return ""

    def prepare(self) -> None:
        """Raise HoldError unless files can be put here. The folder is made once, never again."""
        if not self._prepared:
            self._make()
        away = self.why_away()
        if away:
            raise HoldError(
                f"{self._called} is away: {away}",
                "Bring it back.",
                outbox_wide=self._for_all,
                kind=f"{self._called} is away",
            )
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise self._unwritable()
        self._prepared = True

    def _make(self) -> None:
        try:
            with hold_on_error(f"make the folder {self.path}"):
                self.path.mkdir(parents=True, exist_ok=True)
        except (InTheWayError, NameRefusedError) as error:  # it concerns every picture
            raise HoldError(error.what, error.advice, outbox_wide=self._for_all) from error

    def _unwritable(self) -> HoldError:
        """Return the error that holds every picture, before any is cut in vain."""
        read_only = os.statvfs(self.path).f_flag & os.ST_RDONLY
        number = errno.EROFS if read_only else errno.EACCES
        return HoldError(
            f"cannot write to {self._called} {self.path}: {os.strerror(number)}",
            ADVICE[number],
            outbox_wide=self._for_all,
            kind=f"{self._called} cannot be written to",
        )

    def must_be_there(self) -> None:
        """Raise HoldError while the inbox is away."""
        away = self.why_away()
        if away:
            raise HoldError(
                f"the inbox is away: {away}",
                "Bring it back.",
                kind="the inbox is away",
            )

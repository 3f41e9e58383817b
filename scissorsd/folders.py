"""The folders: scan an inbox, read a source, publish outputs, dispose of the source.

Every operation that meets a fault which should pass raises HoldError, with its cause.
"""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from scissorsd import faults
from scissorsd.core.ignoring import is_picture_name, why_itself_ignored
from scissorsd.core.rules import fit
from scissorsd.core.settling import Sighting
from scissorsd.errors import HoldError, OverLimitsError, SourceChangedError
from scissorsd.mounts import is_mount

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_FULL = {*_NO_ROOM, errno.EROFS}
_UNNAMED = (
    " To a service everything is read-only that its unit does not name: after a change of folders, "
    "`scissorsd service install` and a restart."
)
_ADVICE = {
    errno.ENOSPC: "Make room on that disk; the work goes on by itself.",
    errno.EDQUOT: "Make room within the quota; the work goes on by itself.",
    errno.EROFS: "It is mounted read-only; mount it for writing and the work goes on by itself."
    + (_UNNAMED if "INVOCATION_ID" in os.environ else ""),  # systemd.exec(5): as a service
    errno.EACCES: "Give the user that scissorsd runs as access; the work goes on by itself.",
    errno.EPERM: "Give the user that scissorsd runs as access; the work goes on by itself.",
}
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
_INTO_OUTBOX = {"make", "write", "publish"}
_TEMPORARY = ".scissorsd-"  # names of unfinished files; they end in .tmp
_CHUNK = 1 << 20


@contextmanager
def held(doing: str) -> Iterator[None]:
    """Turn an OSError into a HoldError that says what was being done."""
    verb = doing.partition(" ")[0]  # "read", "write", "publish", "move", …
    try:
        faults.at(verb, doing)
        yield
        faults.at(f"{verb}.done", doing)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.ENAMETOOLONG:
            raise OverLimitsError(
                f"cannot {doing}: the name or the path is longer than the file system takes",
                "Shorten the names of the picture and of its folders, or those of the outbox's.",
            ) from error
        full = error.errno in _FULL and verb in _INTO_OUTBOX
        raise HoldError(
            f"cannot {doing}: {reason}",
            _ADVICE.get(error.errno or 0, "It is tried again, less and less often."),
            outbox_wide=full or (verb == "move" and error.errno in _NO_ROOM),
            kind=f"{verb}: {reason}",
        ) from error


class Root:
    """An inbox or outbox folder, which may be a mount that goes away and comes back."""

    def __init__(self, path: Path, *, require_mount: bool = False) -> None:
        self.path = path
        self._mounted = require_mount
        self._prepared = False

    def why_away(self) -> str:
        """Say why the folder is not there now, or nothing. Gone is not empty."""
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
        """Make sure that files can be put here: made at first, but not again when it is gone."""
        if not self._prepared:
            with held(f"make the folder {self.path}"):
                self.path.mkdir(parents=True, exist_ok=True)
        away = self.why_away()
        if away:
            raise HoldError(
                f"the outbox is away: {away}",
                "Bring it back; the work goes on by itself.",
                outbox_wide=True,
                kind="the outbox is away",
            )
        if not os.access(self.path, os.W_OK | os.X_OK):
            self._deny()
        self._prepared = True

    def _deny(self) -> NoReturn:
        """Hold everything: asked before the work, lest every picture is cut in vain."""
        read_only = os.statvfs(self.path).f_flag & os.ST_RDONLY
        number = errno.EROFS if read_only else errno.EACCES
        raise HoldError(
            f"cannot write to the outbox {self.path}: {os.strerror(number)}",
            _ADVICE[number],
            outbox_wide=True,
            kind="the outbox cannot be written to",
        )

    def must_be_there(self) -> None:
        """Raise HoldError while the inbox is away."""
        away = self.why_away()
        if away:
            raise HoldError(
                f"the inbox is away: {away}",
                "Bring it back; the work goes on by itself.",
                kind="the inbox is away",
            )


# --- looking ---------------------------------------------------------------------------------


def scan(
    root: Path,
    below: str = "",
    *,
    recursive: bool,
    ignore: Sequence[str],
    inodes: bool = True,
    unseen: Callable[[str, OSError], None] = lambda _, __: None,
) -> Iterator[Sighting]:
    """Give a sighting of every picture under the inbox, or under one of its folders.

    `inodes` is as for `look`. Symbolic links are not followed; what is not a regular file is
    passed over, and so is what vanishes during the scan. Of what is there and cannot be looked
    at, `unseen` is told, with its path from the inbox; the root itself raises OSError.
    """
    pending = [below]
    while pending:
        folder = pending.pop()
        try:
            faults.at("scan.folder" if folder else "scan")
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
                        faults.at("scan.picture")
                        sighting = _sighting(path, entry.stat(follow_symlinks=False), inodes=inodes)
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
    faults.at("list")
    os.scandir(root).close()


def look(root: Path, path: str, *, inodes: bool = True) -> Sighting | None:
    """Look at one path; none when no regular file is there. OSError: that cannot be told.

    Without `inodes` a file's number is left out, for file systems that do not keep it.
    """
    try:
        faults.at("sight")
        return _sighting(path, (root / path).lstat(), inodes=inodes)
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise


def is_folder(path: Path) -> bool:
    """Whether a folder is at the path, not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _sighting(path: str, status: os.stat_result, *, inodes: bool) -> Sighting | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    mtime_ns = (status.st_mtime_ns + _HALF) % (2 * _HALF) - _HALF
    inode = status.st_ino if inodes else _NO_INODE
    return Sighting(path, status.st_size, mtime_ns, inode, status.st_dev)


_NO_INODE = 0
_HALF = 1 << 63  # nanoseconds: a time after the year 2262 is folded, to fit in the job journal


def read_source(root: Path, source: Sighting, *, limit: int) -> bytes:
    """Read a settled picture whole.

    Raises SourceChangedError when it is no longer what was sighted, before or after reading,
    OverLimitsError when it is larger than `limit` bytes.
    """
    if source.size > limit:
        raise OverLimitsError(
            f"the file has {source.size:,} bytes; the limit is {limit:,}",
            "Raise 'limits: {file: …}' in the configuration, or make the file smaller.",
        )
    with held(f"read {root / source.path}"):
        try:
            file = open(root / source.path, "rb", opener=_open_plainly)  # noqa: SIM115 - used below
        except OSError as error:
            if error.errno not in _NO_FILE:
                raise
            raise SourceChangedError(f"{root / source.path} is no longer there") from error
        with file:
            _same(root, source, os.fstat(file.fileno()))
            data = file.read()
            _same(root, source, os.fstat(file.fileno()))
    return data


def _open_plainly(path: str, flags: int) -> int:
    """Open a file, but follow no link, and should it be a FIFO by now, do not wait."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


# What opening it says when something else has taken a picture's place: nothing, a file where its
# folder was, a symbolic link, a folder, a socket or a device.
_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV}


def check_unchanged(root: Path, source: Sighting) -> None:
    """Raise SourceChangedError unless the file at the path is still the one that was sighted."""
    with held(f"look at {root / source.path}"):
        try:
            status = (root / source.path).lstat()
        except FileNotFoundError as error:
            raise SourceChangedError(f"{root / source.path} was taken away") from error
        _same(root, source, status)


def _same(root: Path, source: Sighting, status: os.stat_result) -> None:
    if _sighting(source.path, status, inodes=source.inode != _NO_INODE) != source:
        raise SourceChangedError(f"{root / source.path} has changed since it settled")


# --- publishing ------------------------------------------------------------------------------


def publish(files: Sequence[tuple[Path, bytes]], *, tag: str) -> None:
    """Write files so that a reader sees each whole or not at all.

    All are written under temporary names beside their places and synced, and only then renamed.
    `tag` makes the temporary names this job's own.
    """
    written: list[tuple[Path, Path]] = []
    try:
        for number, (path, content) in enumerate(files):
            with held(f"write {path}"):
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.parent / f"{_TEMPORARY}{tag}-{number}.tmp"
                written.append((temporary, path))
                _write_synced(temporary, content)
        for temporary, path in written:
            with held(f"publish {path}"):
                temporary.replace(path)
        for folder in {path.parent for path, _ in files}:
            _sync_folder(folder)
    except BaseException:
        for temporary, _ in written:
            with suppress(OSError):
                temporary.unlink()
        raise


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        faults.at("write.unsynced")
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some shares cannot sync a folder
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_temporaries(folders: Sequence[Path], *, tag: str) -> None:
    """Remove what an interrupted job left under temporary names in these folders."""
    for folder in set(folders):
        for path in folder.glob(f"{_TEMPORARY}{tag}-*.tmp"):
            with suppress(OSError):  # it is only litter; the job that is repeated overwrites it
                path.unlink()


# --- disposing of sources --------------------------------------------------------------------


def delete(root: Path, source: Sighting) -> None:
    """Delete a source, unless it has changed."""
    check_unchanged(root, source)
    with held(f"delete {root / source.path}"):
        (root / source.path).unlink(missing_ok=True)
        _sync_folder((root / source.path).parent)


def move(root: Path, source: Sighting, target: Path, *, tag: str) -> None:
    """Move a source to a path that the job owns, also to another file system.

    A move that was interrupted is finished.
    """
    origin = root / source.path
    with held(f"move {origin} to {target}"):
        if not os.path.lexists(origin) and target.exists():
            return
    check_unchanged(root, source)
    with held(f"move {origin} to {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            origin.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_verified(origin, target, tag=tag)
            check_unchanged(root, source)
            faults.at("move.copied")
            origin.unlink()
        faults.at("move.unsynced")
        for folder in {target.parent, origin.parent}:
            _sync_folder(folder)


def put_back(origin: Path, target: Path) -> None:
    """Move a file that was set aside back to where it came from."""
    with held(f"move {origin} to {target}"):
        try:
            origin.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_verified(origin, target, tag="back")
            origin.unlink()


def _copy_verified(origin: Path, target: Path, *, tag: str) -> None:
    temporary = target.parent / f"{_TEMPORARY}{tag}-moved.tmp"
    try:
        with origin.open("rb") as source, temporary.open("wb") as copy:
            written = _copied(source.read, copy.write)
            copy.flush()
            faults.at("move.unverified")
            os.fsync(copy.fileno())
        with suppress(OSError):  # times and modes are nice to have, and some shares refuse them
            shutil.copystat(origin, temporary)
        _verify(temporary, written)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _verify(copy: Path, expected: bytes) -> None:
    faults.at("move.verify")
    with copy.open("rb") as file:
        if _copied(file.read, len) != expected:
            raise OSError(errno.EIO, "the copy differs from the original")


def _copied(read: Callable[[int], bytes], write: Callable[[bytes], int]) -> bytes:
    """Pass everything from one to the other; give its SHA-256."""
    digest = hashlib.sha256()
    while chunk := read(_CHUNK):
        digest.update(chunk)
        write(chunk)
    return digest.digest()


def exists(path: Path) -> bool:
    """Whether anything is at the path, be it a dangling link."""
    with held(f"look at {path}"):
        try:
            path.lstat()
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENAMETOOLONG}:
                raise
            return False
    return True


def is_newer(path: Path, source: Sighting) -> bool:
    """Whether a file with something in it is at the path, no older than the source."""
    with held(f"look at {path}"):
        found = look(path.parent, path.name)
    return found is not None and found.size > 0 and found.mtime_ns >= source.mtime_ns


def content(path: Path) -> bytes:
    """Give what is in a small file of our own; nothing if it is not there."""
    with held(f"read {path}"):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return b""


def remove(path: Path) -> None:
    """Remove a file of our own, if it is there."""
    with held(f"remove {path}"):
        path.unlink(missing_ok=True)


def free_name(folder: Path, name: str, others: Collection[Path] = ()) -> Path:
    """Give a path in the folder, but none of `others`, at which nothing is; numbered if need be."""
    path = folder / name
    number = 2
    while path in others or exists(path):
        stem, dot, suffix = name.rpartition(".")
        end = dot + suffix if dot else ""
        path = folder / fit(f"{stem if dot else name}-{number}", end)
        number += 1
    return path

"""The folders: scan an inbox, read a source, publish outputs, dispose of the source.

Every operation that meets a fault which should pass raises HoldError, with its cause.
"""

import ctypes
import errno
import hashlib
import os
import stat
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from scissorsd import atomic, failpoints
from scissorsd.core.ignored_names import is_picture_name, why_itself_ignored
from scissorsd.core.rules import NAME_LIMIT, SHORT_NAME_LIMIT, fit
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.errors import (
    HoldError,
    InTheWayError,
    NameRefusedError,
    OverLimitsError,
    PlaceTakenError,
    SourceChangedError,
)
from scissorsd.folders import no_replace
from scissorsd.folders.mounts import is_mount

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_FULL = {*_NO_ROOM, errno.EROFS}
_UNNAMED = (
    " To a service everything is read-only that its unit does not name: after a change of folders, "
    "`scissorsd service install` and a restart."
)
# What to do; that the work then goes on by itself is for a daemon to say, and for no other.
_ADVICE = {
    errno.ENOSPC: "Make room on that disk.",
    errno.EDQUOT: "Make room within the quota.",
    errno.EROFS: "It is mounted read-only; mount it for writing."
    + (_UNNAMED if "INVOCATION_ID" in os.environ else ""),  # systemd.exec(5): as a service
    errno.EACCES: "Give the user that scissorsd runs as access.",
    errno.EPERM: "Give the user that scissorsd runs as access.",
}
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
_INTO_OUTBOX = {"make", "write", "publish", "move"}
_FORBIDDEN = {errno.EINVAL, errno.EILSEQ}
_NO_FOLDER = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
_CHUNK = 1 << 20


@contextmanager
def held(doing: str) -> Iterator[None]:
    """Turn an OSError into a HoldError that says what was being done."""
    verb = doing.partition(" ")[0]  # "read", "write", "publish", "move", …
    try:
        failpoints.at(verb, doing)
        yield
        failpoints.at(f"{verb}.done", doing)
    except OSError as error:
        reason = error.strerror or str(error)
        _refuse_for_good(doing, verb, error)
        full = error.errno in (_NO_ROOM if verb == "move" else _FULL) and verb in _INTO_OUTBOX
        raise HoldError(
            f"cannot {doing}: {reason}",
            _ADVICE.get(error.errno or 0, ""),
            outbox_wide=full,
            kind=f"{verb}: {reason}",
        ) from error


def _refuse_for_good(doing: str, verb: str, error: OSError) -> None:
    """Raise what a file system says once and for all: no pause would change its mind."""
    number = error.errno
    if number == errno.ENAMETOOLONG:
        raise NameRefusedError(
            f"cannot {doing}: the name or the path is longer than the file system takes",
            "Shorten the names of the picture and of its folders, or those of the outbox's.",
            too_long=True,
        ) from error
    if verb not in _INTO_OUTBOX:
        return
    if number in _FORBIDDEN and verb != "write":  # which is under a name that every one takes
        raise _refused_name(doing, error) from error
    if number in _NO_FOLDER and verb == "make":
        raise InTheWayError(
            f"cannot {doing}: a file is where this folder, or one above it, should be",
            "Rename that file, or say another `folder:` or `outbox:`.",
        ) from error
    if number == errno.EFBIG:
        raise OverLimitsError(
            f"cannot {doing}: the file would be larger than its file system or a limit allows",
            "Make it smaller, or raise the limit (ulimit -f); FAT takes 4 GiB at most.",
        ) from error


def _refused_name(doing: str, error: OSError) -> NameRefusedError:
    return NameRefusedError(
        f"cannot {doing}: its file system takes no such name ({error.strerror})",
        "Rename the picture or its folder: letters, digits, - and _ are taken everywhere.",
    )


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
            self._make()
        away = self.why_away()
        if away:
            raise HoldError(
                f"the outbox is away: {away}",
                "Bring it back.",
                outbox_wide=True,
                kind="the outbox is away",
            )
        if not os.access(self.path, os.W_OK | os.X_OK):
            self._deny()
        self._prepared = True

    def _make(self) -> None:
        try:
            with held(f"make the folder {self.path}"):
                self.path.mkdir(parents=True, exist_ok=True)
        except (InTheWayError, NameRefusedError) as error:  # it concerns every picture
            raise HoldError(error.what, error.advice, outbox_wide=True) from error

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
                "Bring it back.",
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
    failpoints.at("list")
    os.scandir(root).close()


def look(root: Path, path: str, *, inodes: bool = True) -> Sighting | None:
    """Look at one path; none when no regular file is there. OSError: that cannot be told.

    Without `inodes` a file's number is left out, for file systems that do not keep it.
    """
    try:
        failpoints.at("sight")
        return _sighting(path, (root / path).lstat(), inodes=inodes)
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


def _sighting(path: str, status: os.stat_result, *, inodes: bool) -> Sighting | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    inode = status.st_ino if inodes else _NO_INODE
    mtime_ns, ctime_ns = _folded(status.st_mtime_ns), _folded(status.st_ctime_ns)
    return Sighting(path, status.st_size, mtime_ns, inode, status.st_dev, ctime_ns)


def _folded(nanoseconds: int) -> int:
    return (nanoseconds + _HALF) % (2 * _HALF) - _HALF


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


def stage(files: Sequence[tuple[Path, bytes]], *, tag: str) -> tuple[Stamp, ...]:
    """Write files whole and synced, under temporary names beside their places.

    `tag` makes these names the job's own. Nothing is left where one cannot be written.
    """
    staged: list[Stamp] = []
    try:
        for path, content in files:
            make_folder(path.parent)
            with held(f"write {path}"):
                temporary = atomic.temporary(path.parent, tag)
                staged.append(Stamp(str(path), b"", 0, 0, str(temporary)))
                status = _write_synced(temporary, content)
                staged[-1] = _stamp(path, status, _digest(content), temporary)
    except BaseException:
        discard(staged)
        raise
    return tuple(staged)


def commit(staged: Sequence[Stamp], *, own: Collection[str] = (), tag: str = "") -> None:
    """Give staged files their names: all of them, or where one cannot have its, none.

    Places at which something is are left alone and PlaceTakenError is raised, but for those in
    `own`: what is there is replaced. A name that the file system refuses is a NameRefusedError.
    What did not get its name is still staged then.
    """
    placed: list[Stamp] = []
    try:
        _refuse_taken(staged, own, tag)
        for stamp in sorted(staged, key=lambda stamp: stamp.place in own):  # these cannot be taken
            with held(f"publish {stamp.place}"):
                _take(stamp, own, tag)
                placed.append(stamp)
        for folder in {Path(stamp.place).parent for stamp in staged}:
            _sync_folder(folder)
    except BaseException:
        for stamp in staged:
            if stamp.place not in own and (stamp in placed or _is_linked(stamp)):
                with suppress(OSError):
                    Path(stamp.place).unlink()
        raise


def _is_linked(stamp: Stamp) -> bool:
    """Whether a file has its name, though an error was said: a share broke off, or a scanner."""
    return no_replace.is_same_file(Path(stamp.temporary), Path(stamp.place))


def _refuse_taken(staged: Sequence[Stamp], own: Collection[str], tag: str) -> None:
    for stamp in staged:
        place = Path(stamp.place)
        if stamp.place not in own and exists(place) and not no_replace.is_held(place, tag):
            raise PlaceTakenError(stamp.place)


def _take(stamp: Stamp, own: Collection[str], tag: str) -> None:
    temporary, place = Path(stamp.temporary), Path(stamp.place)
    if stamp.place in own:
        temporary.replace(place)
        return
    try:
        no_replace.take(temporary, place, tag=tag)
    except FileExistsError as error:
        raise PlaceTakenError(stamp.place) from error
    except FileNotFoundError as error:  # so a Windows server says of a name that it forbids
        if os.path.lexists(temporary):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), stamp.place) from error
        raise


def discard(staged: Iterable[Stamp]) -> None:
    """Remove what was staged and is not in its place."""
    for stamp in staged:
        with suppress(OSError):  # it is only litter, and swept at the next start
            Path(stamp.temporary).unlink(missing_ok=True)


def publish(
    files: Sequence[tuple[Path, bytes]],
    *,
    tag: str,
    own: Callable[[Path], bool] = lambda _: False,
) -> None:
    """Stage and commit, for who keeps no journal; `own` tells what may be replaced."""
    own_places = {str(path) for path, _ in files if own(path)}
    staged = stage(files, tag=tag)
    try:
        commit(staged, own=own_places)
    finally:
        discard(staged)


def is_own(stamp: Stamp) -> bool:
    """Whether the file at a stamp's place is the one that was stamped, put there by us."""
    place = Path(stamp.place)
    with held(f"read {place}"):
        if stamp.temporary and not is_stamp_placed(stamp):
            return False  # what is there is another's
    found = stamped(place)
    return found is not None and (found.size, found.digest) == (stamp.size, stamp.digest)


def stamped(place: Path) -> Stamp | None:
    """Return the stamp of a file in its place, as if it were ours; None if there is none."""
    with held(f"read {place}"):
        try:
            with open(place, "rb", opener=_open_plainly) as file:
                status = os.fstat(file.fileno())
                return _stamp(place, status, _copied(file.read, len), None)
        except OSError as error:
            if error.errno in _NO_FILE:
                return None
            raise


def make_folder(folder: Path) -> None:
    """Make a folder for outputs, and those above it, unless they are there."""
    if folder.is_dir():
        return
    with held(f"make the folder {folder}"):
        folder.mkdir(parents=True, exist_ok=True)


def _write_synced(path: Path, content: bytes) -> os.stat_result:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        failpoints.at("write.unsynced")
        os.fsync(file.fileno())
        return os.fstat(file.fileno())


def _stamp(place: Path, status: os.stat_result, digest: bytes, temporary: Path | None) -> Stamp:
    staged_as = "" if temporary is None else str(temporary)
    return Stamp(str(place), digest, status.st_size, _folded(status.st_mtime_ns), staged_as)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some shares cannot sync a folder
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_temporaries(folders: Iterable[Path], *, tag: str) -> None:
    """Remove what an interrupted job left under temporary names in these folders."""
    for folder in set(folders):
        for path in atomic.temporaries(folder, tag):
            with suppress(OSError):  # it is only litter
                path.unlink()


# --- disposing of sources --------------------------------------------------------------------


def delete(root: Path, source: Sighting) -> None:
    """Delete a source, unless it has changed."""
    check_unchanged(root, source)
    with held(f"delete {root / source.path}"):
        (root / source.path).unlink(missing_ok=True)
        _sync_folder((root / source.path).parent)


def move(
    root: Path,
    source: Sighting,
    target: Path,
    *,
    tag: str,
    own: Callable[[Path], bool] = lambda _: False,
    staged: Callable[[Stamp], None] = lambda _: None,
) -> Stamp:
    """Move a source to a place at which nothing is, also on another file system.

    A move that was interrupted is finished: then `own` tells that the file at the target is the
    copy that `staged` was told of. Raises PlaceTakenError where it is another's.
    """
    origin = root / source.path
    with held(f"move {origin} to {target}"):
        if not os.path.lexists(origin) and target.exists():
            return _stamp(target, target.lstat(), b"", None)
    check_unchanged(root, source)
    make_folder(target.parent)
    with held(f"move {origin} to {target}"):
        try:
            no_replace.take(origin, target, tag=tag)
            _put_back_another(origin, target, source)
        except FileExistsError as error:
            if not own(target):
                raise PlaceTakenError(str(target)) from error
            check_unchanged(root, source)
            origin.unlink()
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_over(root, source, target, tag, staged)
        failpoints.at("move.unsynced")
        for folder in {target.parent, origin.parent}:
            _sync_folder(folder)
        return _stamp(target, target.lstat(), b"", None)


def _put_back_another(origin: Path, target: Path, source: Sighting) -> None:
    """Put back what was moved, if it took the source's place in the moment before."""
    moved = target.lstat()
    if (moved.st_size, _folded(moved.st_mtime_ns)) != source.version:
        with suppress(FileExistsError):  # and yet another one has: what was moved stays moved
            no_replace.take(target, origin)
        raise SourceChangedError(f"{origin} was replaced while it was moved")


def _copy_over(
    root: Path, source: Sighting, target: Path, tag: str, staged: Callable[[Stamp], None]
) -> None:
    origin = root / source.path
    with _copy_verified(origin, target, tag=tag) as copy:
        check_unchanged(root, source)
        staged(copy)
        _take(copy, (), tag)
    check_unchanged(root, source)
    failpoints.at("move.copied")
    origin.unlink()


def put_back(origin: Path, target: Path) -> None:
    """Move a file that was set aside back to where it came from.

    Raises PlaceTakenError where something is there.
    """
    with held(f"move {origin} to {target}"):
        try:
            no_replace.take(origin, target)
        except FileExistsError as error:
            raise PlaceTakenError(str(target)) from error
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with _copy_verified(origin, target, tag="back") as copy:
                _take(copy, (), "back")
            origin.unlink()


@contextmanager
def _copy_verified(origin: Path, target: Path, *, tag: str) -> Iterator[Stamp]:
    """Copy a file to a temporary name beside its target, and read back what was written."""
    temporary = atomic.temporary(target.parent, tag)
    try:
        with origin.open("rb") as source, temporary.open("xb") as copy:
            written = _copied(source.read, copy.write)
            copy.flush()
            failpoints.at("move.unverified")
            os.fsync(copy.fileno())
        no_replace.copy_times_and_mode(origin, temporary)
        _verify(temporary, written)
        yield _stamp(target, temporary.lstat(), written, temporary)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _verify(copy: Path, expected: bytes) -> None:
    failpoints.at("move.verify")
    with copy.open("rb") as file:
        if _copied(file.read, len) != expected:
            raise OSError(errno.EIO, "the copy differs from the original")


def _copied(read: Callable[[int], bytes], write: Callable[[bytes], int]) -> bytes:
    """Pass everything from one to the other; give its digest."""
    digest = _new_digest()
    while chunk := read(_CHUNK):
        digest.update(chunk)
        write(chunk)
    return digest.digest()


def _digest(content: bytes) -> bytes:
    digest = _new_digest()
    digest.update(content)
    return digest.digest()


def _new_digest() -> "hashlib.blake2b":
    return hashlib.blake2b(digest_size=16)


def exists(path: Path) -> bool:
    """Whether anything is at the path, be it a dangling link."""
    with held(f"look at {path}"):
        try:
            path.lstat()
        except OSError as error:
            if error.errno in _FORBIDDEN:
                raise _refused_name(f"look at {path}", error) from error
            if error.errno not in {errno.ENOENT, errno.ENOTDIR}:
                raise
            return False
    return True


def is_newer(path: Path, source: Sighting) -> bool:
    """Whether a file with something in it is at the path, no older than the source."""
    with held(f"look at {path}"):
        found = look(path.parent, path.name)
    return found is not None and found.size > 0 and found.mtime_ns >= source.mtime_ns


def is_stamp_placed(stamp: Stamp) -> bool:
    """Whether a staged file has left its temporary name, as far as can be seen."""
    temporary = Path(stamp.temporary)
    with held(f"look at {temporary}"):
        there = os.path.lexists(temporary)
    return not there or no_replace.is_same_file(temporary, Path(stamp.place))


def content(path: Path) -> bytes:
    """Return what a small file of our own begins with; nothing if no file is there."""
    with held(f"read {path}"):
        try:
            with open(path, "rb", opener=_open_plainly) as file:
                return file.read(_CHUNK)
        except OSError as error:
            if error.errno in _NO_FILE:
                return b""
            raise


def remove(path: Path) -> None:
    """Remove a file of our own, if it is there."""
    with held(f"remove {path}"):
        path.unlink(missing_ok=True)


def free_name(folder: Path, name: str, others: Collection[Path] = ()) -> Path:
    """Return a path in the folder, none of `others`, at which nothing is; numbered if need be."""
    path = folder / name
    limit = NAME_LIMIT if len(os.fsencode(name)) > SHORT_NAME_LIMIT else SHORT_NAME_LIMIT
    number = 2
    while path in others or exists(path):
        stem, dot, suffix = name.rpartition(".")
        end = dot + suffix if dot else ""
        path = folder / fit(f"{stem if dot else name}-{number}", end, limit)
        number += 1
    return path


def is_in_the_way(path: Path) -> bool:
    """Whether something that is no folder is where a folder is to be."""
    return exists(path) and not path.is_dir()

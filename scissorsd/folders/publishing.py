"""Publish outputs: stage files, commit them to their places, recognise them by their stamps."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from scissorsd import atomic, failpoints
from scissorsd.core.file_names import NAME_LIMIT, SHORT_NAME_LIMIT, fit
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.errors import HoldError, NameRefusedError, PlaceTakenError
from scissorsd.folders import no_replace
from scissorsd.folders.holding import FORBIDDEN_NAME, hold_on_error, refused_name
from scissorsd.folders.scanning import fold_time, open_no_follow, sight

_CHUNK = 1 << 20


def stage(files: Sequence[tuple[Path, bytes]], *, tag: str) -> tuple[Stamp, ...]:
    """Write files whole and synced, under temporary names beside their places.

    `tag` makes these names the job's own. If one cannot be written, all are removed.
    """
    staged: list[Stamp] = []
    try:
        for path, content in files:
            make_folder(path.parent)
            with hold_on_error(f"write {path}"):
                temporary = atomic.temporary(path.parent, tag)
                staged.append(Stamp(str(path), b"", 0, 0, str(temporary)))
                status = _write_synced(temporary, content)
                staged[-1] = stamp_of(path, status, digest_of(content), temporary)
    except BaseException:
        discard(staged)
        raise
    return tuple(staged)


def commit(staged: Sequence[Stamp], *, own: Collection[str] = (), tag: str = "") -> None:
    """Give all staged files their names, or none if one name cannot be had.

    Files in `own` are replaced. Raises PlaceTakenError where anything else is in a place, and
    NameRefusedError where the file system refuses a name; then every file is still staged. Raises
    HoldError where one is not as it was staged.
    """
    placed: list[Stamp] = []
    try:
        for stamp in staged:
            check_staged(stamp)
        _refuse_taken(staged, own, tag)
        for stamp in sorted(staged, key=lambda stamp: stamp.place in own):  # own: cannot fail
            with hold_on_error(f"publish {stamp.place}"):
                give_name(stamp, own, tag)
                placed.append(stamp)
        for folder in {Path(stamp.place).parent for stamp in staged}:
            sync_folder(folder)
    except BaseException:
        for stamp in staged:
            if stamp.place not in own and (stamp in placed or _is_linked(stamp)):
                with suppress(OSError):
                    Path(stamp.place).unlink()
        raise


def check_staged(stamp: Stamp) -> os.stat_result:
    """Raise HoldError unless a staged file is there as it was told: a regular one of that size."""
    temporary = Path(stamp.temporary)
    with hold_on_error(f"look at {temporary}"):
        try:
            status = temporary.lstat()
        except FileNotFoundError as error:
            raise _not_as_staged(stamp, "is gone") from error
    if not stat.S_ISREG(status.st_mode):
        raise _not_as_staged(stamp, "is no regular file")
    if status.st_size != stamp.size:
        raise _not_as_staged(stamp, f"has {status.st_size:,} bytes, not {stamp.size:,}")
    return status


def read_staged(stamp: Stamp) -> bytes:
    """Return the content of a staged file; raises as `check_staged` does."""
    check_staged(stamp)
    with hold_on_error(f"read {stamp.temporary}"):
        file = open_no_follow(Path(stamp.temporary))
        if file is None:
            raise _not_as_staged(stamp, "is gone")
        with file:
            return file.read()


def _not_as_staged(stamp: Stamp, how: str) -> HoldError:
    return HoldError(
        f"{stamp.temporary}, written for {stamp.place}, {how}", kind="a file not as it was staged"
    )


def _is_linked(stamp: Stamp) -> bool:
    """Whether a file has its name in spite of an error: the share broke off, or a virus scanner."""
    return no_replace.is_same_file(Path(stamp.temporary), Path(stamp.place))


def _refuse_taken(staged: Sequence[Stamp], own: Collection[str], tag: str) -> None:
    for stamp in staged:
        place = Path(stamp.place)
        if stamp.place not in own and exists(place) and not no_replace.is_reserved(place, tag):
            raise PlaceTakenError(stamp.place)


def give_name(stamp: Stamp, own: Collection[str], tag: str) -> None:
    """Give one staged file its name; PlaceTakenError where something else is there."""
    temporary, place = Path(stamp.temporary), Path(stamp.place)
    if stamp.place in own:
        temporary.replace(place)
        return
    try:
        no_replace.rename(temporary, place, tag=tag)
    except FileExistsError as error:
        raise PlaceTakenError(stamp.place) from error
    except FileNotFoundError as error:  # from a Windows server: it forbids this name
        if os.path.lexists(temporary):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), stamp.place) from error
        raise


def discard(staged: Iterable[Stamp]) -> None:
    """Remove staged files that are not in their places."""
    for stamp in staged:
        with suppress(OSError):  # it is removed at the next start
            Path(stamp.temporary).unlink(missing_ok=True)


def publish(
    files: Sequence[tuple[Path, bytes]],
    *,
    tag: str,
    own: Callable[[Path], bool] = lambda _: False,
) -> None:
    """Stage and commit, for commands without a journal; `own` tells which files may be replaced."""
    own_places = {str(path) for path, _ in files if own(path)}
    staged = stage(files, tag=tag)
    try:
        commit(staged, own=own_places)
    finally:
        discard(staged)


def matches_stamp(stamp: Stamp) -> bool:
    """Whether the file at a stamp's place is the one that was stamped and published by us."""
    place = Path(stamp.place)
    with hold_on_error(f"read {place}"):
        if stamp.temporary and not is_stamp_placed(stamp):
            return False  # another's file is there
    there = stamp_file(place)
    return there is not None and (there.size, there.digest) == (stamp.size, stamp.digest)


def stamp_file(path: Path) -> Stamp | None:
    """Return the stamp of the file at a path, as if it were ours; None if there is none."""
    with hold_on_error(f"read {path}"):
        file = open_no_follow(path)
        if file is None:
            return None
        with file:
            status = os.fstat(file.fileno())
            return stamp_of(path, status, copy_and_digest(file.read, len), None)


def make_folder(folder: Path) -> None:
    """Make a folder for outputs, and those above it, unless they are there."""
    if folder.is_dir():
        return
    with hold_on_error(f"make the folder {folder}"):
        folder.mkdir(parents=True, exist_ok=True)


def _write_synced(path: Path, content: bytes) -> os.stat_result:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        failpoints.at("write.unsynced")
        os.fsync(file.fileno())
        return os.fstat(file.fileno())


def stamp_of(place: Path, status: os.stat_result, digest: bytes, temporary: Path | None) -> Stamp:
    """Return the stamp of a file for a place; without `temporary` it is in that place already."""
    staged_as = "" if temporary is None else str(temporary)
    return Stamp(str(place), digest, status.st_size, fold_time(status.st_mtime_ns), staged_as)


def sync_folder(folder: Path) -> None:
    """Write the entries of a folder to its disk."""
    with suppress(OSError):  # some shares cannot sync a folder
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_temporaries(folders: Iterable[Path], *, tag: str) -> None:
    """Remove the temporary files of an interrupted job from these folders."""
    for folder in set(folders):
        for path in atomic.temporaries(folder, tag):
            with suppress(OSError):  # it is removed another time
                path.unlink()


def copy_and_digest(read: Callable[[int], bytes], write: Callable[[bytes], int]) -> bytes:
    """Copy until the end of the file; return the digest of its content."""
    digest = _new_digest()
    while chunk := read(_CHUNK):
        digest.update(chunk)
        write(chunk)
    return digest.digest()


def digest_of(content: bytes) -> bytes:
    """Return the digest by which the job journal knows a file's content: BLAKE2b, 16 bytes."""
    digest = _new_digest()
    digest.update(content)
    return digest.digest()


def _new_digest() -> "hashlib.blake2b":
    return hashlib.blake2b(digest_size=16)


def exists(path: Path) -> bool:
    """Whether anything is at the path, be it a dangling link.

    Raises NameRefusedError where the file system takes no such name, so that another is chosen.
    """
    with hold_on_error(f"look at {path}"):
        try:
            path.lstat()
        except OSError as error:
            if error.errno in FORBIDDEN_NAME:
                raise refused_name(f"look at {path}", error) from error
            if error.errno not in {errno.ENOENT, errno.ENOTDIR}:
                raise
            return False
    return True


def is_there(path: Path) -> bool:
    """Whether anything is at the path; nothing is where the file system takes no such name."""
    try:
        return exists(path)
    except NameRefusedError:
        return False


def is_newer(path: Path, source: Sighting) -> bool:
    """Whether a file that is not empty is at the path, no older than the source."""
    with hold_on_error(f"look at {path}"):
        output = sight(path.parent, path.name)
    return output is not None and output.size > 0 and output.mtime_ns >= source.mtime_ns


def is_stamp_placed(stamp: Stamp) -> bool:
    """Whether a staged file has left its temporary name, as far as can be seen."""
    temporary = Path(stamp.temporary)
    with hold_on_error(f"look at {temporary}"):
        is_staged = os.path.lexists(temporary)
    return not is_staged or no_replace.is_same_file(temporary, Path(stamp.place))


def read_small_file(path: Path) -> bytes:
    """Return the first MiB of a file of our own, or b"" if no file is there."""
    with hold_on_error(f"read {path}"):
        file = open_no_follow(path)
        if file is None:
            return b""
        with file:
            return file.read(_CHUNK)


def remove(path: Path) -> None:
    """Remove a file of our own, if it is there."""
    with hold_on_error(f"remove {path}"):
        path.unlink(missing_ok=True)


def free_name(folder: Path, name: str, others: Collection[Path] = ()) -> Path:
    """Return a path in the folder at which nothing is, and not in `others`; numbered if need be."""
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
    """Whether something that is no folder is where a folder should be."""
    return exists(path) and not path.is_dir()

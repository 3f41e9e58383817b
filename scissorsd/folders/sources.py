"""Read, delete, move and put back the pictures of an inbox, and never another file."""

import errno
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scissorsd import atomic, failpoints
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.errors import OverLimitsError, PlaceTakenError, SourceChangedError
from scissorsd.folders import no_replace
from scissorsd.folders.holding import hold_on_error
from scissorsd.folders.publishing import (
    copy_and_digest,
    give_name,
    make_folder,
    stamp_of,
    sync_folder,
)
from scissorsd.folders.scanning import (
    NO_INODE,
    fold_time,
    open_no_follow,
    sighting_from_stat,
)


def refuse_too_large(size: int, limit: int) -> None:
    """Raise OverLimitsError for a file of so many bytes, if that is over the limit."""
    if size > limit:
        raise OverLimitsError(
            f"the file has {size:,} bytes; the limit is {limit:,}",
            "Raise 'limits: {file: …}' in the configuration, or make the file smaller.",
        )


def read_source(root: Path, source: Sighting, *, limit: int) -> bytes:
    """Read a settled picture whole.

    Raises SourceChangedError when it is no longer what was sighted, before or after reading, and
    OverLimitsError when it is larger than `limit` bytes.
    """
    refuse_too_large(source.size, limit)
    with hold_on_error(f"read {root / source.path}"):
        file = open_no_follow(root / source.path)
        if file is None:
            raise SourceChangedError(f"{root / source.path} is no longer there")
        with file:
            _check_same(root, source, os.fstat(file.fileno()))
            data = file.read()
            _check_same(root, source, os.fstat(file.fileno()))
    return data


def check_unchanged(root: Path, source: Sighting) -> None:
    """Raise SourceChangedError unless the file at the path is still the one that was sighted."""
    with hold_on_error(f"look at {root / source.path}"):
        try:
            status = (root / source.path).lstat()
        except FileNotFoundError as error:
            raise SourceChangedError(f"{root / source.path} was taken away") from error
        _check_same(root, source, status)


def _check_same(root: Path, source: Sighting, status: os.stat_result) -> None:
    if sighting_from_stat(source.path, status, inodes=source.inode != NO_INODE) != source:
        raise SourceChangedError(f"{root / source.path} has changed since it settled")


def delete(root: Path, source: Sighting) -> None:
    """Delete a source, unless it has changed."""
    check_unchanged(root, source)
    with hold_on_error(f"delete {root / source.path}"):
        (root / source.path).unlink(missing_ok=True)
        sync_folder((root / source.path).parent)


def move(
    root: Path,
    source: Sighting,
    target: Path,
    *,
    tag: str,
    own: Callable[[Path], bool] = lambda _: False,
    staged: Callable[[Stamp], None] = lambda _: None,
) -> Stamp:
    """Move a source to a path at which nothing is; return the stamp of the moved file.

    Onto another file system it is copied: `staged` is called with the stamp of the verified copy
    before that gets its name. After an interrupted move, `own` tells whether the file at the
    target is that copy; then the move is finished. Raises PlaceTakenError where it is not.
    """
    origin = root / source.path
    with hold_on_error(f"move {origin} to {target}"):
        if not os.path.lexists(origin) and target.exists():
            return stamp_of(target, target.lstat(), b"", None)
    check_unchanged(root, source)
    make_folder(target.parent)
    with hold_on_error(f"move {origin} to {target}"):
        try:
            no_replace.rename(origin, target, tag=tag)
            _undo_if_replaced(origin, target, source)
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
            sync_folder(folder)
        return stamp_of(target, target.lstat(), b"", None)


def _undo_if_replaced(origin: Path, target: Path, source: Sighting) -> None:
    """Move a file back that is not the source, but replaced it in the moment before."""
    moved = target.lstat()
    if (moved.st_size, fold_time(moved.st_mtime_ns)) != source.version:
        with suppress(FileExistsError):  # a third file is there: the second stays moved
            no_replace.rename(target, origin)
        raise SourceChangedError(f"{origin} was replaced while it was moved")


def _copy_over(
    root: Path, source: Sighting, target: Path, tag: str, staged: Callable[[Stamp], None]
) -> None:
    origin = root / source.path
    with _copy_verified(origin, target, tag=tag) as copy:
        check_unchanged(root, source)
        staged(copy)
        give_name(copy, (), tag)
    check_unchanged(root, source)
    failpoints.at("move.copied")
    origin.unlink()


def put_back(origin: Path, target: Path, *, tag: str = "back", own: Collection[str] = ()) -> None:
    """Move a file that was set aside back to its old path.

    Onto another file system it is copied, under a temporary name with this `tag`, and what lies
    there and is in `own` is replaced. Raises PlaceTakenError where something is there else.
    """
    with hold_on_error(f"move {origin} to {target}"):
        try:
            no_replace.rename(origin, target)
        except OSError as error:
            if error.errno == errno.EEXIST and str(target) not in own:
                raise PlaceTakenError(str(target)) from error
            if error.errno not in {errno.EEXIST, errno.EXDEV}:
                raise
            with _copy_verified(origin, target, tag=tag) as copy:
                give_name(copy, own, tag)
            failpoints.at("back.copied")
            origin.unlink()


@contextmanager
def _copy_verified(origin: Path, target: Path, *, tag: str) -> Iterator[Stamp]:
    """Copy a file to a temporary name beside its target, and read back what was written."""
    temporary = atomic.temporary(target.parent, tag)
    try:
        with origin.open("rb") as source, temporary.open("xb") as copy:
            written = copy_and_digest(source.read, copy.write)
            copy.flush()
            failpoints.at("move.unverified")
            os.fsync(copy.fileno())
        no_replace.copy_times_and_mode(origin, temporary)
        _verify(temporary, written)
        yield stamp_of(target, temporary.lstat(), written, temporary)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _verify(copy: Path, expected: bytes) -> None:
    failpoints.at("move.verify")
    with copy.open("rb") as file:
        if copy_and_digest(file.read, len) != expected:
            raise OSError(errno.EIO, "the copy differs from the original")

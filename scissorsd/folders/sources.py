"""Sources: read, delete, move and put back the pictures of an inbox, and never another file."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scissorsd import atomic, failpoints
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.errors import OverLimitsError, PlaceTakenError, SourceChangedError
from scissorsd.folders import no_replace
from scissorsd.folders.holding import held
from scissorsd.folders.publishing import copy_and_digest, make_folder, stamp_of, sync_folder, take
from scissorsd.folders.scanning import NO_FILE, NO_INODE, folded, open_plainly, sighting_of


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
            file = open(root / source.path, "rb", opener=open_plainly)  # noqa: SIM115 - used below
        except OSError as error:
            if error.errno not in NO_FILE:
                raise
            raise SourceChangedError(f"{root / source.path} is no longer there") from error
        with file:
            _same(root, source, os.fstat(file.fileno()))
            data = file.read()
            _same(root, source, os.fstat(file.fileno()))
    return data


def check_unchanged(root: Path, source: Sighting) -> None:
    """Raise SourceChangedError unless the file at the path is still the one that was sighted."""
    with held(f"look at {root / source.path}"):
        try:
            status = (root / source.path).lstat()
        except FileNotFoundError as error:
            raise SourceChangedError(f"{root / source.path} was taken away") from error
        _same(root, source, status)


def _same(root: Path, source: Sighting, status: os.stat_result) -> None:
    if sighting_of(source.path, status, inodes=source.inode != NO_INODE) != source:
        raise SourceChangedError(f"{root / source.path} has changed since it settled")


def delete(root: Path, source: Sighting) -> None:
    """Delete a source, unless it has changed."""
    check_unchanged(root, source)
    with held(f"delete {root / source.path}"):
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
    """Move a source to a place at which nothing is, also on another file system.

    A move that was interrupted is finished: then `own` tells that the file at the target is the
    copy that `staged` was told of. Raises PlaceTakenError where it is another's.
    """
    origin = root / source.path
    with held(f"move {origin} to {target}"):
        if not os.path.lexists(origin) and target.exists():
            return stamp_of(target, target.lstat(), b"", None)
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
            sync_folder(folder)
        return stamp_of(target, target.lstat(), b"", None)


def _put_back_another(origin: Path, target: Path, source: Sighting) -> None:
    """Put back what was moved, if it took the source's place in the moment before."""
    moved = target.lstat()
    if (moved.st_size, folded(moved.st_mtime_ns)) != source.version:
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
        take(copy, (), tag)
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
                take(copy, (), "back")
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

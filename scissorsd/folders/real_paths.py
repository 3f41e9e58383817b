"""Where folders really are: one folder has many spellings, and may be mounted at several places.

Whether a folder is inside another is decided by its path as written, by its path once links are
followed, by the inodes of its parents, and by its path on its file system: a folder that is mounted
a second time has, there, other parents.
"""

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from scissorsd.core.file_names import name_key
from scissorsd.folders import mounts
from scissorsd.folders.mounts import Mount

_PATIENCE = 2.0  # seconds; a share that hangs must not keep the daemon from starting

Key = TypeVar("Key")
Result = TypeVar("Result")
Inode = tuple[int, int]  # device, inode number


@dataclass(frozen=True, slots=True)
class Spot:
    """A folder's path on its file system, wherever that is mounted."""

    system: str
    path: PurePath
    below: PurePath  # where it is mounted, from the folder that was located
    keeps_inodes: bool  # then equal inodes mean one folder


@dataclass(frozen=True, slots=True)
class Location:
    """A folder as it is written, and as it really is."""

    written: Path
    real: Path
    inodes: tuple[Inode | None, ...] = ()  # of `real`, its parent, …; None: not there
    spot: Spot | None = None
    mounted: tuple[Spot, ...] = ()  # what is mounted below it
    obstacle: Path | None = None  # a file at `real`, or at one of its parents
    gone: bool = False  # nothing is there; what cannot be accessed is not gone

    def same_as(self, other: "Location") -> bool:
        """Whether both are one folder."""
        return self.within(other) == "."

    def within(self, outer: "Location") -> str | None:
        """Return the path from an outer folder to this one ("." for the same), or None."""
        for inner, other in ((self.written, outer.written), (self.real, outer.real)):
            if ".." not in inner.parts and inner.is_relative_to(other):
                return inner.relative_to(other).as_posix()
        if outer.inodes and outer.inodes[0] is not None and outer.inodes[0] in self.inodes:
            depth = self.inodes.index(outer.inodes[0])
            return Path(*self.real.parts[len(self.real.parts) - depth :]).as_posix()
        return next(self._mounted_in(outer, self.own()), None)

    def seen_in(self, outer: "Location") -> Iterator[str]:
        """Yield each path in an outer folder at which this one, or a part of it, is seen."""
        whole = self.within(outer)
        if whole is not None:
            yield whole
        yield from self._mounted_in(outer, self.mounted)
        for theirs in outer.mounted:
            for mine in (*self.own(), *self.mounted):
                rest = _rest(theirs, mine)
                if rest is None:
                    continue
                if _is_seen_at(self.real / mine.below / rest, outer, theirs, ""):
                    yield theirs.below.as_posix()

    def own(self) -> tuple[Spot, ...]:
        """Return the folder's own spot, where that is known."""
        return () if self.spot is None else (self.spot,)

    def _mounted_in(self, outer: "Location", spots: Iterable[Spot]) -> Iterator[str]:
        for theirs in (*outer.own(), *outer.mounted):
            for mine in spots:
                rest = _rest(mine, theirs)
                if rest is not None and _is_seen_at(self.real / mine.below, outer, theirs, rest):
                    yield (theirs.below / rest).as_posix()


def _rest(inner: Spot, outer: Spot) -> PurePath | None:
    if inner.system != outer.system or not inner.path.is_relative_to(outer.path):
        return None
    return inner.path.relative_to(outer.path)


def _is_seen_at(folder: Path, outer: Location, spot: Spot, rest: PurePath | str) -> bool:
    """Whether a folder is really seen at a spot: something else may be mounted over it."""
    if not spot.keeps_inodes:
        return True

    def is_same() -> bool:
        there = outer.real / spot.below / rest
        return not folder.exists() or (there.exists() and _inode(folder)[1] == _inode(there)[1])

    return run_with_patience({"": is_same}).get("", True)


def locate(paths: Iterable[Path]) -> dict[Path, Location]:
    """Return the location of each path; of one that hangs, only how it is written."""
    wanted = set(paths)
    mounted = tuple(mounts.table())
    located = run_with_patience({path: partial(_located, path, mounted) for path in wanted})
    return {path: located.get(path, Location(path, path)) for path in wanted}


def same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one folder now."""
    locations = locate((one, other))
    return locations[one].same_as(locations[other])


def below(
    folders: Sequence[Path], path: Path, *, but: Collection[Path] = ()
) -> tuple[int, str] | None:
    """Return the index of the folder that a path is in, and the path from there; None: in none.

    A symbolic link itself is meant, not its target. The folders in `but` hang, and are not
    accessed.
    """
    if ".." not in path.parts:  # first without an access to the folders: one may hang
        inside = [(n, path.relative_to(f)) for n, f in enumerate(folders) if path.is_relative_to(f)]
        if inside:
            index, rest = min(inside, key=lambda index_and_rest: len(index_and_rest[1].parts))
            return index, rest.as_posix()
    answering = {index: folder for index, folder in enumerate(folders) if folder not in but}
    locations = locate({path.parent, *answering.values()})
    for index, folder in answering.items():
        parent = locations[path.parent].within(locations[folder])
        if parent is not None:
            return index, (PurePath(parent) / path.name).as_posix()
    return None


def as_listed(root: Path, relative: str) -> str:
    """Return a path as its folders list it.

    A file system that ignores case, or Unicode composition, finds a file under other names too.
    """

    def listed_path() -> str:
        listed = PurePath()
        for name in PurePath(relative).parts:
            listed /= _listed(root / listed, name)
        return listed.as_posix()

    return run_with_patience({"": listed_path}).get("", relative)


def _listed(folder: Path, name: str) -> str:
    if not os.path.lexists(folder / name):
        return name
    with os.scandir(folder) as entries:
        twins = [entry.name for entry in entries if name_key(entry.name) == name_key(name)]
    return twins[0] if twins and name not in twins else name


def run_with_patience(work: Mapping[Key, Callable[[], Result]]) -> dict[Key, Result]:
    """Call each function in a thread of its own; return the results of those without an OSError.

    When no call has ended for two seconds, those that still run are left behind.
    """
    ended: SimpleQueue[tuple[Key, tuple[Result, ...]]] = SimpleQueue()

    def call(key: Key, function: Callable[[], Result]) -> None:
        try:
            ended.put((key, (function(),)))
        except OSError:
            ended.put((key, ()))

    for item in work.items():
        Thread(target=call, args=item, daemon=True).start()
    results: dict[Key, Result] = {}
    with suppress(Empty):
        for _ in work:
            key, result = ended.get(timeout=_PATIENCE)
            results.update((key, value) for value in result)
    return results


def that_hang(folders: Iterable[Path]) -> set[Path]:
    """Return the folders that do not answer; one that is not there has answered."""
    looks = {folder: partial(_answers, folder) for folder in folders}
    return looks.keys() - run_with_patience(looks)


def _answers(folder: Path) -> bool:
    try:
        os.statvfs(folder)  # which no kernel answers from memory
    except OSError:
        return False
    return True


def _located(path: Path, table: Sequence[Mount]) -> Location:
    real = Path(os.path.realpath(path))  # Path.resolve raises on loops of links
    inodes = tuple(map(_inode_or_none, (real, *real.parents)))
    depth = next((d for d, inode in enumerate(inodes) if inode is not None), 0)
    there = (real, *real.parents)[depth]
    mount = mounts.mount_of(there, table)
    return Location(
        path,
        real,
        inodes,
        spot=_spot(mount, real, PurePath()) if mount and real.is_relative_to(mount.point) else None,
        mounted=tuple(
            _spot(mount, Path(mount.point), PurePath(mount.point).relative_to(real))
            for mount in table
            if mount.point.startswith(f"{str(real).rstrip('/')}/") and mount.point != "/"
        ),
        obstacle=None if stat.S_ISDIR(there.stat().st_mode) else there,
        gone=_is_gone(real),
    )


def _spot(mount: Mount, path: Path, below: PurePath) -> Spot:
    """Return the spot of a path: on its file system or, if that is remote, on its share.

    To the kernel two mounts of one share may be two file systems, and mounts of two folders of a
    server may be one, with the same root.
    """
    system, root = mount.system, mount.root
    if mounts.is_remote(mount):
        system, root = "share", f"/{mount.source.strip('/')}{mounts.below_source(mount)}"
    rest = path.relative_to(mount.point)
    return Spot(system, PurePosixPath(root) / rest, below, mounts.keeps_inodes(mount.fs_type))


def _is_gone(path: Path) -> bool:
    try:
        path.lstat()
    except OSError as error:
        return error.errno in {errno.ENOENT, errno.ENOTDIR}
    return False


def _inode_or_none(path: Path) -> Inode | None:
    try:
        return _inode(path)
    except OSError:
        return None


def _inode(path: Path) -> Inode:
    status = path.stat()
    return status.st_dev, status.st_ino


def relative_to(path: Path, folder: Path) -> Path | None:
    """Return a path relative to a folder that holds it, however both are spelled, or None."""
    if ".." not in path.parts and path.is_relative_to(folder):
        return path.relative_to(folder)
    places = locate((path, folder))
    below = places[path].within(places[folder])
    return Path(below) if below is not None else None

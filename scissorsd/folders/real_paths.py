"""Where folders really are: one folder has many spellings, and may be mounted at several places.

A folder is found inside another by its path as it is written, by its path once links are followed,
by the numbers (device, inode) of the folders it lies in, and by its place on its file system: a
folder that is mounted at a second place lies, there, in none of the folders that hold it.
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

from scissorsd.core.rules import name_key
from scissorsd.folders import mounts
from scissorsd.folders.mounts import Mount

_PATIENCE = 2.0  # seconds; a share that hangs must not keep the daemon from starting

Key = TypeVar("Key")
Found = TypeVar("Found")
Number = tuple[int, int]  # device, inode


@dataclass(frozen=True, slots=True)
class Spot:
    """A folder's place on a file system, wherever that is mounted."""

    system: str
    path: PurePath
    below: PurePath  # where it is mounted, from the folder that was looked at
    numbered: bool  # its inodes tell whether two folders are one


@dataclass(frozen=True, slots=True)
class Location:
    """A folder as it is written, and as it really is."""

    written: Path
    real: Path
    numbers: tuple[Number | None, ...] = ()  # of `real`, its parent, …; none: not there
    spot: Spot | None = None
    mounted: tuple[Spot, ...] = ()  # what is mounted below it
    obstacle: Path | None = None  # what is no folder and stands at `real`, or on the way to it
    gone: bool = False  # nothing is there; what cannot be looked at is not gone

    def same_as(self, other: "Location") -> bool:
        """Whether both are one folder."""
        return self.within(other) == "."

    def within(self, outer: "Location") -> str | None:
        """Return the path from an outer folder to this one, "." for the same; None: not inside."""
        for inner, other in ((self.written, outer.written), (self.real, outer.real)):
            if ".." not in inner.parts and inner.is_relative_to(other):
                return inner.relative_to(other).as_posix()
        if outer.numbers and outer.numbers[0] is not None and outer.numbers[0] in self.numbers:
            depth = self.numbers.index(outer.numbers[0])
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
                if rest is not None and _one(self.real / mine.below / rest, outer, theirs, ""):
                    yield theirs.below.as_posix()

    def own(self) -> tuple[Spot, ...]:
        """Return its place on its file system, where that is known."""
        return () if self.spot is None else (self.spot,)

    def _mounted_in(self, outer: "Location", spots: Iterable[Spot]) -> Iterator[str]:
        for theirs in (*outer.own(), *outer.mounted):
            for mine in spots:
                rest = _rest(mine, theirs)
                if rest is not None and _one(self.real / mine.below, outer, theirs, rest):
                    yield (theirs.below / rest).as_posix()


def _rest(inner: Spot, outer: Spot) -> PurePath | None:
    if inner.system != outer.system or not inner.path.is_relative_to(outer.path):
        return None
    return inner.path.relative_to(outer.path)


def _one(folder: Path, outer: Location, spot: Spot, rest: PurePath | str) -> bool:
    """Whether a folder is seen there in truth: something else may be mounted over it."""
    if not spot.numbered:
        return True

    def look() -> bool:
        there = outer.real / spot.below / rest
        return not folder.exists() or (there.exists() and _number(folder)[1] == _number(there)[1])

    return patiently({"": look}).get("", True)


def locate(paths: Iterable[Path]) -> dict[Path, Location]:
    """Say of each path where it is; of one that hangs, only how it is written."""
    wanted = set(paths)
    mounted = tuple(mounts.table())
    found = patiently({path: partial(_located, path, mounted) for path in wanted})
    return {path: found.get(path, Location(path, path)) for path in wanted}


def same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one folder now."""
    there = locate((one, other))
    return there[one].same_as(there[other])


def below(
    folders: Sequence[Path], path: Path, *, but: Collection[Path] = ()
) -> tuple[int, str] | None:
    """Return which of the folders holds a path, and the path from there; else nothing.

    Of a path that is a symbolic link the link itself is meant. The folders in `but` hang, and are
    not looked at.
    """
    if ".." not in path.parts:  # first without a look at the folders: one may hang
        inside = [(n, path.relative_to(f)) for n, f in enumerate(folders) if path.is_relative_to(f)]
        if inside:
            number, rest = min(inside, key=lambda found: len(found[1].parts))
            return number, rest.as_posix()
    looked_at = {number: folder for number, folder in enumerate(folders) if folder not in but}
    found = locate({path.parent, *looked_at.values()})
    for number, folder in looked_at.items():
        place = found[path.parent].within(found[folder])
        if place is not None:
            return number, (PurePath(place) / path.name).as_posix()
    return None


def as_listed(root: Path, relative: str) -> str:
    """Return a path by the names that its folders list.

    A file system that makes no difference of case, or of how a letter is composed, finds a file
    under other names too.
    """

    def look() -> str:
        listed = PurePath()
        for name in PurePath(relative).parts:
            listed /= _listed(root / listed, name)
        return listed.as_posix()

    return patiently({"": look}).get("", relative)


def _listed(folder: Path, name: str) -> str:
    if not os.path.lexists(folder / name):
        return name
    with os.scandir(folder) as entries:
        twins = [entry.name for entry in entries if name_key(entry.name) == name_key(name)]
    return twins[0] if twins and name not in twins else name


def patiently(work: Mapping[Key, Callable[[], Found]]) -> dict[Key, Found]:
    """Do each in a thread of its own; give what came of those that went well.

    Not waited for is what still runs when for a while nothing has come to an end.
    """
    ended: SimpleQueue[tuple[Key, tuple[Found, ...]]] = SimpleQueue()

    def do(key: Key, look: Callable[[], Found]) -> None:
        try:
            ended.put((key, (look(),)))
        except OSError:
            ended.put((key, ()))

    for item in work.items():
        Thread(target=do, args=item, daemon=True).start()
    found: dict[Key, Found] = {}
    with suppress(Empty):
        for _ in work:
            key, results = ended.get(timeout=_PATIENCE)
            found.update((key, result) for result in results)
    return found


def _located(path: Path, table: Sequence[Mount]) -> Location:
    real = Path(os.path.realpath(path))  # Path.resolve raises on loops of links
    numbers = tuple(map(_number_or_none, (real, *real.parents)))
    depth = next((d for d, number in enumerate(numbers) if number is not None), 0)
    there = (real, *real.parents)[depth]
    mount = mounts.mount_of(there, table)
    return Location(
        path,
        real,
        numbers,
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
    """Return the place of what is at a path: on its file system or, if it is a share, on that.

    To the kernel two mounts of one share may be two file systems, and those of two folders of a
    server may be one, with the same root.
    """
    system, root = mount.system, mount.root
    if mounts.is_remote(mount):
        source, below_it = mount.source.strip("/"), mount.root.rstrip("/")
        system, root = "share", f"/{source}{'' if source.endswith(below_it) else below_it}"
    rest = path.relative_to(mount.point)
    return Spot(system, PurePosixPath(root) / rest, below, mounts.keeps_inodes(mount.kind))


def _is_gone(path: Path) -> bool:
    try:
        path.lstat()
    except OSError as error:
        return error.errno in {errno.ENOENT, errno.ENOTDIR}
    return False


def _number_or_none(path: Path) -> Number | None:
    try:
        return _number(path)
    except OSError:
        return None


def _number(path: Path) -> Number:
    status = path.stat()
    return status.st_dev, status.st_ino


def relative_to(path: Path, folder: Path) -> Path | None:
    """Return a path relative to a folder that holds it, however both are spelled, or None."""
    if ".." not in path.parts and path.is_relative_to(folder):
        return path.relative_to(folder)
    places = locate((path, folder))
    below = places[path].within(places[folder])
    return Path(below) if below is not None else None

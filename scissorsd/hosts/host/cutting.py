"""One order on a host: find the picture, see that it is the same one, make, stage, answer.

Nothing here renames a file, journals, or touches a source: what is staged lies beside its place
under a name of its own, until the watcher gives it its name or removes it. Where the picture came
along with its order, the outputs go along with the answer, and no folder is looked at.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from time import monotonic

from scissorsd import __version__, failpoints
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import Output, Rule
from scissorsd.core.settling import Sighting
from scissorsd.daemon import making
from scissorsd.daemon.memory import MemoryBudget
from scissorsd.daemon.outcomes import Tools
from scissorsd.errors import HoldError, OverLimitsError, PictureError
from scissorsd.folders import publishing, scanning
from scissorsd.folders.holding import hold_on_error
from scissorsd.hosts.host import cutting_carried
from scissorsd.hosts.host.backgrounds import Backgrounds
from scissorsd.hosts.host.cutting_steps import open_networks, paths_of, told, tools_for
from scissorsd.hosts.messages.carried import HEAD, head_of
from scissorsd.hosts.messages.faults import NotHereError, fault_of
from scissorsd.hosts.messages.orders import (
    Answer,
    Made,
    Order,
    Root,
)
from scissorsd.hosts.own_folders import WAY_OUT, OwnFolders, is_below, mapped_by
from scissorsd.hosts.watcher.outgoing import OWNER, sha256_of
from scissorsd.inference import weights
from scissorsd.inference.sessions import Sessions
from scissorsd.inference.timings import Speeds
from scissorsd.machine import memory_bounds
from scissorsd.settings import Limits

_CLOCKS_DIFFER = 2_000_000_000  # ns: FAT keeps even seconds, SMB 100 ns


@dataclass(frozen=True, slots=True)
class Settings:
    """What a host was started with; it travels to the process that cuts one picture alone."""

    name: str
    models: str
    providers: tuple[str, ...]
    precision: str
    require_gpu: bool
    memory: int  # bytes
    maps: tuple[tuple[str, str], ...] = ()  # watchers' folders, and what they are called here


class _OwnMemory(MemoryBudget):
    """Memory of a host: a picture that is too large for it may not be so for another."""

    def refuse_over(self, least: int) -> None:
        """Raise HoldError for what takes more than there can be."""
        try:
            super().refuse_over(least)
        except OverLimitsError as error:
            raise HoldError(error.what, error.advice, kind="short of memory") from error


@dataclass(frozen=True, slots=True)
class Here:
    """This machine, as one that cuts for others."""

    name: str
    tools: Tools
    sessions: Sessions
    folders: OwnFolders
    backgrounds: Backgrounds = field(default_factory=Backgrounds)

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        find_out: bool = True,
        progress: weights.Progress | None = None,
    ) -> "Here":
        """Return it; nothing is opened yet. `find_out` and `progress`: see Sessions."""
        folder = Path(settings.models)
        sessions = Sessions(
            models=CATALOGUE,
            folder=folder,
            providers="auto" if "auto" in settings.providers else settings.providers,
            require_gpu=settings.require_gpu,
            precision=settings.precision,  # type: ignore[arg-type]
            speeds=Speeds((folder,)),
            find_out=find_out,
            progress=progress,
        )
        memory = _OwnMemory(settings.memory, memory_bounds())
        tools = Tools(sessions, CATALOGUE, Limits(0, 0), memory)  # the limits are an order's
        return cls(settings.name, tools, sessions, OwnFolders(settings.name, settings.maps))

    def hindrance(self, order: Order) -> str:
        """Return what stands in the way of an order; "" where folders answer and networks open.

        Folders that are not there stand in nobody's way: they may have moved since it was given.
        """
        try:
            if order.way == "paths":
                with suppress(NotHereError):
                    _folders_of(order, self)
            open_networks(order, self)
        except Exception as error:  # noqa: BLE001 - whatever it is, it lasts
            return fault_of(error).what
        return ""

    def sees(self, order: Order) -> bool:
        """Whether the folders of an order are here."""
        try:
            _folders_of(order, self)
        except Exception:  # noqa: BLE001 - whatever it is, they are not to be had
            return False
        return True


def cut(order: Order, here: Here, nonce: str) -> Answer:
    """Cut a picture and stage what comes of it. Whatever happens, it ends in an answer."""
    began = monotonic()
    answer = Answer(order.job, order.turn, nonce, here.name, __version__, 0.0)
    try:
        answer = replace(answer, made=_make(order, here, nonce))
    except Exception as error:  # noqa: BLE001 - nothing ends a host
        answer = replace(answer, error=fault_of(error))
    return replace(answer, seconds=monotonic() - began)


def discard(order: Order, answer: Answer, here: Here) -> None:
    """Remove what was staged for an answer that nobody will hear."""
    if order.way != "paths" or answer.made is None:
        return
    with suppress(OSError, HoldError):  # the watcher sweeps when the job ends
        folders = _folders_of(order, here)
        for one in answer.made.staged:
            folders.place(one.path).with_name(one.temporary).unlink(missing_ok=True)


# --- the steps -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Folders:
    """The folders of an order, as they are called here."""

    inbox: Path
    outbox: Path
    elsewhere: tuple[tuple[str, str], ...]  # as the watcher has it, and as it is here

    def place(self, path: str) -> Path:
        """Return where an output belongs; its path is in the outbox, or absolute."""
        if not path.startswith("/"):
            return self.outbox / path
        place = mapped_by(self.elsewhere, path)
        assert place is not None  # noqa: S101 - the order is sound
        return Path(place)


def _make(order: Order, here: Here, nonce: str) -> Made:
    if order.same_version and order.scissorsd != __version__:
        wanted = f"the watcher wants hosts of its version, {order.scissorsd} (`same_version`)"
        raise HoldError(f"{here.name} is of version {__version__}, and {wanted}", kind="version")
    if order.data is not None:
        return cutting_carried.make(order, order.data, here)
    folders = _folders_of(order, here)
    open_networks(order, here)
    rule = _with_own_backgrounds(order, here)
    source = _find(order, folders.inbox, here)
    failpoints.at("host.read", source.path)
    with making.make_here(folders.inbox, source, rule, tools_for(order, here.tools)) as made:
        paths = paths_of(order, made)
        places = [folders.place(path) for path in paths]
        _refuse_outside(places, folders)
        contents = list(zip(places, made.contents, strict=True))
        staged = publishing.stage(contents, tag=order.tag(nonce))
        failpoints.at("host.staged", source.path)
        files = [(Path(one.temporary).name, one.size, one.digest.hex()) for one in staged]
        return told(made, paths, files)


def _folders_of(order: Order, here: Here) -> _Folders:
    """Return the folders of an order; raises NotHereError unless each is there.

    The outbox is the one that says that it is the watcher's. None of them is ever made: where a
    share is not mounted, its place is an empty folder.
    """

    def is_folder(folder: Path) -> bool:
        with hold_on_error(f"look at {folder}"):
            return folder.is_dir()

    def is_the_watchers(folder: Path) -> bool:
        return publishing.read_small_file(folder / OWNER).decode(errors="replace").strip() == (
            order.watcher
        )

    def has_the_picture(folder: Path) -> bool:
        with suppress(OSError):
            return (folder / order.source.path).lstat().st_size == order.source.size
        return False

    find, roots = here.folders.find, order.roots
    return _Folders(
        find(roots.inbox, is_folder, best=has_the_picture),
        find(roots.outbox, is_the_watchers, f"no {OWNER} there names the daemon that asks"),
        tuple((root.path, str(find(root, is_folder))) for root in roots.elsewhere),
    )


def _find(order: Order, folder: Path, here: Here) -> Sighting:
    """Return the picture in the inbox, which is the one that the watcher saw settle.

    Inodes and devices are not compared: they differ from machine to machine. NFS may tell for a
    minute how a file was before, but not of one that has just been opened.
    """
    path = folder / order.source.path
    with hold_on_error(f"read {path}"):
        _refuse_link_out(path, folder)
        head = head_of(_beginning(path))
        there = scanning.sight(folder, order.source.path)
        if there is None:
            raise NotHereError(f"{here.name} does not have {path}", WAY_OUT, kind="not here")
        is_same = (
            there.size == order.source.size
            and abs(there.mtime_ns - order.source.mtime_ns) <= _CLOCKS_DIFFER
            and head == order.head
        )
    if not is_same:
        raise NotHereError(
            f"on {here.name}, {path} is not the picture that the watcher has",
            WAY_OUT,
            kind="not here",
        )
    return there


def _beginning(path: Path) -> bytes:
    file = scanning.open_no_follow(path)
    if file is None:
        return b""
    with file:
        return file.read(HEAD)


def _with_own_backgrounds(order: Order, here: Here) -> Rule:
    """Return the rule with background pictures as they are called here, each the same one."""

    def own(output: Output) -> Output:
        if "/" not in output.background:
            return output
        theirs = PurePosixPath(output.background)
        root = roots.get(str(theirs.parent), Root(str(theirs.parent)))

        def has_it(folder: Path) -> bool:
            path = folder / theirs.name
            with hold_on_error(f"read {path}"):
                is_there = path.is_file()
            return is_there and sha256_of(path) == order.backgrounds.get(output.background)

        unless = f"none has the watcher's {theirs.name}"
        folder = here.folders.find(root, has_it, unless, kind="no background")
        return replace(output, background=str(folder / theirs.name))

    roots = {root.path: root for root in order.roots.backgrounds}
    return replace(order.rule, outputs=tuple(map(own, order.rule.outputs)))


def _refuse_outside(places: Sequence[Path], folders: _Folders) -> None:
    """Raise PictureError for a place that a link leads out of the folders of an order."""
    roots = [folders.outbox, *(Path(ours) for _, ours in folders.elsewhere)]
    for place in places:
        with hold_on_error(f"look at {place}"):
            inside = any(_really_below(place.parent, root) for root in roots)
        if not inside:
            raise PictureError(f"{place} is not in the outbox: a link leads out of it")


def _refuse_link_out(path: Path, folder: Path) -> None:
    if not _really_below(path.parent, folder):
        raise NotHereError(f"{path} is not in the inbox: a link leads out of it", kind="not here")


def _really_below(path: Path, folder: Path) -> bool:
    return is_below(os.path.realpath(path), os.path.realpath(folder))

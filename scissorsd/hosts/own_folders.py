"""What a watcher's folders are called on this machine, and by what names others may find our own.

A host looks, in this order: at what `--map` says; where what the folder lies on is mounted here; at
the same path.
"""

import atexit
import os
import re
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, lru_cache
from ipaddress import IPv6Address
from pathlib import Path
from time import monotonic

import structlog

from scissorsd.errors import HoldError
from scissorsd.folders.mounts import Table, View
from scissorsd.hosts.messages.faults import NotHereError
from scissorsd.hosts.messages.folder_names import Machine, Place, names_of, places
from scissorsd.hosts.messages.orders import Root

log = structlog.get_logger("scissorsd")

WAY_OUT = "Mount it, or give `scissorsd worker` --map THEIRS=OURS where it is mounted."
_LASTS = 60.0  # seconds that a machine's name and addresses are taken for the same
_ENOUGH = 1000  # folders that are remembered
_ADDRESS = re.compile(r"\|-- (\S+)\n\s+/32 host LOCAL")
_NETWORK = Path("/proc/net")

Map = tuple[str, str]  # a folder of the watcher's, and what it is called here


def known_as(path: Path) -> Root:
    """Return a folder of this machine with the names by which others may find it."""
    real = os.path.realpath(path)
    return Root(str(path), names_of(real, _table().view(), machine()))


class OwnFolders:
    """What a watcher's folders are called here. Any thread may ask."""

    def __init__(self, host: str, maps: Iterable[Map] = ()) -> None:
        self._host = host
        self._maps = tuple(maps)
        self._lock = threading.Lock()
        self._view: View | None = None
        self._places: dict[Root, list[Place]] = {}
        self._found: dict[str, Place] = {}  # by the watcher's path, as was told

    def candidates(self, root: Root) -> list[Place]:
        """Return where a folder may be, the likeliest first; nothing is looked at."""
        mapped = mapped_by(self._maps, root.path)
        if mapped is not None:
            return [Place(mapped, "--map")]
        view = _table().view()
        with self._lock:
            if view is not self._view or len(self._places) > _ENOUGH:
                self._view, self._places = view, {}
            if root not in self._places:
                self._places[root] = places(root.names, view, machine())
            found = self._places[root]
        same = Place(root.path, "the same path")
        others = [place for place in found if place.path != root.path]
        return [*others, same] if others == found else [same, *others]

    def find(
        self,
        root: Root,
        fits: Callable[[Path], bool],
        unless: str = "",
        kind: str = "no folder",
        best: Callable[[Path], bool] | None = None,
    ) -> Path:
        """Return the first folder that fits, or of several the first that is best.

        Raises NotHereError of this kind where none does, with `unless`, what is wrong with those
        that are there; and HoldError where that could not be seen.
        """
        looked_at = self.candidates(root)
        fitting, trouble = [], None
        for place in looked_at:
            try:
                if fits(Path(place.path)):
                    fitting.append(place)
            except HoldError as error:
                trouble = trouble or error
        if not fitting:
            what = "; ".join(filter(None, (self._not_here(root, looked_at), unless)))
            raise trouble or NotHereError(what, WAY_OUT, kind=kind)
        chosen = fitting[0]
        if best is not None and len(fitting) > 1:
            chosen = next((place for place in fitting if best(Path(place.path))), chosen)
        self._tell(root, chosen)
        return Path(chosen.path)

    def _not_here(self, root: Root, looked_at: list[Place]) -> str:
        known = [str(name) for name in root.names if name.kind != "disk"]
        called = f" ({' or '.join(known)})" if known else ""
        tried = ", ".join(f"{place.path} ({place.why})" for place in looked_at)
        return f"{self._host} does not have the folder {root.path}{called}: looked at {tried}"

    def _tell(self, root: Root, place: Place) -> None:
        with self._lock:
            if self._found.get(root.path) == place:
                return
            self._found[root.path] = place
        log.info("host.found", theirs=root.path, here=place.path, by=place.why)


def mapped_by(maps: Iterable[Map], path: str) -> str | None:
    """Return what a path is called here by `--map`: the longest that fits; None if none does."""
    fitting = [pair for pair in maps if is_below(path, pair[0])]
    if not fitting:
        return None
    theirs, ours = max(fitting, key=lambda pair: len(pair[0]))
    return str(Path(ours, path[len(theirs.rstrip("/")) :].lstrip("/")))


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder, or lies in it, as both are written."""
    return f"{path}/".startswith(folder.rstrip("/") + "/")


def machine() -> Machine:
    """Return by what this machine is known."""
    return _machine(int(monotonic() / _LASTS))


@lru_cache(maxsize=1)
def _machine(_minute: int) -> Machine:
    boot = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return Machine(boot, (socket.gethostname(), *_addresses()))


def _addresses() -> list[str]:
    """Return the addresses of this machine, as far as the kernel tells them."""
    found: list[str] = []
    with suppress(OSError):
        found = _ADDRESS.findall((_NETWORK / "fib_trie").read_text())
    with suppress(OSError, ValueError):
        lines = (_NETWORK / "if_inet6").read_text().splitlines()
        found += [str(IPv6Address(bytes.fromhex(line.split()[0]))) for line in lines]
    return [one for one in dict.fromkeys(found) if not one.startswith(("127.", "fe80:", "::1"))]


@cache
def _table() -> Table:
    table = Table()
    atexit.register(table.close)
    return table

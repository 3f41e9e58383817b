"""The configuration as the daemon sees it: checked, with every default filled in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from scissorsd.core.catalogue import Model
from scissorsd.core.keeping import FOR_EVER, Keep
from scissorsd.core.rules import Rule

DEFAULT_CONFIG = Path("/etc/scissorsd/scissorsd.yaml")
DEFAULT_STATE = Path("/var/lib/scissorsd")
MAX_PIXELS = 250_000_000  # of a picture, where no configuration says otherwise

Watch = Literal["auto", "events", "polling"]


def default_models_folder() -> Path | None:
    """Return the models folder shared with rembg: $U2NET_HOME, else ~/.u2net.

    None where that is in a home folder and there is none.
    """
    try:
        return Path(os.environ.get("U2NET_HOME") or "~/.u2net").expanduser()
    except RuntimeError:
        return None


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest picture that is read."""

    file: int  # bytes
    pixels: int


@dataclass(frozen=True, slots=True)
class Inbox:
    """A watched folder and what becomes of its pictures."""

    name: str
    path: Path
    outbox: Path
    watch: Watch
    require_mount: bool
    recursive: bool
    settle: float  # seconds
    rescan: float  # seconds
    ignore: tuple[str, ...]  # globs, added to the built-in list
    rules: tuple[Rule, ...]
    keep: Keep = FOR_EVER  # how long files of ours, and moved pictures, are kept in the outbox
    remove_emptied: bool = False  # sub-folders whose pictures were all moved or deleted
    quick: bool = False  # the page's own desk

    @property
    def folders_elsewhere(self) -> tuple[Path, ...]:
        """The folders outside of the outbox to which outputs of its rules go."""
        return tuple(
            dict.fromkeys(Path(folder) for rule in self.rules for folder in rule.folders_elsewhere)
        )


@dataclass(frozen=True, slots=True)
class DropLimits:
    """What the page takes at most."""

    file: int = 64 << 20  # bytes of one file
    waiting: int = 1000  # pictures that wait to be cut
    room: int = 10 << 30  # bytes of the quick desk


@dataclass(frozen=True, slots=True)
class Page:
    """The page in the browser: where it listens, who may use it, what may be dropped where."""

    listen: str = "127.0.0.1:8000"  # or "unix:/run/scissorsd/page.sock"
    auth: Literal["auto", "key", "proxy", "none"] = "auto"
    hosts: tuple[str, ...] = ()  # further names that it may be called by while auth is none
    proxies: tuple[str, ...] = ()  # networks whose X-Forwarded-* and Remote-User are believed
    metrics_from: tuple[str, ...] = ()  # networks that may read /metrics without a key
    drop_into: tuple[str, ...] | None = None  # inboxes that take drops; None: all
    quick: bool = True  # a desk of the page's own, for pictures that belong to no inbox
    keep: float | None = 7 * 86400.0  # seconds that the quick desk keeps what was dropped on it
    limits: DropLimits = DropLimits()
    removebg: Literal["as_asked", "full"] | None = "as_asked"  # no `size` means; None: not spoken
    path: str = ""  # what a proxy that does not strip its prefix puts before every address


@dataclass(frozen=True, slots=True)
class Hosts:
    """Other machines that cut for this one, and the hub over which they hear of it."""

    hub: str  # its address
    join: Path  # the file with user, secret and CA
    here: int | None = None  # pictures that this machine cuts at once; None: `workers`
    ahead: int = 2  # orders that are out, for each picture that hosts cut at once
    bytes: int = 12 << 20  # the largest picture that goes to hosts without the folders; 0: none
    lost_after: float = 10.0  # seconds of silence after which a host gets no work
    lease: float = 900.0  # seconds after which an order that nobody answers is given out anew
    same_version: bool = False  # whether hosts of another version get no work


def hosts_after_reload(old: Hosts | None, new: Hosts | None) -> Hosts | None:
    """Return what a reload takes over: all but the hub's address and the join file."""
    if old is None or new is None:
        return old
    return replace(new, hub=old.hub, join=old.join)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; every path is absolute."""

    state: Path
    models: Path
    providers: tuple[str, ...]  # ("auto",), or the providers in the order to try
    require_gpu: bool
    precision: Literal["auto", "full", "fast"]
    workers: int | None  # None: as many as suit the machine
    memory: int  # bytes
    limits: Limits
    inboxes: tuple[Inbox, ...]
    catalogue: Mapping[str, Model]  # the known networks and the custom ones
    page: Page | None = None  # None: nothing listens
    hosts: Hosts | None = None  # None: this machine cuts alone


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and what in it is legal but probably not meant."""

    config: Config
    warnings: tuple[str, ...]

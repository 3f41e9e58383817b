"""The configuration as the daemon sees it: checked, with every default filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scissorsd.core.catalogue import Model
from scissorsd.core.rules import Rule

MAX_PIXELS = 250_000_000  # of a picture, unless a limit is set

Watch = Literal["auto", "events", "polling"]


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


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and what in it is legal but probably not meant."""

    config: Config
    warnings: tuple[str, ...]

"""State folders: where a command finds the daemon it is asked about.

A daemon with a configuration file keeps its state where the file says. `watch` and `once` without
one keep it in the user's own state folder, one for each pair of inbox and outbox, together with
the values of their command line. A pair is known by what its folders are, not by how they are
spelled.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scissorsd import atomic
from scissorsd.config import from_values, load, state_of
from scissorsd.errors import ConfigError, ScissorsError, UsageError
from scissorsd.folders import mounts, real_paths
from scissorsd.records import lock, status_file
from scissorsd.settings import DEFAULT_CONFIG, DEFAULT_STATE, Config

_VALUES = "command-line.json"
_FOLDERS = ("path", "outbox")  # of an inbox, there


@dataclass(frozen=True, slots=True)
class StateFolder:
    """A state folder and the configuration that goes with it."""

    folder: Path
    config: Config
    mistakes: tuple[str, ...] = ()  # of its file, which the daemon that runs has not taken over


def for_pair(inbox: Path, outbox: Path) -> Path:
    """Return the state folder of a `watch` or `once` without a configuration file.

    It is the one last used for these two folders, by whatever paths, or else a new one.
    """
    known = {
        folder: pair
        for folder, pair in _pairs()
        if not any(map(mounts.may_hang, pair)) or any(map(mounts.may_hang, (inbox, outbox)))
    }
    real = real_paths.locate({inbox, outbox, *(path for pair in known.values() for path in pair)})
    used = [
        folder
        for folder, (its_inbox, its_outbox) in known.items()
        if real[its_inbox].same_as(real[inbox]) and real[its_outbox].same_as(real[outbox])
    ]
    mark = hashlib.sha256(os.fsencode(f"{inbox}\0{outbox}")).hexdigest()[:12]
    new = _own() / f"{inbox.name or 'root'}-{mark}"
    return max(used, key=lambda folder: (lock.is_running(folder), _used_at(folder)), default=new)


def _pairs() -> Iterator[tuple[Path, tuple[Path, Path]]]:
    """Yield each state folder of this user that keeps a command line, and its two folders."""
    for folder in _folders():
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            (inbox,) = json.loads((folder / _VALUES).read_text())["inboxes"].values()
            # An older scissorsd has kept what was typed, and worked with it like this.
            pair = (Path(os.path.abspath(inbox[key])) for key in ("path", "outbox"))  # noqa: PTH100 - as the schema does
            yield folder, (next(pair), next(pair))


def _folders() -> list[Path]:
    return sorted(path.parent for path in _own().glob(f"*/{_VALUES}"))


def _used_at(folder: Path) -> float:
    with suppress(OSError):
        return (folder / _VALUES).stat().st_mtime
    return 0.0


def _own() -> Path:
    home = os.environ.get("XDG_STATE_HOME", "")
    if not Path(home).is_absolute():  # such a one is to be ignored (XDG Base Directory)
        try:
            home = str(Path.home() / ".local" / "state")
        except RuntimeError as error:
            raise UsageError(
                "there is no home folder to keep the state in, or to find it in",
                "Give --state FOLDER (or -c FILE, where there is a configuration), or set HOME.",
            ) from error
    return Path(home) / "scissorsd"


def for_page() -> Path:
    """Return the state folder of a page that has no folders but its own."""
    return _own() / "page"


def is_own(folder: Path) -> bool:
    """Whether a state folder is one that commands of this user find without being told."""
    with suppress(UsageError):  # without a home there is none
        return os.path.realpath(folder.parent) == os.path.realpath(_own())
    return False


def remember(folder: Path, values: Mapping[str, object]) -> None:
    """Keep the values of a command line, so that `status` and `why` know of them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_atomically(folder / _VALUES, json.dumps(values).encode())
    except OSError as error:
        raise ScissorsError(
            f"the state folder {folder} cannot be used: {error.strerror or error}",
            "Give --state FOLDER, one that this user may write to.",
        ) from error


def named(config: Path | None, state: Path | None) -> list[Path]:
    """Return the state folder that a command names or, where it names none, every one known here.

    Those too of which the folders are gone, or the configuration.
    """
    if state is not None:
        return [state.absolute()]
    if config is not None:
        return [_configured(config).folder]
    default = state_of(DEFAULT_CONFIG) if DEFAULT_CONFIG.exists() else None
    with suppress(UsageError):  # without a home there is none
        return [*filter(None, [default]), *_folders()]
    return [*filter(None, [default])]


def keeps(folder: Path, covers: Callable[[Path], bool]) -> bool:
    """Whether a command line that is kept names such a folder."""
    values = _kept_inboxes(folder)
    return any(covers(Path(inbox[key])) for inbox in values for key in _FOLDERS)


def rename_kept(folder: Path, new_path: Callable[[str], str]) -> bool:
    """Keep the folders of a command line by their new paths; whether any path is another."""
    renamed = False
    for inbox in _kept_inboxes(folder):
        new = {key: new_path(inbox[key]) for key in _FOLDERS}
        renamed = renamed or new != {key: inbox[key] for key in _FOLDERS}
    if renamed:
        values = json.loads((folder / _VALUES).read_text())
        for inbox in values["inboxes"].values():
            inbox.update({key: new_path(inbox[key]) for key in _FOLDERS})
        remember(folder, values)
    return renamed


def _kept_inboxes(folder: Path) -> list[dict[str, str]]:
    """Return the inboxes of a command line that is kept; none where none is."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        inboxes = json.loads((folder / _VALUES).read_text())["inboxes"].values()
        return [{key: str(inbox[key]) for key in _FOLDERS} for inbox in inboxes]
    return []


def find(config: Path | None, state: Path | None) -> StateFolder:
    """Find the state that a command is about.

    In order: what the command line says; the system's configuration file; the one state folder of
    this user, or among several the one on which a daemon runs.
    """
    if state is not None:
        return _kept(state.absolute())
    if config is not None:
        return _configured(config)
    if DEFAULT_CONFIG.exists():
        return _configured(DEFAULT_CONFIG)
    states = known()
    if len(states) > 1:
        states = [s for s in states if lock.is_running(s.folder)] or states
    if len(states) == 1:
        return states[0]
    if not states:
        raise UsageError(
            "there is no configuration and no state folder to ask",
            f"Give -c FILE or --state FOLDER; {DEFAULT_CONFIG} does not exist.",
        )
    raise UsageError(
        "there is more than one state folder to ask; say which:",
        "\n".join(f"  --state {s.folder}   ({in_words(s)})" for s in states),
    )


def to_show(
    config: Path | None, state: Path | None
) -> tuple[StateFolder | None, list[StateFolder]]:
    """Return the state to show in full, if there is one to choose, and the others known here."""
    if config is not None or state is not None:
        return even_with_mistakes(config, state), []
    others = known()
    if DEFAULT_CONFIG.exists():
        return even_with_mistakes(None, None), others
    running = [s for s in others if lock.is_running(s.folder)]
    if len(running) == 1 or len(others) == 1:
        chosen = (running or others)[0]
        return chosen, [s for s in others if s is not chosen]
    return (None, others) if others else (find(None, None), [])


def to_be_healthy(config: Path | None) -> list[Path]:
    """Return the state folders on which a daemon should run: the one, or all on which any does."""
    chosen, others = to_show(config, None)
    if chosen is not None:
        return [chosen.folder]
    return [s.folder for s in others if lock.is_running(s.folder)] or [others[0].folder]


def in_words(state: StateFolder) -> str:
    """Say which folders a state is about."""
    return ", ".join(f"{inbox.path} → {inbox.outbox}" for inbox in state.config.inboxes)


def everyone(config: Path | None, state: Path | None) -> list[StateFolder]:
    """Return the state that a command names or, where it names none, every one that is known here.

    Those that cannot be read, such as another user's, are left out.
    """
    if config is not None or state is not None:
        return [find(config, state)]
    default = []
    if DEFAULT_CONFIG.exists():
        with suppress(ScissorsError, OSError):
            default.append(_configured(DEFAULT_CONFIG))
    with suppress(UsageError):  # without a home there is none
        return default + known()
    return default


def about(path: Path, config: Path | None, state: Path | None) -> list[StateFolder]:
    """Return the states to ask about a path: of which an inbox or outbox holds it, else the one.

    Where the same pictures go to two outboxes, there are two.
    """
    if config is not None or state is not None:
        return [find(config, state)]
    states = everyone(None, None)
    return _holding(path, states) or [find(None, None)]


def known() -> list[StateFolder]:
    """Return the states of this user that keep a command line, the one used last first.

    One whose folders are both gone, and on which no daemon runs, is forgotten until they return.
    """
    states = []
    for folder in sorted(_folders(), key=_used_at, reverse=True):
        with suppress(ScissorsError, OSError):
            states.append(_kept(folder))
    real = real_paths.locate(path for path in _paths(states) if not mounts.may_hang(path))
    return [
        state
        for state in states
        if not all(path in real and real[path].gone for path in _paths([state]))
        or lock.is_running(state.folder)
    ]


def _paths(states: Iterable[StateFolder]) -> set[Path]:
    return {p for s in states for inbox in s.config.inboxes for p in (inbox.path, inbox.outbox)}


def _places(states: Iterable[StateFolder]) -> set[Path]:
    """Return their folders, with those elsewhere to which outputs go."""
    elsewhere = {f for s in states for i in s.config.inboxes for f in i.folders_elsewhere}
    return _paths(states) | elsewhere


def _holding(path: Path, states: list[StateFolder]) -> list[StateFolder]:
    if ".." not in path.parts:  # first without a look at the folders: one may hang
        by_name = [s for s in states if any(path.is_relative_to(f) for f in _places([s]))]
        if by_name:
            return by_name
    share = mounts.may_hang(path)
    folders = {folder for folder in _places(states) if share or not mounts.may_hang(folder)}
    real = real_paths.locate({path.parent, *folders})
    holding = {f for f in folders if real[path.parent].within(real[f]) is not None}
    return [s for s in states if not holding.isdisjoint(_places([s]))]


def even_with_mistakes(config: Path | None, state: Path | None) -> StateFolder:
    """Find the state as `find` does, and also when the file was changed for the worse meanwhile.

    Then the daemon goes on with what the file said before.
    """
    try:
        return find(config, state)
    except ConfigError as error:
        path = (config or DEFAULT_CONFIG).absolute()
        for folder in filter(None, (state_of(path), DEFAULT_STATE)):
            status = status_file.read(folder)
            if status is not None and _is_of(status, path) and lock.is_running(folder):
                inboxes = {i.name: {"path": i.path, "outbox": i.outbox} for i in status.inboxes}
                values = {"state": str(folder), "inboxes": inboxes}
                kept = from_values(values, base=Path("/"), folders=False).config
                return StateFolder(folder, kept, error.problems)
        raise


def _is_of(status: status_file.DaemonStatus, path: Path) -> bool:
    return status.config != "" and os.path.realpath(status.config) == os.path.realpath(path)


def _configured(path: Path) -> StateFolder:
    config = load(path, folders=False).config
    return StateFolder(config.state, config)


def _kept(folder: Path) -> StateFolder:
    try:
        values = json.loads((folder / _VALUES).read_text())
    except (OSError, ValueError):
        status = status_file.read(folder)
        if status is not None and status.config:
            return StateFolder(folder, load(Path(status.config), folders=False).config)
        raise UsageError(f"{folder} is not a state folder of scissorsd") from None
    return StateFolder(folder, from_values(values, base=Path("/"), folders=False).config)

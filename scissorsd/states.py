"""State folders: where a command finds the daemon it is asked about.

A daemon with a configuration file keeps its state where the file says. `watch` and `once` without
one keep it in the user's own state folder, one for each pair of inbox and outbox, together with
the values of their command line.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scissorsd import standing
from scissorsd.config import Config, from_values, load
from scissorsd.errors import ScissorsError, UsageError

DEFAULT_CONFIG = Path("/etc/scissorsd/scissorsd.yaml")
_VALUES = "command-line.json"


@dataclass(frozen=True, slots=True)
class State:
    """A state folder and the configuration that goes with it."""

    folder: Path
    config: Config


def for_pair(inbox: Path, outbox: Path) -> Path:
    """Give the state folder of a `watch` or `once` without a configuration file."""
    mark = hashlib.sha256(os.fsencode(f"{inbox}\0{outbox}")).hexdigest()[:12]
    return _own() / f"{inbox.name or 'root'}-{mark}"


def _own() -> Path:
    try:
        home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    except RuntimeError as error:
        raise UsageError(
            "there is no home folder to keep the state in, or to find it in",
            "Give --state FOLDER (or -c FILE, where there is a configuration), or set HOME.",
        ) from error
    return Path(home) / "scissorsd"


def is_own(folder: Path) -> bool:
    """Whether a state folder is one that commands of this user find without being told."""
    with suppress(UsageError):  # without a home there is none
        return folder.parent == _own()
    return False


def remember(folder: Path, values: Mapping[str, object]) -> None:
    """Keep the values of a command line, so that `status` and `why` know of them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _VALUES).write_text(json.dumps(values))
    except OSError as error:
        raise ScissorsError(
            f"the state folder {folder} cannot be used: {error.strerror or error}",
            "Give --state FOLDER, one that this user may write to.",
        ) from error


def find(config: Path | None, state: Path | None, *, about: Path | None = None) -> State:
    """Find the state that a command is about.

    In order: what the command line says; the system's configuration file; the one state folder of
    this user, or among several the one whose inbox or outbox holds the path `about`, else the one
    on which a daemon runs.
    """
    if state is not None:
        return _kept(state)
    if config is not None:
        return _configured(config)
    if DEFAULT_CONFIG.exists():
        return _configured(DEFAULT_CONFIG)
    found = [_kept(path.parent) for path in sorted(_own().glob(f"*/{_VALUES}"))]
    if about is not None:
        found = [s for s in found if _holds(s.config, about)] or found
    if len(found) > 1:
        found = [s for s in found if standing.is_running(s.folder)] or found
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            "there is no configuration and no state folder to ask",
            f"Give -c FILE or --state FOLDER; {DEFAULT_CONFIG} does not exist.",
        )
    choices = "\n".join(f"  --state {s.folder}   ({s.config.inboxes[0].path})" for s in found)
    raise UsageError("there is more than one daemon to ask; say which:", choices)


def everyone(config: Path | None, state: Path | None) -> list[State]:
    """Give the state that a command names or, where it names none, every one that is known here.

    Those that cannot be read, such as another user's, are left out.
    """
    if config is not None or state is not None:
        return [find(config, state)]
    found = []
    own: list[Path] = []
    with suppress(UsageError):
        own = sorted(_own().glob(f"*/{_VALUES}"))
    for kept in (None, *own):
        with suppress(ScissorsError, OSError):
            found.append(_configured(DEFAULT_CONFIG) if kept is None else _kept(kept.parent))
    return found


def _configured(path: Path) -> State:
    config = load(path).config
    return State(config.state, config)


def _kept(folder: Path) -> State:
    try:
        values = json.loads((folder / _VALUES).read_text())
    except (OSError, ValueError):
        stands = standing.read(folder)
        if stands is not None and stands.config:
            return State(folder, load(Path(stands.config)).config)
        raise UsageError(f"{folder} is not a state folder of scissorsd") from None
    return State(folder, from_values(values, base=Path("/")).config)


def _holds(config: Config, path: Path) -> bool:
    return any(
        path.is_relative_to(folder)
        for inbox in config.inboxes
        for folder in (inbox.path, inbox.outbox)
    )

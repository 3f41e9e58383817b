"""The unit for this installation and a configuration."""

import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scissorsd.config import load
from scissorsd.errors import ConfigError
from scissorsd.folders import mounts
from scissorsd.service import permissions, unit
from scissorsd.service.make_folders import shown
from scissorsd.service.systemctl import systemd_version
from scissorsd.service.target import SYSTEM, Target, program
from scissorsd.settings import Config

_HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))  # what ProtectHome= hides
_TMP = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 (what PrivateTmp= hides)
_OF_THE_SYSTEM = frozenset(
    ("boot", "dev", "etc", "home", "opt", "proc", "root", "run", "sys", "tmp", "usr", "var")
)


def unit_text(target: Target, config: Path | None = None) -> str:
    """Return the unit that `install` would write; raises ConfigError for a bad configuration."""
    return unit.text(unit_for(target, *load_for(target, config)))


def folders_to_make(target: Target, config: Path | None = None) -> list[str]:
    """Say which folders `install` would make with `make_folders`."""
    _, settings = load_for(target, config)
    return list(shown(settings, None if target.personal else unit.ACCOUNT))


def load_for(target: Target, path: Path | None) -> tuple[Path, Config]:
    """Load the configuration of a service; return its path with it. Raises ConfigError."""
    path = (path or target.default_config).absolute()
    if not path.exists():
        folder, file = shlex.quote(str(path.parent)), shlex.quote(str(path))
        sample = shlex.join([*program(), "service", "sample"])
        lines = (
            f"{path}: there is no configuration yet",
            "  Put the sample there and make it yours, see what it will do, then install again:",
            f"    mkdir -p {folder} && {sample} > {file}",
            f"    {shlex.join([*program(), 'check', '-c', str(path)])}",
        )
        raise ConfigError(lines)
    with _at_home(target):
        return path, load(path).config


@contextmanager
def _at_home(target: Target) -> Iterator[None]:
    """Let ~ and the models folder be what they are for the service's own account."""
    before = dict(os.environ)
    if not target.personal:
        os.environ |= {"HOME": unit.STATE, "U2NET_HOME": unit.MODELS}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def unit_for(target: Target, path: Path, config: Config) -> unit.Unit:
    """Return what the unit for this installation and this configuration must say."""
    if target.personal:
        return unit.Unit(
            program=program(), config=str(path), personal=True, systemd=systemd_version()
        )
    required, optional = _writable(config)
    bound = [folder for folder in (*required, *optional) if _under(folder, _HOMES)]
    read = [*_installation(), path.parent]
    only_read = _outermost(p for p in read if _under(p, _HOMES) and not _under(p, bound))
    return unit.Unit(
        program=program(),
        config=str(path),
        writable=_texts(folder for folder in required if folder not in bound),
        optional_writable=_texts(folder for folder in optional if folder not in bound),
        bind_paths=_texts(bound),
        bind_read_only_paths=_texts(only_read),
        open_tmp=any(_under(folder, _TMP) for folder in (*required, *optional, *read)),
        systemd=systemd_version(),
    )


def _installation() -> list[Path]:
    """Return the folders without which this installation cannot start."""
    here = Path(unit.__file__).parents[2]
    interpreter = Path(sys.executable).resolve().parents[1]
    return [Path(sys.prefix), Path(sys.base_prefix), interpreter, here]


def _writable(config: Config) -> tuple[list[Path], list[Path]]:
    """Return the folders to name in the unit: those that must be there, and those that need not."""
    required, optional = [], []
    together = {
        folder: inbox.path.parent
        for inbox in config.inboxes
        for folder in (inbox.path, inbox.outbox)
        if not inbox.quick
        and inbox.path.parent == inbox.outbox.parent
        and _is_a_share_of_its_own(inbox.path.parent)
    }
    for folder, require_mount in permissions.wanted_folders(config):
        if not require_mount and mounts.raises_events(mounts.mount_type(folder)):
            # Each path named becomes a mount of its own, and from one to another a source that
            # moves must be copied: so one for both where that opens nothing else.
            required.append(together.get(folder, folder))
            continue
        # Named itself, a mount point looks mounted when it is not, and what is mounted there anew
        # is not seen; what appears below a folder that was named is.
        point = folder if require_mount else _mount_point(folder)
        if point.parent == SYSTEM:
            optional.append(point)
        else:
            required.append(point.parent)
    own = (config.state, config.models)
    required = _outermost(p for p in (*required, *own) if not p.is_relative_to(unit.STATE))
    return required, [path for path in _outermost(optional) if not _under(path, required)]


def _is_a_share_of_its_own(folder: Path) -> bool:
    """Whether a folder is there for one purpose: /srv/shop, not /srv, /home/anna or /var/x."""
    return bool(folder.parts[2:]) and folder.parts[1] not in _OF_THE_SYSTEM


def _mount_point(folder: Path) -> Path:
    """Return where the file system of a folder is mounted."""
    return next(path for path in (folder, *folder.parents) if mounts.is_mount(path))


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Leave out what lies within another, and what is there twice."""
    unique = list(dict.fromkeys(paths))
    return [p for p in unique if not any(o in p.parents for o in unique)]


def _under(path: Path, outer: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in outer)


def _texts(paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(map(str, paths))

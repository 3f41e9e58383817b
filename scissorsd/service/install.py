"""`service`: the unit for this installation and configuration, put in place and taken away."""

import grp
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scissorsd.config import load
from scissorsd.errors import ConfigError, ScissorsError, UsageError
from scissorsd.folders import mounts
from scissorsd.service import permissions, unit
from scissorsd.service.make_folders import make, shown
from scissorsd.settings import Config

SYSTEM = Path("/")
_SYSTEM_CONFIG = Path("/etc/scissorsd/scissorsd.yaml")
_BOOTED = Path("/run/systemd/system")  # sd_booted(3)
_HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))  # what ProtectHome= hides
_TMP = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 (what PrivateTmp= hides)
_OF_THE_SYSTEM = frozenset(
    ("boot", "dev", "etc", "home", "opt", "proc", "root", "run", "sys", "tmp", "usr", "var")
)
_NAME = "scissorsd.service"


@dataclass(frozen=True, slots=True)
class Place:
    """Whose service it is, and where its files go: below `root`, "/" but in tests and images."""

    personal: bool = False
    root: Path = SYSTEM

    @property
    def live(self) -> bool:
        """Whether this machine's own service manager is meant."""
        return self.root == SYSTEM

    @property
    def unit(self) -> Path:
        """Where the unit goes."""
        if self.personal:
            return self._at(_own_settings() / "systemd" / "user" / _NAME)
        return self._at(Path("/etc/systemd/system") / _NAME)

    @property
    def beside(self) -> tuple[Path, ...]:
        """Where sysusers.d and tmpfiles.d look; one user's service needs neither."""
        names = () if self.personal else ("sysusers.d", "tmpfiles.d")
        return tuple(self._at(Path("/etc") / name / "scissorsd.conf") for name in names)

    @property
    def default_config(self) -> Path:
        """Where the configuration is expected."""
        return _own_settings() / "scissorsd" / "scissorsd.yaml" if self.personal else _SYSTEM_CONFIG

    def systemctl(self, *words: str) -> str:
        """Return a systemctl command as a person types it."""
        return shlex.join(["systemctl", *(["--user"] if self.personal else []), *words])

    def command(self, *words: str) -> str:
        """Return a `scissorsd service` command as a person types it."""
        words = (*words, *(["--user"] if self.personal else []))
        return shlex.join([*_program(), "service", *words])

    def _at(self, path: Path) -> Path:
        return self.root / path.relative_to("/")


def _own_settings() -> Path:
    try:
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    except RuntimeError as error:
        raise UsageError(
            "there is no home folder for a service of your own", "Set HOME, or leave out --user."
        ) from error


# --- the unit for a configuration ------------------------------------------------------------


def unit_text(place: Place, config: Path | None = None) -> str:
    """Return the unit that `install` would write; raises ConfigError for a bad configuration."""
    return unit.text(_unit(place, *_loaded(place, config)))


def folders_to_make(place: Place, config: Path | None = None) -> list[str]:
    """Say which folders `install` would make with `make_folders`."""
    _, settings = _loaded(place, config)
    return list(shown(settings, None if place.personal else unit.ACCOUNT))


def _loaded(place: Place, path: Path | None) -> tuple[Path, Config]:
    path = (path or place.default_config).absolute()
    if not path.exists():
        folder, file = shlex.quote(str(path.parent)), shlex.quote(str(path))
        sample = shlex.join([*_program(), "service", "sample"])
        lines = (
            f"{path}: there is no configuration yet",
            "  Put the sample there and make it yours, see what it will do, then install again:",
            f"    mkdir -p {folder} && {sample} > {file}",
            f"    {shlex.join([*_program(), 'check', '-c', str(path)])}",
        )
        raise ConfigError(lines)
    with _at_home(place):
        return path, load(path).config


@contextmanager
def _at_home(place: Place) -> Iterator[None]:
    """Let ~ and the models folder be what they are for the service's own account."""
    before = dict(os.environ)
    if not place.personal:
        os.environ |= {"HOME": unit.STATE, "U2NET_HOME": unit.MODELS}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _unit(place: Place, path: Path, config: Config) -> unit.Unit:
    if place.personal:
        return unit.Unit(
            program=_program(), config=str(path), personal=True, systemd=systemd_version()
        )
    named, perhaps = _writable(config)
    installed = _installation()
    bound = [folder for folder in (*named, *perhaps) if _under(folder, _HOMES)]
    read = [*installed, path.parent]
    return unit.Unit(
        program=_program(),
        config=str(path),
        writable=_texts(folder for folder in named if folder not in bound),
        perhaps=_texts(folder for folder in perhaps if folder not in bound),
        bound=_texts(bound),
        shown=_texts(_outermost(p for p in read if _under(p, _HOMES) and not _under(p, bound))),
        open_tmp=any(_under(folder, _TMP) for folder in (*named, *perhaps, *read)),
        systemd=systemd_version(),
    )


def _program() -> tuple[str, ...]:
    """Return the command that starts this installation, wherever it is called from."""
    script = Path(sysconfig.get_path("scripts")) / "scissorsd"
    return (str(script),) if script.exists() else (sys.executable, "-m", "scissorsd")


def _installation() -> list[Path]:
    """Return the folders without which this installation cannot start."""
    here = Path(unit.__file__).parents[2]
    interpreter = Path(sys.executable).resolve().parents[1]
    return [Path(sys.prefix), Path(sys.base_prefix), interpreter, here]


def systemd_version() -> int | None:
    """Ask systemctl for its version; None where there is none."""
    said = _run("systemctl", "--version")
    found = re.match(r"systemd (\d+)", said.stdout) if said else None
    return int(found[1]) if found else None


def _writable(config: Config) -> tuple[list[Path], list[Path]]:
    """Return the folders to name in the unit: those that must be there and those that may not."""
    named, perhaps = [], []
    together = {
        folder: inbox.path.parent
        for inbox in config.inboxes
        for folder in (inbox.path, inbox.outbox)
        if inbox.path.parent == inbox.outbox.parent and _is_a_share_of_its_own(inbox.path.parent)
    }
    for folder, require_mount in permissions.wanted_folders(config):
        if not require_mount and mounts.raises_events(mounts.mount_type(folder)):
            # Each path named becomes a mount of its own, and from one to another a source that
            # moves must be copied: so one for both where that opens nothing else.
            named.append(together.get(folder, folder))
            continue
        # Named itself, a mount point looks mounted when it is not, and what is mounted there anew
        # is not seen; what appears below a folder that was named is.
        point = folder if require_mount else _mount_point(folder)
        if point.parent == SYSTEM:
            perhaps.append(point)
        else:
            named.append(point.parent)
    own = (config.state, config.models)
    named = _outermost(p for p in (*named, *own) if not p.is_relative_to(unit.STATE))
    return named, [path for path in _outermost(perhaps) if not _under(path, named)]


def _is_a_share_of_its_own(folder: Path) -> bool:
    """Whether a folder is there for one purpose: /srv/shop, not /srv, /home/anna or /var/x."""
    return len(folder.parts) > 2 and folder.parts[1] not in _OF_THE_SYSTEM  # noqa: PLR2004


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


# --- install ---------------------------------------------------------------------------------


def install(
    place: Place, config: Path | None = None, *, make_folders: bool = False
) -> Iterator[str]:
    """Write the unit and what it needs; give a sentence for each thing done, and what to do next.

    Before anything is written, raises UsageError without root or over somebody else's unit, and
    ConfigError for a configuration that is bad or not there.
    """
    _must_be_allowed(place, "install")
    path, settings = _loaded(place, config)
    made = _unit(place, path, settings)
    files = {place.unit: unit.text(made)}
    if not place.personal:
        own = [str(p) for p in (settings.state, settings.models) if _is_to_be_made(p)]
        files |= dict(zip(place.beside, (unit.sysusers(), unit.tmpfiles(own)), strict=True))
    for file in files:
        _must_be_ours(file)
    for file, content in files.items():
        yield _write(file, content)
    yield _manner(made)
    if not place.personal:
        yield from _account_and_folders(place)
    account = unit.ACCOUNT if place.live and not place.personal else None
    if make_folders and place.live:
        yield from make(settings, account)
    elif make_folders:
        yield "folders are made by an install on the machine itself"
    yield from _told_to_manager(place)
    yield from permissions.warnings(settings, path, made, account)
    yield from _next(place)


def _must_be_allowed(place: Place, verb: str) -> None:
    if place.live and systemd_version() is None:
        raise ScissorsError(
            "there is no systemd here (systemctl was not found)",
            "Start `scissorsd run -c FILE` from what starts services on this machine.",
        )
    if place.live and not place.personal and os.geteuid() != 0:
        raise UsageError(
            f"only root can {verb} a service for the whole system",
            f"As root: sudo {place.command(verb)}\n"
            f"Or for yourself alone: {Place(personal=True).command(verb)}",
        )


def _is_to_be_made(folder: Path) -> bool:
    return not folder.is_relative_to(unit.STATE) and not folder.exists()


def _is_ours(file: Path) -> bool:
    try:
        return file.read_text(encoding="utf-8", errors="replace").startswith(unit.MARK)
    except OSError as error:
        raise ScissorsError(f"{file} cannot be read: {error.strerror or error}") from error


def _must_be_ours(file: Path) -> None:
    if file.exists() and not _is_ours(file):
        raise UsageError(
            f"{file} was not written by `service install`, and is left as it is",
            "Move it away first if you want it to be; settings of your own belong in a drop-in.",
        )


def _write(file: Path, content: str) -> str:
    try:
        same = file.exists() and file.read_text(encoding="utf-8") == content
        if not same:
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh = file.with_name(f".{file.name}.new")
            fresh.write_text(content, encoding="utf-8")
            fresh.chmod(0o644)
            fresh.replace(file)
    except OSError as error:
        raise ScissorsError(f"{file} cannot be written: {error.strerror or error}") from error
    return f"{file} is as it should be" if same else f"wrote {file}"


def _manner(made: unit.Unit) -> str:
    version = f"systemd {made.systemd}" if made.systemd else "any systemd from 252"
    since = made.systemd or 0
    kind = (
        "Type=notify-reload"
        if since >= unit.NOTIFY_RELOAD
        else f"Type=notify, as notify-reload needs {unit.NOTIFY_RELOAD}"
    )
    delays = (
        "restarts after 15 s, later up to 10 min"
        if since >= unit.GROWING_DELAYS
        else f"restarts after 15 s always, as growing delays need {unit.GROWING_DELAYS}"
    )
    return f"for {version}: {kind}; {delays}"


def _account_and_folders(place: Place) -> Iterator[str]:
    sysusers, tmpfiles = place.beside
    for command in (["systemd-sysusers", sysusers], ["systemd-tmpfiles", "--create", tmpfiles]):
        words = list(map(str, command))
        if place.live:
            yield from _done(*words)
        else:
            yield f"to be run on the machine itself: {shlex.join(words)}"


def _told_to_manager(place: Place) -> Iterator[str]:
    words = place.systemctl("daemon-reload").split()
    if not place.live:
        return
    if _BOOTED.exists():
        yield from _done(*words)
    else:
        yield "systemd does not run now; it reads the unit when it starts"


def _done(*words: str) -> Iterator[str]:
    """Run a command and tell that it was, or what it said against it."""
    said = _run(*words)
    line = shlex.join(words)
    if said is None:
        yield f"WARNING: {words[0]} is not here, so do by hand what it would do: {line}"
    elif said.returncode:
        yield f"WARNING: `{line}` failed: {said.stderr.strip() or said.returncode}"
    else:
        yield f"ran {line}"


def _run(*words: str) -> "subprocess.CompletedProcess[str] | None":
    if shutil.which(words[0]) is None:
        return None
    return subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603


def _next(place: Place) -> Iterator[str]:
    asked = place.systemctl("is-active", "--quiet", "scissorsd").split()
    active = _run(*asked) if place.live else None
    yield ""
    if active is not None and active.returncode == 0:
        yield f"It runs as it was before; next: {place.systemctl('restart', 'scissorsd')}"
    else:
        yield f"Next: {place.systemctl('enable', '--now', 'scissorsd')}"
    if place.personal:
        yield "So that it runs while you are not logged in, too: loginctl enable-linger"


# --- uninstall -------------------------------------------------------------------------------


def uninstall(place: Place) -> Iterator[str]:
    """Stop the service and remove what `install` wrote; give a sentence for each thing.

    Raises UsageError, before anything is done, without root or for a unit of somebody else.
    """
    _must_be_allowed(place, "uninstall")
    _must_be_ours(place.unit)
    there = [file for file in (place.unit, *place.beside) if file.exists()]
    if not there:
        yield f"Nothing to take away: {place.unit} is not there."
        return
    live = place.live and _BOOTED.exists()
    if live and place.unit in there:
        yield from _done(*place.systemctl("disable", "--now", "scissorsd").split())
    for file in there:
        yield _remove(file) if _is_ours(file) else f"left {file}, which `install` did not write"
    yield from _told_to_manager(place)
    yield from _left(place)


def _remove(file: Path) -> str:
    try:
        file.unlink()
    except OSError as error:
        raise ScissorsError(f"{file} cannot be removed: {error.strerror or error}") from error
    return f"removed {file}"


def _left(place: Place) -> Iterator[str]:
    yield ""
    yield "Left as they are: the configuration, the state folder with the weights, every picture."
    drop_ins = place.unit.with_name(f"{_NAME}.d")
    if drop_ins.exists():
        yield f"Left: your drop-ins in {drop_ins}"
    if not place.personal and place.live and _has_account():
        yield f"Left: the account {unit.ACCOUNT}, since files are its own (userdel removes it)"


def _has_account() -> bool:
    try:
        grp.getgrnam(unit.ACCOUNT)
        pwd.getpwnam(unit.ACCOUNT)
    except KeyError:
        return False
    return True

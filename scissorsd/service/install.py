"""`service`: the unit for this installation and configuration, installed and removed."""

import grp
import os
import pwd
import shlex
from collections.abc import Iterator
from pathlib import Path

from scissorsd import atomic
from scissorsd.errors import ScissorsError, UsageError
from scissorsd.service import permissions, unit
from scissorsd.service.make_folders import make
from scissorsd.service.systemctl import run, run_and_tell, systemd_version
from scissorsd.service.target import DAEMON, Target
from scissorsd.service.unit_for_config import load_for, unit_for

_BOOTED = Path("/run/systemd/system")  # sd_booted(3)


# --- install ---------------------------------------------------------------------------------


def install(
    target: Target, config: Path | None = None, *, make_folders: bool = False
) -> Iterator[str]:
    """Write the unit and what it needs; yield a sentence for each step, and what to do next.

    Before anything is written, raises UsageError without root or over somebody else's unit, and
    ConfigError for a configuration that is bad or not there.
    """
    refuse_without_rights(target, "install")
    path, settings = load_for(target, config)
    unit_values = unit_for(target, path, settings)
    files = {target.unit: unit.text(unit_values)}
    if not target.personal:
        own = [str(p) for p in (settings.state, settings.models) if _is_to_be_made(p)]
        files |= dict(zip(target.beside, (unit.sysusers(), unit.tmpfiles(own)), strict=True))
    for file in files:
        refuse_anothers_file(file)
    for file, content in files.items():
        yield write(file, content)
    yield _how_it_runs(unit_values)
    if not target.personal:
        yield from make_account(target)
    account = unit.ACCOUNT if target.live and not target.personal else None
    if make_folders and target.live:
        yield from make(settings, account)
    elif make_folders:
        yield "folders are made by an install on the machine itself"
    yield from reload_manager(target)
    yield from permissions.warnings(settings, path, unit_values, account)
    yield from next_step(target)


def refuse_without_rights(target: Target, verb: str) -> None:
    """Raise an error where there is no systemd, or only root may do this."""
    if target.live and systemd_version() is None:
        raise ScissorsError(
            "there is no systemd here (systemctl was not found)",
            "Start `scissorsd run -c FILE` from what starts services on this machine.",
        )
    if target.live and not target.personal and os.geteuid() != 0:
        raise UsageError(
            f"only root can {verb} a service for the whole system",
            f"As root: sudo {target.command(verb)}\n"
            f"Or for yourself alone: {Target(personal=True).command(verb)}"
            if target.name == DAEMON
            else "Put sudo before the command.",
        )


def _is_to_be_made(folder: Path) -> bool:
    return not folder.is_relative_to(unit.STATE) and not folder.exists()


def is_ours(file: Path) -> bool:
    """Whether a file is one that scissorsd has written."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").startswith(unit.WRITTEN)
    except OSError as error:
        raise ScissorsError(f"{file} cannot be read: {error.strerror or error}") from error


def refuse_anothers_file(file: Path) -> None:
    """Raise UsageError for a file of somebody else."""
    if file.exists() and not is_ours(file):
        raise UsageError(
            f"{file} was not written by scissorsd, and is left as it is",
            "Move it away first if you want it to be; settings of your own belong in a drop-in.",
        )


def write(file: Path, content: str) -> str:
    """Write a file if it is not so already; return a sentence."""
    try:
        same = file.exists() and file.read_text(encoding="utf-8") == content
        if not same:
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_atomically(file, content.encode(), mode=0o644)
    except OSError as error:
        raise ScissorsError(f"{file} cannot be written: {error.strerror or error}") from error
    return f"{file} is as it should be" if same else f"wrote {file}"


def _how_it_runs(unit_values: unit.Unit) -> str:
    version = f"systemd {unit_values.systemd}" if unit_values.systemd else "any systemd from 252"
    since = unit_values.systemd or 0
    service_type = (
        "Type=notify-reload"
        if since >= unit.NOTIFY_RELOAD
        else f"Type=notify, as notify-reload needs {unit.NOTIFY_RELOAD}"
    )
    delays = (
        "restarts after 15 s, later up to 10 min"
        if since >= unit.GROWING_DELAYS
        else f"restarts after 15 s always, as growing delays need {unit.GROWING_DELAYS}"
    )
    return f"for {version}: {service_type}; {delays}"


def make_account(target: Target) -> Iterator[str]:
    """Make the account and the folders that the files beside the unit name."""
    sysusers, tmpfiles = target.beside
    for command in (["systemd-sysusers", sysusers], ["systemd-tmpfiles", "--create", tmpfiles]):
        words = list(map(str, command))
        if target.live:
            yield from run_and_tell(*words)
        else:
            yield f"to be run on the machine itself: {shlex.join(words)}"


def reload_manager(target: Target) -> Iterator[str]:
    """Let systemd read the units anew."""
    words = target.systemctl("daemon-reload").split()
    if not target.live:
        return
    if _BOOTED.exists():
        yield from run_and_tell(*words)
    else:
        yield "systemd does not run now; it reads the unit when it starts"


def next_step(target: Target) -> Iterator[str]:
    """Say how it is started."""
    asked = target.systemctl("is-active", "--quiet", target.name).split()
    active = run(*asked) if target.live else None
    yield ""
    if active is not None and active.returncode == 0:
        yield f"It runs as it was before; next: {target.systemctl('restart', target.name)}"
    else:
        yield f"Next: {target.systemctl('enable', '--now', target.name)}"
    if target.personal:
        yield "So that it runs while you are not logged in, too: loginctl enable-linger"


# --- uninstall -------------------------------------------------------------------------------


def uninstall(target: Target) -> Iterator[str]:
    """Stop the service and remove what `install` wrote; yield a sentence for each step.

    Raises UsageError, before anything is done, without root or for a unit of somebody else.
    """
    refuse_without_rights(target, "uninstall")
    refuse_anothers_file(target.unit)
    there = [file for file in (target.unit, *target.beside) if file.exists()]
    if not there:
        yield f"Nothing to take away: {target.unit} is not there."
        return
    live = target.live and _BOOTED.exists()
    if live and target.unit in there:
        yield from run_and_tell(*target.systemctl("disable", "--now", target.name).split())
    for file in there:
        yield remove(file) if is_ours(file) else f"left {file}, which `install` did not write"
    yield from reload_manager(target)
    yield from _what_stays(target)


def remove(file: Path) -> str:
    """Remove a file; return a sentence."""
    try:
        file.unlink()
    except OSError as error:
        raise ScissorsError(f"{file} cannot be removed: {error.strerror or error}") from error
    return f"removed {file}"


def _what_stays(target: Target) -> Iterator[str]:
    yield ""
    yield "Left as they are: the configuration, the state folder with the weights, every picture."
    drop_ins = target.unit.with_name(f"{target.unit_name}.d")
    if drop_ins.exists():
        yield f"Left: your drop-ins in {drop_ins}"
    if not target.personal and target.live and _has_account():
        yield f"Left: the account {unit.ACCOUNT}, since files are its own (userdel removes it)"


def _has_account() -> bool:
    try:
        grp.getgrnam(unit.ACCOUNT)
        pwd.getpwnam(unit.ACCOUNT)
    except KeyError:
        return False
    return True

"""Whether the service will reach its files; if not, what stands in the way and what mends it."""

import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from scissorsd.service import unit
from scissorsd.settings import Config

_May = Callable[[Path, str], bool]

_RIGHTS = {"r": "read", "w": "write to", "x": "pass through"}


def wanted_folders(config: Config) -> Iterator[tuple[Path, bool]]:
    """Yield each folder that pictures come from or go to, and whether it must be a mount."""
    for inbox in config.inboxes:
        if inbox.quick:  # the daemon makes it, in the state folder
            continue
        yield inbox.path, inbox.require_mount
        yield inbox.outbox, False
        for rule in inbox.rules:
            if rule.source == "move" and not rule.skip and rule.move_to.startswith("/"):
                yield Path(rule.move_to), False
        yield from ((folder, False) for folder in inbox.folders_elsewhere)


def warnings(
    settings: Config, path: Path, unit_values: unit.Unit, account: str | None
) -> Iterator[str]:
    """Warn of each file and folder that the service will not reach, with what mends it."""
    wanted = [folder for folder, _ in wanted_folders(settings)]
    # one user's daemon makes its outboxes; another may not write where they would be
    needed = [inbox.path for inbox in settings.inboxes] if unit_values.personal else wanted
    mounts = {folder for folder, require_mount in wanted_folders(settings) if require_mount}
    for folder in dict.fromkeys(needed):
        if not folder.exists():
            yield _missing(folder, account, mount=folder in mounts)
    try:
        may = _may(account) if account or unit_values.personal else None
    except KeyError:
        yield f"WARNING: there is no account {account}; systemd-sysusers or useradd makes it"
        return
    if may is None:
        return
    # What is bound into the service's own view of /home is reached whatever stands above it.
    bind_mounts = [*map(Path, (*unit_values.bind_paths, *unit_values.bind_read_only_paths))]
    program = [("x", Path(word)) for word in unit_values.program[:1]]
    writes = [("w", folder) for folder in dict.fromkeys(wanted) if folder.exists()]
    for want, target in [*program, ("r", path), *writes]:
        obstacle = _obstacle(target, want, may, bind_mounts)
        if obstacle is not None:
            yield _mend(*obstacle, account)


def _missing(folder: Path, account: str | None, *, mount: bool) -> str:
    if mount:
        return f"WARNING: {folder} is not there; make and mount it before the start"
    words = ["mkdir", "-p", str(folder)]
    if account:
        words = ["install", "-d", "-o", account, "-g", account, str(folder)]
    command = f"{shlex.join(words)} (or install with --make-folders)"
    return f"WARNING: {folder} is not there; make or mount it before the start: {command}"


def _may(account: str | None) -> _May:
    """Return what tells whether an account, or the caller, has a right to something in a folder."""
    if account is None:
        rights = {"r": os.R_OK, "w": os.R_OK | os.W_OK | os.X_OK, "x": os.X_OK}
        return lambda path, want: os.access(path, rights[want])
    entry = pwd.getpwnam(account)
    groups = os.getgrouplist(account, entry.pw_gid)
    test = shutil.which("test") or "/usr/bin/test"

    def may(path: Path, want: str) -> bool:
        """Ask the system as that account, so that ACLs count; not of the folders above."""
        folder = path.is_dir()
        name = "." if folder else f"./{path.name}"
        rights = "-r {0} -a -w {0} -a -x {0}" if want == "w" else f"-{want} {{0}}"
        words = [name if word == "{0}" else word for word in rights.split()]
        answer = subprocess.run(  # noqa: S603
            [test, *words],
            cwd=path if folder else path.parent,
            user=entry.pw_uid,
            group=entry.pw_gid,
            extra_groups=groups,
            check=False,
        )
        return answer.returncode == 0

    return may


def _obstacle(path: Path, want: str, may: _May, bind_mounts: list[Path]) -> tuple[Path, str] | None:
    """Return the first on the way to a path that does not let one in, and the right that lacks."""
    within = [mount for mount in bind_mounts if path.is_relative_to(mount)]
    hidden = {parent for mount in within for parent in mount.parents}
    for folder in reversed(path.parents):
        if folder not in hidden and not may(folder, "x"):
            return folder, "x"
    return None if may(path, want) else (path, want)


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a number that the machine has no name for
        return str(os.geteuid())


def _mend(path: Path, right: str, account: str | None) -> str:
    who = account or _own_name()
    named = shlex.quote(str(path))
    command = {
        "x": f"setfacl -m u:{who}:x {named}",
        "r": f"chgrp {who} {named} && chmod g+r {named}" if account else f"chmod u+r {named}",
        "w": f"setfacl -R -m u:{who}:rwX -m d:u:{who}:rwX {named}",
    }[right]
    instead = f", or chown -R {who}: {named}" if right == "w" else ""
    return f"WARNING: {who} may not {_RIGHTS[right]} {path}; to let it in: {command}{instead}"

"""`service install --make-folders`: the folders of a configuration that are not there yet.

Root makes them, so only where nobody else can have a hand in it: each folder above must be root's
(or this user's), and be no place where others may put links or take folders away. What is there
stays as it is, whoever owns it.
"""

import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from scissorsd.folders import mounts
from scissorsd.service import permissions
from scissorsd.service.accounts import whose
from scissorsd.settings import Config

_FSTAB = Path("/etc/fstab")
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_INBOX_MODE = 0o775  # who is in the account's group may drop pictures
_MODE = 0o755


def missing(config: Config) -> list[Path]:
    """Return the inboxes, outboxes and destinations that are to be made; never what is mounted."""
    wanted = (
        path for path, require_mount in permissions.wanted_folders(config) if not require_mount
    )
    return [path for path in dict.fromkeys(wanted) if not os.path.lexists(path)]


def make(config: Config, account: str | None) -> Iterator[str]:
    """Make what is missing, for an account or for this user; yield a sentence for each folder.

    A folder above that is missing too becomes root's, as by `install -d`.
    """
    inboxes = {inbox.path for inbox in config.inboxes}
    for path in missing(config):
        why_not = _why_not(path)
        if why_not:
            yield f"WARNING: {path} was not made: {why_not}"
            continue
        try:
            _make(path, account, _INBOX_MODE if path in inboxes else _MODE)
        except (OSError, KeyError) as error:
            reason = error.strerror if isinstance(error, OSError) else f"there is no {account}"
            yield f"WARNING: {path} was not made: {reason}"
            continue
        yield f"made {path} ({whose(path)})"
        if account and path in inboxes:
            join = shlex.join(["usermod", "-aG", account, "NAME"])
            yield f"  who is to drop pictures there must be in the group {account}: {join}"


def shown(config: Config, account: str | None) -> Iterator[str]:
    """Say of each folder that is missing whether `make` would make it."""
    owner = f" for {account}" if account else ""
    for path in missing(config):
        why_not = _why_not(path)
        yield f"would not make {path}: {why_not}" if why_not else f"would make {path}{owner}"


def _make(path: Path, account: str | None, mode: int) -> None:
    entry = pwd.getpwnam(account) if account else None
    for folder in reversed(path.parents):
        if not os.path.lexists(folder):
            folder.mkdir(_MODE)
            folder.chmod(_MODE)  # whatever the umask is
    path.mkdir(mode)  # fails where something has come meanwhile: that is not ours to give away
    if entry is not None:
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
        path.chmod(mode)


def _why_not(path: Path) -> str:
    """Return why a folder may not be made, or '' if it may."""
    real = Path(os.path.realpath(path))
    for folder in sorted({*path.parents, *real.parents}, key=lambda folder: len(folder.parts)):
        why_not = _why_not_in(folder)
        if why_not:
            return why_not
    for point in _unmounted():
        if path.is_relative_to(point) or real.is_relative_to(point):
            return f"{point} is in {_FSTAB} and not mounted now; mount it first"
    return ""


def _why_not_in(folder: Path) -> str:
    """Return why nothing may be made below a folder: others could redirect it; else ''."""
    try:
        status = folder.lstat()
    except OSError:
        return ""
    if status.st_uid not in {0, os.geteuid()}:
        return f"{folder} is another user's ({whose(folder)}), who should make it"
    if stat.S_ISLNK(status.st_mode):
        return ""
    if not stat.S_ISDIR(status.st_mode):
        return f"{folder} is not a folder"
    if status.st_mode & _OTHERS and not status.st_mode & stat.S_ISVTX:
        return f"others may change what is in {folder} ({whose(folder)})"
    return ""


def _unmounted() -> Iterator[Path]:
    """Yield the mount points that fstab(5) knows and at which nothing is mounted now."""
    with suppress(OSError):
        for line in _FSTAB.read_text(errors="surrogateescape").splitlines():
            words = line.split("#")[0].split()
            if len(words) > 1 and words[1].startswith("/") and words[1] != "/":
                point = Path(words[1].replace("\\040", " "))
                if not mounts.is_mount(point):
                    yield point

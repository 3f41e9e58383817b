"""`doctor` on the folders of a configuration: whether the daemon's user gets at all of them.

Each is tried as that user where this process may; equal findings are told as one.
"""

import errno
import os
import shlex
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

from scissorsd.commands.findings import Finding
from scissorsd.folders import mounts
from scissorsd.service import access_trials, accounts
from scissorsd.service.access_trials import Doing, Refused, Trial
from scissorsd.service.accounts import User, user_name
from scissorsd.settings import Config, Inbox

_Look = Callable[[str, Path, Trial], Iterator[Finding]]

_NAMED = 5  # so many paths stand in a command
_DONE: dict[Doing, tuple[str, str]] = {  # what is concerned, and what cannot be done with it
    "look into": ("folder", "looked into"),
    "pass": ("folder", "entered"),
    "read": ("picture", "read"),
    "write in": ("folder", "written in"),
    "write to": ("file", "written"),
    "take away": ("picture", "moved or deleted"),
}
_NEEDED: dict[Doing, str] = {
    "look into": "rx",
    "pass": "x",
    "read": "r",
    "write in": "rwx",
    "write to": "rw",
}
_DENIED = {errno.EACCES, errno.EPERM}
_ADVICE = {
    errno.EROFS: "It is mounted read-only; mount it for writing.",
    errno.ENOSPC: "Make room on that disk.",
    errno.EDQUOT: "Make room within the quota.",
}
# File systems that keep no owners, or show others than the server has: the mount says whose all is.
_OWNED_BY_MOUNT = {"cifs", "smb3", "vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk"}


def examine(config: Config, file: Path | None = None) -> Iterator[Finding]:
    """Yield what there is to say of the state folder, the inboxes and where things go from them."""
    user = accounts.me()
    daemon = accounts.of_daemon(config.state)
    if daemon is not None and daemon.uid != user.uid:
        able: list[bool] = []
        if access_trials.run_as(daemon, lambda: able.append(accounts.become(daemon))) and able == [
            True
        ]:
            user = daemon
            yield Finding("ok", f"the folders are tried as {user.name}, as whom the daemon works")
        else:
            message = f"the folders are tried as {user.name}, but the daemon works as {daemon.name}"
            command = ["scissorsd", "doctor", *(["-c", str(file)] if file else [])]
            yield Finding("note", message, shlex.join(["sudo", "-u", f"#{daemon.uid}", *command]))
    elif daemon is None and user.uid == 0:
        yield Finding(
            "note",
            "the folders are tried as root, who may do almost anything, as no daemon has run yet",
            "Ask again when it has, or as the user that it is to run as.",
        )
    for name, path, look in _errands(config):
        yield from _examined(name, path, user, look)


def _errands(config: Config) -> Iterator[tuple[str, Path, _Look]]:
    yield "the state folder", config.state, _state
    for inbox in config.inboxes:
        if inbox.quick and not inbox.path.exists():  # the daemon makes it
            continue
        yield f"inbox {inbox.name}", inbox.path, partial(_inbox, inbox)
        yield f"the outbox of {inbox.name}", inbox.outbox, _outbox
        moved = [r.move_to for r in inbox.rules if r.source == "move" and r.move_to.startswith("/")]
        for path in dict.fromkeys(moved):
            yield f"the folder that sources of {inbox.name} move to", Path(path), _outbox
        for folder in inbox.folders_elsewhere:
            yield f"the folder of outputs of {inbox.name}", folder, _outbox


def _examined(name: str, path: Path, user: User, look: _Look) -> Iterator[Finding]:
    """Look at one folder and all that is in it, but not for ever."""
    trial = Trial(user, path)
    findings: list[Finding] = []
    if access_trials.run_as(user, lambda: findings.extend(look(name, path, trial))):
        yield from findings
        return
    yield from tuple(findings)
    yield from _refusals(name, trial, "")
    yield Finding(
        "bad",
        f"{name}: {trial.at} has not answered for {access_trials.LIMIT:.0f} s",
        "Look at its share or disk; what else is in it was not tried.",
    )


# --- a folder of each kind -------------------------------------------------------------------


def _state(name: str, path: Path, trial: Trial) -> Iterator[Finding]:
    file_system = mounts.mount_type(path)
    if not mounts.raises_events(file_system):
        yield Finding(
            "bad",
            f"the state folder is on {file_system}",
            "Set 'state:' to a folder on a local disk.",
        )
    if (yield from _is_there(name, path, trial)):
        access_trials.try_to_write(path, trial)
        access_trials.try_own_files(path, trial)
        yield from _came_of(name, path, trial)


def _outbox(name: str, path: Path, trial: Trial) -> Iterator[Finding]:
    if (yield from _is_there(name, path, trial)):
        access_trials.try_outbox(path, trial)
        yield from _came_of(name, path, trial)


def _is_there(name: str, path: Path, trial: Trial) -> Generator[Finding, None, bool]:
    """Yield why a folder cannot be reached, or that it will be made; return whether it is there."""
    if (yield from _is_shut(name, path, trial)):
        return False
    nearest = next(p for p in (path, *path.parents) if os.path.lexists(p))
    if not nearest.is_dir():
        message = f"{name}: {nearest} is in the way: a folder is wanted, and it is none"
        yield Finding("bad", message, "Move it away, or choose another folder.")
    elif nearest == path:
        return True
    elif access_trials.try_to_write(nearest, trial):
        yield Finding("ok", f"{name}: {path} (will be made)")
    else:
        why = trial.refused[0].why if trial.refused else "it has just gone"
        make = ["install", "-d", "-o", user_name(trial.user.uid), "-g", str(trial.user.gid)]
        message = f"{name}: {path} cannot be made by {trial.user.name} in {nearest} ({why})"
        yield Finding("bad", message, shlex.join([*make, str(path)]))
    return False


def _is_shut(name: str, path: Path, trial: Trial) -> Generator[Finding, None, bool]:
    """Yield which folder above lets nobody through to this one; return whether there is one."""
    for folder in reversed(path.parents):
        if folder.is_dir() and not access_trials.try_to_pass(folder, trial):
            yield from _refusals(name, trial, mounts.mount_type(folder))
            return True
    return False


def _inbox(inbox: Inbox, name: str, path: Path, trial: Trial) -> Iterator[Finding]:
    if (yield from _is_shut(name, path, trial)):
        return
    away = mounts.Root(path, require_mount=inbox.require_mount).why_away()
    if away:
        yield Finding("bad", f"{name} is away: {away}", "Make or mount it.")
        return
    file_system = mounts.mount_type(path)
    polled = inbox.watch == "polling" or (
        inbox.watch == "auto" and not mounts.raises_events(file_system)
    )
    how = "polling" if polled else "native events"
    yield Finding("ok", f"{name}: {path} on {file_system or 'an unknown file system'}, {how}")
    if not polled and not mounts.raises_events(file_system):
        yield Finding(
            "bad",
            f"{name}: {file_system} raises no events for what other machines write",
            "Set 'watch: polling' or 'watch: auto'.",
        )
    access_trials.try_inbox(inbox, trial)
    yield from _came_of(name, path, trial)


# --- in words --------------------------------------------------------------------------------


def _came_of(name: str, path: Path, trial: Trial) -> Iterator[Finding]:
    """Yield what was refused in a trial or, where nothing was, how much was tried."""
    pictures = f" and {_count(trial.pictures, 'picture')}" if trial.pictures else ""
    tried = f"{_count(trial.folders, 'folder')}{pictures}"
    if not trial.refused:
        yield Finding("ok", f"{name}: {path} ({tried} tried)")
    yield from _refusals(name, trial, mounts.mount_type(path))
    if not trial.whole:
        yield Finding("note", f"{name}: {tried} were tried, and there is more in {path}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _refusals(name: str, trial: Trial, file_system: str) -> Iterator[Finding]:
    """Yield what was refused, one finding for equal refusals."""
    equal: dict[tuple[object, ...], list[Refused]] = {}
    for refused in tuple(trial.refused):
        equal.setdefault((refused.doing, refused.number, refused.owner), []).append(refused)
    for unsorted in equal.values():
        several = sorted(unsorted, key=lambda refused: refused.path)
        first, noun, done = several[0], *_DONE[several[0].doing]
        which = str(first.path)
        if len(several) > 1:
            which = f"{_count(len(several), noun)}, such as {first.path},"
        owner = f"; owner {first.owner}" if first.owner else ""
        message = f"{name}: {which} cannot be {done} by {trial.user.name} ({first.why}{owner})"
        yield Finding("bad", message, _advice(several, trial.user, file_system))


def _advice(several: Sequence[Refused], user: User, file_system: str) -> str:
    first = several[0]
    if first.number not in _DENIED:
        return _ADVICE.get(first.number, "The disk or the share says so: look there.")
    if user.uid == 0:
        return (
            "What is refused even to root is on a share that takes root for nobody (root_squash), "
            "or cannot be changed (lsattr). Let scissorsd run as the owner, or export it otherwise."
        )
    if file_system in _OWNED_BY_MOUNT:
        options = f"uid={user.uid},gid={user.gid}"
        return f"On {file_system} the mount says whose all is: mount it with the options {options}."
    return f"{shlex.join(_command(several, user))}{_others(several)}"


def _command(several: Sequence[Refused], user: User) -> list[str]:
    """Return the command that lets the user in, for the first few."""
    paths = [refused.path for refused in several[:_NAMED]]
    first = several[0]
    match first.doing:
        case "take away":  # chmod(1): then whoever may write in the folder may remove what is in it
            return ["chmod", "-t", *dict.fromkeys(str(path.parent) for path in paths)]
        case "look into" | "pass" | "read":
            how = ["chmod", f"{'u' if first.mine else 'a'}+{_NEEDED[first.doing]}"]
        case _ if first.mine:
            how = ["chmod", f"u+{_NEEDED[first.doing]}"]
        case _ if first.owner.startswith("root:"):
            how = ["chown", user.in_commands]
        case _:  # somebody's own folder, which is to stay so
            how = ["setfacl", "-m", f"u:{user.name}:{_NEEDED[first.doing]}"]
    return [*how, *map(str, paths)]


def _others(several: Sequence[Refused]) -> str:
    more = len(several) - _NAMED
    return f"   (and so the {_count(more, 'other')})" if more > 0 else ""

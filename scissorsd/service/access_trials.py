"""What a user may really do in inboxes and outboxes: tried, not asked.

access(2) answers for the numbers of user and group, and root and a share that knows this machine's
root for nobody (root_squash) are both answered wrongly. So pictures are opened, and folders get a
file that goes again at once.
"""

import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from scissorsd import atomic, failpoints
from scissorsd.core.ignored_names import is_picture_name, why_itself_ignored
from scissorsd.core.rules import choose
from scissorsd.service.accounts import User, become, me, whose
from scissorsd.settings import Inbox

LIMIT = failpoints.seconds("DOCTOR", 10.0)  # seconds that a folder with all that is in it may take
FOLDERS = 2000
PICTURES = 10_000  # so many are opened
_TAG = "doctor"  # in the names of files that are made for a try
_OLD = 60.0  # seconds; such a file is left of a try that was killed

Doing = Literal["look into", "pass", "read", "write in", "write to", "take away"]


@dataclass(frozen=True, slots=True)
class Refused:
    """One thing that was tried and refused."""

    path: Path
    doing: Doing
    number: int  # of the error
    why: str
    owner: str  # with the mode; "" where that is not seen
    mine: bool  # it belongs to the user who tried


@dataclass(slots=True)
class Trial:
    """How far the trying of one folder with all that is in it has come."""

    user: User  # who tries
    at: Path  # where it is now
    folders: int = 0
    pictures: int = 0
    whole: bool = True  # nothing was left out for want of time or for being too much
    refused: list[Refused] = field(default_factory=list)
    until: float = field(default_factory=lambda: time.monotonic() + 0.8 * LIMIT)

    def goes_on(self) -> bool:
        """Whether there is more to be tried; what is left out is noted."""
        enough = self.folders >= FOLDERS or self.pictures >= PICTURES
        self.whole = self.whole and not enough and time.monotonic() < self.until
        return self.whole

    def note(self, path: Path, doing: Doing, error: OSError) -> None:
        """Note what was refused; what has gone meanwhile is not noted."""
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return
        mine = False
        with suppress(OSError):
            mine = path.lstat().st_uid == self.user.uid
        number, why = error.errno or 0, error.strerror or str(error)
        self.refused.append(Refused(path, doing, number, why, whose(path), mine))


def run_as(user: User, work: Callable[[], None]) -> bool:
    """Do something with files as a user, in a thread of its own; return whether it ended."""

    def as_user() -> None:
        become(user)
        work()

    thread = threading.Thread(target=as_user, name="doctor", daemon=True)
    thread.start()
    thread.join(LIMIT)
    return not thread.is_alive()


def try_inbox(inbox: Inbox, trial: Trial) -> None:
    """Try to look into each folder, to read each picture that a rule takes, and to dispose of it.

    That can only be tried with a file of our own; what a sticky folder keeps is told beforehand.
    """
    for folder, below, entries in _walk(inbox.path, trial, inbox.ignore, deep=inbox.recursive):
        names = [entry.name for entry in entries if is_picture_name(entry.name)]
        paths = [f"{below}/{name}" if below else name for name in names]
        wanted = [path for path in paths if not why_itself_ignored(path, inbox.ignore)]
        disposed = []
        for path in wanted or [f"{below}/any.jpg" if below else "any.jpg"]:
            rule = choose(inbox.rules, path)
            if rule is None or rule.skip:
                continue
            if wanted:
                _try_to_read(inbox.path / path, trial)
            if rule.source != "keep":
                disposed.append(inbox.path / path)
        if disposed and try_to_write(folder, trial):
            _ask_of_sticky(folder, disposed, trial)


def try_outbox(path: Path, trial: Trial) -> None:
    """Try to write into a folder and into each below it."""
    for folder, _, _ in _walk(path, trial, (), deep=True, links=True):
        try_to_write(folder, trial)


def _walk(
    root: Path, trial: Trial, ignore: Sequence[str], *, deep: bool, links: bool = False
) -> Iterator[tuple[Path, str, list[os.DirEntry[str]]]]:
    """Yield each folder, its path below the root, and what is in it but for folders.

    With `links` a link to a folder is yielded too, but what lies behind it is not.
    """
    pending = [("", True)]
    while pending and trial.goes_on():
        below, may_enter = pending.pop()
        folder = trial.at = root / below
        trial.folders += 1
        files: list[os.DirEntry[str]] = []
        try:
            failpoints.at("doctor", str(folder))
            with os.scandir(folder) as entries:
                for entry in entries:
                    inner = f"{below}/{entry.name}" if below else entry.name
                    if entry.is_dir(follow_symlinks=links):
                        if deep and may_enter and not why_itself_ignored(inner, ignore):
                            pending.append((inner, not entry.is_symlink()))
                    else:
                        files.append(entry)
        except OSError as error:
            trial.note(folder, "look into", error)
            continue
        for litter in atomic.temporaries(folder, _TAG):
            _remove_if_old(litter)
        yield folder, below, files


def _remove_if_old(path: Path) -> None:
    with suppress(OSError):
        if time.time() - path.lstat().st_mtime > _OLD:
            path.unlink()


def _try_to_read(path: Path, trial: Trial) -> None:
    if not trial.goes_on():
        return
    trial.pictures += 1
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        if try_to_pass(path.parent, trial):
            trial.note(path, "read", error)


def try_to_pass(folder: Path, trial: Trial) -> bool:
    """Try to reach what is in a folder; note it, once, if that is refused."""
    try:
        os.lstat(f"{folder}/.")  # which asks for the right to pass; pathlib drops the dot
    except OSError as error:
        if not any(refused.path == folder for refused in trial.refused):
            trial.note(folder, "pass", error)
        return False
    return True


def try_own_files(folder: Path, trial: Trial) -> None:
    """Try to write to each file in a folder that is scissorsd's own."""
    for _, _, files in _walk(folder, trial, (), deep=False):
        for path in (Path(entry.path) for entry in files if entry.is_file(follow_symlinks=False)):
            try:
                os.close(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC))
            except OSError as error:
                trial.note(path, "write to", error)


def can_write(folder: Path) -> bool:
    """Whether this process may make a file in a folder, and remove it again."""
    return try_to_write(folder, Trial(me(), folder))


def try_to_write(folder: Path, trial: Trial) -> bool:
    """Try to make a file in a folder and to remove it again; note it if that is refused."""
    path = atomic.temporary(folder, _TAG)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, b"\n")  # a full disk often takes names still
        finally:
            os.close(handle)
            path.unlink()
    except OSError as error:
        trial.note(folder, "write in", error)
        return False
    return True


def _ask_of_sticky(folder: Path, pictures: Sequence[Path], trial: Trial) -> None:
    """Note each picture of another user in a folder that lets each remove only what is his own."""
    status = folder.stat()
    if not status.st_mode & stat.S_ISVTX or trial.user.uid in {0, status.st_uid}:
        return
    for path in pictures:
        with suppress(OSError):
            if path.lstat().st_uid != trial.user.uid:
                trial.note(path, "take away", OSError(errno.EPERM, os.strerror(errno.EPERM)))

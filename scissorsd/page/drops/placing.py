"""A file on its way into an inbox: written beside its place under a name with a dot, then linked.

Its folder is held open from the first byte to the last, so that it can be in no other: not behind
a link, and not beneath a mount that has gone meanwhile. A note in `STATE/page/drops`, locked for as
long as we live, tells the next page of a temporary that a killed one has left.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

import structlog

from scissorsd import failpoints
from scissorsd.core.settling import Sighting
from scissorsd.folders import no_replace
from scissorsd.folders.mounts import keeps_inodes, mount_type
from scissorsd.folders.scanning import sighting_from_stat
from scissorsd.page.drops.safe_names import numbered

log = structlog.get_logger("scissorsd")

PREFIX = ".scissorsd-drop-"  # what begins with a dot is never taken for a picture
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIES = 3  # to enter a folder that somebody removes while we make it


class GoneError(Exception):
    """The inbox is not the folder any more in which the file was begun; its text says why."""


class Arrival:
    """One file that arrives. Its methods may block: they are for threads. They raise OSError."""

    def __init__(self, notes: Path, root: Path, path: str) -> None:
        """Begin a file that is to lie at `path`, relative to an inbox."""
        *folders, self._name = path.split("/")
        self._root, self._folders = root, folders
        self._folder = -1
        self._file = -1
        self.size = 0
        token = secrets.token_hex(8)
        self._temporary = f"{PREFIX}{token}"
        self._note, self._note_handle = _noted(notes / token, root, folders, self._temporary)
        try:
            self._identity = _identity(root.stat())
            self._folder = open_folder(root, folders, make=True)
            failpoints.at("drop.begin")
            self._file = os.open(self._temporary, _NEW_FILE, 0o666, dir_fd=self._folder)
        except BaseException:
            self.discard()
            raise

    def write(self, data: bytes) -> None:
        """Add to it."""
        failpoints.at("drop.write", self._name)
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        self.size += len(data)

    def finish(self, why_away: Callable[[], str]) -> Sighting:
        """Give it its name, or the next one that is free; return how it lies there.

        Raises GoneError where the inbox is away by now.
        """
        failpoints.at("drop.sync", self._name)
        os.fsync(self._file)
        self._must_be_there(why_away)
        failpoints.at("drop.link", self._name)
        name = self._linked()
        self._temporary = ""
        failpoints.at("drop.linked", self._name)
        with suppress(OSError):  # a file system that does not sync folders
            os.fsync(self._folder)
        status = os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        path = "/".join([*self._folders, name])
        inodes = keeps_inodes(mount_type(self._root))
        sighting = sighting_from_stat(path, status, inodes=inodes)
        if sighting is None:
            raise GoneError(f"something else has taken the place of {path}")
        return sighting

    def discard(self) -> None:
        """Let go of it: nothing stays of what has no name yet."""
        if self._file >= 0:
            os.close(self._file)
            if self._temporary:
                with suppress(OSError):
                    os.unlink(self._temporary, dir_fd=self._folder)
        if self._folder >= 0:
            os.close(self._folder)
        with suppress(OSError):
            self._note.unlink()
        os.close(self._note_handle)
        self._file = self._folder = -1

    def _must_be_there(self, why_away: Callable[[], str]) -> None:
        away = why_away()
        if not away:
            try:
                if _identity(self._root.stat()) != self._identity:
                    away = f"another folder is at {self._root} now"
            except OSError as error:
                away = f"{self._root}: {error.strerror or error}"
        if away:
            raise GoneError(away)

    def _linked(self) -> str:
        folder = Path(f"/proc/self/fd/{self._folder}")
        for number in count(1):
            name = numbered(self._name, number)
            with suppress(FileExistsError):
                no_replace.rename(folder / self._temporary, folder / name)
                return name
        raise AssertionError("the numbers never end")


def open_folder(root: Path, folders: Sequence[str], *, make: bool) -> int:
    """Open a folder below an inbox, one after the other, without following a link.

    With `make` those are made that are not there. Raises OSError.
    """
    for last_try in (False,) * (_TRIES - 1) + (True,):
        try:
            return _opened(root, folders, make=make)
        except FileNotFoundError:  # it was removed, being empty, before we were in it
            if last_try or not make or not root.is_dir():
                raise
    raise AssertionError("the last try returns or raises")


def _opened(root: Path, folders: Sequence[str], *, make: bool) -> int:
    handle = os.open(root, _FOLDER)
    for name in folders:
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=handle)
            inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
        finally:
            os.close(handle)
        handle = inner
    return handle


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


# --- what a killed page has left -------------------------------------------------------------


def _noted(note: Path, root: Path, folders: Sequence[str], name: str) -> tuple[Path, int]:
    """Write down what is about to be made; the note is locked until its handle is closed."""
    note.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(note, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.write(handle, json.dumps([str(root), list(folders), name]).encode())
    except OSError:
        os.close(handle)
        with suppress(OSError):
            note.unlink()
        raise
    return note, handle


def sweep_left_over(notes: Path) -> None:
    """Remove the temporaries of pages that were killed; what cannot be removed is noted still."""
    for note in sorted(notes.glob("*")):
        try:
            _sweep(note)
        except OSError as error:
            log.info("page.left_over", note=str(note), why=error.strerror or str(error))


def _sweep(note: Path) -> None:
    with note.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # of a page that lives
        try:
            root, folders, name = json.loads(file.read())
        except ValueError:
            name = ""
        if str(name).startswith(PREFIX):
            try:
                folder = open_folder(Path(root), folders, make=False)
            except FileNotFoundError:
                if not Path(root).is_dir():
                    raise  # it is away, perhaps
            else:
                try:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=folder)
                finally:
                    os.close(folder)
        note.unlink(missing_ok=True)

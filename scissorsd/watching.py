"""Watching an inbox: events are hints, the scan is the truth.

Each inbox has one watching thread, which does everything that touches the inbox (scanning,
looking at single files, keeping the native watch alive), and only puts values on the daemon's
queue. A share that hangs, hangs its own thread and nothing else.
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from scissorsd.core.ignoring import is_picture_name, why_ignored
from scissorsd.core.settling import Sighting
from scissorsd.folders import Root, is_folder, look, mount_type, raises_events, scan

Mode = Literal["events", "polling"]

# Polling is scanning more often, but never so that more than a tenth of the time goes into it.
_POLL = 2.0  # seconds
_SCAN_SHARE = 10
_BATCH = 500  # sightings put on the queue at once, at most
_BATCH_S = 0.1
_EVENTS = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileClosedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]


@dataclass(frozen=True, slots=True)
class Heard:
    """Something happened to a file."""

    inbox: str
    at: float  # monotonic
    path: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What looks at paths found; `missing` are those at which no file was."""

    inbox: str
    at: float  # monotonic; to a tenth of a second the moment of every one of these looks
    sightings: tuple[Sighting, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scanned:
    """A scan of the whole inbox has ended."""

    inbox: str
    pictures: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Watched:
    """How the inbox is watched from now on, and why so."""

    inbox: str
    mode: Mode
    why: str


@dataclass(frozen=True, slots=True)
class Away:
    """The inbox is not there now; it comes back by itself."""

    inbox: str
    why: str


Message = Heard | Looked | Scanned | Watched | Away


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """What the watching thread needs to know of an inbox."""

    name: str
    path: Path
    watch: Literal["auto", "events", "polling"]
    require_mount: bool
    recursive: bool
    rescan: float  # seconds between two scans
    ignore: tuple[str, ...]


class InboxWatcher:
    """The watching thread of one inbox. Start it once; ask it to look; stop it once."""

    def __init__(self, folder: WatchedFolder, tell: Callable[[Message], None]) -> None:
        self.folder = folder
        self.busy_since: float | None = None  # monotonic; touched by every step it takes
        self._tell = tell
        self._wishes: queue.SimpleQueue[tuple[str, ...] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._root = Root(folder.path, require_mount=folder.require_mount)
        self._native: _NativeWatch | None = None
        self._watched: Watched | None = None
        self._away = ""
        self._next_scan = 0.0
        self._thread = threading.Thread(target=self._run, name=f"watch {folder.name}", daemon=True)

    def start(self) -> None:
        """Begin: the native watch first, then the first scan."""
        self._thread.start()

    def look(self, paths: Iterable[str]) -> None:
        """Ask for a look at these paths, if there are any."""
        wish = tuple(paths)
        if wish:
            self._wishes.put(wish)

    def scan_soon(self) -> None:
        """Ask for a scan of the whole inbox."""
        self._wishes.put(())

    def stop(self) -> None:
        """Ask the thread to end; it does so after the step it is in."""
        self._stopping.set()
        self._wishes.put(None)

    def is_alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    # --- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.busy_since = time.monotonic()
                self._step()
                self.busy_since = None
                self._wait()
        finally:
            if self._native is not None:
                self._native.stop()

    def _wait(self) -> None:
        """Wait for wishes until the next scan is due, and grant them."""
        while not self._stopping.is_set():
            try:
                wish = self._wishes.get(timeout=max(0.0, self._next_scan - time.monotonic()))
            except queue.Empty:
                return
            if wish is None:
                return
            if not wish:
                self._next_scan = 0.0
                return
            self.busy_since = time.monotonic()
            self._look(wish)
            self.busy_since = None

    def _step(self) -> None:
        away = self._root.why_away()
        if away:
            self._be_away(away)
            return
        self._away = ""
        began = time.monotonic()
        try:
            self._keep_watching()
            count = self._scan("")
        except OSError as error:
            self._be_away(f"{self.folder.path}: {error.strerror or error}")
            return
        seconds = time.monotonic() - began
        self._tell(Scanned(self.folder.name, count, seconds))
        polling = self._native is None
        pause = max(_POLL, seconds * _SCAN_SHARE) if polling else self.folder.rescan
        self._next_scan = time.monotonic() + min(pause, self.folder.rescan)

    def _be_away(self, why: str) -> None:
        if why != self._away:
            self._tell(Away(self.folder.name, why))
        self._away = why
        self._watched = None
        if self._native is not None:
            self._native.stop()
            self._native = None
        self._next_scan = time.monotonic() + min(_POLL, self.folder.rescan)

    def _scan(self, below: str) -> int:
        """Tell of every picture in a folder of the inbox; give their number."""
        folder = self.folder
        return self._tell_of(
            scan(folder.path, below, recursive=folder.recursive, ignore=folder.ignore)
        )

    def _look(self, paths: tuple[str, ...]) -> None:
        missing: list[str] = []
        for path in paths:
            found = look(self.folder.path, path)
            if found is not None:
                self._tell_of([found])
            elif self.folder.recursive and is_folder(self.folder.path / path):
                self._scan(path)
            else:
                missing.append(path)
        self._tell(Looked(self.folder.name, time.monotonic(), (), tuple(missing)))

    def _tell_of(self, sightings: Iterable[Sighting]) -> int:
        """Pass sightings on, in batches so quick that one moment stands for all of a batch."""
        count = 0
        batch: list[Sighting] = []
        began = 0.0
        for sighting in sightings:
            self.busy_since = now = time.monotonic()
            if batch and (now - began > _BATCH_S or len(batch) >= _BATCH):
                self._tell(Looked(self.folder.name, began, tuple(batch)))
                batch.clear()
            if not batch:
                began = now  # after the first look of this batch, not before it
            batch.append(sighting)
            count += 1
        if batch:
            self._tell(Looked(self.folder.name, began, tuple(batch)))
        return count

    # --- the native watch --------------------------------------------------------------------

    def _keep_watching(self) -> None:
        """See that a native watch is alive where one makes sense; else say why polling does."""
        mode, why = self._mode()
        if mode == "events":
            if self._native is not None and not self._native.works():
                self._native.stop()
                self._native = None
            if self._native is None:
                try:
                    self._native = _NativeWatch(self.folder, self._hear)
                except OSError as error:
                    mode, why = "polling", _explain(error)
        watched = Watched(self.folder.name, mode, why)
        if watched != self._watched:
            self._tell(watched)
        self._watched = watched

    def _mode(self) -> tuple[Mode, str]:
        wanted = self.folder.watch
        if wanted != "auto":
            return wanted, "as configured"
        file_system = mount_type(self.folder.path)
        if raises_events(file_system):
            return "events", f"native events on {file_system or 'this file system'}"
        return "polling", f"{file_system} raises no events for what others write"

    def _hear(self, path: str, *, is_folder: bool) -> None:
        """Take an event; called on watchdog's thread, so it must not do anything else."""
        try:
            relative = str(Path(path).relative_to(self.folder.path))
        except ValueError:
            return
        if why_ignored(relative, self.folder.ignore):
            return
        if is_folder:
            self._wishes.put((relative,))
        elif is_picture_name(relative):
            self._tell(Heard(self.folder.name, time.monotonic(), relative))


def _explain(error: OSError) -> str:
    return (
        f"native events are not to be had ({error.strerror or error}); "
        "if it is the limit of inotify watches, raise fs.inotify.max_user_watches"
    )


class _NativeWatch:
    """watchdog on one folder; it only passes on what it hears."""

    def __init__(self, folder: WatchedFolder, hear: Callable[..., None]) -> None:
        self._root = folder.path
        self._identity = _identity(folder.path)
        self._observer: BaseObserver = Observer()
        self._observer.schedule(
            _Handler(hear), str(folder.path), recursive=folder.recursive, event_filter=_EVENTS
        )
        self._observer.start()

    def works(self) -> bool:
        """Whether all its threads live and it still watches the folder that is there now.

        An observer stays alive when its emitter has died, and an emitter goes on watching a
        folder that was removed and made anew.
        """
        emitters = self._observer.emitters
        return (
            self._observer.is_alive()
            and bool(emitters)
            and all(emitter.is_alive() for emitter in emitters)
            and _identity(self._root) == self._identity
        )

    def stop(self) -> None:
        self._observer.stop()


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


class _Handler(FileSystemEventHandler):
    def __init__(self, hear: Callable[..., None]) -> None:
        self._hear = hear

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self._hear(os.fsdecode(path), is_folder=event.is_directory)

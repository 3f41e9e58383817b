"""Watching an inbox: events are hints, the scan is the truth.

Each inbox has one watching thread. It does everything that touches the inbox: scans, sightings of
single files, keeping the native watch alive. It only puts values on the daemon's queue, so a share
that hangs blocks its own thread and nothing else.
"""

import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from scissorsd.core.ignored_names import is_picture_name, why_ignored
from scissorsd.core.settling import Sighting
from scissorsd.folders.messages import (
    Away,
    EventsLost,
    Heard,
    Message,
    Mode,
    Scanned,
    Sighted,
    Watched,
)
from scissorsd.folders.mounts import Root, keeps_inodes, mount_type, raises_events
from scissorsd.folders.native_watch import NativeWatch, refused_watch, why_refused
from scissorsd.folders.scanning import check_listable, is_folder, scan, sight
from scissorsd.machine import TOO_FEW_THREADS
from scissorsd.settings import Inbox

# Seconds between two scans without native events: polling is scanning more often.
_POLL = 2.0
# When polling, wait 10 × the last scan's duration: no more than a tenth of the time goes into it.
_POLL_FACTOR = 10
# With native events, wait 150 × the last scan's CPU time: then an inbox of very many pictures
# costs no more than a hundredth of a core, the control loop's part included.
_RESCAN_CPU_FACTOR = 150
_RETRY_EVENTS = 60.0  # seconds of polling before native events are tried again
_MAX_REQUESTS = 1000  # that wait
_BATCH = 500  # sightings in one message, at most
_BATCH_SECONDS = 0.1  # in which they were made, at most


class InboxWatcher:
    """The watching thread of one inbox. Start it once, send it requests, stop it once."""

    def __init__(self, inbox: Inbox, tell: Callable[[Message], None], root: Root) -> None:
        self.inbox = inbox
        self.root = root
        self.busy_since: float | None = None  # monotonic; set anew at every step
        self.died_of = ""  # the traceback of what ended the thread
        self._tell = tell
        self._requests: queue.SimpleQueue[tuple[str, ...] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._scan_wanted = threading.Event()  # it is among the requests, once
        self._native: NativeWatch | None = None
        self._refused = ""  # why there are no native events
        self._refused_until = 0.0
        self._watched: Watched | None = None
        self._file_system = ""  # its type
        self._away = ""
        self._next_scan = 0.0
        self._thread = threading.Thread(target=self._run, name=f"watch {inbox.name}", daemon=True)

    def start(self) -> None:
        """Start the thread: the native watch first, then the first scan."""
        try:
            self._thread.start()
        except (RuntimeError, MemoryError) as error:
            self.died_of = f"no thread can be started ({error}): {TOO_FEW_THREADS}"

    def request(self, paths: Iterable[str]) -> None:
        """Ask for a sighting of each of these paths.

        While a share hangs, requests do not pile up: the scan that follows finds everything.
        """
        request = tuple(paths)
        if request and self._requests.qsize() < _MAX_REQUESTS:
            self._requests.put(request)

    def scan_soon(self) -> None:
        """Ask for a scan of the whole inbox."""
        if not self._scan_wanted.is_set():
            self._scan_wanted.set()
            self._requests.put(())

    def stop(self) -> None:
        """Ask the thread to end; it does so after the step it is in."""
        self._stopping.set()
        self._requests.put(None)

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
        except Exception:  # noqa: BLE001 - the daemon logs it, and starts another thread
            self.died_of = traceback.format_exc()
        finally:
            self._end_native()

    def _wait(self) -> None:
        """Serve requests until the next scan is due."""
        while not self._stopping.is_set():
            left = max(0.0, self._next_scan - time.monotonic())
            try:
                request = self._requests.get(timeout=min(left, _POLL))
            except queue.Empty:
                if left <= _POLL or not self._still_watches():
                    return
                continue
            if request is None:
                return
            if not request:
                self._next_scan = 0.0
                return
            self.busy_since = time.monotonic()
            self._take_sightings(request)
            self.busy_since = None

    def _step(self) -> None:
        self._scan_wanted.clear()
        away = self.root.why_away()
        if away:
            self._be_away(away)
            return
        began, worked = time.monotonic(), time.thread_time()
        unseen: list[str] = []
        try:
            check_listable(self.inbox.path)  # before it counts as back
            self._file_system = mount_type(self.inbox.path)
            self._keep_watching()
            self._away = ""
            count = self._scan(
                "", lambda path, error: unseen.append(f"{path}: {error.strerror or error}")
            )
        except OSError as error:
            self._be_away(f"{self.inbox.path}: {error.strerror or error}")
            return
        seconds = time.monotonic() - began
        self._tell(Scanned(self.inbox.name, count, seconds, len(unseen), "".join(unseen[:1])))
        if self._native is None:
            pause = min(max(_POLL, seconds * _POLL_FACTOR), self.inbox.rescan)
        else:
            pause = max(self.inbox.rescan, (time.thread_time() - worked) * _RESCAN_CPU_FACTOR)
        self._next_scan = time.monotonic() + pause

    def _be_away(self, why: str) -> None:
        if why != self._away:
            self._tell(Away(self.inbox.name, why))
        self._away = why
        self._watched = None
        self._refused = ""
        self._end_native()
        self._next_scan = time.monotonic() + min(_POLL, self.inbox.rescan)

    def _scan(self, below: str, unseen: Callable[[str, OSError], None] = lambda _, __: None) -> int:
        """Send sightings of all pictures in a folder of the inbox; return how many there are."""
        inbox = self.inbox
        sightings = scan(
            inbox.path,
            below,
            recursive=inbox.recursive,
            ignore=inbox.ignore,
            inodes=keeps_inodes(self._file_system),
            unseen=unseen,
        )
        return self._send(sightings)

    def _take_sightings(self, paths: tuple[str, ...]) -> None:
        missing: list[str] = []
        for path in paths:
            try:
                sighting = sight(self.inbox.path, path, inodes=keeps_inodes(self._file_system))
            except OSError:
                continue  # it is due again
            if sighting is not None:
                self._send([sighting])
            elif self.inbox.recursive and is_folder(self.inbox.path / path):
                self._scan(path)
                if self._native is not None and refused_watch(self.inbox.path):
                    self._next_scan = 0.0  # the scan turns to polling
            else:
                missing.append(path)
        if missing and self.root.why_away():
            self._next_scan = 0.0  # gone is not empty
            return
        self._tell(Sighted(self.inbox.name, time.monotonic(), (), tuple(missing)))

    def _send(self, sightings: Iterable[Sighting]) -> int:
        """Send sightings in batches, each of one moment; return how many there are."""
        count = 0
        batch: list[Sighting] = []
        began = 0.0
        for sighting in sightings:
            self.busy_since = now = time.monotonic()
            if batch and (now - began > _BATCH_SECONDS or len(batch) >= _BATCH):
                self._tell(Sighted(self.inbox.name, began, tuple(batch)))
                batch.clear()
            if not batch:
                began = now  # after the first sighting of this batch, not before it
            batch.append(sighting)
            count += 1
        if batch:
            self._tell(Sighted(self.inbox.name, began, tuple(batch)))
        return count

    # --- the native watch --------------------------------------------------------------------

    def _keep_watching(self) -> None:
        """Keep a native watch alive where one makes sense; tell how the inbox is watched."""
        mode, why = self._mode()
        if mode == "events":
            self._refused = self._why_no_events()
            if self._refused:
                mode, why = "polling", self._refused
        watched = Watched(self.inbox.name, mode, why)
        if watched != self._watched:
            self._tell(watched)
        self._watched = watched

    def _why_no_events(self) -> str:
        """Start the native watch if need be; return why it cannot be had, or ""."""
        if self._native is not None and not self._native.works():
            self._end_native()
        if self._native is None:
            if self._refused and time.monotonic() < self._refused_until:
                return self._refused
            self._refused_until = time.monotonic() + _RETRY_EVENTS
            try:
                self._native = NativeWatch(self.inbox, self._hear, self._lost)
            except OSError as error:
                return why_refused(error)
            except RuntimeError as error:
                return f"native events are not to be had ({error}): {TOO_FEW_THREADS}"
        refused = refused_watch(self.inbox.path) if self.inbox.recursive else None
        if refused is None:
            return ""
        self._end_native()  # watchdog silently leaves out folders that it may not watch
        self._refused_until = time.monotonic() + _RETRY_EVENTS
        return why_refused(refused)

    def _still_watches(self) -> bool:
        """Whether events still come from the folder that is there; its removal raises none."""
        self.busy_since = time.monotonic()
        try:
            return self._native is None or self._native.works()
        except OSError:
            return False
        finally:
            self.busy_since = None

    def _end_native(self) -> None:
        if self._native is not None:
            self._native.stop()
            self._native = None

    def _lost(self, why: str) -> None:
        """Note that events were lost; called on watchdog's threads."""
        if not self._scan_wanted.is_set():
            self._tell(EventsLost(self.inbox.name, why))
            self.scan_soon()

    def _mode(self) -> tuple[Mode, str]:
        wanted = self.inbox.watch
        if wanted != "auto":
            return wanted, "as configured"
        if raises_events(self._file_system):
            return "events", f"native events on {self._file_system or 'this file system'}"
        return "polling", f"{self._file_system} raises no events for what others write"

    def _hear(self, path: str, *, is_folder: bool) -> None:
        """Take an event; called on watchdog's thread, so it must not touch the inbox."""
        try:
            relative = str(Path(path).relative_to(self.inbox.path))
        except ValueError:
            return
        if why_ignored(relative, self.inbox.ignore):
            return
        if is_folder:
            self._requests.put((relative,))
        elif is_picture_name(relative):
            self._tell(Heard(self.inbox.name, time.monotonic(), relative))

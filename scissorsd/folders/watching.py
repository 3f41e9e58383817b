"""Watching an inbox: events are hints, the scan is the truth.

Each inbox has one watching thread, which does everything that touches the inbox (scanning,
looking at single files, keeping the native watch alive), and only puts values on the daemon's
queue. A share that hangs, hangs its own thread and nothing else.
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
    Looked,
    Message,
    Mode,
    Scanned,
    Watched,
)
from scissorsd.folders.mounts import Root, keeps_inodes, mount_type, raises_events
from scissorsd.folders.native_watch import NativeWatch, refused_watch, why_refused
from scissorsd.folders.scanning import check_listable, is_folder, look, scan
from scissorsd.machine import TOO_FEW_THREADS
from scissorsd.settings import Inbox

# Polling is scanning more often, but never so that more than a tenth of the time goes into it.
_POLL = 2.0  # seconds
_SCAN_SHARE = 10  # a scan that took so long is not repeated before ten times that
# Where events tell of what is new, so many times a scan's CPU time: then an inbox of very many
# pictures costs no more than a hundredth of a core, with the control loop's part in it.
_RESCAN_CPU_FACTOR = 150
_TRY_EVENTS_AGAIN = 60.0  # seconds of polling before native events are tried anew
_MAX_REQUESTS = 1000
_BATCH = 500  # sightings put on the queue at once, at most
_BATCH_S = 0.1


class InboxWatcher:
    """The watching thread of one inbox. Start it once; ask it to look; stop it once."""

    def __init__(self, inbox: Inbox, tell: Callable[[Message], None], root: Root) -> None:
        self.inbox = inbox
        self.busy_since: float | None = None  # monotonic; touched by every step it takes
        self.died_of = ""  # the traceback
        self._tell = tell
        self._requests: queue.SimpleQueue[tuple[str, ...] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._scan_wanted = threading.Event()  # and on the queue: many requests are one
        self.root = root
        self._native: NativeWatch | None = None
        self._refused = ""  # why native events were not to be had
        self._refused_until = 0.0
        self._watched: Watched | None = None
        self._file_system = ""  # its type
        self._away = ""
        self._next_scan = 0.0
        self._thread = threading.Thread(target=self._run, name=f"watch {inbox.name}", daemon=True)

    def start(self) -> None:
        """Begin: the native watch first, then the first scan; dead at once where it cannot."""
        try:
            self._thread.start()
        except (RuntimeError, MemoryError) as error:
            self.died_of = f"no thread can be started ({error}): {TOO_FEW_THREADS}"

    def request(self, paths: Iterable[str]) -> None:
        """Ask for a look at these paths, if there are any.

        While a share hangs, requests do not pile up: the scan that follows sees all.
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
        except Exception:  # noqa: BLE001 - told of by the daemon, which starts another
            self.died_of = traceback.format_exc()
        finally:
            self._end_native()

    def _wait(self) -> None:
        """Wait for requests until the next scan is due, and grant them."""
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
            self._look(request)
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
            check_listable(self.inbox.path)  # before it is said to be back
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
            pause = min(max(_POLL, seconds * _SCAN_SHARE), self.inbox.rescan)
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
        """Tell of every picture in a folder of the inbox; give their number."""
        inbox = self.inbox
        found = scan(
            inbox.path,
            below,
            recursive=inbox.recursive,
            ignore=inbox.ignore,
            inodes=keeps_inodes(self._file_system),
            unseen=unseen,
        )
        return self._tell_of(found)

    def _look(self, paths: tuple[str, ...]) -> None:
        missing: list[str] = []
        for path in paths:
            try:
                found = look(self.inbox.path, path, inodes=keeps_inodes(self._file_system))
            except OSError:
                continue  # it is due again
            if found is not None:
                self._tell_of([found])
            elif self.inbox.recursive and is_folder(self.inbox.path / path):
                self._scan(path)
                if self._native is not None and refused_watch(self.inbox.path):
                    self._next_scan = 0.0  # and there it turns to polling
            else:
                missing.append(path)
        if missing and self.root.why_away():
            self._next_scan = 0.0  # gone is not empty
            return
        self._tell(Looked(self.inbox.name, time.monotonic(), (), tuple(missing)))

    def _tell_of(self, sightings: Iterable[Sighting]) -> int:
        """Pass sightings on, in batches so quick that one moment stands for all of a batch."""
        count = 0
        batch: list[Sighting] = []
        began = 0.0
        for sighting in sightings:
            self.busy_since = now = time.monotonic()
            if batch and (now - began > _BATCH_S or len(batch) >= _BATCH):
                self._tell(Looked(self.inbox.name, began, tuple(batch)))
                batch.clear()
            if not batch:
                began = now  # after the first look of this batch, not before it
            batch.append(sighting)
            count += 1
        if batch:
            self._tell(Looked(self.inbox.name, began, tuple(batch)))
        return count

    # --- the native watch --------------------------------------------------------------------

    def _keep_watching(self) -> None:
        """See that a native watch is alive where one makes sense; else say why polling does."""
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
        """Begin the native watch if need be; say why it cannot be had, or nothing."""
        if self._native is not None and not self._native.works():
            self._end_native()
        if self._native is None:
            if self._refused and time.monotonic() < self._refused_until:
                return self._refused
            self._refused_until = time.monotonic() + _TRY_EVENTS_AGAIN
            try:
                self._native = NativeWatch(self.inbox, self._hear, self._lost)
            except OSError as error:
                return why_refused(error)
            except RuntimeError as error:
                return f"native events are not to be had ({error}): {TOO_FEW_THREADS}"
        refused = refused_watch(self.inbox.path) if self.inbox.recursive else None
        if refused is None:
            return ""
        self._end_native()  # watchdog passes over the folders that it may not watch
        self._refused_until = time.monotonic() + _TRY_EVENTS_AGAIN
        return why_refused(refused)

    def _still_watches(self) -> bool:
        """Whether events still come from the folder that is there: one that goes raises none."""
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
        """Hear that events were lost; called on watchdog's threads."""
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
        """Take an event; called on watchdog's thread, so it must not do anything else."""
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

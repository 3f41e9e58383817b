"""Native events of one inbox: watchdog, and inotify for what watchdog does not report."""

import ctypes
import errno
import logging
import os
import select
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

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

from scissorsd import failpoints
from scissorsd.settings import Inbox

# Keeps watchdog's messages off stderr; `_LossListener` takes those that matter.
logging.getLogger("watchdog").addHandler(logging.NullHandler())

_EVENTS = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileClosedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]


def why_refused(error: OSError) -> str:
    """Return why native events cannot be had, and what to do."""
    limit = "max_user_instances" if error.errno == errno.EMFILE else "max_user_watches"
    return (
        f"native events are not to be had ({error.strerror or error}); if it is the limit of "
        f"inotify, raise it (sysctl fs.inotify.{limit})"
    )


_IN_DELETE_SELF = 0x400


def _watch_one(path: Path) -> int:
    """Watch one folder; return a descriptor to read from once it is deleted or unmounted.

    Raises OSError.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    libc = ctypes.CDLL(None, use_errno=True)
    handle: int = libc.inotify_init1(os.O_CLOEXEC)
    if handle >= 0 and libc.inotify_add_watch(handle, os.fsencode(path), _IN_DELETE_SELF) >= 0:
        return handle
    number = ctypes.get_errno()
    if handle >= 0:
        os.close(handle)
    raise OSError(number, os.strerror(number))


def refused_watch(path: Path) -> OSError | None:
    """Try to watch one more folder; return the error if the kernel refuses.

    watchdog reports no sub-folder that it could not watch.
    """
    try:
        os.close(_watch_one(path))
    except OSError as error:  # too few instances do not mean too few watches
        return error if error.errno == errno.ENOSPC else None
    return None


class _LossListener(logging.Handler):
    """Takes from watchdog's log that events were lost, which it reports nowhere else."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "overflow" in message or "rebuild" in message:
            self._tell(message)


class NativeWatch:
    """watchdog on one inbox.

    `hear` is called for each event, with a path and `is_folder`, and `lost` when events were lost,
    both on watchdog's threads. Raises OSError, and RuntimeError where no thread can be started.
    """

    def __init__(
        self, inbox: Inbox, hear: Callable[..., None], lost: Callable[[str], None]
    ) -> None:
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
        self._loss_listener = _LossListener(lost)
        self._root = inbox.path
        failpoints.at("watch")
        self._identity = _identity(inbox.path)
        self._observer: BaseObserver = Observer()
        self._observer.schedule(
            _Handler(hear), str(inbox.path), recursive=inbox.recursive, event_filter=_EVENTS
        )
        try:
            self._observer.start()
        except BaseException:
            self._observer.stop()  # one of its threads may run
            raise
        logging.getLogger("watchdog").addHandler(self._loss_listener)
        try:
            self._gone: int | None = _watch_one(inbox.path)
        except OSError:
            self._gone = None

    def works(self) -> bool:
        """Whether all its threads live and it still watches the folder that is there now.

        An observer stays alive when its emitter has died, and an emitter goes on watching a
        folder that was removed and made anew. A disk that was unmounted and is back has the same
        numbers, and is watched no more. Raises OSError when nothing is there.
        """
        emitters = self._observer.emitters
        return (
            self._observer.is_alive()
            and bool(emitters)
            and all(emitter.is_alive() for emitter in emitters)
            and _identity(self._root) == self._identity
            and (self._gone is None or not _can_be_read(self._gone))
        )

    def stop(self) -> None:
        """End the watch; its threads end by themselves."""
        logging.getLogger("watchdog").removeHandler(self._loss_listener)
        self._observer.stop()
        if self._gone is not None:
            os.close(self._gone)
            self._gone = None


def _can_be_read(handle: int) -> bool:
    ready = select.poll()
    ready.register(handle, select.POLLIN)
    return bool(ready.poll(0))


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

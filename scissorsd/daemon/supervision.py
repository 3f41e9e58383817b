"""Supervision of threads: watchers that die are started again, and no share blocks the loop."""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import structlog

from scissorsd.core.backoff import backoff
from scissorsd.daemon.holds import FIRST_PAUSE, LONGEST_PAUSE
from scissorsd.folders.messages import Message
from scissorsd.folders.mounts import Root
from scissorsd.folders.watching import InboxWatcher
from scissorsd.settings import Inbox

log = structlog.get_logger("scissorsd")


@dataclass(slots=True)
class _Deaths:
    """How often the watchers of one inbox died."""

    last_dead: InboxWatcher
    times: int
    next_start: float  # monotonic


class Watchers:
    """The watching threads, by inbox. Only the control loop calls these methods."""

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self._tell = tell
        self._watchers: dict[str, InboxWatcher] = {}
        self._deaths: dict[str, _Deaths] = {}

    def __getitem__(self, name: str) -> InboxWatcher:
        return self._watchers[name]

    def start(self, inbox: Inbox, root: Root) -> None:
        """Start to watch an inbox."""
        self._watchers[inbox.name] = InboxWatcher(inbox, self._tell, root)
        self._watchers[inbox.name].start()

    def stop(self, name: str) -> None:
        """Watch an inbox no more."""
        self._watchers.pop(name).stop()

    def stop_all(self) -> None:
        """Ask every watcher to end; they do so in their own time."""
        for watcher in self._watchers.values():
            watcher.stop()

    def scan_soon(self) -> None:
        """Ask for a scan of every inbox."""
        for watcher in self._watchers.values():
            watcher.scan_soon()

    def restart_dead(self) -> bool:
        """Start anew every watcher that died, each time later; False if one was dead."""
        dead = [watcher for watcher in self._watchers.values() if not watcher.is_alive()]
        now = monotonic()
        for watcher in dead:
            name = watcher.inbox.name
            deaths = self._deaths.get(name)
            if deaths is None or watcher is not deaths.last_dead:
                log.error("inbox.watcher_died", inbox=name, trace=watcher.died_of)
                times = deaths.times if deaths is not None else 0
                pause = backoff(FIRST_PAUSE, times - 1, LONGEST_PAUSE) if times else 0.0
                next_start = now + pause
                deaths = self._deaths[name] = _Deaths(watcher, times + 1, next_start)
            if now >= deaths.next_start:
                self.start(watcher.inbox, watcher.root)
        return not dead


def tell_of_death(dead: threading.ExceptHookArgs) -> None:
    """Log that a thread of a library died; Python itself would not write a log line."""
    name = dead.thread.name if dead.thread is not None else "?"
    log.error("thread.died", thread=name, why=f"{dead.exc_type.__name__}: {dead.exc_value}")


def run_with_limit(work: Callable[[], object], name: str, limit: float) -> None:
    """Do what a share could block in a thread, and wait `limit` seconds for it at most."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    with suppress(RuntimeError, MemoryError):  # no thread can be started: it is not urgent
        thread.start()
        thread.join(limit)


def join_all(threads: Iterable[threading.Thread], limit: float) -> None:
    """Wait until all of these threads have ended, but no longer than `limit` seconds in all."""
    deadline = monotonic() + limit
    for thread in threads:
        thread.join(max(0.0, deadline - monotonic()))

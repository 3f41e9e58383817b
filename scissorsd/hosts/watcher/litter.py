"""What hosts have staged and nobody took is removed: at once, and what comes later, later.

A host that was cut off, or that stood still, may stage for an order long after another host has
answered it; and if it is killed then, nobody hears of it. So folders in which something may lie are
looked into again, more and more seldom. A temporary of this watcher's whose order is not out, in
its very turn, is nobody's.
"""

import re
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic

from scissorsd import atomic, failpoints

FIRST = failpoints.seconds("LITTER_FIRST", 30.0)  # until a folder is looked into again; it doubles
LAST = 1800.0  # seconds after which a folder is left
_REST = 9.0  # times as long as the look: late answers by the hundred cost a tenth of this thread


class Litter(threading.Thread):
    """Looks into the folders that it is told of, until `stop`."""

    def __init__(self, watcher: str, is_out: Callable[[int, int], bool]) -> None:
        super().__init__(name="sweep for the hub", daemon=True)
        self._tag = watcher
        self._is_out = is_out  # whether an order, by job and turn, is out
        self._name = re.compile(
            rf".*-{re.escape(watcher)}-(\d+)-(\d+)-[0-9a-f]{{8}}-[0-9a-f]+\.tmp"
        )
        self._told = SimpleQueue[Iterable[Path] | None]()
        self._due: dict[Path, tuple[float, float]] = {}  # when it is looked into, and since when
        self._rests_until = 0.0  # a folder with very many files on a share is slow to list

    def may_lie_in(self, folders: Iterable[Path]) -> None:
        """Look into these folders soon, and again later; from any thread."""
        self._told.put(folders)

    def stop(self) -> None:
        """End; what lies there is found at the next start."""
        self._told.put(None)

    def run(self) -> None:
        """Look into what is due, and wait for what comes."""
        while True:
            soonest = min(self._due.items(), key=lambda due: due[1], default=None)
            wait = max(soonest[1][0], self._rests_until) - monotonic() if soonest else None
            with suppress(Empty):
                told = self._told.get(timeout=None if wait is None else max(0.0, wait))
                if told is None:
                    return
                self._due |= {folder: (0.0, monotonic()) for folder in told}
                continue
            if soonest is not None:
                began = monotonic()
                self._look_into(soonest[0])
                self._rests_until = monotonic() + _REST * (monotonic() - began)

    def _look_into(self, folder: Path) -> None:
        _, since = self._due.pop(folder)
        with suppress(OSError):  # its share is away: another time
            for path in atomic.temporaries(folder, self._tag):
                found = self._name.fullmatch(path.name)
                if found is not None and not self._is_out(int(found[1]), int(found[2])):
                    path.unlink(missing_ok=True)
        now = monotonic()
        pause = max(FIRST, now - since)
        if now + pause - since <= LAST:
            self._due[folder] = (now + pause, since)

import errno
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scissorsd import watching
from scissorsd.watching import (
    Away,
    Heard,
    InboxWatcher,
    Looked,
    Message,
    Scanned,
    Watched,
    WatchedFolder,
)

DEADLINE = 30.0  # seconds; far more than anything here takes


class Watch:
    """A watcher on a real folder, and what it has told so far."""

    def __init__(self, inbox: Path, **options: object) -> None:
        values: dict[str, object] = {
            "name": "shop",
            "path": inbox,
            "watch": "events",
            "require_mount": False,
            "recursive": True,
            "rescan": 3600.0,
            "ignore": ("*.draft.*",),
        }
        self.inbox = inbox
        self.told: list[Message] = []
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.watcher = InboxWatcher(WatchedFolder(**{**values, **options}), self._queue.put)  # type: ignore[arg-type]
        self.watcher.start()

    def until[T](self, wanted: Callable[[Message], T | None]) -> T:
        """Give the first answer of `wanted` to a message not yet asked for; fail at the deadline."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            try:
                message = self._queue.get(timeout=deadline - time.monotonic())
            except queue.Empty:
                break
            self.told.append(message)
            answer = wanted(message)
            if answer:
                return answer
        pytest.fail(f"not told of; but of {self.told}")

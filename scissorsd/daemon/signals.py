"""Signals: handlers only set flags and wake the control loop."""

import os
import signal
import threading
from collections.abc import Callable
from time import monotonic
from types import FrameType

# Seconds; sooner, a second signal is the first one, passed on by make or a shell.
DUPLICATE_SIGNAL_WINDOW = 0.5


class Signals:
    """Which signals came: SIGTERM and SIGINT to stop, SIGHUP to read the configuration again."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.stopping = False  # by a signal or, when it ends by itself, set by the daemon
        self.stopped_by = 0  # the signal's number
        self.reload_wanted = False
        self._wake = wake  # must be callable within a handler
        self._stop_signal_at = 0.0

    def listen(self) -> None:
        """Install the handlers; outside the main thread there can be none."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_stop)
            signal.signal(signal.SIGINT, self._on_stop)
            signal.signal(signal.SIGHUP, self._on_reload)

    def _on_stop(self, number: int, _: FrameType | None) -> None:
        if self.stopping and monotonic() - self._stop_signal_at > DUPLICATE_SIGNAL_WINDOW:
            os._exit(128 + number)  # the second signal: leave at once, as safe as being killed
        if not self.stopping:
            self.stopping, self._stop_signal_at = True, monotonic()
            self.stopped_by = number
            self._wake()

    def _on_reload(self, _: int, __: FrameType | None) -> None:
        self.reload_wanted = True
        self._wake()

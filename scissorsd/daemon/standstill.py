"""A watchdog timer: it ends this process, with a trace, when the control loop stands still.

Where a library holds the GIL for ever, no thread of the process can do so: another process, the
onlooker, counts its beats. (faulthandler.dump_traceback_later needs no GIL either. But its clock
goes on while the process is stopped, and would end it as soon as that continues.)
"""

import faulthandler
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import IO, Self

import structlog

from scissorsd import failpoints, terminal
from scissorsd.daemon import onlooker
from scissorsd.streams import marked_as_error

log = structlog.get_logger("scissorsd")

TRACE = "standstill.txt"
# Seconds without a beat. A round of the loop takes milliseconds, but may wait for the disk of the
# state folder: a minute, on one that sleeps or is busy. At the start networks are opened; on a slow
# machine, or a GPU's first time, that takes minutes.
BEAT_LIMIT = failpoints.seconds("STANDSTILL", 120.0)
START_LIMIT = failpoints.seconds("STANDSTILL_AT_START", 1800.0)
_MIN_INTERVAL = BEAT_LIMIT / 120  # seconds; beats that follow more closely are not sent


class Watchdog:
    """A context in which this process is ended `BEAT_LIMIT` seconds after its last `beat`.

    The stack of each thread is then in `TRACE` in the state folder. The process dies of SIGKILL, so
    that no picture in hand counts as the cause.
    """

    def __init__(self, state: Path) -> None:
        self._trace = state / TRACE
        self._file: IO[str] | None = None
        self._onlooker: subprocess.Popen[bytes] | None = None
        self._last_beat = (0.0, float("-inf"))  # limit, when

    def __enter__(self) -> Self:
        try:
            self._keep_last_trace()
            self._file = self._trace.open("w")
            faulthandler.register(signal.SIGUSR2, self._file, all_threads=True)
            message = f"it stood still for {BEAT_LIMIT:g} s and was ended"
            last_words = marked_as_error(f"scissorsd: {message}; where it stood: {self._trace}")
            self._onlooker = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", onlooker.__file__, str(os.getpid()), last_words],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=terminal.descriptor(),  # which it outlives us at
                start_new_session=True,  # Ctrl-C is not for it
            )
        except OSError as error:  # the daemon can do its work without a watchdog
            log.warning("standstill.unwatched", why=error.strerror or str(error))
        else:
            if self._onlooker.stdin is not None:
                os.set_blocking(self._onlooker.stdin.fileno(), False)
        self.beat(START_LIMIT)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        faulthandler.unregister(signal.SIGUSR2)
        if self._onlooker is not None and self._onlooker.stdin is not None:
            self._onlooker.stdin.close()
            self._onlooker.wait()
        if self._file is not None:
            self._file.close()

    def beat(self, limit: float = BEAT_LIMIT) -> None:
        """Say that the process works, and that the next beat comes within `limit` seconds."""
        now = monotonic()
        if self._onlooker is None or self._onlooker.stdin is None:
            return
        if limit == self._last_beat[0] and now - self._last_beat[1] < _MIN_INTERVAL:
            return
        self._last_beat = limit, now
        with suppress(OSError):  # the onlooker is gone, or asleep with beats to read
            os.write(self._onlooker.stdin.fileno(), f"{limit}\n".encode())

    def _keep_last_trace(self) -> None:
        if self._trace.exists() and self._trace.stat().st_size > 0:
            last = self._trace.with_name(f"{TRACE}.last")
            self._trace.replace(last)
            what = "the last run stood still; where each of its threads stood is in the trace"
            log.warning("daemon.stood_still", what=what, trace=str(last))

"""Processes on terminals of their own, and what a person sees there."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from screens import Screen

from .driver import DEADLINE, NOTHING, Workplace, wait_for


class Seen:
    """A process on a terminal of its own, and what it has written there."""

    def __init__(self, process: "subprocess.Popen[bytes]", ours: int, width: int) -> None:
        self.process = process
        self.width = width
        self._ours = ours
        self._said = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                self._said += os.read(self._ours, 4096)
            except OSError:  # EIO: the other side is closed
                return

    @property
    def text(self) -> str:
        """Return what was written so far."""
        return self._said.decode(errors="ignore").replace("\r\n", "\n")

    def lines(self) -> list[str]:
        """Return what a person sees."""
        screen = Screen(self.width)
        screen.feed(self.text)
        return screen.lines()

    def wait(self, words: str, *, times: int = 1) -> None:
        """Wait until these words were written, so many times."""
        wait_for(lambda: self.text.count(words) >= times or self.process.poll() is not None)
        assert self.text.count(words) >= times, self.text

    def resize(self, width: int) -> None:
        """Make the terminal as wide."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))

    def stop(self) -> int:
        """Press Ctrl-C; return the exit code once all was read."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        """Wait until the process has ended and all was read; return its exit code."""
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code


@contextmanager
def on_terminal(
    place: Workplace, *words: str, width: int = 80, variables: Mapping[str, str] = NOTHING
) -> Iterator[Seen]:
    """Start a process on a terminal; it is killed in the end, if it still runs."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    with subprocess.Popen(
        place._command(words),
        stdin=its,
        stdout=its,
        stderr=its,
        env={**place._environment, "TERM": "xterm", **variables},
        cwd=place.folder,
        start_new_session=True,
    ) as process:
        os.close(its)
        try:
            yield Seen(process, ours, width)
        finally:
            process.kill()
    os.close(ours)

"""The standard streams of a command, which may fail without a picture caring.

A disk that is full, a reader that has ended or does not read, a terminal that is gone: what cannot
be written is counted; the count can be written once something can be.
"""

import errno
import io
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from scissorsd.errors import ScissorsError

# Seconds that one write to standard error waits for a reader that does not read (a stopped pager,
# Ctrl-S); those after it do not wait until it reads again.
PATIENCE = 1.0
_PIECE = 4096  # bytes (PIPE_BUF); a pipe that can be written to takes so many without blocking


class Patient(io.RawIOBase):
    """Writes to a descriptor and raises nothing; `lost` counts the lines that did not come out.

    With `patience` (seconds) a reader that does not read is waited for so long, else for ever.
    """

    def __init__(self, descriptor: int, patience: float | None = None) -> None:
        super().__init__()
        self.lost = 0
        self.failure: OSError | None = None  # none since something was written again
        self._descriptor = descriptor
        self._patience = patience
        self._torn = False  # the last line came out in part
        self._lock = threading.RLock()

    def writable(self) -> bool:
        """Whether it takes text: always, whatever becomes of it."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal, and still there."""
        return os.isatty(self._descriptor)

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override] # any buffer
        """Write all of it, or count the lines that are lost; return its length in either case."""
        content = bytes(data)
        with self._lock:
            left = memoryview(b"\n" + content if self._torn else content)
            begun = False
            try:
                while left:
                    self._wait()
                    count = os.write(self._descriptor, left[:_PIECE])
                    left, begun = left[count:], True
            except OSError as error:
                self.failure = error
                self.lost += (bytes(left) if begun else content).count(b"\n") or 1
                self._torn = self._torn or begun
            else:
                self.failure = None
                self._torn = False
        return len(content)

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        patience = 0.0 if self._patience is not None and self.failure else self._patience
        if not poll.poll(None if patience is None else patience * 1000):  # milliseconds
            raise BlockingIOError(errno.EAGAIN, "nobody reads it")

    def take_lost(self) -> int:
        """Return how many lines were lost, once it can be written to again, and begin anew."""
        with self._lock:
            if self.failure is not None:
                return 0
            lost, self.lost = self.lost, 0
            return lost


def guard() -> None:
    """Open what is closed of the descriptors 0 to 2; let sys.stdout and sys.stderr raise nothing.

    A file opened later would take the number of a closed one, and the words of a C library with
    it. What is opened in its place is /dev/null.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
            os.set_inheritable(opened, True)  # noqa: FBT003 - its arguments have no names
    sys.stdin = sys.stdin or open(0, closefd=False, encoding="utf-8")  # noqa: SIM115 - for good
    sys.stdout = _text(sys.stdout, Patient(1))
    sys.stderr = _text(sys.stderr, Patient(2, PATIENCE))


def on(descriptor: int) -> TextIO:
    """Return standard error as `guard` has it, on another descriptor."""
    return _text(sys.stderr, Patient(descriptor, PATIENCE))


class ReaderGoneError(BrokenPipeError):
    """Whoever read standard output reads it no more."""


@contextmanager
def output_of_bytes() -> Iterator[Callable[[bytes], None]]:
    """Keep standard output for bytes: what else is written there comes out on standard error.

    That goes for C libraries and other processes, too. Yields what writes bytes to it, which raises
    ReaderGoneError, or ScissorsError where they cannot be written.
    """
    sys.stdout.flush()
    truly = os.dup(1)
    os.dup2(2, 1)
    raw = Patient(truly)

    def write(content: bytes) -> None:
        raw.write(content)
        if isinstance(raw.failure, BrokenPipeError):
            raise ReaderGoneError
        if raw.failure is not None:
            raise ScissorsError(f"standard output could not be written: {raw.failure.strerror}")

    try:
        yield write
    finally:
        os.dup2(truly, 1)
        os.close(truly)


def _text(before: TextIO | None, raw: Patient) -> TextIO:
    """Return the text stream that takes the place of another; it takes any character."""
    errors = (before.errors if before is not None else None) or "strict"
    return io.TextIOWrapper(
        raw,  # type: ignore[type-var] # as Python itself does with -u
        encoding=before.encoding if before is not None else "utf-8",
        errors="backslashreplace" if errors == "strict" else errors,
        write_through=True,
    )


def take_lost(stream: TextIO | None) -> int:
    """Return how many lines a standard error has lost, once it can be written to again."""
    raw = getattr(stream, "buffer", None)
    return raw.take_lost() if isinstance(raw, Patient) else 0


def output_failure() -> OSError | None:
    """Return why some of what was said on standard output did not come out, if so."""
    raw = getattr(sys.stdout, "buffer", None)
    return raw.failure if isinstance(raw, Patient) and raw.lost else None


# --- systemd's journal -----------------------------------------------------------------------

# sd-daemon(3): the priority that a line for the journal begins with.
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "exception": 3, "critical": 2}


def goes_to_the_journal() -> bool:
    """Whether systemd's journal reads what is written to standard error (systemd.exec(5))."""
    try:
        status = os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # there is none, or it is no file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def priority_mark(level: str) -> str:
    """Return the mark of a line of this level, as the journal takes it."""
    return f"<{_PRIORITIES.get(level, 6)}>"


def marked_as_error(line: str) -> str:
    """Return a line for a person as standard error takes it: marked as an error in the journal."""
    return f"{priority_mark('error') if goes_to_the_journal() else ''}{line}"

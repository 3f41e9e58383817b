"""Standard error as people see it: lines and, below them on a terminal, a bar that no line tears.

All that this process says goes through `say`. What others write to the descriptor itself (a C
library, the page's process) would come into the midst of the bar: `others_retold` lets it pass by.
"""

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TextIO

from scissorsd import streams

ENDLESS = 10_000  # columns: what reads us from a pipe breaks no lines
_USUAL = 80  # columns of a terminal that does not know
_REDRAWN = 0.1  # seconds between two drawings of a bar, at least
# The cursor waits at the beginning of the bar. So all of it is erased from there, also where a
# terminal that was made narrower has broken it into several lines. Its own line first: of what is
# erased from the top of the screen on, tmux would keep a copy.
_ERASE = "\r\x1b[K\x1b[J"
_STDERR = 2

Drawn = Callable[[int], str]  # a bar, from the columns that there are


class _Screen:
    """The one place that writes to standard error; its methods may be called by any thread."""

    def __init__(self) -> None:
        self.stream: TextIO | None = None  # none: whatever sys.stderr is now
        self.takes_bars = True
        self._bar: Drawn | None = None
        self._drawn_at = 0.0
        self._lock = threading.RLock()

    def where(self) -> TextIO | None:
        return self.stream or sys.stderr

    def say(self, text: str) -> None:
        with self._lock:
            self._write(f"{_ERASE if self._bar else ''}{text}\n{self._drawn()}")

    def show(self, bar: Drawn | None) -> None:
        with self._lock:
            if bar is None and self._bar is not None:
                self._bar = None
                self._write(_ERASE)
            elif bar is not None and self.takes_bars and has_cursor():
                is_new, self._bar = self._bar is None, bar
                if is_new or monotonic() - self._drawn_at >= _REDRAWN:
                    self._write(f"{_ERASE}{self._drawn()}")

    def _drawn(self) -> str:
        if self._bar is None:
            return ""
        self._drawn_at = monotonic()
        return f"{self._bar(width() - 1)}\r"

    def _write(self, text: str) -> None:
        stream = self.where()
        if stream is None:
            return
        with suppress(OSError, ValueError):  # of a program that has closed its own
            stream.write(text)
            stream.flush()


_screen = _Screen()


def say(text: str) -> None:
    """Write a line, or several; what cannot be written is lost, and no picture with it."""
    _screen.say(text)


def show(bar: Drawn | None) -> None:
    """Show a bar below the lines, or none any more; on anything but a terminal nothing is shown."""
    _screen.show(bar)


def take_bars(*, wanted: bool) -> None:
    """Say whether bars are to be shown: not among lines that are for programs."""
    _screen.takes_bars = wanted


def take_lost() -> int:
    """Return how many lines were lost, once they can be written again."""
    return streams.take_lost(_screen.where())


# --- what the terminal can do ----------------------------------------------------------------


def is_terminal() -> bool:
    """Whether a person reads standard error as it comes."""
    try:
        stream = _screen.where()
        return stream is not None and stream.isatty()
    except (AttributeError, ValueError):  # it is closed
        return False


def descriptor() -> int:
    """Return the descriptor of what standard error truly is."""
    found = _descriptor(_screen.where())
    return _STDERR if found is None else found


def _descriptor(stream: TextIO | None) -> int | None:
    try:
        return None if stream is None else stream.fileno()
    except (AttributeError, OSError, ValueError):  # it is closed, or no file
        return None


def width() -> int:
    """Return how many columns there are now."""
    if not is_terminal():
        asked = os.environ.get("COLUMNS", "")
        return int(asked) if asked.isdecimal() and int(asked) else ENDLESS
    try:
        return os.get_terminal_size(descriptor()).columns or _USUAL
    except OSError:
        return _USUAL


def has_cursor() -> bool:
    """Whether the cursor can be moved, as a bar needs it."""
    return is_terminal() and os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}


def has_colour() -> bool:
    """Whether colour can be had and is wanted (https://no-color.org)."""
    return has_cursor() and not os.environ.get("NO_COLOR")


def can_show(text: str) -> bool:
    """Whether these characters come out: in this encoding and, on a terminal, in its letters."""
    encoding = getattr(_screen.where(), "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (LookupError, UnicodeError):
        return False
    return not is_terminal() or os.environ.get("TERM") != "linux"  # 512 letters in all


# --- what others say -------------------------------------------------------------------------


@contextmanager
def others_retold(retell: Callable[[str], None]) -> Iterator[None]:
    """Let `retell` say what others write to standard error, line by line, while this lasts."""
    if _screen.stream is not None or _descriptor(sys.stderr) != _STDERR:
        yield  # it is done already, or standard error is no file
        return
    truly = os.dup(_STDERR)
    reads, writes = os.pipe()
    ended, end = os.pipe()
    os.dup2(writes, _STDERR)
    os.close(writes)
    _screen.stream = streams.on(truly)
    thread = threading.Thread(
        target=_retell, args=(reads, ended, retell), name="standard error", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        show(None)
        with suppress(AttributeError, OSError, ValueError):
            sys.stderr.flush()
        os.dup2(truly, _STDERR)
        os.close(end)
        thread.join()
        _screen.stream = None
        os.close(truly)


def _retell(reads: int, ended: int, retell: Callable[[str], None]) -> None:
    """Retell the lines of a pipe, to the last that is in it at the end: others may keep it open."""
    poll, rest, said = select.poll(), b"", b"begun"
    for descriptor_ in (reads, ended):
        poll.register(descriptor_, select.POLLIN)
    while said:
        ready = dict(poll.poll())
        said = os.read(reads, 1 << 16) if reads in ready else b""
        *lines, rest = (rest + said).split(b"\n") if said else (rest, b"")
        for line in filter(None, lines):
            retell(line.decode("utf-8", "surrogateescape"))
    os.close(reads)
    os.close(ended)

"""Which orders hosts have been given and are not over, for a daemon that is started anew.

A line is added when the hub has an order, and another when it is over. The job journal has the last
word: an order is still out only where the journal has its job begun in that very turn. So nothing
is synced here, and a line that is missing only makes a picture be cut again.
"""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from scissorsd import atomic

FILE = "orders"
_LINE = re.compile(r"([+-]) (\d+) (\d+) (\d+\.\d+)")
_LINES = 10_000  # then it is written anew


class OrdersSent:
    """The file of one state folder. `of` is whose orders, and where; those of another are none."""

    def __init__(self, folder: Path, of: str) -> None:
        self._path = folder / FILE
        self._of = of
        # By job and turn: when (seconds since the epoch).
        self.out = _noted(self._path, lambda head: head == of)
        self._file = -1
        self._lines = 0
        self._is_closed = False
        self._write_anew()

    def sent(self, job: int, turn: int, at: float) -> None:
        """Note that the hub has an order."""
        self.out[job, turn] = at
        self._add("+", job, turn, at)

    def over(self, job: int, turn: int) -> None:
        """Note that nothing more comes of an order."""
        at = self.out.pop((job, turn), None)
        if at is not None:
            self._add("-", job, turn, at)

    def close(self) -> None:
        """Close the file: it may be the next daemon's now."""
        self._is_closed = True
        self._let_go()

    def _add(self, sign: str, job: int, turn: int, at: float) -> None:
        self._lines += 1
        if self._is_closed:
            return
        if self._lines > _LINES or self._file < 0:
            self._write_anew()
            return
        with suppress(OSError):
            os.write(self._file, _line(sign, job, turn, at))

    def _write_anew(self) -> None:
        self._let_go()
        self._lines = 0
        lines = [_line("+", job, turn, at) for (job, turn), at in self.out.items()]
        with suppress(OSError):  # its disk is full: what is not noted is cut again
            atomic.write_atomically(self._path, b"".join([f"{self._of}\n".encode(), *lines]))
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def _let_go(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def jobs_of(folder: Path, journal: str) -> list[int]:
    """Return the jobs of a journal that hosts may still be at, whichever hub that was by."""
    noted = _noted(folder / FILE, lambda head: head.startswith(f"{journal} "))
    return sorted({job for job, _ in noted})


def _noted(path: Path, is_ours: Callable[[str], bool]) -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    try:
        head, *lines = path.read_text("utf-8", "replace").splitlines()
    except (OSError, ValueError):
        return found
    for line in lines if is_ours(head) else ():
        if match := _LINE.fullmatch(line):
            key = int(match[2]), int(match[3])
            if match[1] == "+":
                found[key] = float(match[4])
            else:
                found.pop(key, None)
    return found


def _line(sign: str, job: int, turn: int, at: float) -> bytes:
    return f"{sign} {job} {turn} {at:.3f}\n".encode()

"""Room for pictures: they are let in while they fit together under a ceiling of memory."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from scissorsd.errors import OverLimitsError
from scissorsd.machine import MemoryBound

LARGE = 64 << 20  # bytes: after such a picture what it took is given back to the system
_READ_AHEAD = 4  # this part of the ceiling, at most, is for files that are not being cut yet
_PATIENCE = 30.0  # seconds: a share that hangs in the middle of a file must not stop the others


class MemoryCeiling:
    """Lets pictures in while they fit together under a ceiling; a larger one goes alone.

    A picture holds the bytes of its file while that is read, then what it takes to cut it, then
    the bytes of its outputs until they are published. `bounds` are those on the whole process, the
    tightest first; what they leave may be less than the ceiling that is asked for.
    """

    def __init__(self, ceiling: int, bounds: Sequence[MemoryBound] = ()) -> None:
        self.ceiling = min([ceiling, *(bound.left for bound in bounds)])  # bytes
        self.bounds = bounds
        self._in_use = 0
        self._reading = 0  # of it, for files that are read or wait to be cut
        self._cutting = 0  # how many are being decoded, cut and encoded, which always ends
        self._in_line: list[Room] = []  # to be cut
        self._changed = threading.Condition()

    @contextmanager
    def room_for(self, cost: int) -> "Iterator[Room]":
        """Wait until `cost` bytes are free, and hold them."""
        with self._changed:
            self._changed.wait_for(lambda: self._may_enter(cost), _PATIENCE)
            self._in_use += cost
            self._reading += cost
        room = Room(self, cost)
        try:
            yield room
        finally:
            self._change(room, 0)

    def refuse_over(self, least: int) -> None:
        """Raise OverLimitsError for what takes more than there can be, swap and all."""
        for bound in self.bounds:
            most = bound.left + bound.beyond
            if least > most:
                total, held = in_mb(bound.total), in_mb(bound.held)
                raise OverLimitsError(
                    f"to cut it takes {in_mb(least)} of memory at the least, and {bound.who} "
                    f"leaves {in_mb(most)} ({total}, of which {held} are held already)",
                    "Give it more memory, or make the picture smaller.",
                )

    def _may_enter(self, cost: int) -> bool:
        fits = self._in_use + cost <= self.ceiling
        is_little = not self._reading or self._reading + cost <= self.ceiling // _READ_AHEAD
        return self._in_use == 0 or (fits and is_little)

    def _wait_in_line(self, room: "Room", cost: int) -> None:
        """Wait for more room, in turn; if nothing is being cut, there is no more to wait for."""
        with self._changed:
            self._in_line.append(room)
            self._changed.wait_for(
                lambda: (
                    self._in_line[0] is room
                    and (not self._cutting or self._in_use - room.held + cost <= self.ceiling)
                )
            )
            self._in_line.remove(room)
            self._reading -= room.held
            self._in_use += cost - room.held
            self._cutting += 1
            room.held, room.stage = cost, "cutting"
            self._changed.notify_all()

    def _change(self, room: "Room", cost: int) -> None:
        with self._changed:
            self._reading -= room.held if room.stage == "reading" else 0
            self._in_use += cost - room.held
            self._cutting -= room.stage == "cutting"
            room.held, room.stage = cost, "publishing"
            self._changed.notify_all()


@dataclass(slots=True, eq=False)
class Room:
    """The bytes that one picture holds under the ceiling."""

    ceiling: MemoryCeiling
    held: int
    stage: Literal["reading", "cutting", "publishing"] = "reading"

    def grow(self, cost: int) -> None:
        """Wait until the picture can be cut, which takes so many bytes in all."""
        self.ceiling._wait_in_line(self, cost)  # noqa: SLF001 - the two are one

    def shrink(self, cost: int) -> None:
        """Give back all but so many bytes: the picture is cut."""
        self.ceiling._change(self, cost)  # noqa: SLF001 - the two are one


def in_mb(size: int) -> str:
    """Say a number of bytes for a person."""
    return f"{size / 1e6:,.0f} MB"

"""Memory for pictures: what each may take, and how many are in hand together."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from scissorsd.core.canvas import asks_nothing, framed_size
from scissorsd.core.catalogue import Model
from scissorsd.core.formats import FORMATS
from scissorsd.core.rules import Rule
from scissorsd.errors import OverLimitsError
from scissorsd.machine import MemoryBound
from scissorsd.pictures.reading import Header

LARGE = 64 << 20  # bytes: after such a picture what it took is given back to the system
_READ_AHEAD = 4  # this part of the ceiling, at most, is for files that are not being cut yet
_PATIENCE = 30.0  # seconds: a share that hangs in the middle of a file must not stop the others
# What one pixel costs at most while its picture is in hand: measured over every format that is
# read, 10 to 18 bytes; what encoding takes stands in the format's row.
_BYTES_PER_PIXEL = 20
_BYTES_PER_PIXEL_LEAST = 7  # a picture as Pillow has it and, beside it, as an array
_BYTES_PER_PIXEL_DEEP = 36  # where 16 bits are read or written
_SHALLOW = 8  # bits a sample
_BYTES_PER_PIXEL_BESIDE = 8  # the picture, its clean colours and its mask beside a framed output
# What a pixel of a network's input costs beside that: the input, twice, and the maps made of it.
_BYTES_PER_INPUT_PIXEL = 48


@dataclass(slots=True, eq=False)
class Lease:
    """The bytes that one picture has of the budget; only `MemoryBudget` changes it."""

    bytes: int
    stage: Literal["reading", "cutting", "publishing"] = "reading"


class MemoryBudget:
    """A semaphore weighted by bytes: pictures are in hand together while they fit under a ceiling.

    One that is larger than the ceiling goes alone. A picture's lease is the bytes of its file while
    that is read, then what it takes to cut it, then the bytes of its outputs until these are
    published. `bounds` are those on the whole process, the tightest first; what they leave may be
    less than the ceiling that is asked for.
    """

    def __init__(self, ceiling: int, bounds: Sequence[MemoryBound] = ()) -> None:
        self.ceiling = min([ceiling, *(bound.left for bound in bounds)])  # bytes
        self.bounds = bounds
        self._in_use = 0
        self._reading = 0  # of it, for files that are read or wait to be cut
        self._cutting = 0  # how many are being decoded, cut and encoded, which always ends
        self._in_line: list[Lease] = []  # to be cut, in turn
        self._changes = 0  # counts each change of the above
        self._changed = threading.Condition()

    @contextmanager
    def lease(self, cost: int) -> Iterator[Lease]:
        """Wait until `cost` bytes are free, and take them until the end of the `with` block."""
        with self._changed:
            self._wait_to_enter(cost)
            self._in_use += cost
            self._reading += cost
            self._note_change()
        lease = Lease(cost)
        try:
            yield lease
        finally:
            self._change(lease, 0)

    def grow(self, lease: Lease, cost: int) -> None:
        """Wait, in turn, until the picture can be cut, which takes `cost` bytes in all.

        While nothing is being cut there is no more to wait for.
        """
        with self._changed:
            self._in_line.append(lease)
            self._changed.wait_for(
                lambda: (
                    self._in_line[0] is lease
                    and (not self._cutting or self._in_use - lease.bytes + cost <= self.ceiling)
                )
            )
            self._in_line.remove(lease)
            self._reading -= lease.bytes
            self._in_use += cost - lease.bytes
            self._cutting += 1
            lease.bytes, lease.stage = cost, "cutting"
            self._note_change()

    def shrink(self, lease: Lease, cost: int) -> None:
        """Give back all but `cost` bytes: the picture is cut."""
        self._change(lease, cost)

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

    def _wait_to_enter(self, cost: int) -> None:
        """Wait for room; no longer where nothing moves and nothing is being cut: a read hangs."""
        while not self._may_enter(cost):
            if not self._moves_within(_PATIENCE) and not self._cutting:
                return

    def _moves_within(self, seconds: float) -> bool:
        before = self._changes
        return self._changed.wait_for(lambda: self._changes != before, seconds)

    def _may_enter(self, cost: int) -> bool:
        fits = self._in_use + cost <= self.ceiling
        is_little = not self._reading or self._reading + cost <= self.ceiling // _READ_AHEAD
        return self._in_use == 0 or (fits and is_little)

    def _change(self, lease: Lease, cost: int) -> None:
        with self._changed:
            self._reading -= lease.bytes if lease.stage == "reading" else 0
            self._in_use += cost - lease.bytes
            self._cutting -= lease.stage == "cutting"
            lease.bytes, lease.stage = cost, "publishing"
            self._note_change()

    def _note_change(self) -> None:
        self._changes += 1
        self._changed.notify_all()


def least_bytes_to_cut(header: Header) -> int:
    """Return the bytes without which a picture cannot even be decoded."""
    return header.width * header.height * _BYTES_PER_PIXEL_LEAST


def bytes_to_cut(header: Header, rule: Rule, networks: Iterable[Model] = ()) -> int:
    """Return the bytes that a picture takes at most, from decoding to its encoded outputs.

    `networks` are those that may see it, one after the other.
    """
    pixels = header.width * header.height
    deep = any(
        output.depth == "16" or (output.depth == "same" and header.bits > _SHALLOW)
        for output in rule.outputs
    )
    # a HEIC that may be HDR, and then is read with all of its bits whatever comes out
    deep = deep or (header.format == "HEIF" and header.bits > _SHALLOW)
    most = pixels * (_BYTES_PER_PIXEL_DEEP if deep else _BYTES_PER_PIXEL)
    for output in rule.outputs:
        encoding = FORMATS[output.format].bytes_per_pixel
        most = max(most, pixels * encoding)
        if not asks_nothing(output):
            height, width = framed_size(header.height, header.width, output)
            most = max(most, pixels * _BYTES_PER_PIXEL_BESIDE + height * width * encoding)
    side = max((network.input_size for network in networks), default=0)
    return most + side * side * _BYTES_PER_INPUT_PIXEL


def in_mb(size: int) -> str:
    """Say a number of bytes for a person."""
    return f"{size / 1e6:,.0f} MB"

"""Room for pictures in memory: small ones together, a large one alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """A semaphore weighted by pixels, in turn. What is larger than all of it goes alone."""

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._taken = 0
        self._line: list[object] = []
        self._changed = threading.Condition()

    @contextmanager
    def take(self, pixels: int, *, alone: bool = False) -> Iterator[None]:
        """Wait until there is room for so many pixels, and hold it."""
        share = self._pixels if alone else min(pixels, self._pixels)
        turn = object()
        with self._changed:
            self._line.append(turn)
            self._changed.wait_for(
                lambda: self._line[0] is turn and self._taken + share <= self._pixels
            )
            self._line.pop(0)
            self._taken += share
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._taken -= share
                self._changed.notify_all()


ROOM = Room(50_000_000)  # one for the process: previews and what is finished share its memory

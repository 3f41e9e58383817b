"""A bar of progress in one line of a terminal: how it looks at any width."""

from dataclasses import dataclass
from typing import NamedTuple

from scissorsd.core.columns import columns, shorten

_LONGEST, _SHORTEST = 32, 8  # columns of the bar itself
_PER_MILLE = 1000


class Marks(NamedTuple):
    """The characters that a terminal can show."""

    done: str
    todo: str
    dots: str


FINE = Marks("━", "─", "…")
PLAIN = Marks("#", "-", "...")


@dataclass(frozen=True, slots=True)
class Bar:
    """How far something is: `done` of `total`, or no one knows of how much (None)."""

    title: str
    done: int
    total: int | None
    counts: str  # the same in words: "12 of 340", "86 of 176 MB"
    left: str = ""  # how long it will take

    def line(self, width: int, marks: Marks = FINE) -> str:
        """Return the line: narrow terminals get no time, then no bar, then a shorter title."""
        for words in ([self.counts, self.left], [self.counts]):
            said = "  ".join(word for word in words if word)
            room = width - columns(self.title) - columns(said) - 3
            if self.total and room >= _SHORTEST:
                return f"{self.title} {self._drawn(min(room, _LONGEST), marks)}  {said}".rstrip()
        said = "  ".join(word for word in (self.title, self.counts, self.left) if word)
        if columns(said) > width:
            said = f"{self.title}  {self.counts}"
        return shorten(said, width, dots=marks.dots)

    def _drawn(self, room: int, marks: Marks) -> str:
        part = min(_PER_MILLE, _PER_MILLE * self.done // (self.total or 1))
        done = room * part // _PER_MILLE
        return marks.done * done + marks.todo * (room - done)


def of_bytes(done: int, total: int | None) -> str:
    """Say how many of how many bytes: "86.0 of 176.0 MB"."""
    megabytes = f"{done / 1e6:.1f}"
    return f"{megabytes} MB" if total is None else f"{megabytes} of {total / 1e6:.1f} MB"

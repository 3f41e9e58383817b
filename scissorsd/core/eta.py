"""How long the rest will take, from how fast the last pictures were.

Times are seconds on a monotonic clock.
"""

from collections import deque
from collections.abc import Iterable

_LAST = 200  # pictures that the pace is taken from
_FEWEST = 3  # ended pictures that say something of the pace
_LONGEST = 600.0  # seconds; a picture that seems to have been in hand for longer was held


class Pace:
    """Hears of every picture that ends; tells how long as many more will take as are left."""

    def __init__(self) -> None:
        self._began = 0.0
        self._ended: deque[float] = deque(maxlen=_LAST)
        self._working = False

    def works(self, now: float) -> None:
        """Note that something is in hand; what was before a rest says nothing of what follows."""
        if not self._working:
            self._ended.clear()
            self._began = now
        self._working = True

    def rests(self) -> None:
        """Note that there is nothing to do."""
        self._working = False

    def ended(self, now: float) -> None:
        """Note that a picture has ended."""
        if len(self._ended) == _LAST:
            self._began = self._ended[0]
        self._ended.append(now)

    def seconds_left(self, left: int, now: float) -> float | None:
        """Return the seconds that so many pictures will take; None while that cannot be known.

        They are taken to need the mean of the last ones.
        """
        if not self._working or len(self._ended) < _FEWEST:
            return None
        last = self._ended[-1]
        each = (last - self._began) / len(self._ended)
        return max(0.0, left * each - (now - last))


def seconds_each(jobs: Iterable[tuple[float, float]]) -> float | None:
    """Return the seconds that a picture took, from when each was begun and when it ended.

    They are those during which anything was in hand, shared among the pictures; None without any.
    Here the times are those of a clock that may be set back; a job that seems to have ended before
    it began says nothing.
    """
    spans = sorted((max(begun, ended - _LONGEST), ended) for begun, ended in jobs if begun <= ended)
    busy, until = 0.0, float("-inf")
    for begun, ended in spans:
        busy += max(0.0, ended - max(begun, until))
        until = max(until, ended)
    return busy / len(spans) if spans else None


def in_words(seconds: float) -> str:
    """Say how long something takes, about."""
    minutes = round(seconds / 60)
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004 - short enough

"""The same thing said so often and no oftener."""

from dataclasses import dataclass, field

_MOST_KEPT = 10_000  # different things said, before those of long ago are forgotten


@dataclass(slots=True)
class RateLimit:
    """Lets the same thing be said so many `times` within so many seconds, so that no disk fills."""

    times: int
    within: float  # seconds
    _said: dict[str, tuple[float, int]] = field(default_factory=dict)  # what: since when, how often

    def left(self, what: str, now: float) -> int:
        """Return how many times it may still be said, this time counted; at 0 keep silent."""
        since, count = self._said.get(what, (now, 0))
        if now - since >= self.within:
            since, count = now, 0
        if count >= self.times:
            return 0
        if len(self._said) >= _MOST_KEPT:
            self._said = {w: s for w, s in self._said.items() if now - s[0] < self.within}
        self._said[what] = since, count + 1
        return self.times - count

"""A rate limit: the same message only so many times within a period."""

from dataclasses import dataclass, field

_MOST_KEPT = 10_000  # different messages, before those whose period is over are forgotten


@dataclass(slots=True)
class RateLimiter:
    """Allows each message so many `times` within a period, so that no disk fills with it."""

    times: int
    within: float  # seconds
    _allowed: dict[str, tuple[float, int]] = field(default_factory=dict)  # message: since, how many

    def left(self, message: str, now: float) -> int:
        """Return how many times it may still be written, this time counted; at 0 keep silent.

        `now` is in seconds on any clock that does not go backwards.
        """
        since, count = self._allowed.get(message, (now, 0))
        if now - since >= self.within:
            since, count = now, 0
        if count >= self.times:
            return 0
        if len(self._allowed) >= _MOST_KEPT:
            kept = {m: s for m, s in self._allowed.items() if now - s[0] < self.within}
            self._allowed = kept
        self._allowed[message] = since, count + 1
        return self.times - count

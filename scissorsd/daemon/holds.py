"""Holding: pictures, and whole outboxes, that wait with growing pauses for something to pass."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from scissorsd import failpoints
from scissorsd.core.backoff import backoff
from scissorsd.core.settling import Sighting
from scissorsd.daemon.outcomes import Held

# Seconds; the pauses double from the first to the longest.
FIRST_PAUSE = failpoints.seconds("FIRST_PAUSE", 2.0)
LONGEST_PAUSE = failpoints.seconds("LONGEST_PAUSE", 300.0)
_NEVER = float("inf")


@dataclass(slots=True)
class Hold:
    """A picture that is tried again later."""

    source: Sighting
    reason: str
    until: float  # monotonic; infinity while it is tried
    times: int = 0  # how often it was held
    bad_reads: int = 0  # how often it was found truncated, or had too little memory
    outbox_wide: bool = False
    kind: str = ""  # what the reason has in common with other pictures'


@dataclass(slots=True)
class OutboxPause:
    """A whole outbox that is tried again later."""

    reason: str
    until: float  # monotonic
    times: int = 0  # how often it was paused


@dataclass(slots=True)
class Holds:
    """What is held of one inbox."""

    pictures: dict[str, Hold] = field(default_factory=dict)  # by path from the inbox
    outbox: OutboxPause | None = None

    def hold(self, source: Sighting, outcome: Held, now: float, *, first_pause: float) -> None:
        """Hold a picture, each time for longer; pause the outbox if the fault is there."""
        hold = self.pictures.get(source.path)
        if hold is None or hold.source != source:
            hold = self.pictures[source.path] = Hold(source, outcome.reason, now)
        hold.until = now + backoff(first_pause, hold.times, LONGEST_PAUSE)
        hold.times += 1
        hold.bad_reads += outcome.truncated or outcome.short_of_memory
        hold.reason = outcome.reason
        hold.outbox_wide = outcome.outbox_wide
        hold.kind = outcome.kind or outcome.reason
        if outcome.outbox_wide:
            self._pause_outbox(outcome.reason, now)

    def forget(self, source: Sighting) -> None:
        """Hold a picture no longer, unless another version of it is held."""
        hold = self.pictures.get(source.path)
        if hold is not None and hold.source == source:
            del self.pictures[source.path]

    def _pause_outbox(self, reason: str, now: float) -> None:
        """Pause the whole outbox; each time for longer, until a picture gets through."""
        if self.outbox is None:
            self.outbox = OutboxPause(reason, now)
        if now >= self.outbox.until:
            self.outbox.until = now + backoff(FIRST_PAUSE, self.outbox.times, LONGEST_PAUSE)
            self.outbox.times += 1
        self.outbox.reason = reason

    def resume_outbox(self, now: float) -> None:
        """Retry now what waited for the outbox: a picture has got through."""
        if self.outbox is not None:
            self.outbox = None
            self._retry(now, (hold for hold in self.pictures.values() if hold.outbox_wide))

    def retry_all(self, now: float) -> None:
        """Retry every picture now."""
        self._retry(now, self.pictures.values())

    def hurry(self, now: float) -> int:
        """Let everything be tried now, as a person asks for; return how many pictures wait no more.

        That a picture is looked at early does not bring it nearer to counting as failed.
        """
        if self.outbox is not None:
            self.outbox.until = min(self.outbox.until, now)
        waiting = [hold for hold in self.pictures.values() if now < hold.until < _NEVER]
        for hold in waiting:
            hold.bad_reads = max(0, hold.bad_reads - 1)
        self._retry(now, waiting)
        return len(waiting)

    @staticmethod
    def _retry(now: float, holds: Iterable[Hold]) -> None:
        for hold in holds:
            if hold.until < _NEVER:
                hold.until = min(hold.until, now)

    def is_outbox_paused(self, now: float) -> bool:
        """Whether no picture may be tried now."""
        return self.outbox is not None and now < self.outbox.until

    def due(self, now: float, *, but: Container[str]) -> Iterator[Sighting]:
        """Yield each picture that has been held for long enough; it then counts as being tried."""
        for path, hold in self.pictures.items():
            if hold.until <= now and path not in but:
                hold.until = _NEVER  # until it is held anew
                yield hold.source

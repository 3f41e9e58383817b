"""How long the page waits for who has connected: values in, decisions out.

A connection is looked at once a second. Who says nothing, or too little, is hung up on, so that
nobody keeps a connection for nothing.
"""

from dataclasses import dataclass, field
from typing import Literal

from scissorsd import failpoints

# Seconds.
HEADERS = failpoints.seconds("PAGE_HEADERS", 10.0)  # for the headers of a request
SILENCE = failpoints.seconds("PAGE_SILENCE", 30.0)  # between two pieces of a body, or two requests
WINDOW = failpoints.seconds("PAGE_WINDOW", 60.0)  # in which a body has to come at the least pace
UNREAD = failpoints.seconds("PAGE_UNREAD", 120.0)  # in which of an answer nothing was taken
LINGER = SILENCE  # for the rest of a body that was refused: a browser reads the answer after it
PACE = 1024  # bytes a second of a body

# What a connection is at: between requests, in the headers, in the body, in the rest of a body
# that is answered already, or at being answered.
Phase = Literal["idle", "headers", "body", "rest", "answer"]


@dataclass(slots=True)
class Clock:
    """What is known of one connection; all moments are on one clock."""

    phase: Phase = "headers"
    since: float = 0.0  # in that phase
    heard: float = 0.0  # when the last bytes came
    received: int = 0  # bytes, in all
    _window: float = field(default=0.0)  # when the pace was measured last
    _window_received: int = field(default=0)
    _unsent: int = field(default=0)  # bytes that the other side had not taken
    _taken: float = field(default=0.0)  # when it last took some

    def start(self, now: float) -> None:
        """Begin with a new connection."""
        self.since = self.heard = self._taken = now

    def hear(self, count: int, now: float) -> None:
        """Note that bytes came."""
        self.received += count
        self.heard = now

    def enter(self, phase: Phase, now: float) -> None:
        """Note what the connection is at now."""
        if phase != self.phase:
            self.phase, self.since, self.heard = phase, now, now
            self._begin_window(now)

    def look(self, now: float, *, unsent: int, reads: bool) -> str:
        """Return why to hang up, or ''.

        `unsent` bytes of answers wait for the other side to take them. While the page itself does
        not read (`reads`), nobody is blamed for silence.
        """
        if unsent == 0 or unsent < self._unsent:
            self._taken = now
        self._unsent = unsent
        if now - self._taken > UNREAD:
            return "it does not read the answer"
        if self.phase == "headers" and now - self.since > HEADERS:
            return "its headers did not come"
        if self.phase == "idle" and now - self.since > SILENCE:
            return "it asks for nothing more"
        if self.phase == "rest" and now - self.since > LINGER:
            return "it goes on sending what was refused"
        return self._look_at_body(now, reads=reads) if self.phase == "body" else ""

    def _look_at_body(self, now: float, *, reads: bool) -> str:
        if not reads:
            self.heard = now
            self._begin_window(now)
            return ""
        if now - self.heard > SILENCE:
            return "it fell silent in the midst of a body"
        if now - self._window > WINDOW:
            came = self.received - self._window_received
            if came < PACE * (now - self._window):
                return "its body comes too slowly"
            self._begin_window(now)
        return ""

    def _begin_window(self, now: float) -> None:
        self._window, self._window_received = now, self.received


def to_give_up(clocks: dict[int, Clock]) -> int | None:
    """Return which connection to hang up on where one too many has come, or None for none.

    It is the one that has been at nothing for the longest: between two requests or, else, in its
    headers. Nobody is cut off in a request.
    """
    for phase in ("idle", "headers"):
        waiting = [number for number, clock in clocks.items() if clock.phase == phase]
        if waiting:
            return min(waiting, key=lambda number: clocks[number].since)
    return None

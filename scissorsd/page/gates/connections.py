"""uvicorn's connections, with limits: so many at most, and none that only sits there."""

from time import monotonic
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from scissorsd.page.gates.patience import Clock, Phase, to_give_up

MOST = 128
_GOODBYE = 1.0  # seconds for who was not taken to read why
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Retry-After: 10\r\nConnection: close\r\n\r\nToo many ask at once. Try again in a moment.\n"
)


class Connection(H11Protocol):
    """One connection; its clock is looked at by `look_at_all`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as uvicorn has them
        super().__init__(*arguments, **options)
        self.clock = Clock()
        self._is_taken = False

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as uvicorn has it
        """Take a connection, if there is room; make room where another one sits there."""
        self.clock.start(monotonic())
        if len(self.connections) >= MOST and not _make_room(self.connections):
            transport.write(_FULL)
            transport.write_eof()
            # Closed at once, with what it asks unread, it would lose the answer.
            self.loop.call_later(_GOODBYE, transport.abort)
            return
        self._is_taken = True
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        if self._is_taken:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if not self._is_taken:
            return
        now = monotonic()
        self.clock.hear(len(data), now)
        if self.clock.phase == "idle":
            self.clock.enter("headers", now)
        super().data_received(data)
        self.note(now)

    def on_response_complete(self) -> None:
        """Note that an answer is out."""
        super().on_response_complete()
        self.note(monotonic())

    def note(self, now: float) -> None:
        """Note what the connection is at."""
        ours, theirs = self.conn.our_state, self.conn.their_state
        phase: Phase | None = None
        if theirs is h11.IDLE:
            # Bytes that came, and are no request yet, are headers.
            half = bool(self.conn.trailing_data[0])
            is_new = self.cycle is None
            phase = "headers" if half or is_new else "idle"
        elif theirs is h11.SEND_BODY:
            phase = "rest" if ours is h11.DONE else "body"
        else:
            phase = "answer"
        self.clock.enter(phase, now)

    def look(self, now: float) -> None:
        """Hang up, if there is a reason to."""
        self.note(now)
        unsent = self.transport.get_write_buffer_size()
        if self.clock.look(now, unsent=unsent, reads=not self.flow.read_paused):
            self.hang_up()

    def hang_up(self) -> None:
        """End the connection at once."""
        self.transport.abort()


def _make_room(connections: set[Any]) -> bool:
    """Hang up on a connection that is at nothing; whether there was one."""
    ours = {id(one): one for one in cast("set[Connection]", connections)}
    number = to_give_up({mark: one.clock for mark, one in ours.items()})
    if number is None:
        return False
    ours[number].hang_up()
    connections.discard(ours[number])  # it counts no longer, though its end is told of later
    return True


def look_at_all(connections: set[Any], now: float) -> None:
    """Hang up on every connection that there is a reason to."""
    for connection in list(cast("set[Connection]", connections)):
        connection.look(now)

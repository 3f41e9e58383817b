"""How long the page waits for who has connected, on a clock of the test's own."""

import pytest

from scissorsd.page.gates.patience import (
    HEADERS,
    LINGER,
    PACE,
    SILENCE,
    UNREAD,
    WINDOW,
    Clock,
    Phase,
    to_give_up,
)


def hung_up_at(clock: Clock, seconds: int, *, bytes_a_second: int, reads: bool = True) -> int:
    """Return the second at which a connection is hung up on; 0 if it is not."""
    for now in range(1, seconds + 1):
        if bytes_a_second:
            clock.hear(bytes_a_second, now)
        if clock.look(now, unsent=0, reads=reads):
            return now
    return 0


@pytest.mark.parametrize(
    ("phase", "bytes_a_second", "limit"),
    [
        ("headers", 0, HEADERS),
        ("headers", 5, HEADERS),  # a byte now and then is no way around
        ("idle", 0, SILENCE),
        ("body", 0, SILENCE),
        ("body", 1, WINDOW),
        ("body", PACE - 1, WINDOW),
        ("rest", 10**6, LINGER),
    ],
)
def test_who_is_slow_is_hung_up_on(phase: Phase, bytes_a_second: int, limit: float) -> None:
    """Half-sent headers, silence, a trickle, and what goes on after a refusal: each has its end."""
    clock = Clock(phase)
    assert hung_up_at(clock, 200, bytes_a_second=bytes_a_second) == int(limit) + 1


def test_who_is_not_slow_is_served() -> None:
    """A body that comes at the least pace may be of any length, and an answer may take as long."""
    assert hung_up_at(Clock("body"), 5000, bytes_a_second=PACE) == 0
    assert hung_up_at(Clock("answer"), 5000, bytes_a_second=0) == 0


def test_nobody_is_blamed_while_the_page_does_not_read() -> None:
    """While the page itself is behind, a body may stand still."""
    clock = Clock("body")
    assert hung_up_at(clock, 500, bytes_a_second=0, reads=False) == 0
    assert clock.look(500 + SILENCE, unsent=0, reads=True) == ""
    assert clock.look(501 + SILENCE, unsent=0, reads=True)


def test_who_does_not_read_the_answer() -> None:
    """An answer of which nothing is taken is given up; one that is taken slowly is not."""
    slow, stuck = Clock("answer"), Clock("answer")
    for now in range(int(UNREAD) + 1):
        assert slow.look(now, unsent=10_000 - now, reads=True) == ""
        assert stuck.look(now, unsent=10_000, reads=True) == ""
    assert stuck.look(UNREAD + 2, unsent=10_000, reads=True)
    assert slow.look(UNREAD + 2, unsent=10, reads=True) == ""


def test_who_makes_room() -> None:
    """One too many takes the place of who asks for nothing, or is in his headers for longest."""
    clocks = {
        1: Clock("body", since=1.0),
        2: Clock("headers", since=3.0),
        3: Clock("headers", since=2.0),
        4: Clock("idle", since=9.0),
    }
    assert to_give_up(clocks) == 4
    del clocks[4]
    assert to_give_up(clocks) == 3
    assert to_give_up({1: clocks[1]}) is None

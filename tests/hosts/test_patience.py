"""How long an answer is waited for, by who is there: no broker, and the clock is passed in."""

import pytest

from scissorsd.hosts.watcher.orders_out import Out
from scissorsd.hosts.watcher.patience import IDLE, PATIENCE, Patience
from scissorsd.hosts.watcher.presence import Presence

from .test_orders import ORDER
from .test_ways import HOSTS, NETWORKS, said

SENT = 1000.0


def heard(*busy: int, every: float = 3.0) -> Presence:
    """Return a host that was heard every few seconds since the order was sent."""
    presence = Presence(10.0)
    for turn, count in enumerate(busy):
        presence.note(said("one", takes=["paths"], busy=count), SENT + turn * every)
    return presence


def why(presence: Presence, after: float, patience: Patience | None = None) -> str:
    """Return why an order is lost so many seconds after it was sent."""
    stands = patience or Patience(is_there=True)
    return stands.why_lost(Out(ORDER, NETWORKS, SENT), HOSTS, presence, SENT + after)


@pytest.mark.parametrize(
    ("busy", "is_lost"),
    [
        ([0] * 30, True),
        ([1] * 30, False),
        ([0] * 20 + [1] + [0] * 9, False),
        ([0] * 5 + [1] + [0] * 24, True),
    ],
)
def test_hosts_that_do_nothing(busy: list[int], is_lost: bool) -> None:  # noqa: FBT001
    """What no host has taken while all of them had nothing to do for long is not in line."""
    after = 3.0 * (len(busy) - 1)
    assert after > IDLE
    assert bool(why(heard(*busy), after)) == is_lost


@pytest.mark.parametrize(("busy_for", "is_lost"), [(90, True), (150, False)])
def test_a_host_in_trouble_may_still_be_at_it(busy_for: int, is_lost: bool) -> None:  # noqa: FBT001
    """While a host that gets no more work has something in hand, that may be the order."""
    presence = Presence(10.0)
    for after in range(0, 180, 3):
        presence.note(said("one", takes=["paths"], busy=0), SENT + after)
        in_hand = int(after < busy_for)
        presence.note(said("two", takes=[], trouble="full", busy=in_hand), SENT + after)
    assert bool(why(presence, 177)) == is_lost


def test_the_others_reasons() -> None:
    """An order is lost after its lease, without a hub, and without a host that could, for long."""
    assert "has been out for" in why(heard(1), HOSTS.lease + 1)
    away = Patience(away_from=SENT)
    assert why(Presence(10.0), PATIENCE - 1, away) == ""
    assert "the hub has been away" in why(Presence(10.0), PATIENCE + 1, away)
    alone = Patience(is_there=True)
    assert why(Presence(10.0), 1, alone) == ""
    assert "no host that could" in why(Presence(10.0), PATIENCE + 2, alone)


def test_what_is_news() -> None:
    """That the hub is away is news once, until it was there again."""
    patience = Patience()
    assert patience.note_away("no route", SENT)
    assert not patience.note_away("refused", SENT + 1)
    assert (patience.away, patience.away_from) == ("refused", SENT)
    assert patience.note_there()
    assert not patience.note_there()
    assert patience.note_away("no route", SENT + 2)

"""Holds, with the clock passed in: that a person's wish ends every pause at once."""

from scissorsd.core.settling import Sighting
from scissorsd.daemon.holds import Holds
from scissorsd.daemon.outcomes import Held

HALF = Held("half of it is missing", truncated=True)
FULL = Held("the disk is full", outbox_wide=True)


def seen(path: str) -> Sighting:
    """Return what a look at a path saw."""
    return Sighting(path, size=1, mtime_ns=1, inode=1, device=1)


def due(holds: Holds, now: float) -> list[str]:
    """Return the pictures that are tried now."""
    return [sighting.path for sighting in holds.due(now, but=())]


def test_hurry() -> None:
    """Every picture that waits is tried at once, and so is the outbox that rests."""
    holds = Holds()
    holds.hold(seen("a.jpg"), HALF, 100.0, first_pause=50.0)
    holds.hold(seen("b.jpg"), FULL, 100.0, first_pause=50.0)
    assert (due(holds, 100.0), holds.is_outbox_paused(100.0)) == ([], True)
    assert holds.hurry(100.0) == 2
    assert not holds.is_outbox_paused(100.0)
    assert due(holds, 100.0) == ["a.jpg", "b.jpg"]


def test_hurry_takes_nothing_that_is_tried() -> None:
    """What is being tried at that moment is not tried a second time beside it."""
    holds = Holds()
    holds.hold(seen("a.jpg"), HALF, 0.0, first_pause=5.0)
    assert due(holds, 5.0) == ["a.jpg"]
    assert holds.hurry(6.0) == 0
    assert due(holds, 6.0) == []


def test_hurrying_half_a_picture_does_not_make_it_fail() -> None:
    """Looked at early, again and again, it comes no nearer to counting as failed."""
    holds = Holds()
    source = seen("half.jpg")
    now = 0.0
    holds.hold(source, HALF, now, first_pause=5.0)
    for _ in range(20):
        holds.hurry(now)
        holds.hurry(now)  # twice is once
        assert due(holds, now) == ["half.jpg"]
        now += 1
        holds.hold(source, HALF, now, first_pause=5.0)
    assert holds.pictures["half.jpg"].bad_reads == 1


def test_what_goes_wrong_again_waits_for_longer() -> None:
    """Where nothing has changed, the pauses grow on from where they were."""
    holds = Holds()
    holds.hold(seen("a.jpg"), FULL, 0.0, first_pause=2.0)
    first = holds.pictures["a.jpg"].until
    holds.hurry(0.0)
    assert due(holds, 0.0) == ["a.jpg"]
    holds.hold(seen("a.jpg"), FULL, 0.0, first_pause=2.0)
    assert holds.pictures["a.jpg"].until > first

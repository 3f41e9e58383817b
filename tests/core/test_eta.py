import pytest

from scissorsd.core.eta import Pace, in_words, seconds_each


def test_even_work() -> None:
    """Pictures that end every two seconds leave two seconds for each that is left."""
    pace = Pace()
    pace.works(100.0)
    for number in range(1, 11):
        pace.ended(100.0 + 2 * number)
    assert pace.seconds_left(50, now=120.0) == pytest.approx(100)
    assert pace.seconds_left(50, now=121.0) == pytest.approx(99)
    assert pace.seconds_left(0, now=130.0) == 0


def test_unknown_at_first() -> None:
    """Before the first pictures have ended, and while nothing is in hand, nobody knows."""
    pace = Pace()
    assert pace.seconds_left(5, now=0.0) is None
    pace.works(0.0)
    pace.ended(1.0)
    assert pace.seconds_left(5, now=1.0) is None
    for now in (2.0, 3.0):
        pace.ended(now)
    assert pace.seconds_left(5, now=3.0) == pytest.approx(5)
    pace.rests()
    assert pace.seconds_left(5, now=4.0) is None


def test_a_rest_does_not_count() -> None:
    """After an hour without work the pace is that of the new pictures alone."""
    pace = Pace()
    pace.works(0.0)
    for now in range(1, 9):
        pace.ended(float(now))
    pace.rests()
    pace.works(3600.0)
    assert pace.seconds_left(5, now=3600.0) is None
    for number in range(1, 4):
        pace.ended(3600.0 + 10 * number)
    assert pace.seconds_left(6, now=3630.0) == pytest.approx(60)


def test_the_last_pictures_count() -> None:
    """When large pictures follow small ones, the pace soon is that of the large ones."""
    pace = Pace()
    pace.works(0.0)
    now = 0.0
    for seconds in [0.1] * 500 + [3.0] * 250:
        now += seconds
        pace.ended(now)
    assert pace.seconds_left(100, now=now) == pytest.approx(300)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (61, "1 min"), (3000, "50 min"), (9000, "2 h 30 min")],
)
def test_in_words(seconds: float, words: str) -> None:
    """A duration is said as roughly as it is known."""
    assert in_words(seconds) == words


def test_the_pace_of_jobs() -> None:
    """Jobs side by side share the time in which any was in hand; rests between do not count."""
    two_at_once = [(0.0, 4.0), (0.0, 4.0), (4.0, 8.0), (4.0, 8.0)]
    assert seconds_each(two_at_once) == pytest.approx(2)
    after_a_night = [(begun + 30_000, ended + 30_000) for begun, ended in two_at_once]
    assert seconds_each([*after_a_night, *two_at_once]) == pytest.approx(2)
    assert seconds_each([(0.0, 10.0), (2.0, 4.0)]) == pytest.approx(5)


def test_the_pace_of_odd_jobs() -> None:
    """A job that was held for days, or over which the clock was set back, does not spoil it."""
    assert seconds_each([]) is None
    assert seconds_each([(10.0, 5.0)]) is None
    held = [(0.0, 300_000.0), *((300_000.0 + n, 300_001.0 + n) for n in range(99))]
    assert seconds_each(held) == pytest.approx(699 / 100)

"""What has been kept for long enough, which clock is believed, which folders may go."""

from dataclasses import replace

import pytest

from scissorsd.core.keeping import (
    DAY,
    FOR_EVER,
    LEAP,
    REST,
    SLACK,
    Clock,
    Keep,
    clock_of,
    emptied_folders,
    ended_at_least,
    has_rested,
    may_go,
)
from scissorsd.core.rules import Rule

NOW = 1_800_000_000.0
HOUR = 3600.0
IN_2038 = 2_147_000_000.0
KEEP = Keep(processed=90 * DAY, review=30 * DAY)


def running(clock: Clock, now: float, seconds: float) -> Clock:
    """Let a daemon run for so long, and look at the clock every hour."""
    for hour in range(1, int(seconds / HOUR) + 1):
        clock = clock.look(now + hour * HOUR, HOUR)
    return clock


def test_each_kind_has_a_time_of_its_own() -> None:
    """What has no time is kept for ever, and so is what never ended."""
    assert KEEP.shortest == 30 * DAY
    assert FOR_EVER.shortest is None
    assert KEEP.is_over("processed", NOW - 90 * DAY, NOW)
    assert not KEEP.is_over("processed", NOW - 90 * DAY + 1, NOW)
    assert KEEP.is_over("review", NOW - 31 * DAY, NOW)
    assert not KEEP.is_over("failed", NOW - 1000 * DAY, NOW)
    assert not KEEP.is_over("processed", 0.0, NOW)


def test_what_ended_in_the_future_is_kept() -> None:
    """A clock that is behind removes nothing."""
    assert not KEEP.is_over("review", IN_2038, NOW)


def test_a_clock_that_was_behind_makes_nothing_old() -> None:
    """A job that is said to have ended in 1970 did not end before those that began earlier."""
    ended = ended_at_least(100.0, NOW - DAY)
    assert not KEEP.is_over("processed", ended, NOW)
    assert ended_at_least(NOW, NOW - DAY) == NOW


def test_a_clock_that_goes_on_is_believed() -> None:
    """Hours, a week-end and a step of the time server are nothing to doubt."""
    clock = running(Clock(NOW), NOW, 30 * DAY)
    for pause in (HOUR, 3 * DAY, -HOUR, LEAP):
        assert clock.look(clock.believed + pause, 0.0).is_believed


@pytest.mark.parametrize("wrong", [100.0, NOW - 400 * DAY, NOW + LEAP + 1, IN_2038])
def test_a_clock_that_leaps_is_doubted_until_it_is_right_again(wrong: float) -> None:
    """A board that starts in 1970 or 2038 is believed as soon as it knows the time."""
    clock = Clock(NOW).look(wrong, 0.0)
    assert not clock.is_believed
    clock = running(clock, wrong, LEAP - HOUR)
    assert not clock.is_believed
    assert clock.look(NOW + LEAP, HOUR) == Clock(NOW + LEAP)


def test_a_clock_that_has_run_for_a_week_is_believed() -> None:
    """A machine that was off for a summer goes on after a week; a restart does not count for it."""
    clock = Clock(NOW).look(NOW + 60 * DAY, 0.0)
    for _ in range(1000):
        clock = clock.look(clock.doubted + 60, 0.0)  # started again and again
    assert not clock.is_believed
    clock = running(clock, clock.doubted, LEAP)
    assert clock.is_believed


def test_a_second_leap_begins_the_week_anew() -> None:
    """Nor does a clock that leaps to and fro come to be believed."""
    clock = running(Clock(NOW).look(IN_2038, 0.0), IN_2038, LEAP - HOUR)
    clock = clock.look(100.0, HOUR)
    assert (clock.is_believed, clock.steady) == (False, 0.0)
    clock = running(clock, 100.0, HOUR)
    assert (clock.is_believed, clock.believed) == (False, NOW)


@pytest.mark.parametrize("told", [None, [], {}, {"believed": "x"}, {"believed": 0}, {"doubted": 1}])
def test_a_clock_that_cannot_be_read_is_none(told: object) -> None:
    """A damaged file is as good as none."""
    assert clock_of(told) is None


def test_a_clock_is_read_as_it_was_written() -> None:
    """All that was known of it is known again."""
    assert clock_of({"believed": 3, "doubted": 2.5, "steady": 1}) == Clock(3.0, 2.5, 1.0)


# --- emptied folders ----------------------------------------------------------------------------


def test_the_folders_of_pictures() -> None:
    """Those above are among them, the deepest come first, and the inbox itself is none."""
    pictures = [("a/b/1.jpg", 10.0), ("a/b/2.jpg", 30.0), ("a/3.jpg", 20.0), ("4.jpg", 99.0)]
    found = emptied_folders(pictures)
    assert list(found.items()) == [("a/b", 30.0), ("a", 30.0)]


def test_a_folder_rests_for_an_hour_after_our_own_last_change() -> None:
    """Whoever touches it later keeps it: a copy may be about to fill it."""
    disposed = NOW - REST
    assert has_rested(disposed - 1, disposed, NOW)
    assert not has_rested(disposed - 1, disposed + 1, NOW)  # not yet an hour
    assert not has_rested(disposed + 1, disposed, NOW)
    assert has_rested(disposed + SLACK, disposed, NOW + SLACK)
    assert not has_rested(disposed + SLACK + 1, disposed, NOW + DAY)  # somebody else


@pytest.mark.parametrize(
    ("match", "folder"),
    [
        ("white/**", "white"),
        ("white/", "white"),
        ("White/*.jpg", "white"),
        ("a/b/**", "a"),
        ("a/b/**", "a/b"),
        ("**/raw/*.jpg", "2026/raw"),
        ("{white,grey}/**", "grey"),
        ("{a/b,c}/**", "b"),
        ("{a/*.jpg,b/*.jpg}", "b"),
        ("pro{duct,ject}s/*", "projects"),
    ],
)
def test_a_folder_that_a_rule_names_stays(match: str, folder: str) -> None:
    """People drop pictures there again."""
    assert not may_go(folder, (), [Rule("one", match=("*.png", match))])


@pytest.mark.parametrize(
    ("match", "folder"),
    [("white/**", "order 17"), ("*.jpg", "jpg"), ("2026*/**", "2026-11"), ("**/*.jpg", "a/b")],
)
def test_any_other_folder_may_go(match: str, folder: str) -> None:
    """A pattern with wildcards names none."""
    assert may_go(folder, (), [Rule("one", match=(match,)), replace(Rule("all"))])


def test_an_ignored_folder_stays() -> None:
    """It is none of our business, whatever was cut there before."""
    assert not may_go("old/a", ("old",), [])
    assert not may_go("@eaDir", (), [])

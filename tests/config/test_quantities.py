"""Durations, sizes, counts, lengths and frames, read and said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scissorsd.config import parse_quantities
from scissorsd.core.rules import Length


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("500ms", 0.5),
        ("2s", 2),
        ("5m", 300),
        ("1h", 3600),
        ("90d", 7776000),
        ("1.5 s", 1.5),
        (2, 2),
        (0.25, 0.25),
    ],
)
def test_durations(written: object, meant: float) -> None:
    """A bare number is seconds, and a unit may stand behind it."""
    assert parse_quantities.seconds(written) == meant


@pytest.mark.parametrize(("written", "meant"), [("1d", 86400), ("90d", 7776000), ("36h", 129600)])
def test_how_long_things_are_kept(written: str, meant: float) -> None:
    """It is told in days, or in hours that make more than one."""
    assert parse_quantities.kept_for(written) == meant


@pytest.mark.parametrize("written", [90, 90.0, "90", "", True, [], "d", "90 days", "-1d", "1e3d"])
def test_no_number_alone_says_how_long_things_are_kept(written: object) -> None:
    """Of 90 nobody knows whether seconds were meant, and what is removed is gone."""
    with pytest.raises(ValueError, match=r"is not a (time to keep things|duration)"):
        parse_quantities.kept_for(written)


@pytest.mark.parametrize("written", ["3m", "90s", "23h", "500ms", "0d"])
def test_nothing_is_kept_for_less_than_a_day(written: str) -> None:
    """3m may mean three months to a person, and is three minutes."""
    with pytest.raises(ValueError, match="is too little; at least 1d"):
        parse_quantities.kept_for(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("512MiB", 2**29),
        ("2GB", 2 * 10**9),
        ("1.5KiB", 1536),
        ("10", 10),
        (7, 7),
        ("3 mb", 3 * 10**6),
    ],
)
def test_sizes(written: object, meant: int) -> None:
    """MiB counts by 1024 and MB by 1000, in any case."""
    assert parse_quantities.size(written) == meant


@pytest.mark.parametrize(("written", "meant"), [("250M", 250_000_000), ("10k", 10_000), (5, 5)])
def test_counts(written: object, meant: int) -> None:
    """The letters k, M and G stand for thousands, millions and milliards."""
    assert parse_quantities.count(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "s",
        "2:30",
        "2x",
        "-1s",
        "1e3s",
        "9" * 400,
        True,
        None,
        [],
        -1,
        float("nan"),
        float("inf"),
    ],
)
def test_anything_else_is_refused(written: object) -> None:
    """No other text or type passes for a duration, a size or a count."""
    for parse in (parse_quantities.seconds, parse_quantities.size, parse_quantities.count):
        with pytest.raises(ValueError, match=r"is not a (duration|size|count)"):
            parse(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("12px", Length(12)),
        ("12 PX", Length(12)),
        (12, Length(12)),
        (0.5, Length(0.5)),
        ("1.5%", Length(1.5, "%")),
        (" 2 % ", Length(2, "%")),
    ],
)
def test_lengths(written: object, meant: Length) -> None:
    """A bare number is pixels, and percent stay percent."""
    assert parse_quantities.length(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (2000, 2000),
        ("2000 px", 2000),
        ("2000x1500", (2000, 1500)),
        ("2000 × 1500", (2000, 1500)),
        ("2000X1500px", (2000, 1500)),
        ("16x16384", (16, 16384)),
    ],
)
def test_frames(written: object, meant: object) -> None:
    """One number is the longer side, two are width and height."""
    assert parse_quantities.frame(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("4:5", (4, 5)),
        ("8 : 10", (4, 5)),
        ("16/9", (16, 9)),
        ("4x5", (4, 5)),
        ("1.91:1", (191, 100)),
    ],
)
def test_aspects(written: str, meant: tuple[int, int]) -> None:
    """Width to height come in the smallest whole numbers."""
    assert parse_quantities.aspect(written) == meant


@pytest.mark.parametrize(
    "written", ["", "x", "px", "1e3", "٣px", True, None, [], -1, 245, "4:", "∞"]
)
def test_no_other_text_is_a_place_in_a_picture(written: object) -> None:
    """Neither the number that YAML 1.1 makes of 4:5 nor half a pair passes."""
    with pytest.raises(ValueError, match="is not an aspect"):
        parse_quantities.aspect(written)
    if written != 245:
        with pytest.raises(ValueError, match=r"is not a (length)|less than nothing"):
            parse_quantities.length(written)
        with pytest.raises(ValueError, match="is not a size in pixels"):
            parse_quantities.frame(written)


@given(st.integers(1, 10**12))
def test_what_is_said_can_be_read(number: int) -> None:
    """A quantity that is said the way it is written reads as itself."""
    assert (
        parse_quantities.size(parse_quantities.said_size(number).removesuffix(" bytes")) == number
    )
    assert parse_quantities.count(parse_quantities.said_count(number)) == number
    assert (
        parse_quantities.seconds(parse_quantities.said_seconds(number % 10**5 + 0.5))
        == number % 10**5 + 0.5
    )
    days = number % 10**4 * 86400
    assert parse_quantities.seconds(parse_quantities.said_seconds(days)) == days

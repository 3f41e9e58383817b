"""Durations, sizes and counts, read and said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scissorsd.config import quantities


@pytest.mark.parametrize(
    ("written", "meant"),
    [("500ms", 0.5), ("2s", 2), ("5m", 300), ("1h", 3600), ("1.5 s", 1.5), (2, 2), (0.25, 0.25)],
)
def test_durations(written: object, meant: float) -> None:
    """A bare number is seconds, and a unit may stand behind it."""
    assert quantities.seconds(written) == meant


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
    assert quantities.size(written) == meant


@pytest.mark.parametrize(("written", "meant"), [("250M", 250_000_000), ("10k", 10_000), (5, 5)])
def test_counts(written: object, meant: int) -> None:
    """The letters k, M and G stand for thousands, millions and milliards."""
    assert quantities.count(written) == meant


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
    for parse in (quantities.seconds, quantities.size, quantities.count):
        with pytest.raises(ValueError, match=r"is not a (duration|size|count)"):
            parse(written)


@given(st.integers(1, 10**12))
def test_what_is_said_can_be_read(number: int) -> None:
    """A quantity that is said the way it is written reads as itself."""
    assert quantities.size(quantities.said_size(number).removesuffix(" bytes")) == number
    assert quantities.count(quantities.said_count(number)) == number
    assert quantities.seconds(quantities.said_seconds(number % 10**5 + 0.5)) == number % 10**5 + 0.5

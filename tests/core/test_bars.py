import pytest

from scissorsd.core.bars import FINE, PLAIN, Bar, of_bytes
from scissorsd.core.columns import columns

BACKLOG = Bar("cutting", 85, 340, "85 of 340", "about 3 min left")


def test_a_bar() -> None:
    """A quarter of the work is a quarter of the bar; how much and how long stand behind it."""
    assert BACKLOG.line(80) == f"cutting {'━' * 8}{'─' * 24}  85 of 340  about 3 min left"
    assert BACKLOG.line(80, PLAIN) == f"cutting {'#' * 8}{'-' * 24}  85 of 340  about 3 min left"


@pytest.mark.parametrize("width", range(1, 121))
@pytest.mark.parametrize("marks", [FINE, PLAIN])
def test_it_fits(width: int, marks: object) -> None:
    """At no width it is longer than a line."""
    fetch = Bar("fetching the network, once", 1 << 26, 1 << 27, of_bytes(1 << 26, 1 << 27), "5 s")
    for bar in (BACKLOG, fetch, Bar("写真", 3, None, "3")):
        assert columns(bar.line(width, marks)) <= width  # type: ignore[arg-type]


def test_narrow() -> None:
    """What goes first is the time, then the bar."""
    assert BACKLOG.line(40) == f"cutting {'━' * 5}{'─' * 16}  85 of 340"
    assert BACKLOG.line(20) == "cutting  85 of 340"


@pytest.mark.parametrize(("done", "total"), [(0, 0), (5, 0), (7, 5), (0, None)])
def test_odd_counts(done: int, total: int | None) -> None:
    """More than all, of nothing, or of nobody knows how much: it is told all the same."""
    line = Bar("cutting", done, total, "so many").line(60)
    assert line.endswith("so many")
    assert columns(line) <= 60


def test_bytes() -> None:
    """Megabytes, of how many where that is known."""
    assert of_bytes(86_000_000, 175_997_641) == "86.0 of 176.0 MB"
    assert of_bytes(86_000_000, None) == "86.0 MB"

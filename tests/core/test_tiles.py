import numpy as np
import pytest
from numpy.typing import NDArray

from scissorsd.core import tiles
from scissorsd.core.box_filter import means
from scissorsd.core.tiles import in_tiles, wanted_tiles

Planes = NDArray[np.floating]

RADIUS = 3


def blurred(colours: Planes, values: Planes) -> Planes:
    """Make two planes that each look at what is around."""
    return means(np.stack([colours[0] * values, colours[2]]), RADIUS)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "ROWS", 8)
    monkeypatch.setattr(tiles, "COLUMNS", 12)


def test_tiles_leave_no_trace() -> None:
    """Where something is wanted the planes are those of the whole, at the frame too; else 0."""
    planes = np.random.default_rng(1).random((4, 30, 41))
    wanted = np.zeros((30, 41), np.bool_)
    wanted[3, 4] = wanted[29, 40] = wanted[10:20, 20] = True
    found = in_tiles(blurred, planes[:3], planes[3], wanted, reach=RADIUS)
    whole = blurred(planes[:3], planes[3])
    made = np.zeros_like(wanted)
    for place in wanted_tiles(wanted):
        made[place] = True
    assert found.shape == (2, 30, 41)
    assert (made >= wanted).all()
    assert not made.all()
    np.testing.assert_allclose(found[:, made], whole[:, made], atol=1e-6)
    assert not found[:, ~made].any()


def test_every_pixel_is_in_one_tile() -> None:
    """The tiles cover all, and nothing twice."""
    count = np.zeros((17, 25), int)
    for place in wanted_tiles(np.ones((17, 25), np.bool_)):
        count[place] += 1
    assert (count == 1).all()

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scissorsd.core.box_filter import means, spread, sums

Values = NDArray[np.float64]


def noise(*shape: int) -> Values:
    """Draw the same random values each time."""
    return np.random.default_rng(7).standard_normal(shape)


def plain_means(planes: Values, radius: int) -> Values:
    """Average around each pixel in the plainest way."""
    around = [(0, 0)] * (planes.ndim - 2) + [(radius, radius)] * 2
    size = 2 * radius + 1
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(planes, around, mode="edge"), (size, size), axis=(-2, -1)
    )
    return np.asarray(windows.mean(axis=(-2, -1)))


@pytest.mark.parametrize("size", [2, 3, 5])
def test_sums_are_plain_sums(size: int) -> None:
    """Each window that lies wholly inside is summed, whatever number of planes there are."""
    planes = noise(2, 3, 9, 14)
    windows = np.lib.stride_tricks.sliding_window_view(planes, (size, size), axis=(-2, -1))
    found = sums(planes, size)
    assert found.shape == (2, 3, 10 - size, 15 - size)
    np.testing.assert_allclose(found, windows.sum(axis=(-2, -1)))


@settings(deadline=None)
@given(height=st.integers(5, 30), width=st.integers(5, 30), size=st.sampled_from([2, 3, 5]))
def test_spread_is_the_transpose_of_sums(height: int, width: int, size: int) -> None:
    """Summed and multiplied with y is multiplied with y spread: <sums(x), y> = <x, spread(y)>."""
    x = noise(height, width)
    y = noise(height - size + 1, width - size + 1)
    spread_y = spread(y, size)
    assert spread_y.shape == x.shape
    assert np.vdot(sums(x, size), y) == pytest.approx(np.vdot(x, spread_y), abs=1e-9)


@settings(deadline=None)
@given(height=st.integers(1, 30), width=st.integers(1, 30), radius=st.integers(0, 40))
def test_means_are_plain_means(height: int, width: int, radius: int) -> None:
    """The running sums give plain averages, with the edge repeated, also of a larger radius."""
    planes = noise(2, height, width)
    np.testing.assert_allclose(means(planes, radius), plain_means(planes, radius), atol=1e-9)


@pytest.mark.parametrize("name", ["sums", "spread", "means"])
def test_arguments_are_left_alone(name: str) -> None:
    """What is given is not written to."""
    planes = noise(2, 12, 12)
    planes.flags.writeable = False
    {"sums": sums, "spread": spread, "means": means}[name](planes, 3)


def test_means_of_nothing_are_nothing() -> None:
    """Around whole numbers the means are exact: 0 wherever all is 0, and nowhere else."""
    planes = np.zeros((40, 900), np.float32)
    planes[5:9, 100:103] = planes[20, 400] = 1
    assert ((means(planes, 2) > 0) == (plain_means(planes.astype(np.float64), 2) > 1e-9)).all()

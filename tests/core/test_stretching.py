import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scissorsd.core.stretching import Between, columns_between, rows_between


@settings(deadline=None)
@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    times=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    more=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
def test_it_is_pillows_bilinear(
    height: int, width: int, times: tuple[int, int], more: tuple[int, int]
) -> None:
    """Planes that are stretched to any larger size are as Pillow's bilinear filter makes them."""
    planes = np.random.default_rng(4).random((2, height, width), np.float32)
    high, wide = height * times[0] + more[0], width * times[1] + more[1]
    rows = Between.of((np.arange(high) + 0.5) * (height / high), height)
    columns = Between.of((np.arange(wide) + 0.5) * (width / wide), width)
    found = columns_between(rows_between(planes, rows), columns)
    for plane, stretched in zip(planes, found, strict=True):
        right = Image.fromarray(plane).resize((wide, high), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(stretched, np.asarray(right), atol=1e-5)


def test_a_part_is_the_same_as_of_the_whole() -> None:
    """Some of the places, from only the cells between which they lie, come out alike."""
    plane = np.random.default_rng(4).random((1, 9), np.float32)
    every = Between.of((np.arange(40) + 0.5) * (9 / 40), 9)
    for start in range(40):
        for stop in range(start + 1, 41):
            some = slice(start, stop)
            found = columns_between(plane[:, every.cells(some)], every.part(some))
            assert (found == columns_between(plane, every)[:, some]).all()

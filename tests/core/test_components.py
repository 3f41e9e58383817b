import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from skimage.measure import label

from scissorsd.core.components import connected_components

Binary = NDArray[np.bool_]


def some(height: int, width: int) -> Binary:
    """Draw nothing."""
    return np.zeros((height, width), np.bool_)


pictures = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=30))


@settings(deadline=None)
@given(binary=pictures, diagonally=st.booleans())
def test_parts_are_those_that_others_find(binary: Binary, *, diagonally: bool) -> None:
    """Every picture falls into the same parts as under scikit-image's labelling."""
    parts = connected_components(binary, diagonally=diagonally)
    labels = label(binary, connectivity=2 if diagonally else 1)  # type: ignore[no-untyped-call]
    assert parts.count == labels.max()
    drawn = np.zeros(binary.shape, np.int64)
    for number in range(parts.count):
        painted = parts.painted(np.arange(parts.count) == number)
        assert len(np.unique(labels[painted])) == 1
        assert painted.sum() == parts.areas[number]
        drawn += painted
    assert (drawn == binary).all()


def test_a_long_winding_path_is_one_part() -> None:
    """A path one pixel wide, back and forth through the whole picture, does not fall apart."""
    path = some(401, 300)
    path[::2] = True
    path[1::4, -1] = path[3::4, 0] = True
    assert connected_components(path, diagonally=False).count == 1


def test_rows_do_not_touch_around_the_frame() -> None:
    """The end of a row and the beginning of the next are not neighbours."""
    ends = some(4, 6)
    ends[0, -1] = ends[1, 0] = ends[3, 0] = True
    assert connected_components(ends, diagonally=True).count == 3


def test_corners_join_where_they_should() -> None:
    """Two pixels that touch by a corner are one part, or two, as asked."""
    corner = some(2, 2)
    corner[0, 0] = corner[1, 1] = True
    assert connected_components(corner, diagonally=True).count == 1
    assert connected_components(corner, diagonally=False).count == 2


def test_parts_know_where_they_are() -> None:
    """Boxes, the frame, first pixels, and whose a pixel is."""
    two = some(9, 12)
    two[2:5, 3:8] = True
    two[7:, 10:] = True
    parts = connected_components(two, diagonally=True)
    inner, outer = parts.at(np.array([3, 8]), np.array([5, 11]))
    assert parts.at_border().tolist() == [inner != 0, outer != 0][:: 1 if inner == 0 else -1]
    assert parts.box(np.arange(2) == inner) == (3, 2, 8, 5)
    assert parts.box(np.arange(2) == outer) == (10, 7, 12, 9)
    rows, columns = parts.firsts()
    assert (rows[inner], columns[inner]) == (2, 3)


@pytest.mark.parametrize("cell", [1, 2, 3, 7, 50])
def test_coarse_grids_show_every_cell_that_is_touched(cell: int) -> None:
    """A cell counts when a single pixel of a part lies in it, at the frame too."""
    speckles = np.random.default_rng(3).random((23, 31)) < 0.1
    parts = connected_components(speckles, diagonally=True)
    coarse = parts.touched(np.ones(parts.count, np.bool_), cell)
    for row in range(coarse.shape[0]):
        for column in range(coarse.shape[1]):
            square = speckles[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell]
            assert coarse[row, column] == square.any()


def test_nothing_has_no_parts() -> None:
    """A picture of nothing gives none, and one of everything gives one."""
    assert connected_components(some(5, 5), diagonally=True).count == 0
    assert connected_components(~some(5, 5), diagonally=True).areas.tolist() == [25]

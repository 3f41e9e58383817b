"""Connected components of a binary picture, exactly and at full size.

Each row is a list of runs; runs that touch in neighbouring rows are joined (the run-based
two-pass scheme of He, Chao and Suzuki, "A Run-Based Two-Scan Labeling Algorithm", IEEE Trans.
Image Processing 17, 2008), here by whole arrays: every root is hooked to a smaller neighbour and
all paths are halved (Shiloach and Vishkin, J. Algorithms 3, 1982). The cost is one pass over the
pixels; a mask has so few runs that joining them costs next to nothing. No connection is too thin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scissorsd.core.boxes import Box


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The parts of a binary picture: its runs, row by row, and the number of each one's part."""

    height: int
    width: int
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]  # columns
    ends: NDArray[np.int64]  # columns, just outside
    of_run: NDArray[np.int64]  # 0 to count - 1
    count: int

    @property
    def areas(self) -> NDArray[np.int64]:
        """Return the pixels of each part."""
        lengths = self.ends - self.starts
        return np.bincount(self.of_run, lengths, self.count).astype(np.int64)

    def at_border(self) -> NDArray[np.bool_]:
        """Tell of each part whether it touches the picture's frame."""
        touches = (self.starts == 0) | (self.ends == self.width)
        touches |= (self.rows == 0) | (self.rows == self.height - 1)
        result = np.zeros(self.count, np.bool_)
        result[self.of_run[touches]] = True
        return result

    def at(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the part of each of some pixels; all of them must lie in parts."""
        stride = self.width + 1
        runs = np.searchsorted(self.rows * stride + self.starts, rows * stride + columns, "right")
        return self.of_run[runs - 1]

    def firsts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the row and the column of each part's first pixel."""
        _, runs = np.unique(self.of_run, return_index=True)
        return self.rows[runs], self.starts[runs]

    def painted(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Draw the chosen parts: bool, height × width."""
        runs = chosen[self.of_run]
        stride = self.width + 1
        steps = np.zeros(self.height * stride, np.int8)
        steps[self.rows[runs] * stride + self.starts[runs]] = 1
        steps[self.rows[runs] * stride + self.ends[runs]] = -1
        inside = np.cumsum(steps, dtype=np.int8, out=steps).view(np.bool_)
        return inside.reshape(self.height, stride)[:, : self.width]

    def touched(self, chosen: NDArray[np.bool_], cell: int) -> NDArray[np.bool_]:
        """Draw the chosen parts on a coarse grid: True for each cell × cell square they touch."""
        runs = chosen[self.of_run]
        height, width = -(-self.height // cell), -(-self.width // cell)
        first = self.rows[runs] // cell * (width + 1)
        size = height * (width + 1)
        steps = np.bincount(first + self.starts[runs] // cell, minlength=size)
        steps -= np.bincount(first + (self.ends[runs] - 1) // cell + 1, minlength=size)
        inside = np.cumsum(steps).reshape(height, width + 1)[:, :width] > 0
        return np.ascontiguousarray(inside)

    def box(self, chosen: NDArray[np.bool_]) -> Box:
        """Return the box around the chosen parts, of which there must be one."""
        runs = chosen[self.of_run]
        rows = self.rows[runs]
        left, right = self.starts[runs].min(), self.ends[runs].max()
        return int(left), int(rows[0]), int(right), int(rows[-1]) + 1


def connected_components(binary: NDArray[np.bool_], *, diagonally: bool) -> Components:
    """Find the parts of a bool array, height × width; `diagonally`: corners that touch join."""
    height, width = binary.shape
    stride = width + 1  # one pixel of nothing between rows
    flat = np.zeros(height * stride + 1, np.bool_)
    flat[1:].reshape(height, stride)[:, :width] = binary
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    starts, ends = changes[0::2], changes[1::2]
    reach = int(diagonally)
    first = np.searchsorted(ends, starts + (stride - reach), "right")
    last = np.searchsorted(starts, ends + (stride + reach), "left")
    of_run, count = _joined(len(starts), first, last)
    rows = starts // stride
    return Components(
        height, width, rows, starts - rows * stride, ends - rows * stride, of_run, count
    )


def _joined(
    number: int, first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """Join each run with those from `first` up to `last`: the part of each run, and how many."""
    below = np.maximum(last - first, 0)
    one = np.repeat(np.arange(number), below)
    other = np.arange(len(one)) + np.repeat(first - (np.cumsum(below) - below), below)
    root = np.arange(number)
    while len(one):
        root[np.maximum(one, other)] = np.minimum(one, other)
        while True:
            further = root[root]
            if np.array_equal(further, root):
                break
            root = further
        one, other = root[one], root[other]
        apart = one != other
        one, other = one[apart], other[apart]
    is_root = root == np.arange(number)
    return (np.cumsum(is_root) - 1)[root], int(np.count_nonzero(is_root))

"""Values between the cells of a coarse grid: linear, and as in the outermost cells beyond them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Between:
    """For each of so many places along a side: two cells, and how far it is on the way."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    way: NDArray[np.float32]  # 0 at the first cell's middle, 1 at the second's

    @classmethod
    def of(cls, at: NDArray[np.floating], cells: int) -> "Between":
        """Take places in cells: the middle of the first cell is at 0.5."""
        before = np.floor(at - 0.5)
        first = before.astype(np.intp)
        way = (at - 0.5 - before).astype(np.float32)
        return cls(first.clip(0, cells - 1), (first + 1).clip(0, cells - 1), way)

    def part(self, places: slice) -> "Between":
        """Return some of the places, one after the other, and their cells from the first on."""
        start = self.first[places.start]
        first, second = self.first[places] - start, self.second[places] - start
        return Between(first, second, self.way[places])

    def cells(self, places: slice) -> slice:
        """Return the cells between which some places lie."""
        return slice(int(self.first[places.start]), int(self.second[places.stop - 1]) + 1)


def rows_between(planes: Planes, rows: Between) -> Planes:
    """Stretch the rows of planes (… × height × width)."""
    return _blended(planes, rows.first, rows.second, rows.way[:, None], axis=-2)


def columns_between(planes: Planes, columns: Between) -> Planes:
    """Stretch the columns of planes (… × width)."""
    return _blended(planes, columns.first, columns.second, columns.way, axis=-1)


def _blended(
    planes: Planes,
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    way: NDArray[np.float32],
    axis: int,
) -> Planes:
    start = planes.take(first, axis)
    step = planes.take(second, axis)
    step -= start
    step *= way
    start += step
    return start

"""Work on planes in tiles, which stay in the processor's cache, and only where it is wanted."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.floating]  # so many × height × width
Place = tuple[slice, slice]  # rows, columns

ROWS, COLUMNS = 64, 128


def wanted_tiles(wanted: NDArray[np.bool_]) -> Iterator[Place]:
    """Yield the tiles in which something is wanted."""
    height, width = wanted.shape
    for top in range(0, height, ROWS):
        for left in range(0, width, COLUMNS):
            place = slice(top, min(top + ROWS, height)), slice(left, min(left + COLUMNS, width))
            if wanted[place].any():
                yield place


def in_tiles(
    work: Callable[[Planes, Planes], Planes],
    colours: Planes,
    values: Planes,
    wanted: NDArray[np.bool_],
    *,
    reach: int,
) -> NDArray[np.float32]:
    """Make planes of colours (3 × height × width) and values; 0 in tiles where none is wanted.

    `work` is given a tile with `reach` pixels around it, where there are so many.
    """
    result: NDArray[np.float32] | None = None
    for rows, columns in wanted_tiles(wanted):
        top, left = max(0, rows.start - reach), max(0, columns.start - reach)
        seen = slice(top, rows.stop + reach), slice(left, columns.stop + reach)
        made = work(colours[:, *seen], values[seen])
        if result is None:
            result = np.zeros((*made.shape[:-2], *wanted.shape), np.float32)
        inner = made[..., rows.start - top : rows.stop - top, columns.start - left :]
        result[..., rows, columns] = inner[..., : columns.stop - columns.start]
    return np.zeros_like(wanted, np.float32) if result is None else result

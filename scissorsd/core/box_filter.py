"""Sums and averages over square windows, by adding what is shifted or by running sums.

Planes are arrays (…, height, width): some of them, one behind the other.
"""

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.floating]


def sums(planes: Planes, size: int) -> Planes:
    """Sum over every window of size × size that lies wholly inside: size - 1 fewer each way."""
    for axis in (-2, -1):
        count = planes.shape[axis] - size + 1
        total = _slice(planes, axis, 0, count) + _slice(planes, axis, 1, count)
        for at in range(2, size):
            total += _slice(planes, axis, at, count)
        planes = total
    return planes


def spread(planes: Planes, size: int) -> Planes:
    """Sum for each pixel over every window that holds it: the transpose of `sums`."""
    edge = size - 1
    return sums(np.pad(planes, [(0, 0)] * (planes.ndim - 2) + [(edge, edge)] * 2), size)


def means(planes: Planes, radius: int) -> Planes:
    """Average around each pixel; what lies beyond the edge is as the edge is.

    Running sums: the cost does not depend on the radius. Best in float64.
    """
    size = 2 * radius + 1
    for axis in (-2, -1):
        padding = [(0, 0)] * planes.ndim
        padding[axis] = (radius + 1, radius)
        running = np.pad(planes, padding, mode="edge")
        if axis == -1:
            np.cumsum(running, axis=-1, out=running)
        else:  # row by row: numpy's own goes down the columns, far apart in memory
            for row in range(1, running.shape[-2]):
                running[..., row, :] += running[..., row - 1, :]
        count = planes.shape[axis]
        planes = _slice(running, axis, size, count) - _slice(running, axis, 0, count)
        planes /= size
    return planes


def _slice(planes: Planes, axis: int, start: int, count: int) -> Planes:
    part = slice(start, start + count)
    return planes[..., part] if axis == -1 else planes[..., part, :]

"""The matting Laplacian of a picture, in the matrix-free form, for windows of 5 × 5 pixels.

Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting", IEEE PAMI 30, 2008;
He, Sun, Tang, "Fast Matting Using Large Kernel Matting Laplacian Matrices", CVPR 2010. Of a mask
x it is, for each pixel, the sum over the windows that hold it of x less the linear function of the
colours that comes nearest to x in the window.

It is worked out in small tiles of windows, as many of them at a time as stay in the processor's
cache, one below the other. Their rows lie one behind the other in memory, so that to shift them is
to start elsewhere; the last rows and columns of a tile, where none of its windows begins, hold
nothing of use between the steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scissorsd.core import covariances
from scissorsd.core.box_filter import sums

WINDOW = 5  # pixels, high and wide; `_Buffers` adds up so many
_PIXELS = WINDOW * WINDOW
_TILE = 16  # windows, high and wide
_SIDE = _TILE + WINDOW - 1  # of it, in pixels
_AT_A_TIME = 32  # tiles
_NONE = np.empty(0, np.intp)

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Laplacian:
    """The Laplacian of some tiles of windows, as an operator on masks (height × width).

    `cover` is, for each pixel, how many of these windows hold it, over 25: its diagonal, nearly.
    """

    cover: Plane
    batches: tuple["_Batch", ...]
    places: NDArray[np.intp]  # of all pixels of theirs

    @classmethod
    def of(cls, colours: Plane, wanted: NDArray[np.bool_], smooth: float) -> "Laplacian":
        """Take the colours' moments (3 × height × width, in [0, 1]), at least 5 pixels each way.

        Left out are tiles in whose windows nothing is wanted. `smooth` is added to the variances.
        """
        windows = sums(wanted, WINDOW)  # by their first pixels: whether there is any
        rows, columns = (range(0, length, _TILE) for length in windows.shape)
        tiles = [
            (top, left)
            for top in rows
            for left in columns
            if windows[top : top + _TILE, left : left + _TILE].any()
        ]
        buffers: dict[int, _Buffers] = {}
        batches = []
        for start in range(0, len(tiles), _AT_A_TIME):
            some = np.array(tiles[start : start + _AT_A_TIME])
            if len(some) not in buffers:
                buffers[len(some)] = _Buffers.of(len(some) * _SIDE, _SIDE)
            batches.append(_Batch.of(colours, some, smooth, buffers[len(some)]))
        places = [batch.places for batch in batches]
        found = cls(np.zeros_like(colours[0]), tuple(batches), np.concatenate(places or [_NONE]))
        found.cover[:] = found._added_up([batch.cover() for batch in batches])
        return found

    def explained(self, mask: Plane) -> Plane:
        """Return cover · mask less the Laplacian of it: what the windows' functions make of it."""
        flat = mask.ravel()
        return self._added_up([batch.explained(flat) for batch in self.batches])

    def _added_up(self, parts: list[Plane]) -> Plane:
        """Put what was found in the tiles back in its place; they overlap by some pixels."""
        if not parts:
            return np.zeros_like(self.cover)
        total = np.bincount(self.places, np.concatenate(parts), self.cover.size)
        return total.reshape(self.cover.shape).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Buffers:
    """Three times four planes of a tile; each lies between zeros, so that it can be shifted."""

    lead: int  # how many zeros
    row: int
    flat: tuple[Plane, Plane, Plane]
    planes: tuple[Plane, Plane, Plane]

    @classmethod
    def of(cls, height: int, width: int) -> "_Buffers":
        lead, length = (WINDOW - 1) * width, 4 * height * width
        first, second, third = (np.zeros(length + 2 * lead, np.float32) for _ in range(3))
        flat = first, second, third
        one, two, three = (each[lead:-lead].reshape(4, height, width) for each in flat)
        return cls(lead, width, flat, (one, two, three))

    def add_up(self, sign: int) -> None:
        """Sum the first planes over 5 × 5 values, into the second.

        Those that begin at each place, or, with the sign -1, that end there.
        """
        first, second, third = self.flat
        self._along(first, second, third, sign * self.row)
        self._along(third, first, second, sign)

    def _along(self, values: Plane, pairs: Plane, out: Plane, step: int) -> None:
        start, end = self.lead, len(values) - self.lead
        inner = slice(start, end)
        two, four = slice(start + 2 * step, end + 2 * step), slice(start + 4 * step, end + 4 * step)
        np.add(values[inner], values[start + step : end + step], out=pairs[inner])
        np.add(pairs[inner], pairs[two], out=out[inner])
        np.add(out[inner], values[four], out=out[inner])


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Some tiles, one below the other; windows stand at their first pixel: 0 where none begins."""

    places: NDArray[np.intp]  # of their pixels in the mask, row by row
    colours: Plane  # 3 × height × width
    mean: Plane  # of the colours in each window, likewise
    inverse: Plane  # of their covariance, over the windows' pixels twice: 3 × 3 × height × width
    weight: Plane  # 1, over the windows' pixels twice: height × width
    buffers: _Buffers

    @classmethod
    def of(
        cls, colours: Plane, corners: NDArray[np.intp], smooth: float, buffers: _Buffers
    ) -> "_Batch":
        """Take the moments, in float64: the small differences of large sums are what counts."""
        height, width = colours.shape[1:]
        rows, columns = (
            corners[:, axis, None] + np.arange(_SIDE) for axis in (0, 1)
        )  # of each tile's pixels; those beyond the frame are in no window
        begins = [
            (all_of < length - WINDOW + 1) & (np.arange(_SIDE) < _TILE)
            for all_of, length in ((rows, height), (columns, width))
        ]
        is_window = begins[0][:, :, None] & begins[1][:, None]
        rows, columns = rows.clip(max=height - 1), columns.clip(max=width - 1)
        places = (rows[:, :, None] * width + columns[:, None]).ravel()
        shape = len(corners) * _SIDE, _SIDE
        part = colours.reshape(3, -1).take(places, axis=1).reshape(3, *shape)
        exact = part.astype(np.float64)
        mean = sums(exact, WINDOW) / _PIXELS
        products = sums(covariances.products(exact), WINDOW) / _PIXELS
        rr, rg, rb, gg, gb, bb = covariances.inverse(
            covariances.covariances(mean, products, smooth)
        )
        inverse = np.stack([rr, rg, rb, rg, gg, gb, rb, gb, bb])
        weight = is_window.reshape(shape).astype(np.float32) / np.float32(_PIXELS**2)
        return cls(
            places,
            part,
            _with_room(mean, shape),
            (_with_room(inverse, shape) * weight).reshape(3, 3, *shape),
            weight,
            buffers,
        )

    def cover(self) -> Plane:
        """Return how many windows hold each pixel, over 25."""
        first, second, _ = self.buffers.planes
        first[:] = self.weight * np.float32(_PIXELS)
        self.buffers.add_up(-1)
        return _copied(second[0])

    def explained(self, mask: Plane) -> Plane:
        """Return the functions that are nearest to a mask, added up over the windows, over 25."""
        first, second, third = self.buffers.planes
        mask.take(self.places, out=first[3].reshape(-1), mode="clip")
        np.multiply(self.colours, first[3], out=first[:3])
        self.buffers.add_up(1)
        mixed, total = second[:3], second[3]
        np.multiply(self.mean, total, out=third[:3])
        mixed -= third[:3]
        # the functions: a is first[:3], b is first[3]
        np.multiply(self.inverse[0], mixed[0], out=first[:3])
        for colour in (1, 2):
            np.multiply(self.inverse[colour], mixed[colour], out=third[:3])
            first[:3] += third[:3]
        np.multiply(self.weight, total, out=first[3])
        np.multiply(first[:3], self.mean, out=third[:3])
        for colour in range(3):
            first[3] -= third[colour]
        self.buffers.add_up(-1)
        mixed *= self.colours
        for colour in range(3):
            second[3] += mixed[colour]
        return _copied(second[3])


def _copied(plane: Plane) -> Plane:
    """Copy what is in a buffer, row by row."""
    copy: Plane = plane.flatten()
    return copy


def _with_room(planes: NDArray[np.float64], room: tuple[int, ...]) -> Plane:
    """Put values where their windows begin in planes of a tile's size."""
    height, width = planes.shape[-2:]
    result = np.zeros((*planes.shape[:-2], *room), np.float32)
    result[..., :height, :width] = planes
    return result

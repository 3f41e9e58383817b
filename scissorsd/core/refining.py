"""The network's mask → one that follows the picture's own edges.

A network answers on a grid: U²-Net on one of 320 × 320, a cell of which is 13 pixels wide in a
photograph of 12 megapixels. Between what is surely subject and what is surely background lies a
band in which the colours know better where the edge runs, if they differ there at all.

Three steps, the first two on a guide (the picture reduced to three pixels for two cells):

1. In the band the mask is solved for anew so that around each pixel it is as nearly as can be a
   linear function of the colours (the matting Laplacian of Levin, Lischinski, Weiss, 2008, in the
   matrix-free form of He, Sun, Tang, "Fast Matting Using Large Kernel Matting Laplacian Matrices",
   CVPR 2010), while it is held to the network's mask outside of the band.
2. Those linear functions are read off (He, Sun, "Fast Guided Filter", 2015).
3. At full size, in the tiles that touch the band, they are applied to the picture's own pixels;
   but only as far as colour explains the network's mask there. Where it does not (a dark sleeve
   before a dark wall), the network's mask stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core import covariances, passes
from scissorsd.core.box_filter import means, spread, sums
from scissorsd.core.boxes import Box
from scissorsd.core.laplacian import WINDOW, Laplacian
from scissorsd.core.passes import NetworkMask
from scissorsd.core.stretching import Between, columns_between, rows_between
from scissorsd.core.tiles import in_tiles

Values = NDArray[np.floating]  # height × width, of the guide; or some such, one behind the other


_FINESSE = 1.5  # the guide's pixels for a cell of the network's grid; 2 is no better, and slower
_ITERATIONS = 15  # more lose themselves in textured grounds
_LONGEST = 640  # pixels of the guide, however fine the network's grid
# Cells. The maps of networks that answer on no more are soft, and gain at every size (u2net's down
# to a cell of half a pixel); a finer one's mask is only hurt where a cell is less than a pixel.
_COARSE = 320
_TILE = 128  # pixels, high and wide
_SURE = 0.95  # a mask above this is subject, below 1 minus this background: but for a cell's width
_SMOOTH = 2e-6  # added to the variance of the colours (0 to 1) in a window of the Laplacian
_HELD, _HELD_IN_BAND = 10.001, 0.001  # how strongly the solution is held to the network's mask
_GUIDED_WINDOW, _GUIDED_SMOOTH = 3, 1e-4
_EXPLAINED_RADIUS = 6.0  # cells
_EXPLAINED_FROM, _EXPLAINED_OVER = 0.25, 0.3  # from this R² on colour is trusted, wholly this above
_NOTHING = 0.015  # values of the mask up to here become 0, and as near to 1 become 1
_STRETCH = 1 / (1 - 2 * _NOTHING)


def refine(rgb: NDArray[np.uint8], network_masks: tuple[NetworkMask, ...]) -> NDArray[np.uint8]:
    """Return the mask (height × width, 255 for 1) that follows the edges of `rgb`.

    `rgb` is uint8 (height, width, 3); `network_masks` are those of one pass or of two. The box of
    the last one is refined, unless the network's grid is fine, and a cell of it less than a pixel.
    """
    mask = passes.full_size(network_masks, nothing=_NOTHING)
    box = network_masks[-1].box
    cells = network_masks[-1].cells
    longest = max(box[2] - box[0], box[3] - box[1])
    if longest < cells > _COARSE:
        return mask
    side = min(cells * _FINESSE, _LONGEST)
    scale = max(1.0, longest / side)  # pixels of the picture for one of the guide's
    cell = longest / cells / scale  # in the guide's pixels
    wide, high = (max(1, round((box[2 + at] - box[at]) / scale)) for at in (0, 1))
    coarse = passes.at_size(network_masks, (wide, high))
    band = _band(coarse, round(cell))
    bounds = _bounds(band, margin=round((_EXPLAINED_RADIUS + 1) * cell))
    if bounds is not None:
        place = _Place.of(bounds, (high, wide), box)
        known, unsure = coarse[bounds], band[bounds].astype(np.float32)
        guide = _guide(rgb, place)
        wanted = means(unsure, round(cell) + 1) > 0
        radius = round(_EXPLAINED_RADIUS * cell)
        trust = means(unsure, round(cell))
        trust *= in_tiles(partial(_fits, radius=radius), guide, known, wanted, reach=radius)
        solved = _solved(guide, known, unsure)
        functions = in_tiles(_linear, guide, solved, wanted, reach=_GUIDED_WINDOW - 1)
        _apply(mask, rgb, place, functions, trust)
    return mask


# --- where -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the picture the guide lies: its first corner, and a pixel of it in the picture's."""

    left: float
    top: float
    across: float
    down: float
    width: int  # of the guide
    height: int

    @classmethod
    def of(cls, bounds: tuple[slice, slice], shape: tuple[int, int], box: Box) -> "_Place":
        rows, columns = bounds
        down, across = (box[3] - box[1]) / shape[0], (box[2] - box[0]) / shape[1]
        width, height = columns.stop - columns.start, rows.stop - rows.start
        left, top = box[0] + columns.start * across, box[1] + rows.start * down
        return cls(left, top, across, down, width, height)

    @property
    def box(self) -> tuple[float, float, float, float]:
        right, bottom = self.left + self.width * self.across, self.top + self.height * self.down
        return self.left, self.top, right, bottom


def _band(mask: NDArray[np.float32], cell: int) -> NDArray[np.bool_]:
    """Return where the network's grid is too coarse to know."""
    size = 2 * cell + 1
    unsure, shown = (
        spread(doubted, size)[cell : cell + len(mask), cell : cell + mask.shape[1]]
        for doubted in (mask <= _SURE, mask >= 1 - _SURE)
    )
    both: NDArray[np.bool_] = unsure & shown
    return both


def _bounds(band: NDArray[np.bool_], margin: int) -> tuple[slice, slice] | None:
    rows, columns = (np.flatnonzero(band.any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    down, across = (
        slice(max(0, int(found[0]) - margin), min(length, int(found[-1]) + 1 + margin))
        for found, length in zip((rows, columns), band.shape, strict=True)
    )
    return down, across


def _guide(rgb: NDArray[np.uint8], place: _Place) -> Values:
    """Reduce a part of the picture to the guide: 3 × height × width, in [0, 1].

    First by a whole factor, in bands of rows that stay in the processor's cache.
    """
    left, top, right, bottom = place.box
    x, y = int(left), int(top)
    part = rgb[y : ceil(bottom - 1e-6), x : ceil(right - 1e-6)]
    factor = max(1, int(min(place.across, place.down)))
    rows = range(0, len(part), 16 * factor)
    bands = (Image.fromarray(part[row : row + 16 * factor]).reduce(factor) for row in rows)
    small = np.concatenate([np.asarray(band) for band in bands])
    inner = (
        (left - x) / factor,
        (top - y) / factor,
        min((right - x) / factor, small.shape[1]),
        min((bottom - y) / factor, small.shape[0]),
    )
    size = place.width, place.height
    planes = [Image.fromarray(small[..., at].astype(np.float32)) for at in range(3)]
    reduced = [np.asarray(p.resize(size, Image.Resampling.BOX, box=inner)) for p in planes]
    return np.asarray(reduced, np.float32) / np.float32(255)


# --- on the guide ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """The colours' moments in every window, to fit linear functions of them.

    For values x the function a · colour + b that is nearest to x in a window has
    a = (covariance of the colours + smooth)⁻¹ (covariance of the colours with x).
    """

    guide: Values  # 3 × height × width
    size: int
    mean: Values  # 3 × as many windows as there are
    inverse: Values  # 6: of the covariance, its upper triangle

    @classmethod
    def of(cls, guide: Values, size: int, smooth: float) -> "_Fit":
        """Take the moments, in float64: the small differences of large sums are what counts."""
        exact = guide.astype(np.float64)
        count = size * size
        mean = sums(exact, size) / count
        products = sums(covariances.products(exact), size) / count
        inverse = covariances.inverse(covariances.covariances(mean, products, smooth))
        return cls(guide, size, mean.astype(np.float32), inverse.astype(np.float32))

    def functions(self, values: Values) -> Values:
        """Return a (3 planes) and b of every window, for the values of a plane."""
        products = np.empty((4, *values.shape), np.float32)
        np.multiply(self.guide, values, out=products[:3])
        products[3] = values
        found = sums(products, self.size)
        found /= self.size * self.size
        found[:3] -= self.mean * found[3]
        found[:3] = covariances.times(self.inverse, found[:3])
        found[3] -= (found[:3] * self.mean).sum(axis=0)
        return found


def _solved(guide: Values, mask: Values, band: Values) -> Values:
    """Solve (L + D) x = D mask, L being the Laplacian and D the hold, by conjugate gradients.

    Beyond the windows that touch the band there is nothing to solve: x is the mask there.
    """
    if min(mask.shape) < WINDOW:
        return mask
    laplacian = Laplacian.of(guide, band > 0, _SMOOTH)
    hold = np.where(band > 0, np.float32(_HELD_IN_BAND), np.float32(_HELD))
    diagonal = laplacian.cover + hold
    weaker = 1 / diagonal

    def pushed_by(x: Values) -> Values:
        """Return (L + D) x."""
        return diagonal * x - laplacian.explained(x)

    x = mask.copy()
    residual = hold * mask - pushed_by(x)
    step = residual * weaker
    direction = step.copy()
    power = float(np.vdot(residual, step))
    for _ in range(_ITERATIONS):
        if power <= 0:
            break
        pushed = pushed_by(direction)
        length = np.float32(power / float(np.vdot(direction, pushed)))
        x += length * direction
        pushed *= length
        residual -= pushed
        np.multiply(residual, weaker, out=step)
        power, before = float(np.vdot(residual, step)), power
        direction *= np.float32(power / before)
        direction += step
    return np.clip(x, 0, 1, out=x)


def _linear(guide: Values, values: Values) -> NDArray[np.float32]:
    """Return for each pixel of the guide the function of its colours: a (3 planes) and b."""
    if min(values.shape) < _GUIDED_WINDOW:
        return np.stack([*np.zeros_like(guide), values]).astype(np.float32)
    functions = _Fit.of(guide, _GUIDED_WINDOW, _GUIDED_SMOOTH).functions(values)
    cover = spread(np.ones_like(functions[0]), _GUIDED_WINDOW)
    return (spread(functions, _GUIDED_WINDOW) / cover).astype(np.float32)


def _fits(guide: Values, mask: Values, radius: int) -> Values:
    """Return how far colour explains the mask around each pixel: R² of the fit, from 0 to 1."""
    # the nearer to 0 all values are, the less their products lose in float32
    colours, x = guide - np.float32(0.5), mask - np.float32(0.5)
    planes = [*colours, x, *covariances.products(colours), *(colours * x), x * x]
    around = means(np.stack(planes), radius)
    mean, mean_x = around[:3], around[3]
    spread_out = covariances.covariances(mean, around[4:10], _GUIDED_SMOOTH)
    with_x = around[10:13] - mean * mean_x
    explained = (with_x * covariances.times(covariances.inverse(spread_out), with_x)).sum(axis=0)
    share = explained / (around[13] - mean_x * mean_x + _GUIDED_SMOOTH)
    trust: Values = np.clip((share - _EXPLAINED_FROM) / _EXPLAINED_OVER, 0, 1)
    return trust.astype(np.float32)


# --- on the picture --------------------------------------------------------------------------


def _apply(
    mask: NDArray[np.uint8],
    rgb: NDArray[np.uint8],
    place: _Place,
    functions: NDArray[np.float32],
    trust: Values,
) -> None:
    """Write what the functions make of the picture's colours into the mask, as far as trusted."""
    functions *= np.float32(255 * _STRETCH)
    functions[:3] /= 255
    functions[3] -= np.float32(255 * _STRETCH * _NOTHING)
    planes = np.stack([*functions, trust])
    height, width = mask.shape
    columns = Between.of((np.arange(width) + 0.5 - place.left) / place.across, place.width)
    rows = Between.of((np.arange(height) + 0.5 - place.top) / place.down, place.height)
    for x, y, right, bottom in _tiles(place, trust):
        high, wide = slice(y, bottom), slice(x, right)
        cells = planes[:, rows.cells(high), columns.cells(wide)]
        lines = columns_between(cells, columns.part(wide))
        value, green, blue, rest, weight = rows_between(lines, rows.part(high))
        colours = rgb[high, wide].transpose(2, 0, 1).astype(np.float32, order="C")
        value *= colours[0]
        value += np.multiply(green, colours[1], out=green)
        value += np.multiply(blue, colours[2], out=blue)
        value += rest
        np.clip(value, 0, 255, out=value)
        before = mask[high, wide]
        value -= before
        value *= weight
        value += before
        mask[high, wide] = np.rint(value, out=value)


def _tiles(place: _Place, trust: Values) -> Iterator[Box]:
    """Yield the boxes of the picture in which something is trusted."""
    left, top = (ceil(at - 1e-6) for at in place.box[:2])  # what the guide covers wholly:
    right, bottom = (int(at + 1e-6) for at in place.box[2:])  # beyond that nothing is trusted
    starts = range(left, right, _TILE)
    columns = [_covering(x, x + _TILE, place.left, place.across) for x in starts]
    for y in range(top, bottom, _TILE):
        lower = min(bottom, y + _TILE)
        rows = trust[_covering(y, lower, place.top, place.down)]
        anywhere = np.asarray(rows.any(axis=0))
        for x, part in zip(starts, columns, strict=True):
            if anywhere[part].any():
                yield x, y, min(right, x + _TILE), lower


def _covering(start: int, end: int, origin: float, pixel: float) -> slice:
    """Return the guide's pixels of which some show between two places in the picture."""
    return slice(max(0, int((start - origin) / pixel) - 1), ceil((end - origin) / pixel) + 1)

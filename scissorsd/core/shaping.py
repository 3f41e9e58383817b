"""The mask's shape, as a rule asks for it: parts, holes, size, hard and soft edges.

Everywhere a mask is uint8 (height, width), where 255 is wholly the subject; none is changed in
place. Distances are pixels. The frame is not an edge: beyond it a subject is taken to go on.
"""

from collections.abc import Callable
from math import ceil, isqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from scissorsd.core.boxes import Box
from scissorsd.core.components import Components, connected_components
from scissorsd.core.rules import MaskOptions

Mask = NDArray[np.uint8]

# Two things are one part where at least this much of the mask joins them; less is haze.
_JOINED = 64
_HOLE = 128  # a hole is open by half
# A hole's soft rim is filled too, up to the highest of these that closes all around it.
_RIMS = (255, 240, 208, 168)
# How far a part's soft edge reaches: at or above such a value, by so many cells of a coarse grid
# of _GRID on its longer side; first the strands, then what is faint, last the trailing rim.
_REACHES = ((32, 32), (13, 16), (1, 4))
_GRID = 512

_TILE = 256
_LEAST = 0.02  # a distance that does not show
# Beyond these distances the work is done on a mask reduced so far that it is within them.
_FARTHEST_GROWN = 32
_FARTHEST_FEATHERED = 12


def shape(mask: Mask, options: MaskOptions) -> Mask:
    """Do what the options ask for, in this order; where they ask for nothing, give the mask itself.

    1. keep only the largest part; 2. fill holes; 3. grow, or shrink; 4. cut a hard edge at the
    threshold; 5. feather, inwards. So a threshold and a feather together give a clean soft edge
    of known width. Percent is of the longer side.
    """
    longer = max(mask.shape)
    if options.keep == "largest":
        mask = largest_component(mask)
    if options.holes == "fill":
        mask = without_holes(mask)
    mask = grown(mask, options.grow.of(longer))
    if options.threshold is not None:
        mask = hardened(mask, options.threshold)
    return feathered(mask, options.feather.of(longer))


# --- parts and holes -------------------------------------------------------------------------


def largest_component(mask: Mask) -> Mask:
    """Keep the largest part with its soft edges; everything else becomes 0.

    Parts are what hangs together at a quarter of the mask's range or more, corners included, found
    exactly: no connection is too thin. Whose a softer pixel is, is decided on a coarse grid: all
    parts spread at once, from firm to faint, so that they meet in the valleys between them
    (Vincent and Soille, "Watersheds in Digital Spaces", IEEE PAMI 13, 1991). Where there is
    nothing that firm, there is nothing to choose from.
    """
    box = box_of(mask, _JOINED)
    if box is None:
        return mask
    # whole cells, so that the coarse grid of the parts lies on that of the mask
    cell = ceil(max(mask.shape) / _GRID)
    left, top = box[0] // cell * cell, box[1] // cell * cell
    components = connected_components(mask[top : box[3], left : box[2]] >= _JOINED, diagonally=True)
    chosen = np.zeros(components.count, np.bool_)
    chosen[components.areas.argmax()] = True
    coarse = _coarsest(mask, cell)
    ours, theirs = np.zeros((2, *coarse.shape), np.bool_)
    for grid, those in ((ours, chosen), (theirs, ~chosen)):
        cells = components.touched(those, cell)
        rows, columns = top // cell, left // cell
        grid[rows : rows + cells.shape[0], columns : columns + cells.shape[1]] = cells
    theirs &= ~ours
    for level, reach in _REACHES:
        _spread(ours, theirs, coarse >= level, reach)
    result = _only(mask, ours, cell)
    if components.count > 1:
        result[top : box[3], left : box[2]][components.painted(~chosen)] = 0
    return result


def _coarsest(mask: Mask, cell: int) -> Mask:
    """Return the maximum of every cell × cell square."""
    height, width = mask.shape
    rows = mask[::cell].copy()
    for start in range(1, min(cell, height)):
        some = mask[start::cell]
        np.maximum(rows[: len(some)], some, out=rows[: len(some)])
    return np.maximum.reduceat(rows, np.arange(0, width, cell), axis=1)


def _spread(
    ours: NDArray[np.bool_], theirs: NDArray[np.bool_], within: NDArray[np.bool_], reach: int
) -> None:
    """Let both grow in place, a cell at a time, into what neither has."""
    for _ in range(reach):
        before = np.count_nonzero(ours) + np.count_nonzero(theirs)
        ours |= _one_wider(ours) & within & ~theirs
        theirs |= _one_wider(theirs) & within & ~ours
        if np.count_nonzero(ours) + np.count_nonzero(theirs) == before:
            return


def _one_wider(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wide = cells.copy()
    wide[1:] |= cells[:-1]
    wide[:-1] |= cells[1:]
    tall = wide.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide


def _only(mask: Mask, cells: NDArray[np.bool_], cell: int) -> Mask:
    """Keep the mask whole in the cells; in those next to them it fades away."""
    wide = _one_wider(cells).view(np.uint8) * np.uint8(255)
    result = mask.copy()
    step = max(1, _TILE // cell)
    for row in range(0, len(wide), step):
        for column in range(0, wide.shape[1], step):
            seen = wide[max(row - 1, 0) : row + step + 1, max(column - 1, 0) : column + step + 1]
            top, left = row * cell, column * cell
            tile = result[top : top + step * cell, left : left + step * cell]
            if not seen.any():
                tile[:] = 0
            elif not seen.all():
                start = (column - max(column - 1, 0), row - max(row - 1, 0))
                weights = _stretched(seen, tile.shape, cell, start).astype(np.uint16)
                weights *= tile
                tile[:] = weights // 255
    return result


def without_holes(mask: Mask) -> Mask:
    """Fill what is open but shut in all around, with its soft rim: 255.

    A hole is a part, without corners, where the mask is under a half, that does not reach the
    frame. Its rim is filled up to the highest of a few values that still shuts it in, so that it
    never spills through a thin wall.
    """
    box = box_of(mask, _HOLE)
    if box is None:
        return mask
    left, top, right, bottom = box
    inner = mask[top:bottom, left:right]
    open_ = connected_components(inner < _HOLE, diagonally=False)
    shut_in = ~open_.at_border()
    if not shut_in.any():
        return mask
    result = mask.copy()
    inside = result[top:bottom, left:right]
    inside[open_.painted(shut_in)] = 255
    rows, columns = (position[shut_in] for position in open_.firsts())
    for level in _RIMS:
        wider = connected_components(inner < level, diagonally=False)
        numbers = wider.at(rows, columns)
        leaks = wider.at_border()[numbers]
        chosen = np.zeros(wider.count, np.bool_)
        chosen[numbers[~leaks]] = True
        if chosen.any():
            inside[wider.painted(chosen)] = 255
        rows, columns = rows[leaks], columns[leaks]
        if not len(rows):
            break
    return result


def box_of(mask: Mask, level: int) -> Box | None:
    """Return the box around all that is at the level or above; none if nothing is."""
    rows = np.flatnonzero(mask.max(axis=1) >= level)
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[top:bottom].max(axis=0) >= level)
    return int(columns[0]), top, int(columns[-1]) + 1, bottom


def solid_components(mask: Mask, level: int) -> tuple[Components, NDArray[np.bool_]]:
    """Find the parts at the level or above, and which of them are more than specks.

    A speck is a few pixels, or less than a five-thousandth of the largest part.
    """
    components = connected_components(mask >= level, diagonally=True)
    areas = components.areas
    if not components.count:
        return components, np.zeros(0, np.bool_)
    largest = int(areas.max())
    return components, areas > min(max(_SPECK, largest // 5000), largest - 1)


_SPECK = 8  # pixels


# --- edges -----------------------------------------------------------------------------------


def hardened(mask: Mask, threshold: float) -> Mask:
    """Return 255 where the mask is at or above the threshold (0 to 1), elsewhere 0."""
    return (mask >= threshold * 255).view(np.uint8) * np.uint8(255)


def grown(mask: Mask, distance: float) -> Mask:
    """Move the edge outwards by a distance, or inwards by one less than 0; it stays as soft.

    Dilation by a disc; between whole pixels, between the results of two discs.
    """
    if abs(distance) < _LEAST:
        return mask
    if distance < 0:
        return ~grown(~mask, -distance)
    if distance <= _FARTHEST_GROWN:
        return in_tiles(mask, ceil(distance) + 1, lambda window: _grown(window, distance))
    scale = ceil(distance / _FARTHEST_GROWN)
    rough = grown(_reduced(mask, scale), distance / scale)
    return np.maximum(mask, _stretched(rough, mask.shape, scale))


def _grown(window: Mask, distance: float) -> Mask:
    whole, part = divmod(distance, 1)
    near = _dilated(window, int(whole))
    if part < _LEAST:
        return near
    weight = round(part * 256)
    far = _dilated(window, int(whole) + 1).astype(np.uint16) * weight
    return ((far + near.astype(np.uint16) * (256 - weight) + 128) >> 8).astype(np.uint8)


def _dilated(window: Mask, radius: int) -> Mask:
    """Take the maximum within a disc: rows of the disc share the maxima along a row."""
    height, width = window.shape
    padded = np.pad(window, ((0, 0), (radius, radius)))
    wide, result = window.copy(), window.copy()
    reached = 0
    for down in range(radius, -1, -1):
        half = isqrt(radius * radius + radius - down * down)
        for reached in range(reached + 1, half + 1):  # noqa: B020 - it goes on
            for start in (radius - reached, radius + reached):
                np.maximum(wide, padded[:, start : start + width], out=wide)
        if down < height:
            above, below = result[: height - down], result[down:]
            np.maximum(above, wide[down:], out=above)
            np.maximum(below, wide[: height - down], out=below)
    return result


def feathered(mask: Mask, distance: float) -> Mask:
    """Fade the edge over a distance inwards: nothing grows, so no old background comes to light.

    The mask is blurred (Gaussian, half the distance), and what its straight edges come to, a
    half, is made 0. In what is too thin to come to 1, the share of what it comes to there counts
    instead, so that strands fade but stay.
    """
    if distance < _LEAST:
        return mask
    if distance <= _FARTHEST_FEATHERED:
        reach = ceil(2.5 * distance) + 2
        return in_tiles(mask, reach, lambda window: _feathered(window, distance))
    scale = ceil(distance / _FARTHEST_FEATHERED)
    rough = feathered(_reduced(mask, scale), distance / scale)
    return np.minimum(mask, _stretched(rough, mask.shape, scale))


def _feathered(window: Mask, distance: float) -> Mask:
    image = Image.fromarray(window).filter(ImageFilter.GaussianBlur(distance / 2))
    blurred = np.asarray(image)
    most = np.maximum(_dilated(blurred, ceil(distance)), 1).astype(np.float32)
    part = np.clip(2 * (blurred / most) - 1, 0, 1)
    part *= part * (3 - 2 * part)  # it sets in and ends gently
    return np.minimum(window, np.rint(255 * part).astype(np.uint8))


def in_tiles(mask: Mask, reach: int, change: Callable[[Mask], Mask]) -> Mask:
    """Change a mask tile by tile, each seen with what is within reach of it.

    Where all of that is the same, which is nearly everywhere, it stays.
    """
    height, width = mask.shape
    side = max(_TILE, 2 * reach)
    result = mask.copy()
    for top in range(0, height, side):
        above, below = max(top - reach, 0), min(top + side + reach, height)
        for left in range(0, width, side):
            before, after = max(left - reach, 0), min(left + side + reach, width)
            window = mask[above:below, before:after]
            if window.min() != window.max():
                tile = result[top : top + side, left : left + side]
                rows, columns = tile.shape
                y, x = top - above, left - before
                tile[:] = change(window)[y : y + rows, x : x + columns]
    return result


def _reduced(mask: Mask, scale: int) -> Mask:
    return np.asarray(Image.fromarray(mask).reduce(scale))


def _stretched(
    rough: Mask, shape: tuple[int, ...], scale: int, start: tuple[int, int] = (0, 0)
) -> Mask:
    """Undo a reduction, from a column and row of it on; the frame may have cut off its last."""
    height, width = shape
    left, top = start
    box = (left, top, left + width / scale, top + height / scale)
    image = Image.fromarray(rough).resize((width, height), Image.Resampling.BILINEAR, box)
    return np.asarray(image)

"""The canvas of an output: how large it is, and where on it the subject lies.

The geometry is worked out in numbers first (`frame`), then applied to the pixels (`framed`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil, floor, inf

import numpy as np
from numpy.typing import NDArray

from scissorsd.core.boxes import Box, Region
from scissorsd.core.depth import Sample
from scissorsd.core.resizing import RIPPLE, SUPPORT, resized_with_mask
from scissorsd.core.rules import NOTHING, Output
from scissorsd.core.shaping import box_of, solid_components

# What counts as subject when cropping: a tenth of the mask's range, in more than a speck; and then
# the soft edge next to it while it shows, within a part of the picture's longer side.
_SUBJECT = 26
_SHOWS = 8
_SOFT = 1 / 100
_ROOM = 0.45  # a margin takes at most this part of a side at each end
_EXACT = 1e-6  # pixels
_WORDS = {"no": 1.0, "yes": inf}


@dataclass(frozen=True, slots=True)
class Frame:
    """A canvas, the region of the picture that is seen on it, and where that comes to lie."""

    width: int
    height: int
    region: Region  # of the picture
    target: Box  # of the canvas
    subject: Region  # where the subject's box comes to lie
    scale: float  # canvas pixels to one of the picture
    filled: float = 1.0  # of the side that it could have, as far as it may be enlarged

    def outline(self, output: Output) -> float:
        """Return the width in pixels of the outline that an output asks for."""
        return output.outline.of(max(self.width, self.height))


def subject_box(mask: NDArray[np.uint8]) -> Box | None:
    """Return the box (left, top, right, bottom) of what a person would call the subject.

    Haze and specks do not count; the soft edge does, as far as it shows. None: there is nothing.
    """
    height, width = mask.shape
    rough = box_of(mask, _SUBJECT)
    if rough is None:
        return None
    left, top, right, bottom = rough
    components, solid = solid_components(mask[top:bottom, left:right], _SUBJECT)
    x0, y0, x1, y1 = components.box(solid)
    x0, x1, y0, y1 = x0 + left, x1 + left, y0 + top, y1 + top
    reach = max(2, ceil(max(height, width) * _SOFT))
    around_x, around_y = max(x0 - reach, 0), max(y0 - reach, 0)
    near = mask[around_y : y1 + reach, around_x : x1 + reach]
    # the soft edge goes outwards from the box without a gap
    rows, columns = near.max(axis=1) >= _SHOWS, near.max(axis=0) >= _SHOWS
    y0, y1 = (y + around_y for y in _widened(rows, y0 - around_y, y1 - around_y))
    x0, x1 = (x + around_x for x in _widened(columns, x0 - around_x, x1 - around_x))
    return max(x0 - 1, 0), max(y0 - 1, 0), min(x1 + 1, width), min(y1 + 1, height)


def _widened(shows: NDArray[np.bool_], start: int, end: int) -> tuple[int, int]:
    while start and shows[start - 1]:
        start -= 1
    while end < len(shows) and shows[end]:
        end += 1
    return start, end


def asks_nothing(output: Output) -> bool:
    """Tell whether an output's canvas is the picture as it is."""
    return (
        output.crop == "none"
        and output.margin.amount == 0
        and output.aspect is None
        and output.size is None
    )


def frame(height: int, width: int, box: Box | None, output: Output) -> Frame:
    """Work out the canvas for a picture, of which `box` is to be fitted in; none: all of it.

    The box with its margin is contained in the canvas whole, undistorted. A size in pixels is met
    exactly, by background around a box that would have to be enlarged more than the output allows;
    without one, a picture's pixel stays a pixel. An aspect is met to a pixel. Aligned to
    a side at which the picture's own frame cuts it, a box lies there without a margin. A margin
    that would leave no room takes 45 % of a side at each end. Where the picture ends inside the
    canvas, it ends at a whole pixel: it may be stretched by less than one.
    """
    left, top, right, bottom = box or (0, 0, width, height)
    wide, high = right - left, bottom - top
    (canvas_w, inset_x), (canvas_h, inset_y), to_fill = _canvas(wide, high, output)
    scale = min(to_fill, _most_enlarged(output))
    at_x, at_y = _places(output.align)
    free_x, free_y = canvas_w - 2 * inset_x, canvas_h - 2 * inset_y
    x = inset_x + (free_x - wide * scale) * at_x
    y = inset_y + (free_y - high * scale) * at_y
    if "left" in output.align and left == 0:  # what the picture's frame cuts ends at this one
        x = 0
    elif "right" in output.align and right == width:
        x = canvas_w - wide * scale
    if "top" in output.align and top == 0:
        y = 0
    elif "bottom" in output.align and bottom == height:
        y = canvas_h - high * scale
    if scale == 1:
        x, y = round(x), round(y)
    frame = laid(height, width, (left, top, right, bottom), (canvas_w, canvas_h), (x, y), scale)
    return replace(frame, filled=scale / to_fill)


def laid(
    height: int,
    width: int,
    box: Box,
    canvas: tuple[int, int],
    at: tuple[float, float],
    scale: float,
) -> Frame:
    """Lay a picture on a canvas (width, height) so that a box of it comes to begin `at` (x, y)."""
    left, top, right, bottom = box
    (canvas_w, canvas_h), (x, y) = canvas, at
    from_x, to_x, target_left, target_right = _seen(left - x / scale, scale, canvas_w, width)
    from_y, to_y, target_top, target_bottom = _seen(top - y / scale, scale, canvas_h, height)
    return Frame(
        width=canvas_w,
        height=canvas_h,
        region=(from_x, from_y, to_x, to_y),
        target=(target_left, target_top, target_right, target_bottom),
        subject=(x, y, x + (right - left) * scale, y + (bottom - top) * scale),
        scale=scale,
    )


def _most_enlarged(output: Output) -> float:
    """Return to how many times its size a picture may be drawn."""
    return _WORDS.get(output.enlarge) or float(output.enlarge.removesuffix("x"))


def filled(mask: NDArray[np.uint8], outputs: Iterable[Output]) -> float:
    """Return how much of its part of the frame a picture fills, where it fills the least.

    1 where no output asks for more than it may be enlarged to; else the part of a side.
    """
    height, width = mask.shape
    least = 1.0
    for output in outputs:
        if output.heeds_enlarge and output.enlarge != "yes":
            box = subject_box(mask) if output.crop == "subject" else None
            least = min(least, frame(height, width, box, output).filled)
    return least


def framed_size(height: int, width: int, output: Output) -> tuple[int, int]:
    """Return the largest (height, width) that `framed` can come to for a picture of this size."""
    largest = frame(height, width, None, output)
    return largest.height, largest.width


Side = tuple[int, float]  # pixels of a side of the canvas, and of the inset at each of its ends


def _canvas(wide: int, high: int, output: Output) -> tuple[Side, Side, float]:
    """Choose the canvas for a box: width, height, and the scale at which the box is drawn."""
    fixed, share = _insets(output)
    is_wide = wide >= high
    if output.size is None and output.aspect is None:
        longer = (max(wide, high) + 2 * fixed) / (1 - 2 * share)
        around = ceil(fixed + share * longer - _EXACT)
        return (wide + 2 * around, around), (high + 2 * around, around), 1.0
    if output.size is None and output.aspect is not None:
        return (*_widest(wide, high, output.aspect, fixed, share), 1.0)
    if isinstance(output.size, int) and output.aspect is None:
        size = output.size
        inset = min(fixed + share * size, _ROOM * size)
        scale = (size - 2 * inset) / max(wide, high)
        shorter = max(1, ceil(min(wide, high) * scale + 2 * inset - _EXACT))
        return (*_turned((size, inset), (shorter, inset), is_wide=is_wide), scale)
    canvas_w, canvas_h = _fixed_canvas(output)
    inset = fixed + share * max(canvas_w, canvas_h)
    inset_x, inset_y = min(inset, _ROOM * canvas_w), min(inset, _ROOM * canvas_h)
    scale = min((canvas_w - 2 * inset_x) / wide, (canvas_h - 2 * inset_y) / high)
    return (canvas_w, inset_x), (canvas_h, inset_y), scale


def _insets(output: Output) -> tuple[float, float]:
    """Add up margin and outline: pixels, and parts of the longer side of what comes out.

    An outline needs room only around a subject: a picture that is not cropped keeps its frame.
    """
    outline = output.outline if output.crop == "subject" else NOTHING
    lengths = (output.margin, outline)
    share = sum(length.amount for length in lengths if length.unit == "%") / 100
    return sum(length.amount for length in lengths if length.unit == "px"), min(share, _ROOM)


def _widest(
    wide: int, high: int, aspect: tuple[int, int], fixed: float, share: float
) -> tuple[Side, Side]:
    """Return the smallest canvas of an aspect that holds a box and its insets at its own size."""
    is_wide = aspect[0] >= aspect[1]
    ratio = min(aspect) / max(aspect)  # the shorter side to the longer
    along, across = (wide, high) if is_wide else (high, wide)
    share_across = min(share, _ROOM * ratio)
    needed = (
        (along + 2 * fixed) / (1 - 2 * share),
        (across + 2 * fixed) / (ratio - 2 * share_across),
    )
    longer = ceil(max(needed) - _EXACT)
    shorter = ceil(longer * ratio - _EXACT)
    sides = (longer, fixed + share * longer), (shorter, fixed + share_across * longer)
    return _turned(*sides, is_wide=is_wide)


def _fixed_canvas(output: Output) -> tuple[int, int]:
    if isinstance(output.size, tuple):
        return output.size
    size, (across, down) = output.size or 1, output.aspect or (1, 1)
    shorter = max(1, round(size * min(across, down) / max(across, down)))
    return (size, shorter) if across >= down else (shorter, size)


def _turned(longer: Side, shorter: Side, *, is_wide: bool) -> tuple[Side, Side]:
    return (longer, shorter) if is_wide else (shorter, longer)


def _places(align: str) -> tuple[float, float]:
    """Return how far along its free room a subject lies, across and down: 0, a half or 1."""
    words = align.split()
    across = 0.0 if "left" in words else 1.0 if "right" in words else 0.5
    down = 0.0 if "top" in words else 1.0 if "bottom" in words else 0.5
    return across, down


def _seen(start: float, scale: float, side: int, length: int) -> tuple[float, float, int, int]:
    """Return what of a picture's `length` a canvas's `side` shows, and where, along one direction.

    The canvas begins at `start` in the picture.
    """
    end = start + side / scale
    first, last = max(start, 0.0), min(end, float(length))
    before, after = (first - start) * scale, side - (last - start) * scale
    # where it ends within less than a pixel of the canvas's edge, it ends there
    target_first = 0 if before < 1 - _EXACT else ceil(before - _EXACT)
    target_last = side if after < 1 - _EXACT else side - ceil(after - _EXACT)
    target_first = min(target_first, side - 1)
    return first, last, target_first, max(target_last, target_first + 1)


def framed(
    rgb: NDArray[Sample], mask: NDArray[np.uint8], output: Output
) -> tuple[NDArray[Sample], NDArray[np.uint8]]:
    """Put a picture (height × width × 3) and its mask on the canvas that an output asks for.

    Where nothing is asked for these very arrays come back, and where only a part is cut out, views
    of them. Without a subject to crop to, the whole picture is fitted in. Outside of it all is 0.
    Colours count in proportion to the mask when they are resized, so that none of what is cut away
    comes in.
    """
    if asks_nothing(output):
        return rgb, mask
    height, width = mask.shape
    box = subject_box(mask) if output.crop == "subject" else None
    return placed(rgb, mask, frame(height, width, box, output))


def placed(
    rgb: NDArray[Sample], mask: NDArray[np.uint8], place: Frame
) -> tuple[NDArray[Sample], NDArray[np.uint8]]:
    """Draw a picture and its mask on a canvas that was worked out before."""
    x0, y0, x1, y1 = (round(edge) for edge in place.region)
    left, top, right, bottom = place.target
    whole_pixels = np.array_equal(place.region, (x0, y0, x1, y1))
    if whole_pixels and (right - left, bottom - top) == (x1 - x0, y1 - y0):
        rgb, mask = rgb[y0:y1, x0:x1], mask[y0:y1, x0:x1]
    else:
        place = _where_it_shows(mask, place)
        left, top, right, bottom = place.target
        rgb, mask = resized_with_mask(rgb, mask, (right - left, bottom - top), place.region)
    left, top, right, bottom = place.target
    if place.target == (0, 0, place.width, place.height):
        return rgb, mask
    canvas = np.zeros((place.height, place.width, 3), rgb.dtype)
    canvas[top:bottom, left:right] = rgb
    cover = np.zeros((place.height, place.width), np.uint8)
    cover[top:bottom, left:right] = mask
    return canvas, cover


def _where_it_shows(mask: NDArray[np.uint8], place: Frame) -> Frame:
    """Narrow region and target to where the mask is anything: all else on the canvas is 0."""
    box = box_of(mask, RIPPLE)
    if box is None:
        return place
    across = _narrowed(place.region[0::2], place.target[0::2], box[0::2])
    down = _narrowed(place.region[1::2], place.target[1::2], box[1::2])
    return replace(
        place,
        region=(across[0], down[0], across[1], down[1]),
        target=(across[2], down[2], across[3], down[3]),
    )


def _narrowed(
    region: tuple[float, ...], target: tuple[int, ...], shown: tuple[int, ...]
) -> tuple[float, float, int, int]:
    """Narrow both along one direction, to whole pixels of the target with what a filter adds."""
    (start, end), (first, last) = region, target
    scale = (last - first) / (end - start)
    around = ceil(SUPPORT * max(1.0, scale))
    new_first = max(first, first + floor((shown[0] - start) * scale) - around)
    new_last = min(last, first + ceil((shown[1] - start) * scale) + around)
    if new_first >= new_last:
        return start, end, first, last
    # an edge that stays, stays exactly
    new_start = start if new_first == first else start + (new_first - first) / scale
    new_end = end if new_last == last else start + (new_last - first) / scale
    return new_start, new_end, new_first, new_last

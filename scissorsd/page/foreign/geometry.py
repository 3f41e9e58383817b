"""Where remove.bg's contract has a subject lie, and how large all of it is: numbers in and out."""

from math import sqrt

from scissorsd.core.boxes import Box
from scissorsd.core.canvas import Frame, laid
from scissorsd.core.rules import Length
from scissorsd.page.answers import Refusal
from scissorsd.page.foreign.removebg_words import Asked, Four

_MEGAPIXEL = 1_000_000
_SLACK = 1e-6


def frame_of(height: int, width: int, box: Box, asked: Asked) -> Frame:
    """Return the canvas for a picture whose subject lies in `box`.

    With `crop` it is the subject with its margins, else the picture; the subject is scaled to a
    part of it and placed in the room that is left; and then all of it is made as small as asked.
    """
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    canvas_w, canvas_h, x, y = float(width), float(height), float(left), float(top)
    if asked.crop:
        above, after, below, before = _margins(asked.margin, wide, high)
        canvas_w, canvas_h = before + wide + after, above + high + below
        x, y = before, above
    factor = 1.0
    if asked.scale is not None:
        factor = asked.scale * min(canvas_w / wide, canvas_h / high)
        x, y = (
            _kept(x + wide / 2, wide * factor, canvas_w),
            _kept(y + high / 2, high * factor, canvas_h),
        )
    if asked.position is not None:
        across, down = asked.position
        x = (canvas_w - wide * factor) * across
        y = (canvas_h - high * factor) * down
    smaller = _shrunk(canvas_w * canvas_h, asked.megapixels)
    canvas = max(1, int(canvas_w * smaller + _SLACK)), max(1, int(canvas_h * smaller + _SLACK))
    if smaller == factor == 1.0:
        x, y = round(x), round(y)  # a pixel stays a pixel
    return laid(height, width, box, canvas, (x * smaller, y * smaller), factor * smaller)


def region_of(height: int, width: int, roi: Four) -> Box:
    """Return the region of interest in pixels; raises Refusal where it is none."""
    sides = width, height, width, height
    left, top, right, bottom = (round(of.of(side)) for of, side in zip(roi, sides, strict=True))
    if max(left, right) > width or max(top, bottom) > height:
        what = "the given roi parameter defines a region that exceeds the image bounds"
        raise Refusal(
            400, "roi_exceeds_bounds", "ROI exceeds image bounds", f"{what}: {width}x{height}"
        )
    if left >= right or top >= bottom:
        what = "the given roi parameter defines an empty region"
        raise Refusal(400, "roi_region_empty", "ROI region is empty", what)
    return left, top, right, bottom


def _margins(margin: Four, wide: int, high: int) -> tuple[int, int, int, int]:
    """Return the margins in whole pixels: percent is of the subject's own width or height."""
    top, right, bottom, left = margin
    return _pixels(top, high), _pixels(right, wide), _pixels(bottom, high), _pixels(left, wide)


def _pixels(length: Length, side: int) -> int:
    return round(length.of(side))


def _kept(centre: float, length: float, side: float) -> float:
    """Return where a length begins that keeps its centre, and yet is inside."""
    return min(max(centre - length / 2, 0.0), max(side - length, 0.0))


def _shrunk(pixels: float, megapixels: float | None) -> float:
    """Return by how much both sides are multiplied; never more than 1."""
    if megapixels is None or pixels <= megapixels * _MEGAPIXEL:
        return 1.0
    return sqrt(megapixels * _MEGAPIXEL / pixels)

"""The subject's own colours, where the picture shows them mixed with the background's.

Along a soft edge a pixel's colour is alpha · subject + (1 - alpha) · background. Cut out with that
colour, the subject has a rim of its old background wherever it goes. Both colours are estimated by
blur-fusion, twice (Forte, Pitié, "Approximate Fast Foreground Colour Estimation", ICIP 2021): what
the surroundings say of each, and then what the pixel itself adds to that.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core.box_filter import means
from scissorsd.core.depth import Sample

_RADII = 32, 2  # of the two rounds; pixels of the small picture
_TINY = 1e-5
_STRIP = 64  # rows of the picture that are worked on at a time

Values = NDArray[np.float32]


def cleaned(
    rgb: NDArray[Sample], small: NDArray[np.uint8], mask: NDArray[np.uint8]
) -> NDArray[Sample]:
    """Return the picture with the subject's own colours where the mask is neither 0 nor 255.

    `rgb` is (height, width, 3), uint8 or uint16, `small` the same picture at some 320 pixels a
    side, and `mask` uint8 (height, width). The result is a new array; where there is nothing to
    do, `rgb` itself.
    """
    height, width = mask.shape
    strips = [slice(top, top + _STRIP) for top in range(0, height, _STRIP)]
    mixed = [np.flatnonzero(_is_mixed(mask[strip])) for strip in strips]
    if not any(len(found) for found in mixed):
        return rgb
    white = np.float32(np.iinfo(rgb.dtype).max)
    around = _estimates(small, mask) * (white / 255)
    columns = _between(width, around.shape[1])
    rows = _between(height, around.shape[0])
    result = rgb.copy()
    for strip, found in zip(strips, mixed, strict=True):
        if len(found):
            lines = _blend(around, rows[0][strip], rows[1][strip], rows[2][strip])
            row, column = np.divmod(found, width)
            start = row * around.shape[1]
            left, right = columns[0][column] + start, columns[1][column] + start
            both = _blend(lines.reshape(-1, 6), left, right, columns[2][column])
            pixels = result[strip].reshape(-1, 3)
            alpha = mask[strip].reshape(-1)[found, None] * np.float32(1 / 255)
            own = _own(pixels[found], both[:, :3], both[:, 3:], alpha)
            np.clip(own, 0, white, out=own)
            pixels[found] = np.rint(own, out=own).astype(rgb.dtype)
    return result


def _own(colour: NDArray[Sample], subject: Values, background: Values, alpha: Values) -> Values:
    """Add to what the surroundings say of the subject what the pixel adds (the paper's eq. 7)."""
    own: Values = colour - background
    own -= alpha * (subject - background)
    own *= alpha
    own += subject
    return own


def _between(length: int, cells: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Values]:
    """Return the two cells that each of so many pixels lies between, and its way to the second."""
    at = (np.arange(length) + 0.5) * (cells / length) - 0.5
    first = np.floor(at).astype(np.intp)
    way = (at - first).astype(np.float32)
    return first.clip(0, cells - 1), (first + 1).clip(0, cells - 1), way


def _blend(cells: Values, first: NDArray[np.intp], second: NDArray[np.intp], way: Values) -> Values:
    """Return the values part of the way from some cells to others."""
    start = cells[first]
    step = cells[second]
    step -= start
    step *= way.reshape(-1, *[1] * (cells.ndim - 1))
    start += step
    return start


def _estimates(small: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Values:
    """Return what the surroundings say of the subject's and of the background's colour.

    As (height, width, 6) of the small picture, from 0 to 255.
    """
    height, width = small.shape[:2]
    alpha = _reduced(mask, (width, height)) / np.float32(255)
    picture = small.transpose(2, 0, 1).astype(np.float32)
    subject = background = picture
    for radius in _RADII:
        planes = np.concatenate([subject * alpha, background * (1 - alpha), alpha[None]])
        around = means(planes, radius)
        around_subject = around[:3] / (around[6] + _TINY)
        background = around[3:6] / (1 - around[6] + _TINY)
        rest = picture - alpha * around_subject - (1 - alpha) * background
        subject = np.clip(around_subject + alpha * rest, 0, 255)
    both = np.concatenate([around_subject, background])
    return np.ascontiguousarray(both.transpose(1, 2, 0), np.float32)


def _reduced(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    image = Image.fromarray(mask)
    return np.asarray(image.resize(size, Image.Resampling.BOX, reducing_gap=2.0), np.float32)


def _is_mixed(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (mask - np.uint8(1)) < np.uint8(254)  # 0 wraps round to 255

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
from scissorsd.core.stretching import Between, columns_between, rows_between

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
    cells_high, cells_wide = around.shape[1:]
    rows = Between.of((np.arange(height) + 0.5) * (cells_high / height), cells_high)
    columns = Between.of((np.arange(width) + 0.5) * (cells_wide / width), cells_wide)
    result = rgb.copy()
    for strip, found in zip(strips, mixed, strict=True):
        if len(found):
            high = slice(strip.start, min(strip.stop, height))
            lines = rows_between(around[:, rows.cells(high)], rows.part(high))
            row = found // width
            column = found - row * width
            start = row * cells_wide
            left, right = columns.first[column] + start, columns.second[column] + start
            way = Between(left, right, columns.way[column])
            both = columns_between(lines.reshape(6, -1), way)
            pixels = result[strip].reshape(-1, 3)
            alpha = mask[strip].reshape(-1)[found] * np.float32(1 / 255)
            own = _own(pixels[found].T.astype(np.float32, order="C"), both[:3], both[3:], alpha)
            np.clip(own, 0, white, out=own)
            pixels[found] = np.rint(own, out=own).astype(rgb.dtype).T
    return result


def _own(colour: Values, subject: Values, background: Values, alpha: Values) -> Values:
    """Add to what the surroundings say of the subject what the pixel adds (the paper's eq. 7).

    Colours are 3 × pixels; `colour` and `background` are changed.
    """
    colour -= background
    np.subtract(subject, background, out=background)
    background *= alpha
    colour -= background
    colour *= alpha
    colour += subject
    return colour


def _estimates(small: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Values:
    """Return what the surroundings say of the subject's and of the background's colour.

    As 6 × height × width of the small picture, from 0 to 255.
    """
    height, width = small.shape[:2]
    alpha = _reduced(mask, (width, height)) / np.float32(255)
    ground = 1 - alpha
    covers = [means(alpha, radius) for radius in _RADII]
    result = np.empty((6, height, width), np.float32)
    for channel in range(3):
        picture: Values = small[..., channel].astype(np.float32)
        subject: Values = picture
        background: Values = picture
        for radius, cover in zip(_RADII, covers, strict=True):
            around: Values = means(subject * alpha, radius)
            around /= cover + _TINY
            background = means(background * ground, radius)
            background /= 1 - cover + _TINY
            rest: Values = picture - alpha * around - ground * background
            subject = np.clip(around + alpha * rest, 0, 255)
        result[channel], result[3 + channel] = around, background
    return result


def _reduced(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    image = Image.fromarray(mask)
    return np.asarray(image.resize(size, Image.Resampling.BOX, reducing_gap=2.0), np.float32)


def _is_mixed(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (mask - np.uint8(1)) < np.uint8(254)  # 0 wraps round to 255

"""Mask and picture to what is published: the cutout, the flat picture, the comparison.

Everywhere `rgb` is (height, width, 3) and `mask` (height, width), both uint8 or both uint16, where
the greatest value of the type is wholly the subject. Results are new arrays of that type.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core.depth import DEEP, STEP, Sample, deepened

_BAND = 32  # rows worked on at a time: they stay in the processor's cache
_LONGEST_SIDE = 2000
_GAP = 8
_SQUARE = 16
_GREYS = 224, 176


def cutout(rgb: NDArray[Sample], mask: NDArray[Sample]) -> NDArray[Sample]:
    """Return (height, width, 4): the picture's own colours with the mask as straight alpha.

    Colours are not multiplied by alpha, so soft edges do not darken; where alpha is 0 they are 0,
    which hides nothing and compresses well.
    """
    height, width = mask.shape
    result = np.zeros((height, width, 4), mask.dtype)
    for top in range(0, height, _BAND):
        columns = np.flatnonzero(mask[top : top + _BAND].max(axis=0))
        if len(columns):
            some = np.s_[top : top + _BAND, columns[0] : columns[-1] + 1]
            shown = (mask[some] != 0).view(np.uint8)
            for channel in range(3):
                np.multiply(rgb[some][..., channel], shown, out=result[some][..., channel])
            result[some][..., 3] = mask[some]
    return result


def flat(
    rgb: NDArray[Sample],
    mask: NDArray[Sample],
    background: tuple[int, int, int] | NDArray[np.uint8],
    shadow: NDArray[np.uint8] | None = None,
) -> NDArray[Sample]:
    """Return (height, width, 3): the subject on a colour, or on an array shaped like `rgb`.

    Background and shadow are of 8 bits always. A shadow (height, width) darkens the background,
    under the subject: 255 makes it black. Each value is rounded to the nearest.
    """
    result = np.empty_like(rgb)
    for top in range(0, len(rgb), _BAND):
        band = slice(top, top + _BAND)
        if isinstance(background, tuple):
            under = Image.new("RGB", mask[band].shape[::-1], background)
        else:
            under = Image.fromarray(background[band])
        if shadow is not None:
            under.paste((0, 0, 0), mask=Image.fromarray(shadow[band]))
        if rgb.dtype == np.uint8:
            under.paste(Image.fromarray(rgb[band]), mask=Image.fromarray(mask[band]))
            result[band] = np.asarray(under)
        else:
            result[band] = _mixed_deep(rgb[band], np.asarray(under), mask[band])
    return result


def _mixed_deep(
    over: NDArray[Sample], under: NDArray[np.uint8], mask: NDArray[Sample]
) -> NDArray[np.uint16]:
    behind = under.astype(np.float64) * STEP
    behind += (over - behind) * (mask[..., None] / DEEP)
    return np.rint(behind).astype(np.uint16)


def comparison(
    rgb: NDArray[Sample], mask: NDArray[np.uint8], own: NDArray[Sample]
) -> NDArray[Sample]:
    """Return the picture and, to its right, the cutout on a checkerboard: (height, width, 3).

    `own` is the picture in the colours that the cutout is to have; it may be `rgb` itself. The mask
    is of 8 bits always.

    The whole is at most 2000 pixels on its longest side; nothing is enlarged.
    """
    height, width = mask.shape
    scale = min(1.0, (_LONGEST_SIDE - _GAP) / (2 * width), _LONGEST_SIDE / height)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    before, small = _resized(rgb, size), _resized(mask, size)
    colours = before if own is rgb else _resized(own, size)
    cover = small if rgb.dtype == np.uint8 else deepened(small)
    after = flat(colours, cover, checkerboard(*size, square=_SQUARE, greys=_GREYS))
    gap = np.full((size[1], _GAP, 3), np.iinfo(rgb.dtype).max, rgb.dtype)
    return np.concatenate((before, gap, after), axis=1)


def _resized(pixels: NDArray[Sample], size: tuple[int, int]) -> NDArray[Sample]:
    if pixels.dtype == np.uint8:
        image = Image.fromarray(pixels)
        return np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))
    result = np.empty((size[1], size[0], 3), pixels.dtype)
    for channel in range(3):
        plane = Image.fromarray(pixels[..., channel].astype(np.float32))
        plane = plane.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        result[..., channel] = np.rint(np.clip(np.asarray(plane), 0, DEEP))
    return result


def checkerboard(
    width: int, height: int, *, square: int, greys: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return squares of two greys in turn, uint8 (height, width, 3); the first is at the corner."""
    rows, columns = np.arange(height) // square, np.arange(width) // square
    is_first = (rows[:, None] + columns) % 2 == 0
    return np.repeat(np.where(is_first, *greys).astype(np.uint8)[..., None], 3, axis=2)

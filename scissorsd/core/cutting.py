"""Mask and picture to what is published: the cutout, the flat picture, the comparison.

Everywhere `rgb` is uint8 (height, width, 3) and `mask` uint8 (height, width), where 255 is wholly
the subject. Results are new uint8 arrays.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BAND = 128  # rows composited at a time: they stay in the processor's cache
_LONGEST_SIDE = 2000
_GAP = 8
_SQUARE = 16
_LIGHT, _DARK, _BETWEEN = 224, 176, 255


def cutout(rgb: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (height, width, 4): the picture's own colours with the mask as straight alpha.

    Colours are not multiplied by alpha, so soft edges do not darken; where alpha is 0 they are 0,
    which hides nothing and compresses well.
    """
    height, width = mask.shape
    result = np.empty((height, width, 4), np.uint8)
    shown = (mask != 0).view(np.uint8)
    for channel in range(3):
        np.multiply(rgb[..., channel], shown, out=result[..., channel])
    result[..., 3] = mask
    return result


def flat(
    rgb: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    background: tuple[int, int, int] | NDArray[np.uint8],
    shadow: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Return (height, width, 3): the subject on a colour, or on an array shaped like `rgb`.

    A shadow (height, width) darkens the background, under the subject: 255 makes it black. Each
    value is rounded to the nearest.
    """
    result = np.empty_like(rgb)
    for top in range(0, len(rgb), _BAND):
        band = slice(top, top + _BAND)
        over, mask_band = Image.fromarray(rgb[band]), Image.fromarray(mask[band])
        if isinstance(background, tuple):
            under = Image.new("RGB", over.size, background)
        else:
            under = Image.fromarray(background[band])
        if shadow is not None:
            under.paste((0, 0, 0), mask=Image.fromarray(shadow[band]))
        under.paste(over, mask=mask_band)
        result[band] = np.asarray(under)
    return result


def comparison(
    rgb: NDArray[np.uint8], mask: NDArray[np.uint8], own: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return the picture and, to its right, the cutout on a checkerboard: uint8 (h, w, 3).

    `own` is the picture in the colours that the cutout is to have; it may be `rgb` itself.

    The whole is at most 2000 pixels on its longest side; nothing is enlarged.
    """
    height, width = mask.shape
    scale = min(1.0, (_LONGEST_SIDE - _GAP) / (2 * width), _LONGEST_SIDE / height)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    before, small = _resized(rgb, size), _resized(mask, size)
    colours = before if own is rgb else _resized(own, size)
    after = flat(colours, small, _checkerboard(*size))
    gap = np.full((size[1], _GAP, 3), _BETWEEN, np.uint8)
    return np.concatenate((before, gap, after), axis=1)


def _resized(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels)
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))


def _checkerboard(width: int, height: int) -> NDArray[np.uint8]:
    rows, columns = np.arange(height) // _SQUARE, np.arange(width) // _SQUARE
    light = (rows[:, None] + columns) % 2 == 0
    return np.repeat(np.where(light, _LIGHT, _DARK).astype(np.uint8)[..., None], 3, axis=2)

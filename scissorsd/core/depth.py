"""Samples of 16 bits: scaled, joined from bytes, and brought to 8 bits and back.

Everywhere 0 stands for none and the greatest value (255, 65535) for all of a colour or of alpha.
"""

from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Sample = TypeVar("Sample", bound=np.uint8 | np.uint16)
Pixels = NDArray[np.uint8 | np.uint16]

DEEP = 65_535  # the greatest value of 16 bits
STEP = 257  # of them to one of 8 bits: 255 × 257 = 65535
_ROWS = 64  # worked on at a time
_FULL_SCALES = {"I": (65535.0,), "F": (1.0, 255.0, 65535.0)}


def deepened(values: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Give 8-bit values at 16 bits: the same part of the full scale, exactly."""
    deep = values.astype(np.uint16)
    deep *= STEP
    return deep


def shallow(values: Pixels) -> NDArray[np.uint8]:
    """Give values at 8 bits: the nearest part of the full scale; what is at 8 bits, as it is."""
    if values.dtype == np.uint8:
        return cast("NDArray[np.uint8]", values)
    return _NEAREST[values]


_NEAREST = np.rint(np.arange(DEEP + 1) / STEP).astype(np.uint8)


def joined(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Join the high and the low bytes of samples."""
    values = high.astype(np.uint16)
    values <<= 8
    values |= low
    return values


def grey(image: Image.Image, bits: int, *, white_is_zero: bool) -> NDArray[np.uint16]:
    """Scale a grey picture of more than 8 bits (Pillow's `I;16`, `I`, `F`) to 16: height × width.

    `I;16` is scaled by its depth; `I` and `F` by the first of the full scales 65535 (for `F`, 1
    and 255 come before it) that holds every value, else from their least to their greatest value.
    """
    values: NDArray[np.generic] = np.asarray(image)
    black, white = (0.0, 2.0**bits - 1) if image.mode.startswith("I;16") else _range(image)
    if (black, white) == (0.0, DEEP):
        exact = values.astype(np.uint16)
        return DEEP - exact if white_is_zero else exact
    if white_is_zero:
        black, white = white, black
    scaled = values.astype(np.float32)
    scaled -= black
    scaled *= DEEP / (white - black)
    np.nan_to_num(scaled, copy=False)
    np.clip(scaled, 0, DEEP, out=scaled)
    return np.rint(scaled, out=scaled).astype(np.uint16)


def _range(image: Image.Image) -> tuple[float, float]:
    values: NDArray[np.generic] = np.asarray(image)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    least, greatest = float(finite.min()), float(finite.max())
    for white in _FULL_SCALES[image.mode]:
        if least >= 0 and greatest <= white:
            return 0.0, white
    return least, greatest if greatest > least else least + 1


def deep_mask(
    mask: NDArray[np.uint8],
    alpha: NDArray[np.uint8] | None = None,
    deep_alpha: NDArray[np.uint16] | None = None,
) -> NDArray[np.uint16]:
    """Give a mask (255 for 1) at 16 bits: the picture's own alpha, which is in it, then exactly.

    `alpha` and `deep_alpha` are that alpha at both depths; all are height × width.
    """
    if alpha is None or deep_alpha is None:
        return deepened(mask)
    deep = np.empty(mask.shape, np.uint16)
    for top in range(0, len(mask), _ROWS):
        rows = slice(top, top + _ROWS)
        # What was 1 before alpha was in it is alpha; what is no part of alpha stays what it is.
        share = mask[rows] / np.maximum(alpha[rows], 1).astype(np.float64)
        exact = np.minimum(np.rint(share * deep_alpha[rows]), DEEP)
        deep[rows] = np.where(alpha[rows] == 0, deepened(mask[rows]), exact)
    return deep


def straightened(samples: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Take alpha out of colours that are multiplied with it: … × 4, red, green, blue and alpha.

    Where alpha is 0 no colour is known: it is 0.
    """
    alpha = samples[..., 3:]
    straight = samples * (np.float32(DEEP) / np.maximum(alpha, 1))
    np.rint(np.minimum(straight, DEEP, out=straight), out=straight)
    straight *= alpha != 0
    straight[..., 3:] = alpha
    return straight.astype(np.uint16)

"""The outline of a sticker: a rim of one colour around the subject, and under it."""

from math import sqrt, tau

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from scissorsd.core.shaping import grown, solid_parts

_SOLID = 77  # where less of a subject is left than this, the rim does not go around it
_FIRM = 128  # and so much is wholly there for it
_SMOOTHING = 1 / 6  # of the width: what the corners of the rim are rounded by
_SOFTEST, _LEAST_SOFT = 12.0, 0.6  # pixels
_EDGE = 1.4  # pixels over which the rim's edge goes from all to nothing


def outlined(
    rgba: NDArray[np.uint8], width: float, colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Draw a rim of `width` pixels around a cutout (height × width × 4, straight alpha).

    It is opaque, smooth and round, closes gaps narrower than itself, lies under the soft edges, and
    is clipped by the frame. Haze and specks get none. No width: the cutout itself comes back.
    """
    if width <= 0:
        return rgba
    rim = _rim(rgba[..., 3], width)
    result = np.empty_like(rgba)
    for top in range(0, len(rgba), _BAND):
        _lay_over(rgba[top : top + _BAND], rim[top : top + _BAND], colour, result[top:])
    return result


_BAND = 128  # rows composited at a time


def _rim(alpha: NDArray[np.uint8], width: float) -> NDArray[np.uint8]:
    """Draw the subject, made solid, and the rim around it: 255, with a smooth edge."""
    parts, solid = solid_parts(alpha, _SOLID)
    if not parts.count:
        return np.zeros_like(alpha)
    firm = np.clip((alpha.astype(np.int16) - _SOLID) * 255 // (_FIRM - _SOLID), 0, 255)
    wide = grown(firm.astype(np.uint8) * parts.painted(solid), width)
    # rounded by blurring; then the middle of the blurred edge is made steep again
    blur = min(max(width * _SMOOTHING, _LEAST_SOFT), _SOFTEST)
    steepness = max(1.0, blur * sqrt(tau) / _EDGE)
    levels = [round(min(max((v - 127.5) * steepness + 127.5, 0), 255)) for v in range(256)]
    image = Image.fromarray(wide).filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(image.point(levels))


def _lay_over(
    over: NDArray[np.uint8],
    rim: NDArray[np.uint8],
    colour: tuple[int, int, int],
    result: NDArray[np.uint8],
) -> None:
    """Compose some rows of a cutout over the rim: Porter and Duff's "over", 1984, in `result`."""
    alpha = over[..., 3].astype(np.float32)
    below = rim * (1 - alpha / 255)
    total = alpha + below
    part = alpha / np.maximum(total, 1)
    shown = result[: len(over)]
    for channel, value in enumerate(colour):
        shown[..., channel] = np.rint(over[..., channel] * part + value * (1 - part))
    shown[..., 3] = np.rint(total)
    shown[..., :3][shown[..., 3] == 0] = 0

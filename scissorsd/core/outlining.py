"""The outline of a sticker: a rim of one colour around the subject, and under it."""

from math import ceil, sqrt, tau

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from scissorsd.core import cutting
from scissorsd.core.depth import Sample, deepened, shallow
from scissorsd.core.shaping import grown, in_tiles, solid_components

_SOLID = 90  # where less of a subject is left than this, the rim does not go around it
_SMOOTHING = 1 / 6  # of the width: what the corners of the rim are rounded by
_SOFTEST, _LEAST_SOFT = 12.0, 0.8  # pixels
_ROWS = 256  # worked on at a time
_EDGE = 1.4  # pixels over which the rim's edge goes from all to nothing


def outlined(rgba: NDArray[Sample], width: float, colour: tuple[int, int, int]) -> NDArray[Sample]:
    """Draw a rim of `width` pixels around a cutout (height × width × 4, straight alpha).

    It is opaque, smooth and round, closes gaps narrower than itself, shows through soft edges, and
    is clipped by the frame. What is outside of it, haze and specks, goes. Without a width, or a
    subject, the cutout itself comes back.
    """
    rim = _rim(shallow(rgba[..., 3]), width) if width > 0 else None
    if rim is None:
        return rgba
    result = np.empty_like(rgba)
    for top in range(0, len(rgba), _ROWS):
        rows = slice(top, top + _ROWS)
        colours, alpha = (
            np.ascontiguousarray(part) for part in (rgba[rows, :, :3], rgba[rows, :, 3])
        )
        cover = rim[rows] if rgba.dtype == np.uint8 else deepened(rim[rows])
        result[rows] = cutting.cutout(cutting.flat(colours, alpha, colour), cover)
    return result


def _rim(alpha: NDArray[np.uint8], width: float) -> NDArray[np.uint8] | None:
    """Draw what the subject and the rim around it cover: 255, with a smooth edge."""
    parts, solid = solid_components(alpha, _SOLID)
    if not parts.count:
        return None
    subject = parts.painted(solid)
    # rounded by blurring; then the middle of the blurred edge is made steep again
    blur = min(max(width * _SMOOTHING, _LEAST_SOFT), _SOFTEST)
    steepness = max(1.0, blur * sqrt(tau) / _EDGE)
    levels = [round(min(max((v - 127.5) * steepness + 127.5, 0), 255)) for v in range(256)]
    wide = grown(subject.view(np.uint8) * np.uint8(255), width)

    def rounded(window: NDArray[np.uint8]) -> NDArray[np.uint8]:
        image = Image.fromarray(window).filter(ImageFilter.GaussianBlur(blur))
        return np.asarray(image.point(levels))

    rim = in_tiles(wide, ceil(4 * blur), rounded)
    return np.asarray(np.maximum(rim, alpha * subject))

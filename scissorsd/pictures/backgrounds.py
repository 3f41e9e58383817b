"""What a flat output is laid on: a colour, or a picture of its own."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageOps

from scissorsd.core.colours import between
from scissorsd.core.cutting import flat
from scissorsd.errors import HoldError, PictureError
from scissorsd.pictures.reading import read

_BRIGHTEST = 255


def parse_colour(spec: str) -> tuple[int, int, int] | None:
    """Return red, green and blue of a colour's name or hex, 0 to 255; None for no colour."""
    try:
        red, green, blue = ImageColor.getrgb(spec)[:3]
    except ValueError:
        return None
    return (red, green, blue) if max(red, green, blue) <= _BRIGHTEST else None


def load_background(
    path: str | Path, height: int, width: int, max_pixels: int, icc: bytes | None = None
) -> NDArray[np.uint8]:
    """Read a background picture as (height, width, 3) uint8: scaled to cover, cut at the centre.

    `icc` is the profile of the picture that will stand on it (None: sRGB). Raises HoldError where
    the background cannot be read: the pictures that need it wait until it can.
    """
    try:
        picture = read(Path(path).read_bytes(), max_pixels=max_pixels)
    except (OSError, PictureError) as error:
        reason = error.what if isinstance(error, PictureError) else error.strerror
        raise HoldError(
            f"the background picture {path} cannot be read: {reason}",
            "Put it in its place, or change `background` in the rule.",
        ) from error
    opaque = picture.rgb
    if picture.alpha is not None:
        opaque = flat(picture.rgb, picture.alpha, (255, 255, 255))
    image = ImageOps.fit(Image.fromarray(opaque), (width, height), Image.Resampling.LANCZOS)
    return np.asarray(between(image, picture.metadata.icc, icc))

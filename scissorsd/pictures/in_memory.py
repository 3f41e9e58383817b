"""Pictures that a program gives, where no file is read: Pillow's images and numpy's arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from scissorsd.core.colours import to_rgb
from scissorsd.core.depth import UnknownScaleError
from scissorsd.errors import (
    CorruptPictureError,
    OverLimitsError,
    PictureError,
    ScissorsError,
    UnsupportedPictureError,
)
from scissorsd.pictures.decoders import declared_samples, is_filling
from scissorsd.pictures.metadata import Metadata
from scissorsd.pictures.picture import Picture, as_picture

_COLOURS = (2, 3, 4)  # of an array's pixel: grey with alpha, RGB, RGBA
_FLAT, _DEEP = 2, 3  # dimensions


def from_pillow(image: Image.Image, max_pixels: int) -> Picture:
    """Take a Pillow image of any mode, upright, at 8 bits; it stays as it is.

    `I` is of 8 or 16 bits, whichever its values are, and `F` from 0 to 1, 255 or 65535; of what
    was opened from a TIFF the scale is the file's. Raises OverLimitsError, CorruptPictureError
    where it cannot be loaded, and UnsupportedPictureError where its scale is not known.
    """
    with _loading(image):
        if image.width * image.height > max_pixels:
            raise OverLimitsError(
                f"an image of {image.width} by {image.height} pixels is over the limit of "
                f"{max_pixels / 1e6:.0f} megapixels",
                "Make it smaller.",
            )
        if not image.width or not image.height:
            raise PictureError("an image without pixels cannot be cut")
        samples = declared_samples(image)
        image.load()
        upright = ImageOps.exif_transpose(image)
        if upright.mode == "HSV":
            upright = upright.convert("RGB")
        colours = to_rgb(upright, upright.info.get("icc_profile"), samples)
        if colours.alpha and is_filling(image, colours.alpha):
            colours = replace(colours, alpha=None)
        metadata = Metadata(colours.profile, None, None, None)
        return as_picture(colours.rgb, colours.alpha, metadata)


@contextmanager
def _loading(image: Image.Image) -> Iterator[None]:
    """Translate what Pillow raises at an image into the errors of this program."""
    try:
        yield
    except (ScissorsError, MemoryError):
        raise
    except UnknownScaleError as error:
        raise UnsupportedPictureError(
            f"a Pillow image of mode {image.mode!r} cannot be cut: {error}",
            "Give it as mode 'L' or 'I;16'.",
        ) from error
    except Exception as error:  # a lazy image is decoded only now, and a decoder may raise anything
        raise CorruptPictureError(
            f"the Pillow image cannot be loaded ({' '.join(str(error).split())[:200]})",
            "Its file may be damaged or cut short, or it was closed.",
        ) from error


def from_array(array: NDArray[Any], max_pixels: int) -> Picture:
    """Take an array: height × width (grey), or × 2, 3 or 4 (with alpha, RGB, RGBA), uint8.

    Grey may be uint16 too. Raises UnsupportedPictureError for any other, and OverLimitsError.
    """
    is_flat = array.ndim == _FLAT and array.dtype in (np.uint8, np.uint16)
    has_colours = array.ndim == _DEEP and array.shape[-1] in _COLOURS and array.dtype == np.uint8
    if not (is_flat or has_colours) or not array.size:
        shape = " × ".join(map(str, array.shape)) or "no dimension"
        raise UnsupportedPictureError(
            f"an array of {array.dtype}, {shape}, is no picture",
            "Give uint8: height × width × 3 (RGB) or × 4 (with alpha), or height × width (grey). "
            "Of numbers from 0 to 1: (array * 255).astype('uint8').",
        )
    return from_pillow(Image.fromarray(np.ascontiguousarray(array)), max_pixels)

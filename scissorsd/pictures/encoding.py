"""Arrays to the bytes of picture files."""

import io
from typing import Any

import numpy as np
from PIL import Image

from scissorsd.core.depth import Pixels
from scissorsd.core.rules import LONGEST_SIDES, Format, Output
from scissorsd.errors import OverLimitsError, PictureError
from scissorsd.pictures.metadata import Metadata, carried, exif_for, with_exif
from scissorsd.pictures.png import encode_png
from scissorsd.pictures.tiff import encode_tiff

DEEP_FORMATS: tuple[Format, ...] = ("png", "tiff")  # which can hold 16 bits of a sample

_FINE = 90  # from this quality on colour is kept at full resolution: edges of a cutout show it
_LOSSLESS = 100
_GREY = 2  # dimensions


def encode(pixels: Pixels, output: Output, metadata: Metadata) -> bytes:
    """Encode pixels as `output.format`.

    `pixels` is (height, width), (height, width, 3), or with straight alpha (height, width, 4),
    which JPEG cannot hold; uint8, or for DEEP_FORMATS uint16, which is then written. ICC profile
    and resolution are kept; EXIF and XMP only where `output.metadata` is "keep".

    Raises OverLimitsError where the format cannot hold a picture of that size, PictureError where
    the encoder fails.
    """
    refuse_too_long(pixels.shape[1], pixels.shape[0], output)
    what_goes_with = carried(output, metadata, grey=pixels.ndim == _GREY)
    try:
        encoded = _encoded(pixels, output, what_goes_with)
    except (OSError, ValueError, RuntimeError, SystemError) as error:
        raise PictureError(
            f"the result cannot be written as {output.format} ({error})",
            "Choose another format for this output, such as png.",
        ) from error
    exif = exif_for(output, metadata)
    return with_exif(encoded, exif) if output.format == "tiff" and len(exif) else encoded


def _encoded(pixels: Pixels, output: Output, what_goes_with: dict[str, Any]) -> bytes:
    is_deep, is_small = pixels.dtype == np.uint16, output.compression == "small"
    if output.format == "tiff":
        icc, dpi = what_goes_with.get("icc_profile"), what_goes_with.get("dpi")
        return encode_tiff(pixels, icc=icc, dpi=dpi)
    if output.format == "png" and (is_deep or not is_small):
        return encode_png(pixels, what_goes_with, small=is_small)
    options = _options(output.format, output.quality) | what_goes_with
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, output.format, **options)
    return buffer.getvalue()


def refuse_too_long(width: int, height: int, output: Output) -> None:
    """Raise OverLimitsError where the output's format cannot hold so many pixels on a side."""
    limit = LONGEST_SIDES.get(output.format)
    if limit and max(width, height) > limit:
        raise OverLimitsError(
            f"the {output.kind}'s {width} by {height} pixels are more than {output.format} can "
            f"hold ({limit} on a side)",
            "Choose format: png for this output, or give it a smaller size.",
        )


def _options(name: Format, quality: int) -> dict[str, Any]:
    """Options of Pillow's encoders; the fast ones, where time buys only a few percent of size.

    So 9 instead of 6 for a PNG: twice the time and more, for one percent.
    """
    match name:
        case "png":
            return {"compress_level": 6}
        case "webp" if quality == _LOSSLESS:
            return {"lossless": True, "quality": 20, "method": 1}  # quality is effort here
        case "webp":
            return {"quality": quality, "method": 3}
        case "avif":
            subsampling = "4:4:4" if quality >= _FINE else "4:2:0"
            return {"quality": quality, "subsampling": subsampling, "speed": 8}
        case _:
            subsampling = "4:4:4" if quality >= _FINE else "4:2:0"
            return {"quality": quality, "subsampling": subsampling}

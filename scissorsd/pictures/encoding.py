"""Arrays to the bytes of picture files."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin

from scissorsd.core.depth import Pixels
from scissorsd.core.formats import FORMATS, Format
from scissorsd.core.rules import Output
from scissorsd.errors import OverLimitsError, PictureError
from scissorsd.pictures.lossless_avif import encode_lossless_avif
from scissorsd.pictures.metadata import Carried, Metadata, carried
from scissorsd.pictures.picture import Picture
from scissorsd.pictures.png import encode_png
from scissorsd.pictures.tiff import encode_tiff

_FINE = 90  # from this quality on colour is kept at full resolution: edges of a cutout show it
_BEST = 100
_GREY = 2  # dimensions


def encode(pixels: Pixels, output: Output, metadata: Metadata) -> bytes:
    """Encode pixels as `output.format`.

    `pixels` is (height, width), (height, width, 3), or with straight alpha (height, width, 4),
    which JPEG cannot hold; uint8, or uint16 for formats that have 16 bits. ICC profile and
    resolution are kept; EXIF and XMP only where `output.metadata` is "keep".

    Raises OverLimitsError where the format cannot hold a picture of that size, PictureError where
    the encoder fails.
    """
    refuse_too_long(pixels.shape[1], pixels.shape[0], output)
    beside = carried(output, metadata, grey=pixels.ndim == _GREY)
    try:
        return ENCODERS[output.format](pixels, output, beside)
    except (OSError, ValueError, RuntimeError, SystemError) as error:
        raise PictureError(
            f"the result cannot be written as {output.format} ({error})",
            "Choose another format for this output, such as png.",
        ) from error


def wants_16_bits(output: Output, picture: Picture) -> bool:
    """Tell whether an output is written with 16 bits of a sample: `encode` is to be given uint16.

    Where the picture was read at 8 bits, its values are `core.depth.deepened`.
    """
    if not FORMATS[output.format].has_16_bits or output.depth == "8":
        return False
    return output.depth == "16" or picture.deep is not None


def refuse_too_long(width: int, height: int, output: Output) -> None:
    """Raise OverLimitsError where the output's format cannot hold so many pixels on a side."""
    limit = FORMATS[output.format].longest_side
    if limit and max(width, height) > limit:
        raise OverLimitsError(
            f"the {output.kind}'s {width} by {height} pixels are more than {output.format} can "
            f"hold ({limit} on a side)",
            "Choose format: png for this output, or give it a smaller size.",
        )


def _png(pixels: Pixels, output: Output, beside: Carried) -> bytes:
    options = _options(beside)
    if xmp := options.pop("xmp", None):
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode(errors="replace"))
    is_deep, is_small = pixels.dtype == np.uint16, output.compression == "small"
    if is_deep or not is_small:
        return encode_png(pixels, options, small=is_small)
    # Level 9 would take twice the time and more, for one percent.
    return _by_pillow(pixels, output, options, compress_level=6)


def _jpeg(pixels: Pixels, output: Output, beside: Carried) -> bytes:
    return _by_pillow(pixels, output, _options(beside), **_as_good_as(output))


def _webp(pixels: Pixels, output: Output, beside: Carried) -> bytes:
    options = {"quality": output.quality, "method": 3}  # a higher method buys a few percent
    if output.is_lossless:  # quality is effort here; exact: also where nothing is to be seen
        options = {"lossless": True, "exact": True, "quality": 20, "method": 1}
    return _by_pillow(pixels, output, _options(beside), **options)


def _avif(pixels: Pixels, output: Output, beside: Carried) -> bytes:
    if output.is_lossless:
        exif = beside.exif.tobytes() if len(beside.exif) else b""
        shallow = np.asarray(pixels, np.uint8)
        return encode_lossless_avif(shallow, icc=beside.icc, exif=exif, xmp=beside.xmp)
    return _by_pillow(pixels, output, _options(beside), speed=8, **_as_good_as(output))


def _tiff(pixels: Pixels, _: Output, beside: Carried) -> bytes:
    if beside.xmp:
        beside.exif[ExifTags.Base.XMLPacket] = beside.xmp
    return encode_tiff(pixels, icc=beside.icc, dpi=beside.dpi, exif=beside.exif)


ENCODERS: dict[Format, Callable[[Pixels, Output, Carried], bytes]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "avif": _avif,
    "tiff": _tiff,
}


def _as_good_as(output: Output) -> dict[str, Any]:
    quality = _BEST if output.quality == "lossless" else output.quality
    return {"quality": quality, "subsampling": "4:4:4" if quality >= _FINE else "4:2:0"}


def _options(beside: Carried) -> dict[str, Any]:
    """Return Pillow's arguments for what goes with the pixels."""
    options = {"icc_profile": beside.icc, "dpi": beside.dpi, "xmp": beside.xmp}
    options = {name: value for name, value in options.items() if value}
    return options | ({"exif": beside.exif} if len(beside.exif) else {})


def _by_pillow(pixels: Pixels, output: Output, beside: dict[str, Any], **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, FORMATS[output.format].pillow, **options, **beside)
    return buffer.getvalue()

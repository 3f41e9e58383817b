"""Untrusted bytes to Pillow's decoders.

Only the decoders named here ever run, each for files with its own signature, and none before the
size that the header claims is known to be within the limits.
"""

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from scissorsd.core import boxes, jpeg_segments, png_chunks
from scissorsd.core.signatures import (
    PictureFormat,
    declared_size,
    ends_early,
    foreign,
    is_beginning,
    is_hollow,
    recognise,
)
from scissorsd.errors import (
    CorruptPictureError,
    OverLimitsError,
    ScissorsError,
    TruncatedPictureError,
    UnsupportedPictureError,
)

Image.MAX_IMAGE_PIXELS = None  # `opened` checks before every decoder, against the user's own limit
logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what matters comes as an exception


@contextmanager
def decoding(data: bytes) -> Iterator[PictureFormat]:
    """Translate whatever a decoder raises at this file into the errors of this program."""
    _hush_pillow()
    name = _recognised(data)
    try:
        yield name
    except (ScissorsError, MemoryError):
        raise
    except Exception as error:  # hostile bytes can make a decoder raise anything
        if ends_early(data, name):
            raise _truncated(f"the end of this {name} file is missing") from error
        if str(error).startswith(_UNSUPPORTED_KINDS):
            raise UnsupportedPictureError(
                f"this kind of {name} file cannot be read ({error})", "Save it as an 8-bit PNG."
            ) from error
        raise CorruptPictureError(
            f"this {name} file is damaged ({_in_words(error)})", "Copy or export it again."
        ) from error


_UNSUPPORTED_KINDS = ("unknown pixel mode", "unknown data organization", "Unsupported BMP")


def _recognised(data: bytes) -> PictureFormat:
    if name := recognise(data):
        return name
    if not data:
        raise _truncated("the file is empty")
    if is_hollow(data) or is_beginning(data):
        raise _truncated("the file has no content yet")
    raise UnsupportedPictureError(
        f"not a picture that can be read ({_looks(data)})",
        "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF and HEIC are read.",
    )


def _looks(data: bytes) -> str:
    what = foreign(data)
    return what if what.startswith("its") else f"it looks like {what}"


def _truncated(what: str) -> TruncatedPictureError:
    return TruncatedPictureError(what, "It may still be on its way; otherwise copy it again.")


def _in_words(error: Exception) -> str:
    words = " ".join(str(error).split())
    return words[:200] or type(error).__name__


def _hush_pillow() -> None:
    """Keep Pillow's remarks on odd files off stderr, also where someone reset the filters."""
    if _REMARKS not in warnings.filters:
        warnings.filterwarnings("ignore", module=_REMARKS[3].pattern)


_REMARKS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


def opened(data: bytes, name: PictureFormat, max_pixels: int) -> ImageFile.ImageFile:
    """Parse the header, with the limits checked before a decoder can reserve memory."""
    if size := declared_size(data, name):
        _refuse_over(size, max_pixels)
    if name == "JPEG" and is_hollow(data) and ends_early(data, name):
        raise _truncated("the end of this JPEG file is not written yet")
    image = _opener(name)(io.BytesIO(_SOUND.get(name, bytes)(data)))
    _refuse_over(image.size, max_pixels)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        wide, high = (int(image.tag_v2.get(tag, 1)) for tag in _TILE_SIZE)
        _refuse_over((wide, high), max(max_pixels, _TILE_PIXELS))
    return image


# Without what is broken beside the pixels, where that would cost the picture.
_SOUND: dict[PictureFormat, Callable[[bytes], bytes]] = {
    "PNG": png_chunks.sound,
    "JPEG": jpeg_segments.sound,
}
_TILE_SIZE = (ExifTags.Base.TileWidth, ExifTags.Base.TileLength)
_TILE_PIXELS = 4096 * 4096  # a TIFF's tiles may be larger than a small limit on the picture


def _opener(name: PictureFormat) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """Return the decoder itself: `Image.open` would try others, and any import teaches it more."""
    if name != "HEIF":
        return _OPENERS[name]
    import pillow_heif  # noqa: PLC0415 - slow to import, and few pictures need it

    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    return cast("Callable[[io.BytesIO], ImageFile.ImageFile]", pillow_heif.HeifImageFile)


def heif_samples(data: bytes) -> tuple[NDArray[np.uint8 | np.uint16], int] | None:
    """Decode a HEIC with all of its bits: height × width × 1, 3 or 4, and the value of white.

    With straight alpha; None where the file's is multiplied into the colours.
    """
    import pillow_heif  # noqa: PLC0415 - as above

    heif = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    if heif.premultiplied_alpha:
        return None
    samples: NDArray[np.uint8 | np.uint16] = np.asarray(heif)
    width, height = heif.size
    samples = samples.reshape(*samples.shape[:2], -1)[:height, :width]
    if samples.dtype == np.uint8:
        return samples, 255
    bits = heif.info["bit_depth"]
    return samples, ((1 << bits) - 1) << (16 - bits)


def _avif(file: io.BytesIO) -> ImageFile.ImageFile:
    """Open an AVIF, if need be without its EXIF: its decoder gives up where that is broken."""
    try:
        return AvifImagePlugin.AvifImageFile(file)
    except Exception:
        data = file.getvalue()
        plain = boxes.without_exif(data)
        if plain is data:
            raise
    return AvifImagePlugin.AvifImageFile(io.BytesIO(plain))


_OPENERS: dict[PictureFormat, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "AVIF": _avif,
}


def _refuse_over(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise OverLimitsError(
            f"{width} by {height} pixels are {width * height / 1e6:.1f} megapixels, "
            f"over the limit of {max_pixels / 1e6:.1f}",
            "Make the picture smaller, or raise the limit (limits: pixels).",
        )


def samples(image: ImageFile.ImageFile, data: bytes) -> tuple[int, bool]:
    """Bits of one sample as the file declares them, and whether 0 stands for white."""
    if isinstance(image, PngImagePlugin.PngImageFile):
        return data[24], False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        (bits, *_) = image.tag_v2.get(ExifTags.Base.BitsPerSample, (1,))
        return int(bits), image.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == 0
    return 8, False

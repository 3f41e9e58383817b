"""Pictures in and out of files: untrusted bytes to arrays, arrays to encoded bytes.

Only the decoders named here ever run, each for files with its own signature, and none before the
size that the header claims is known to be within the limits.
"""

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageColor,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from scissorsd.core.colours import Colours, between, to_rgb
from scissorsd.core.cutting import flat
from scissorsd.core.masking import resized
from scissorsd.core.signatures import (
    PictureFormat,
    declared_size,
    ends_early,
    foreign,
    is_beginning,
    is_hollow,
    recognise,
)
from scissorsd.encoding import encode
from scissorsd.errors import (
    CorruptPictureError,
    HoldError,
    OverLimitsError,
    PictureError,
    ScissorsError,
    TruncatedPictureError,
    UnsupportedPictureError,
)
from scissorsd.metadata import Metadata, kept_exif, kept_xmp, parse_exif, resolution

__all__ = [
    "Header",
    "Metadata",
    "Picture",
    "colour",
    "encode",
    "load_background",
    "read",
    "read_header",
]

Image.MAX_IMAGE_PIXELS = None  # `_open` checks before every decoder, against the user's own limit
logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what matters comes as an exception


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's header claims: its format, and the size as stored, in pixels."""

    format: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright picture: `rgb` (height, width, 3) and `alpha` (height, width), uint8, read-only.

    `alpha` is straight, and None where the picture is opaque throughout. `small` is `rgb` as most
    networks want it, SMALL pixels wide and high.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    small: NDArray[np.uint8]
    metadata: Metadata


SMALL = 320


def as_picture(rgb: Image.Image, alpha: Image.Image | None, metadata: Metadata) -> Picture:
    """Take an upright picture out of Pillow's hands, which can shrink it without another copy."""
    small = np.asarray(resized(rgb, (SMALL, SMALL)))
    return Picture(np.asarray(rgb), None if alpha is None else np.asarray(alpha), small, metadata)


# Reading


def read_header(data: bytes, *, max_pixels: int) -> Header:
    """Check format and size of an encoded picture without decoding it.

    Raises UnsupportedPictureError, OverLimitsError, TruncatedPictureError or CorruptPictureError.
    """
    with _decoding(data) as name, _open(data, name, max_pixels) as image:
        return Header(name, *image.size)


def read(data: bytes, *, max_pixels: int) -> Picture:
    """Decode a picture: the first of several, upright, 8 bits, alpha apart.

    Raises UnsupportedPictureError, OverLimitsError, TruncatedPictureError or CorruptPictureError.
    """
    with _decoding(data) as name, _open(data, name, max_pixels) as image:
        bits, white_is_zero = _samples(image, data)
        image.load()
        exif = parse_exif(image)
        profile = image.info.get("icc_profile")
        colours = to_rgb(image, profile, bits, white_is_zero=white_is_zero)
        return _upright(colours, exif, image.info)


@contextmanager
def _decoding(data: bytes) -> Iterator[PictureFormat]:
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


def _open(data: bytes, name: PictureFormat, max_pixels: int) -> ImageFile.ImageFile:
    """Parse the header, with the limits checked before a decoder can reserve memory."""
    if size := declared_size(data, name):
        _refuse_over(size, max_pixels)
    if name == "JPEG" and is_hollow(data) and ends_early(data, name):
        raise _truncated("the end of this JPEG file is not written yet")
    image = _opener(name)(io.BytesIO(data))
    _refuse_over(image.size, max_pixels)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        wide, high = (int(image.tag_v2.get(tag, 1)) for tag in _TILE_SIZE)
        _refuse_over((wide, high), max(max_pixels, _TILE_PIXELS))
    return image


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


_OPENERS: dict[PictureFormat, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}


def _refuse_over(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise OverLimitsError(
            f"{width} by {height} pixels are {width * height / 1e6:.1f} megapixels, "
            f"over the limit of {max_pixels / 1e6:.1f}",
            "Make the picture smaller, or raise the limit (limits: pixels).",
        )


def _samples(image: ImageFile.ImageFile, data: bytes) -> tuple[int, bool]:
    """Bits of one sample as the file declares them, and whether 0 stands for white."""
    if isinstance(image, PngImagePlugin.PngImageFile):
        return data[24], False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        (bits, *_) = image.tag_v2.get(ExifTags.Base.BitsPerSample, (1,))
        return int(bits), image.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == 0
    return 8, False


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(colours: Colours, exif: Image.Exif, info: Mapping[Any, Any]) -> Picture:
    """Apply the orientation that the decoder left to us; HEIF and TIFF decoders leave none."""
    rgb, alpha, dpi = colours.rgb, colours.alpha, resolution(info, exif)
    orientation = exif.get(ExifTags.Base.Orientation)
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    if turn is not None:
        rgb = rgb.transpose(turn)
        alpha = alpha and alpha.transpose(turn)
        dpi = dpi[::-1] if dpi and turn in _SIDEWAYS else dpi
    metadata = Metadata(colours.profile, dpi, kept_exif(exif), kept_xmp(info))
    return as_picture(rgb, alpha, metadata)


_SIDEWAYS = {_TURNS[orientation] for orientation in (5, 6, 7, 8)}


# Backgrounds


def colour(spec: str) -> tuple[int, int, int] | None:
    """Red, green and blue of a colour's name or hex, 0 to 255; None where it is no colour."""
    try:
        red, green, blue = ImageColor.getrgb(spec)[:3]
    except ValueError:
        return None
    return (red, green, blue) if max(red, green, blue) <= _BRIGHTEST else None


_BRIGHTEST = 255


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

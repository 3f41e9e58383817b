"""Untrusted bytes to Pillow's decoders.

Only the decoders named here ever run, each for files with its own signature, and none before the
size that the header claims is known to be within the limits.
"""

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

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

from scissorsd.core import isobmff, jpeg_segments, png_chunks
from scissorsd.core.depth import Samples, Sort, UnknownScaleError
from scissorsd.core.signatures import (
    PictureFormat,
    declared_size,
    ends_early,
    foreign,
    is_beginning,
    is_hollow,
    recognise,
)
from scissorsd.core.unsupported import oddity
from scissorsd.errors import (
    CorruptPictureError,
    OverLimitsError,
    ScissorsError,
    TruncatedPictureError,
    UnsupportedPictureError,
)


def take_pillow_over() -> None:
    """Set what Pillow has for the whole process, as suits a program of ours.

    It is for programs: a library leaves Pillow to its host.
    """
    Image.MAX_IMAGE_PIXELS = None  # `opened` checks before every decoder, by the user's own limit
    logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what matters comes as an exception
    warnings.filterwarnings("ignore", module=r"PIL\.")


@contextmanager
def decoding(data: bytes) -> Iterator[PictureFormat]:
    """Translate whatever a decoder raises at this file into the errors of this program."""
    name = _recognised(data)
    try:
        yield name
    except (ScissorsError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise OverLimitsError(
            f"the picture is over the limit that Pillow has in this program ({error})",
            "Make the picture smaller, or raise PIL.Image.MAX_IMAGE_PIXELS.",
        ) from error
    except UnknownScaleError as error:
        raise UnsupportedPictureError(
            f"this {name} file cannot be read: {error}", _AS_PNG
        ) from error
    except Exception as error:  # hostile bytes can make a decoder raise anything
        if ends_early(data, name):
            raise _truncated(f"the end of this {name} file is missing") from error
        kind = str(error) if str(error).startswith(_UNSUPPORTED_KINDS) else oddity(data, name)
        if kind:
            raise UnsupportedPictureError(
                f"this kind of {name} file cannot be read ({kind})", _AS_PNG
            ) from error
        raise CorruptPictureError(
            f"this {name} file is damaged ({_in_words(error)})", "Copy or export it again."
        ) from error


_AS_PNG = "Open it in the program that made it, and save it as an 8-bit PNG."
_UNSUPPORTED_KINDS = (
    *("unknown pixel mode", "unknown data organization", "Unsupported BMP"),
    "invalid palette size",
)


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
    if words == "not identified by this driver":  # what Pillow says where there are no pixels
        return "its header claims no pixels"
    return words[:200] or type(error).__name__


def opened(data: bytes, name: PictureFormat, max_pixels: int) -> ImageFile.ImageFile:
    """Parse the header, with the limits checked before a decoder can reserve memory."""
    if size := declared_size(data, name):
        _refuse_over(size, max_pixels, len(data))
    if name == "JPEG" and is_hollow(data) and ends_early(data, name):
        raise _truncated("the end of this JPEG file is not written yet")
    image = _opener(name)(io.BytesIO(_SOUND.get(name, bytes)(data)))
    _refuse_over(image.size, max_pixels, len(data))
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        image.decodermaxblock = len(data)  # arithmetic coding must be decoded in one piece
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        wide, high = (int(image.tag_v2.get(tag, 1)) for tag in _TILE_SIZE)
        _refuse_over((wide, high), max(max_pixels, _TILE_PIXELS), len(data))
    return image


# Without what is broken beside the pixels, where that would cost the picture.
_SOUND: dict[PictureFormat, Callable[[bytes], bytes]] = {
    "PNG": png_chunks.sound,
    "JPEG": jpeg_segments.sound,
}
_TILE_SIZE = (ExifTags.Base.TileWidth, ExifTags.Base.TileLength)
_TILE_PIXELS = 4096 * 4096  # a TIFF's tiles may be larger than a small limit on the picture


class _Tiff(TiffImagePlugin.TiffImageFile):
    """Pillow's decoder, but that it does not ask for Pillow's limit: `opened` asked for ours."""

    def load_prepare(self) -> None:
        """Reserve the memory of the picture as it is stored."""
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size).im
        super().load_prepare()


def _opener(name: PictureFormat) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """Return the decoder itself: `Image.open` would try others, and any import teaches it more."""
    if name != "HEIF":
        return _OPENERS[name]
    import pillow_heif  # noqa: PLC0415 - slow to import, and few pictures need it

    return cast("Callable[[io.BytesIO], ImageFile.ImageFile]", pillow_heif.HeifImageFile)


def _avif(file: io.BytesIO) -> ImageFile.ImageFile:
    """Open an AVIF, if need be without its EXIF: its decoder gives up where that is broken."""
    try:
        return AvifImagePlugin.AvifImageFile(file)
    except Exception:
        data = file.getvalue()
        plain = isobmff.without_exif(data)
        if plain is data:
            raise
    return AvifImagePlugin.AvifImageFile(io.BytesIO(plain))


_OPENERS: dict[PictureFormat, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "TIFF": _Tiff,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "AVIF": _avif,
}


def _refuse_over(size: tuple[int, int], max_pixels: int, in_file: int) -> None:
    """Refuse what is larger than the limit; a claim that so few bytes cannot keep, as damage."""
    width, height = size
    if width * height <= max_pixels:
        return
    advice = (
        "Make the picture smaller, or raise the limit (limits: pixels, in the configuration)."
        if width * height <= in_file * _MOST_OF_A_BYTE
        else f"A file of {in_file} bytes can hardly hold that: it is damaged, or made to fill the "
        "memory. Copy or export it again."
    )
    raise OverLimitsError(
        f"{width} by {height} pixels are {width * height / 1e6:.1f} megapixels, "
        f"over the limit of {max_pixels / 1e6:.1f}",
        advice,
    )


_MOST_OF_A_BYTE = 10_000  # pixels: a blank page of two colours, deflated, has 8,000


def samples(image: ImageFile.ImageFile, data: bytes) -> Samples:
    """Tell what the file says of its samples."""
    if isinstance(image, PngImagePlugin.PngImageFile):
        return Samples(data[24])
    if image.format == "HEIF":
        return Samples(16 if isobmff.is_deep(data) else 8)
    return declared_samples(image)


def declared_samples(image: Image.Image) -> Samples:
    """Tell what a picture in Pillow's hands still knows of its file's samples."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        (bits, *_) = image.tag_v2.get(ExifTags.Base.BitsPerSample, (1,))
        (sort, *_) = image.tag_v2.get(ExifTags.Base.SampleFormat, (1,))
        white_is_zero = image.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == 0
        return Samples(int(bits), white_is_zero, _SORTS.get(sort, "unsigned"))
    return Samples(16 if image.mode.startswith("I;16") else 8)


_SORTS: dict[int, Sort] = {2: "signed", 3: "float"}  # as TIFF numbers them


def is_filling(image: Image.Image, alpha: Image.Image) -> bool:
    """Tell whether an alpha says nothing: it is 0 throughout, in a file that need not mean it.

    So in a BMP, whose writers leave the fourth byte empty even where the header calls it alpha,
    and in a TIFF that does not say what its fourth sample is.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        may_be = not {1, 2} & set(image.tag_v2.get(ExifTags.Base.ExtraSamples, ()))
    else:
        may_be = image.format == "BMP"
    return may_be and alpha.getextrema() == (0, 0)

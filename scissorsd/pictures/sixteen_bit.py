"""Samples of 16 bits out of PNG, TIFF and HEIC files, of whose colours Pillow keeps only 8.

Of the two bytes of a sample Pillow's decoders take the one that their raw mode names. So the same
file is decoded a second time, under the raw mode that names the other. That goes through
everything the decoders know: interlacing, strips, tiles, compression and predictors. The decoder of
HEIC is asked a second time, too, for all of the bits that there are.
"""

import io
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from scissorsd.core import isobmff
from scissorsd.core.depth import DEEP, deepened, filled, joined, shallow, straightened
from scissorsd.core.tiff_directory import LONG, byte_order, directory
from scissorsd.pictures.orientation import as_stored
from scissorsd.pictures.picture import Picture

Band = tuple[slice, NDArray[np.uint16]]
"""Some rows, and their samples: rows × width × 1 (grey), 2 (and alpha), 3 (RGB) or 4 (RGBA)."""

Planes = tuple[str, Sequence[NDArray[np.uint16]]]
"""Pillow's name of their mode; height × width each."""

# From the bytes of colours and alpha that were read, as they lie in the file, to whole samples.
Bands = Callable[[NDArray[np.uint8], NDArray[np.uint8] | None], Iterator[Band]]

_ROWS = 64  # of a band
_BITS = 16
_GREY_WITH_ALPHA = "LA;16B"  # raw modes, by Pillow's names
_COLOURS = ("RGB;16", "RGBX;16", "RGBA;16", "RGBa;16")
_PREMULTIPLIED = "RGBa"
_OTHER_BYTE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


def load(image: ImageFile.ImageFile, data: bytes) -> Planes | None:
    """Load a picture; return its planes where Pillow can be made to decode all of their bits."""
    if _is_grey_with_alpha(image):
        return "LA", _grey_with_alpha(image)
    if _is_in_planes(image):
        return _planes(image, data)
    image.load()
    if image.format == "HEIF" and image.mode == "I;16":
        grey = filled(np.asarray(image), image.info["bit_depth"])
        return "LA", (grey, np.full_like(grey, DEEP))
    return None


def bands_of_planes(planes: Planes) -> Bands | None:
    """Return what makes whole samples of planes; None where no more than 8 bits can be had."""
    mode, each = planes
    return None if mode == "CMYK" else lambda _, __: _joined_planes(mode, each)


def bands_of_colours(
    image: ImageFile.ImageFile, data: bytes, again: Callable[[], ImageFile.ImageFile]
) -> Bands | None:
    """Return what makes whole samples of a picture, not loaded yet, whose colours lie together.

    `again` opens its file once more. None where no more than 8 bits can be had, or it has planes.
    """
    if image.format == "HEIF":
        return (lambda _, __: _of_heif(data)) if isobmff.is_deep(data) else None
    return partial(_colours, again=again) if _raw_mode(image)[:-1] in _COLOURS else None


def with_16_bits(
    picture: Picture, orientation: int, bands: Bands, key: tuple[int, ...] | None
) -> Picture:
    """Add the samples of 16 bits to a picture.

    `orientation` is EXIF's, where the decoder did not apply it; `key` the transparent colour, by
    which alpha is exact then.
    """
    high, high_alpha = picture.rgb, picture.alpha
    stored = bands(
        as_stored(high, orientation),
        None if high_alpha is None else as_stored(high_alpha, orientation),
    )
    rgb, alpha = _upright(stored, high.shape, orientation)
    if key is not None:
        alpha = np.where((rgb == key).all(axis=2), 0, DEEP).astype(np.uint16)
        picture = replace(picture, alpha=shallow(alpha))
    elif alpha is None and high_alpha is not None:
        alpha = deepened(high_alpha)
    opaque = alpha is None or alpha.min() == DEEP
    return replace(picture, deep=rgb, deep_alpha=None if opaque else alpha)


def _upright(
    bands: Iterator[Band], shape: tuple[int, ...], orientation: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """Put bands together: RGB of that shape (height × width × 3), and alpha where they have it.

    `orientation` is EXIF's; each sample is written where it belongs.
    """
    rgb = np.empty(shape, np.uint16)
    alpha = None
    for rows, band in bands:
        has_alpha, is_grey = band.shape[-1] in {2, 4}, band.shape[-1] in {1, 2}
        as_stored(rgb, orientation)[rows] = band[..., :1] if is_grey else band[..., :3]
        if has_alpha:
            alpha = np.empty(shape[:2], np.uint16) if alpha is None else alpha
            as_stored(alpha, orientation)[rows] = band[..., -1]
    return rgb, alpha


# Grey with alpha in a PNG


def _is_grey_with_alpha(image: ImageFile.ImageFile) -> bool:
    """Tell whether this picture, not loaded yet, is 16 bits of grey and 16 of alpha."""
    return _raw_mode(image) == _GREY_WITH_ALPHA


def _grey_with_alpha(image: ImageFile.ImageFile) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Load such a picture: its grey and its alpha, each height × width.

    The four bytes of a pixel are taken for red, green, blue and alpha, so all of them come out.
    """
    _load_as(image, "RGBA")
    grey = np.empty((image.height, image.width), np.uint16)
    alpha = np.empty_like(grey)
    for rows, stored in _bands(image):
        grey[rows] = joined(stored[..., 0], stored[..., 1])
        alpha[rows] = joined(stored[..., 2], stored[..., 3])
    return grey, alpha


# Colours, pixel by pixel


def _colours(
    high: NDArray[np.uint8],
    high_alpha: NDArray[np.uint8] | None,
    again: Callable[[], ImageFile.ImageFile],
) -> Iterator[Band]:
    """Read such a picture, of which the high bytes are known, `again` for the low ones.

    `high` (height × width × 3) and `high_alpha` (None: 255) lie as the decoder gives them.
    """
    image = again()
    raw_mode = _raw_mode(image)
    if raw_mode.startswith(_PREMULTIPLIED):  # these high bytes were divided by alpha
        yield from _straight(again, raw_mode.replace("a", "A"))
        return
    _load_as(image, raw_mode[:-1] + _OTHER_BYTE[raw_mode[-1]])
    for rows, low in _bands(image):
        band = np.empty(low.shape, np.uint16)
        band[..., :3] = joined(high[rows], low[..., :3])
        if image.mode == "RGBA":
            known = 255 if high_alpha is None else high_alpha[rows]
            band[..., 3] = joined(np.broadcast_to(np.uint8(known), low.shape[:2]), low[..., 3])
        yield rows, band


def _straight(again: Callable[[], ImageFile.ImageFile], raw_mode: str) -> Iterator[Band]:
    high, low = again(), again()
    _load_as(high, raw_mode)
    _load_as(low, raw_mode[:-1] + _OTHER_BYTE[raw_mode[-1]])
    for (rows, high_band), (_, low_band) in zip(_bands(high), _bands(low), strict=True):
        yield rows, straightened(joined(high_band, low_band))


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """Return the raw mode under which a picture, not loaded yet, will be decoded."""
    arguments = image.tile[0].args if image.tile else ""
    raw_mode = arguments if isinstance(arguments, str) or not arguments else arguments[0]
    return raw_mode if isinstance(raw_mode, str) else ""


def _load_as(image: ImageFile.ImageFile, raw_mode: str) -> None:
    image.tile = [
        tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode)
        for tile in image.tile
    ]
    image.load()


def _bands(image: Image.Image) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    for top in range(0, image.height, _ROWS):
        bottom = min(top + _ROWS, image.height)
        yield slice(top, bottom), np.asarray(image.crop((0, top, image.width, bottom)))


# Colours in a HEIC


def _of_heif(data: bytes) -> Iterator[Band]:
    """Yield the colours of a HEIC of more than 8 bits, upright as its decoder gives them."""
    import pillow_heif  # noqa: PLC0415 - slow to import, and few pictures need it

    heif = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    samples: NDArray[np.uint8 | np.uint16] = np.asarray(heif)
    width, height = heif.size
    samples = samples.reshape(*samples.shape[:2], -1)[:height, :width]
    for top in range(0, height, _ROWS):
        rows = slice(top, top + _ROWS)
        band = filled(samples[rows], heif.info["bit_depth"])
        yield rows, straightened(band) if heif.premultiplied_alpha else band


# Colours, plane by plane

_Base = ExifTags.Base
_SEPARATE = 2  # as TIFF numbers the ways to order samples
_ASSOCIATED = 1  # and what a fourth sample is: alpha that the colours are multiplied with
_KEPT_TAGS = (
    *(_Base.ImageWidth, _Base.ImageLength, _Base.Compression, _Base.FillOrder),
    *(_Base.Orientation, _Base.RowsPerStrip, _Base.Predictor),
    *(_Base.TileWidth, _Base.TileLength),
)
_PLACES = (
    (_Base.StripOffsets, _Base.StripByteCounts),
    (_Base.TileOffsets, _Base.TileByteCounts),
)


def _is_in_planes(image: ImageFile.ImageFile) -> TypeGuard[TiffImagePlugin.TiffImageFile]:
    """Tell whether this is a TIFF in which 16 bits of red, of green and of blue lie apart."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    tags = image.tag_v2
    bits = set(tags.get(_Base.BitsPerSample, ()))
    apart = tags.get(_Base.PlanarConfiguration) == _SEPARATE
    return apart and bits == {_BITS} and image.mode in ("RGB", "RGBA", "CMYK")


def _planes(
    image: TiffImagePlugin.TiffImageFile, data: bytes
) -> tuple[str, Sequence[NDArray[np.uint16]]]:
    """Read such a TIFF: the mode of its colours, and each plane (height × width).

    Pillow mistakes the bytes of planes that are not compressed for samples of 8 bits. Each by
    itself is a grey picture, which it reads right; so each is given a directory that says so.
    """
    multiplied = _ASSOCIATED in image.tag_v2.get(_Base.ExtraSamples, ())
    mode = _PREMULTIPLIED if image.mode == "RGBA" and multiplied else image.mode
    each = []
    for number in range(len(image.mode)):
        with type(image)(io.BytesIO(_one_plane(image, data, number))) as plane:
            plane.load()
            each.append(np.asarray(plane).astype(np.uint16))
    return mode, each


def _one_plane(image: TiffImagePlugin.TiffImageFile, data: bytes, number: int) -> bytes:
    order = byte_order(data)
    tags: dict[int, tuple[int, ...]] = {
        tag: (int(image.tag_v2[tag]),) for tag in _KEPT_TAGS if tag in image.tag_v2
    }
    tags |= {_Base.BitsPerSample: (_BITS,), _Base.PhotometricInterpretation: (1,)}
    for places in _PLACES:
        for tag in places:
            if values := tuple(map(int, image.tag_v2.get(tag, ()))):
                each = len(values) // image.tag_v2[_Base.SamplesPerPixel]
                tags[tag] = values[number * each : (number + 1) * each]
    entries = [
        (tag, LONG, struct.pack(f"{order}{len(values)}I", *values)) for tag, values in tags.items()
    ]
    first = data[:2] + struct.pack(order + "HI", 42, len(data))
    return first + data[len(first) :] + directory(entries, len(data), order)


def _joined_planes(mode: str, each: Sequence[NDArray[np.uint16]]) -> Iterator[Band]:
    """Yield planes of that mode pixel by pixel, with straight alpha."""
    for top in range(0, len(each[0]), _ROWS):
        rows = slice(top, top + _ROWS)
        band = np.stack([plane[rows] for plane in each], axis=-1)
        yield rows, straightened(band) if mode == _PREMULTIPLIED else band

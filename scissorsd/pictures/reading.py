"""Pictures in and out of files: untrusted bytes to arrays, arrays to encoded bytes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageColor, ImageFile, ImageOps, PngImagePlugin, TiffImagePlugin

from scissorsd.core import png_chunks
from scissorsd.core.code_points import CodePoints, Named
from scissorsd.core.colours import Colours, between, from_grey, in_srgb, to_rgb
from scissorsd.core.cutting import flat
from scissorsd.core.depth import DEEP, deepened, shallow
from scissorsd.core.formats import FORMATS
from scissorsd.core.hdr import to_srgb
from scissorsd.core.masking import resized
from scissorsd.core.profiles import LARGEST_PROFILE, slim
from scissorsd.core.repairs import is_apples, mended
from scissorsd.core.rules import Output
from scissorsd.core.signatures import PictureFormat, is_hollow
from scissorsd.errors import HoldError, PictureError, TruncatedPictureError
from scissorsd.pictures import sixteen_bit as deep_samples
from scissorsd.pictures.decoders import (
    alpha_may_be_filling,
    decoding,
    heif_samples,
    opened,
    samples,
)
from scissorsd.pictures.encoding import encode, refuse_too_long
from scissorsd.pictures.jpeg_warnings import lower_part_is_missing, with_its_end
from scissorsd.pictures.metadata import (
    Metadata,
    kept_exif,
    kept_xmp,
    parse_exif,
    remarks,
    resolution,
)
from scissorsd.pictures.metadata import colour as colour_named

__all__ = [
    "Header",
    "Metadata",
    "Picture",
    "colour",
    "encode",
    "load_background",
    "read",
    "read_header",
    "refuse_too_long",
    "wants_deep",
]


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's header claims: its format, the size as stored, in pixels, and its depth."""

    format: str
    width: int
    height: int
    bits: int = 8  # of a sample, in PNG and TIFF; else 8, which is all that is read of the others


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright picture: `rgb` (height, width, 3) and `alpha` (height, width), uint8, read-only.

    `alpha` is straight, and None where the picture is opaque throughout. `small` is `rgb` as most
    networks want it, SMALL pixels wide and high. `deep` and `deep_alpha` are the same at 16 bits,
    uint16: only where that was asked for, and the file has more than 8. `flaw` says in half a
    sentence what is wrong with a picture that could be read all the same.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    small: NDArray[np.uint8]
    metadata: Metadata
    deep: NDArray[np.uint16] | None = None
    deep_alpha: NDArray[np.uint16] | None = None
    flaw: str = ""


SMALL = 320


def as_picture(
    rgb: Image.Image, alpha: Image.Image | None, metadata: Metadata, flaw: str = ""
) -> Picture:
    """Take an upright picture out of Pillow's hands, which can shrink it without another copy."""
    small = np.asarray(resized(rgb, (SMALL, SMALL)))
    shown = None if alpha is None else np.asarray(alpha)
    return Picture(np.asarray(rgb), shown, small, metadata, flaw=flaw)


# Reading


def read_header(data: bytes, *, max_pixels: int) -> Header:
    """Check format, size and depth of an encoded picture without decoding it.

    Raises UnsupportedPictureError, OverLimitsError, TruncatedPictureError or CorruptPictureError.
    """
    data = mended(data)
    with decoding(data) as name, opened(data, name, max_pixels) as image:
        return Header(name, *image.size, samples(image, data).bits)


def read(data: bytes, *, max_pixels: int, deep: bool = False) -> Picture:
    """Decode a picture: the first of several, upright, 8 bits, alpha apart.

    With `deep` the 16 bits of a PNG or TIFF that has them are read too: grey, RGB, and either with
    alpha. What cannot be read so (CMYK) is read at 8 bits.

    Raises UnsupportedPictureError, OverLimitsError, TruncatedPictureError or CorruptPictureError.
    """
    data = mended(data)
    try:
        return _read(data, max_pixels=max_pixels, deep=deep)
    except TruncatedPictureError:
        with decoding(data):
            whole = None if is_hollow(data) else with_its_end(data)
        if whole is None:
            raise
    return _read(whole, max_pixels=max_pixels, deep=deep)


def _read(data: bytes, *, max_pixels: int, deep: bool) -> Picture:
    with decoding(data) as name:
        decoded = _decoded(data, name, max_pixels)
        if decoded.bands is None or not (deep or decoded.key or decoded.hdr):
            plain, hdr = decoded.picture, decoded.hdr
            return plain if hdr is None else _in_srgb(plain, hdr, deep=False)
        exact = _deepened(decoded.picture, decoded.turn, decoded.bands, decoded.key)
        if decoded.hdr is not None:
            exact = _in_srgb(exact, decoded.hdr, deep=deep)
        return exact if deep else replace(exact, deep=None, deep_alpha=None)


def wants_deep(output: Output, picture: Picture) -> bool:
    """Tell whether an output is written with 16 bits of a sample: `encode` is to be given uint16.

    Where the picture was read at 8 bits, its values are `core.depth.deepened`.
    """
    if not FORMATS[output.format].has_16_bits or output.depth == "8":
        return False
    return output.depth == "16" or picture.deep is not None


_Planes = tuple[str, Sequence[NDArray[np.uint16]]]  # Pillow's name of their mode; height × width
# From the bytes of colours and alpha that were read, as they lie in the file, to whole samples.
_Bands = Callable[[NDArray[np.uint8], NDArray[np.uint8] | None], Iterator[deep_samples.Band]]


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    """A picture at 8 bits, and what there is to have it at 16."""

    picture: Picture
    turn: int  # EXIF's orientation, where the decoder left it to us
    bands: _Bands | None  # none: no more than 8 can be had
    key: tuple[int, ...] | None  # the transparent colour, where it has 16 bits
    hdr: CodePoints | None  # what these values are, where they are still to be brought to sRGB


def _decoded(data: bytes, name: PictureFormat, max_pixels: int) -> _Decoded:
    with opened(data, name, max_pixels) as image:
        turned = _turned_by_decoder(image)
        reopen = partial(opened, data, name, max_pixels)
        again = reopen if deep_samples.is_colour(image) else None
        in_all_bits = _in_all_bits(image, data)
        planes = None if in_all_bits else _planes(image, data)
        exif = parse_exif(image)
        key = image.info.get("transparency")
        turn = _orientation(exif.get(ExifTags.Base.Orientation)) if turned is None else 1
        named = Named() if in_all_bits else colour_named(image, exif, data)
        profile = slim(named.profile)
        colours = in_all_bits or _colours(image, data, planes, profile)
        if colours.profile and len(colours.profile) > LARGEST_PROFILE:
            colours, planes, again = in_srgb(colours), None, None
        dpi = resolution(image, exif)
        if dpi and (turned or turn) in _SIDEWAYS:
            dpi = dpi[::-1]
        if colours.alpha and is_filling(image, colours.alpha):
            colours, planes, again = replace(colours, alpha=None), None, None
        flaw = _MISSING if lower_part_is_missing(image, data) or _lacks_rows(image, data) else ""
        said = remarks(image, data, named.profile)
        metadata = Metadata(colours.profile, dpi, kept_exif(exif), kept_xmp(image, data), said)
    if colours.grey is not None:
        planes = ("LA", (colours.grey, *(planes[1][1:] if planes else ())))
    return _Decoded(
        _upright(colours, turn, metadata, flaw),
        turn,
        _bands(planes, again),
        key if again and isinstance(key, tuple) else None,
        named.hdr,
    )


def _in_all_bits(image: ImageFile.ImageFile, data: bytes) -> Colours | None:
    """Read a HEIC that is PQ or HLG as sRGB, from all of its 10 or 12 bits; None for any other."""
    if image.format != "HEIF":
        return None
    points = colour_named(image, Image.Exif(), data).hdr
    found = None if points is None else heif_samples(data)
    if points is None or found is None:
        return None
    samples, white = found
    is_grey, has_alpha = samples.shape[2] in {1, 2}, samples.shape[2] in {2, 4}
    values = np.repeat(samples[..., :1], 3, axis=2) if is_grey else samples[..., :3]
    rgb = Image.fromarray(to_srgb(values, points, np.uint8, white))
    alpha = Image.fromarray(shallow(samples[..., -1])) if has_alpha else None
    is_opaque = alpha is None or alpha.getextrema()[0] == _BRIGHTEST
    return Colours(rgb, None if is_opaque else alpha, None)


def _in_srgb(picture: Picture, points: CodePoints, *, deep: bool) -> Picture:
    """Show a picture whose values are PQ or HLG as sRGB, out of the most bits that there are."""
    values = picture.rgb if picture.deep is None else picture.deep
    shown = to_srgb(values, points, np.uint8)
    return replace(
        picture,
        rgb=shown,
        small=np.asarray(resized(Image.fromarray(shown), (SMALL, SMALL))),
        deep=to_srgb(values, points, np.uint16) if deep and picture.deep is not None else None,
    )


def _lacks_rows(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Tell whether a PNG, which is loaded, ended before its last row: that is 0 throughout then."""
    if not isinstance(image, PngImagePlugin.PngImageFile) or is_apples(data):
        return False
    last = image.crop((0, image.height - 1, image.width, image.height))
    return not np.asarray(last).any() and png_chunks.lacks_rows(data)


_MISSING = "the lower part of the picture is missing: its file was damaged or cut short on its way"


def is_filling(image: Image.Image, alpha: Image.Image) -> bool:
    """Tell whether an alpha says nothing: it is 0 throughout, in a file that need not mean it."""
    return alpha_may_be_filling(image) and alpha.getextrema() == (0, 0)


def _bands(
    planes: _Planes | None, again: Callable[[], ImageFile.ImageFile] | None
) -> _Bands | None:
    if planes is None:
        return again and partial(deep_samples.colours, again=again)
    mode, found = planes
    return None if mode == "CMYK" else lambda _, __: deep_samples.joined_planes(mode, found)


def _planes(image: ImageFile.ImageFile, data: bytes) -> _Planes | None:
    """Load the picture; give its planes where Pillow can be made to decode all of their bits."""
    if deep_samples.is_grey_with_alpha(image):
        return "LA", deep_samples.grey_with_alpha(image)
    if deep_samples.is_in_planes(image):
        return deep_samples.planes(image, data)
    image.load()
    return None


def _colours(
    image: ImageFile.ImageFile, data: bytes, planes: _Planes | None, profile: bytes | None
) -> Colours:
    if planes is None:
        shown = _from_apples(image) if is_apples(data) else image
        return to_rgb(shown, profile, samples(image, data))
    mode, found = planes
    if mode == "LA":
        grey, alpha = found
        opaque = alpha.min() == DEEP
        return from_grey(grey, None if opaque else Image.fromarray(shallow(alpha)), profile)
    return to_rgb(Image.merge(mode, [Image.fromarray(shallow(plane)) for plane in found]), profile)


def _from_apples(image: Image.Image) -> Image.Image:
    """Put the colours of Apple's PNG, which are in its phones' order, in that of all others."""
    bands = image.split()
    if len(bands) < len("RGB"):
        return image
    blue, green, red, *alpha = bands
    return Image.merge("RGBa" if alpha else "RGB", (red, green, blue, *alpha))


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)


def _turned_by_decoder(image: ImageFile.ImageFile) -> int | None:
    """Return the orientation that the decoder of a picture, not yet loaded, applies by itself."""
    if image.format == "HEIF":
        return _orientation(image.info.get("original_orientation"))
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _orientation(image.tag_v2.get(ExifTags.Base.Orientation))
    return None


def _orientation(value: object) -> int:
    return value if isinstance(value, int) and value in _TURNS else 1


def _upright(colours: Colours, turn: int, metadata: Metadata, flaw: str) -> Picture:
    """Apply the orientation that the decoder left to us."""
    rgb, alpha = colours.rgb, colours.alpha
    if turn in _TURNS:
        rgb = rgb.transpose(_TURNS[turn])
        alpha = alpha and alpha.transpose(_TURNS[turn])
    return as_picture(rgb, alpha, metadata, flaw)


def _deepened(picture: Picture, turn: int, bands: _Bands, key: tuple[int, ...] | None) -> Picture:
    """Add the samples of 16 bits; alpha is exact then also where it is a transparent colour."""
    high, high_alpha = picture.rgb, picture.alpha
    stored = bands(
        deep_samples.as_stored(high, turn),
        None if high_alpha is None else deep_samples.as_stored(high_alpha, turn),
    )
    rgb, alpha = deep_samples.upright(stored, high.shape, turn)
    if key is not None:
        alpha = np.where((rgb == key).all(axis=2), 0, DEEP).astype(np.uint16)
        picture = replace(picture, alpha=shallow(alpha))
    elif alpha is None and high_alpha is not None:
        alpha = deepened(high_alpha)
    opaque = alpha is None or alpha.min() == DEEP
    return replace(picture, deep=rgb, deep_alpha=None if opaque else alpha)


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

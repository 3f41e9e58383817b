"""From the untrusted bytes of a file to an upright picture in memory.

The header, the pixels, their orientation, their colours, and what goes with them, in this order.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PIL import ExifTags, Image, ImageFile, PngImagePlugin

from scissorsd.core import png_chunks
from scissorsd.core.code_points import CodePoints
from scissorsd.core.colours import Colours, from_grey, in_srgb, to_rgb
from scissorsd.core.depth import DEEP, shallow
from scissorsd.core.hdr import to_srgb
from scissorsd.core.masking import resized_bilinear
from scissorsd.core.profiles import LARGEST_PROFILE, slim
from scissorsd.core.repairs import is_apples, mended
from scissorsd.core.signatures import PictureFormat, is_hollow
from scissorsd.errors import TruncatedPictureError
from scissorsd.pictures.decoders import decoding, is_filling, opened, samples
from scissorsd.pictures.jpeg_warnings import lower_part_is_missing, with_its_end
from scissorsd.pictures.metadata import colour as colour_named
from scissorsd.pictures.metadata import parse_exif, read_metadata
from scissorsd.pictures.orientation import (
    UPRIGHT,
    is_sideways,
    orientation_of,
    turned_by_decoder,
    upright,
)
from scissorsd.pictures.picture import SMALL, Picture, as_picture
from scissorsd.pictures.sixteen_bit import (
    Bands,
    Planes,
    bands_of_colours,
    bands_of_planes,
    load,
    with_16_bits,
)

_MISSING = "the lower part of the picture is missing: its file was damaged or cut short on its way"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's header claims: its format, the size as stored, in pixels, and its depth."""

    format: str
    width: int
    height: int
    bits: int = 8  # of a sample, in PNG and TIFF; 16 in a HEIC of more than 8; else 8: all is read


def read_header(data: bytes, *, max_pixels: int) -> Header:
    """Check format, size and depth of an encoded picture without decoding it.

    Raises UnsupportedPictureError, OverLimitsError, TruncatedPictureError or CorruptPictureError.
    """
    data = mended(data)
    with decoding(data) as name, opened(data, name, max_pixels) as image:
        return Header(name, *image.size, samples(image, data).bits)


def read(data: bytes, *, max_pixels: int, deep: bool = False, side: int = 0) -> Picture:
    """Decode a picture: the first of several, upright, 8 bits, alpha apart.

    With `deep` the bits beyond 8 of a PNG, TIFF or HEIC that has them are read too: grey, RGB, and
    either with alpha. What cannot be read so (CMYK, AVIF) is read at 8 bits. With `side` a JPEG may
    come out smaller, which takes a fraction of the time: its longer side is no shorter than that.

    Raises UnsupportedPictureError, OverLimitsError, TruncatedPictureError or CorruptPictureError.
    """
    data = mended(data)
    try:
        return _read(data, max_pixels, side, deep=deep)
    except TruncatedPictureError:
        with decoding(data):
            whole = None if is_hollow(data) else with_its_end(data)
        if whole is None:
            raise
    return _read(whole, max_pixels, side, deep=deep)


def _read(data: bytes, max_pixels: int, side: int, *, deep: bool) -> Picture:
    with decoding(data) as name:
        decoded = _decoded(data, name, max_pixels, side)
        picture, bands, hdr = decoded.picture, decoded.bands, decoded.hdr
        if bands is not None and (deep or decoded.key or hdr):
            picture = with_16_bits(picture, decoded.orientation, bands, decoded.key)
        if hdr is not None:
            picture = _in_srgb(picture, hdr, deep=deep)
        return picture if deep else replace(picture, deep=None, deep_alpha=None)


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    """A picture at 8 bits, and what there is to have it at 16."""

    picture: Picture
    orientation: int  # EXIF's, where the decoder left it to us
    bands: Bands | None  # None: no more than 8 can be had
    key: tuple[int, ...] | None  # the transparent colour, where it has 16 bits
    hdr: CodePoints | None  # what these values are, where they are still to be brought to sRGB


def _decoded(data: bytes, name: PictureFormat, max_pixels: int, side: int) -> _Decoded:
    again = partial(opened, data, name, max_pixels)
    with again() as image:
        bands = bands_of_colours(image, data, again)
        if side and bands is None:
            scale = side / max(image.size)
            image.draft(None, (max(1, int(image.width * scale)), max(1, int(image.height * scale))))
        # pixels
        turned = turned_by_decoder(image)
        planes = load(image, data)
        key = image.info.get("transparency")
        # orientation
        exif = parse_exif(image)
        orientation = UPRIGHT
        if turned is None:
            turned = orientation = orientation_of(exif.get(ExifTags.Base.Orientation))
        # colours
        named = colour_named(image, exif, data)
        colours = _colours(image, data, planes, slim(named.profile))
        if colours.profile and len(colours.profile) > LARGEST_PROFILE:
            colours, planes, bands = in_srgb(colours), None, None
        if colours.alpha and is_filling(image, colours.alpha):
            colours, planes, bands = replace(colours, alpha=None), None, None
        if colours.grey is not None:
            planes = ("LA", (colours.grey, *(planes[1][1:] if planes else ())))
        flaw = _MISSING if lower_part_is_missing(image, data) or _lacks_rows(image, data) else ""
        # what goes with them
        metadata = read_metadata(
            image,
            exif,
            data,
            icc=colours.profile,
            named_icc=named.profile,
            sideways=is_sideways(turned),
        )
    alpha = colours.alpha and upright(colours.alpha, orientation)
    return _Decoded(
        as_picture(upright(colours.rgb, orientation), alpha, metadata, flaw),
        orientation,
        bands_of_planes(planes) if planes else bands,
        key if bands and isinstance(key, tuple) else None,
        named.hdr,
    )


def _colours(
    image: ImageFile.ImageFile, data: bytes, planes: Planes | None, profile: bytes | None
) -> Colours:
    if planes is None:
        shown = _from_apples(image) if is_apples(data) else image
        return to_rgb(shown, profile, samples(image, data))
    mode, each = planes
    if mode == "LA":
        grey, alpha = each
        opaque = alpha.min() == DEEP
        return from_grey(grey, None if opaque else Image.fromarray(shallow(alpha)), profile)
    return to_rgb(Image.merge(mode, [Image.fromarray(shallow(plane)) for plane in each]), profile)


def _from_apples(image: Image.Image) -> Image.Image:
    """Put the colours of Apple's PNG, which are in its phones' order, in that of all others."""
    bands = image.split()
    if len(bands) < len("RGB"):
        return image
    blue, green, red, *alpha = bands
    return Image.merge("RGBa" if alpha else "RGB", (red, green, blue, *alpha))


def _in_srgb(picture: Picture, points: CodePoints, *, deep: bool) -> Picture:
    """Show a picture whose values are PQ or HLG as sRGB, out of the most bits that there are."""
    values = picture.rgb if picture.deep is None else picture.deep
    shown = to_srgb(values, points, np.uint8)
    return replace(
        picture,
        rgb=shown,
        small=np.asarray(resized_bilinear(Image.fromarray(shown), (SMALL, SMALL))),
        deep=to_srgb(values, points, np.uint16) if deep and picture.deep is not None else None,
    )


def _lacks_rows(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Tell whether a PNG, which is loaded, ended before its last row: that is 0 throughout then."""
    if not isinstance(image, PngImagePlugin.PngImageFile) or is_apples(data):
        return False
    last = image.crop((0, image.height - 1, image.width, image.height))
    return not np.asarray(last).any() and png_chunks.lacks_rows(data)

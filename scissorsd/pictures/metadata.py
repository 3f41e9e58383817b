"""What goes with a picture besides its pixels: colour profile, resolution, EXIF and XMP.

Whatever is broken in it is left behind, and never costs the picture.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from PIL import ExifTags, Image

from scissorsd.core import isobmff, jpeg_segments, png_chunks
from scissorsd.core.calibration import bmp_profile
from scissorsd.core.code_points import Named, named
from scissorsd.core.colours import is_readable
from scissorsd.core.formats import FORMATS
from scissorsd.core.profiles import ADOBE_RGB
from scissorsd.core.rules import Output

_Base = ExifTags.Base
_DESCRIPTIVE_TAGS = frozenset(
    {
        _Base.ImageDescription,
        _Base.Make,
        _Base.Model,
        _Base.Software,
        _Base.DateTime,
        _Base.Artist,
        _Base.HostComputer,
        _Base.Rating,
        _Base.RatingPercent,
        _Base.Copyright,
        _Base.XPTitle,
        _Base.XPComment,
        _Base.XPAuthor,
        _Base.XPKeywords,
        _Base.XPSubject,
    }
)  # what it shows, who made it, when and with what; nothing of how the old file stored it
_UNTRUE_TAGS = frozenset(
    {
        _Base.ExifImageWidth,
        _Base.ExifImageHeight,
        ExifTags.IFD.Interop,
        ExifTags.IFD.MakerNote,  # these two hold offsets into the old file
    }
)
_XMP_ORIENTATION = re.compile(
    rb"""tiff:Orientation\s?=\s?["'][0-9]["']|<tiff:Orientation>[0-9]</tiff:Orientation>"""
)
_DAY = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)\b")
_INCH = 2  # as EXIF numbers its units; 3 is the centimetre
_UNITS = {_INCH: 1.0, 3: 2.54}
_JPEGS = ("JPEG", "MPO")
_MAX_DPI = 65_535  # what a JPEG can say


@dataclass(frozen=True, slots=True)
class Metadata:
    """What goes with a picture besides its pixels; None where it has none.

    `icc` is the profile of the RGB values (None: sRGB), `dpi` horizontal and vertical. `exif` (with
    the `Exif` prefix of a JPEG) and `xmp` are as they may be written again: without orientation,
    which is already applied, and without thumbnail and maker's notes. `remarks` say in words what
    was broken and stays behind, and which colours are a guess.
    """

    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    remarks: tuple[str, ...] = ()


def parse_exif(image: Image.Image) -> Image.Exif:
    """Return the picture's EXIF tags; none where they are broken."""
    try:
        return image.getexif()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - the parser raises anything at broken tags
        return Image.Exif()


def read_metadata(
    image: Image.Image,
    exif: Image.Exif,
    data: bytes,
    *,
    icc: bytes | None,
    named_icc: bytes | None,
    sideways: bool,
) -> Metadata:
    """Return what goes with a decoded picture.

    `icc` is the profile of its values, `named_icc` the one in its file; `sideways`: its width and
    height are not those of the file.
    """
    dpi = _resolution(image, exif)
    if dpi and sideways:
        dpi = dpi[::-1]
    remarks = _remarks(image, data, named_icc)
    return Metadata(icc, dpi, _kept_exif(exif), _kept_xmp(image, data), remarks)


def taken_on(metadata: Metadata) -> str:
    """Return the day on which a picture was taken, as `2024-05-17`; "" where EXIF tells none."""
    exif = Image.Exif()
    try:
        exif.load(metadata.exif or b"")
        told = str(exif.get_ifd(ExifTags.IFD.Exif).get(_Base.DateTimeOriginal, ""))
        day = _DAY.match(told)
        return date(*map(int, day.groups())).isoformat() if day else ""
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - the parser raises anything, and no day is like 0000:00:00
        return ""


def _resolution(image: Image.Image, exif: Image.Exif) -> tuple[float, float] | None:
    """Dots per inch across and down, of the format's own field or else of EXIF."""
    inch = 1.0
    given: Any = image.info.get("dpi") if _has_own_resolution(image) else None
    if given is None:
        given = exif.get(_Base.XResolution), exif.get(_Base.YResolution)
        inch = _UNITS.get(exif.get(_Base.ResolutionUnit, _INCH), 0)
    try:
        across, down = (float(value) * inch for value in given)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return (across, down) if 0 < across <= _MAX_DPI and 0 < down <= _MAX_DPI else None


def _has_own_resolution(image: Image.Image) -> bool:
    """Tell whether the decoder found a resolution, where some make one up or turn EXIF's into one.

    A TIFF's own field is EXIF's; a JPEG's may give no more than the shape of a pixel.
    """
    if image.format == "TIFF":
        return False
    return image.format not in _JPEGS or image.info.get("jfif_unit", 0) != 0


def colour(image: Image.Image, exif: Image.Exif, data: bytes) -> Named:
    """Say what the picture's numbers mean: by its profile, or as its format names colours else.

    Cameras set to Adobe RGB say so only in EXIF (DCF 2.0). Raises UnsupportedPictureError for
    what is not read.
    """
    if image.format == "PNG" and (found := png_chunks.colour(data)) is not None:
        return found
    profile = image.info.get("icc_profile")
    if profile:
        return Named(bytes(profile))
    if image.format in ("HEIF", "AVIF") and (points := isobmff.code_points(data)) is not None:
        return named(points)
    if image.format == "BMP":
        return Named(bmp_profile(data))
    try:
        index = exif.get_ifd(ExifTags.IFD.Interop).get(_INTEROP_INDEX)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as above
        return Named()
    return Named(ADOBE_RGB if index == "R03" else None)


_INTEROP_INDEX = 1


def _remarks(image: Image.Image, data: bytes, profile: bytes | None) -> tuple[str, ...]:
    """Say what is left behind as broken, and what is a guess; `profile` is what was found."""
    said = png_chunks.broken(data) if image.format == "PNG" else []
    is_lost = image.format in _JPEGS and profile is None and jpeg_segments.has_profile(data)
    if is_lost or (profile and not is_readable(profile)):
        said.append("its colour profile is damaged")
    if image.format == "AVIF" and "exif" not in image.info and isobmff.has_exif(data):
        said.append("its EXIF is damaged")
    left = [f"left behind: {what}" for what in said]
    is_boxes = image.format in ("HEIF", "AVIF")
    if is_boxes and not profile and isobmff.is_deep(data) and isobmff.code_points(data) is None:
        left.append("taken for sRGB: it has more than 8 bits, and does not say of which colours")
    return tuple(left)


def _kept_exif(exif: Image.Exif) -> bytes | None:
    """Serialise those tags that are still true of an upright picture of its own."""
    kept = Image.Exif()
    try:
        for tag in _DESCRIPTIVE_TAGS.intersection(exif):
            kept[tag] = exif[tag]
        for group in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            tags = exif.get_ifd(group)
            if true := {tag: tags[tag] for tag in tags.keys() - _UNTRUE_TAGS}:
                kept[group] = true
        return kept.tobytes() if len(kept) else None
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as above, and the writer likewise
        return None


def _kept_xmp(image: Image.Image, data: bytes) -> bytes | None:
    """Return the XMP packet without its orientation."""
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if not xmp and image.format == "PNG":
        xmp = png_chunks.xmp(data)
    if isinstance(xmp, str):
        xmp = xmp.encode(errors="replace")
    return _XMP_ORIENTATION.sub(b"", xmp) if isinstance(xmp, bytes) else None


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """What one output carries besides its pixels, as far as its format holds it.

    `exif` is empty where there is none; `dpi` is in it where the format has no field for it.
    """

    icc: bytes | None
    dpi: tuple[float, float] | None
    exif: Image.Exif
    xmp: bytes | None


def carried(output: Output, metadata: Metadata, *, grey: bool) -> Carried:
    """Choose what goes with the pixels of an output; `grey`: it has one channel."""
    row = FORMATS[output.format]
    keeps = output.metadata == "keep"
    exif = Image.Exif()
    if keeps and metadata.exif:
        exif.load(metadata.exif)
    if metadata.dpi and not row.has_resolution:
        exif[_Base.XResolution], exif[_Base.YResolution] = metadata.dpi
        exif[_Base.ResolutionUnit] = _INCH
    if len(exif) and len(exif.tobytes()) > row.longest_exif:
        exif = Image.Exif()
    is_short = metadata.xmp is not None and len(metadata.xmp) <= row.longest_xmp
    return Carried(
        icc=None if grey else metadata.icc,  # the profile is of RGB: an error in a grey file
        dpi=metadata.dpi if row.has_resolution else None,
        exif=exif,
        xmp=metadata.xmp if keeps and is_short else None,
    )

"""The formats that outputs are written in, one row each.

A new format is its name in `Format`, its row in FORMATS, and its encoder in pictures/encoding.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["cutout", "mask", "flat", "comparison"]
Format = Literal["png", "webp", "avif", "tiff", "jpeg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFormat:
    """What is to be known of a format besides how it is encoded."""

    title: str  # as people write it
    pillow: str  # as Pillow names it
    suffixes: tuple[str, ...]  # the first is what we write
    kinds: tuple[Kind, ...]  # of outputs; a cutout needs alpha
    longest_side: int | None = None  # pixels; None: more than any picture has
    is_lossless: bool  # then it has no quality
    can_be_lossless: bool = False  # where the quality is `lossless`
    has_16_bits: bool = False  # of a sample
    has_compression: bool = False  # fast or small
    longest_exif: int  # bytes; what is longer is left behind, and XMP likewise
    longest_xmp: int
    has_resolution: bool  # of its own; otherwise EXIF holds it
    bytes_per_pixel: int  # of memory at most while it is encoded, measured


_NO_LIMIT = 1 << 30  # bytes: more than any file that is read

# Where several formats can be a kind of output, the first of them is its default.
FORMATS: dict[Format, OutputFormat] = {
    "jpeg": OutputFormat(
        title="JPEG",
        pillow="JPEG",
        suffixes=(".jpg", ".jpeg"),
        kinds=("flat", "comparison"),
        longest_side=65_500,
        is_lossless=False,
        longest_exif=65_000,  # one segment of the file
        longest_xmp=65_000,
        has_resolution=True,
        bytes_per_pixel=20,
    ),
    "png": OutputFormat(
        title="PNG",
        pillow="PNG",
        suffixes=(".png",),
        kinds=("cutout", "mask", "flat", "comparison"),
        is_lossless=True,
        has_16_bits=True,
        has_compression=True,
        longest_exif=_NO_LIMIT,
        longest_xmp=8_000_000,  # libpng's PNG_USER_CHUNK_MALLOC_MAX, as it is usually built
        has_resolution=True,
        bytes_per_pixel=20,
    ),
    "webp": OutputFormat(
        title="WebP",
        pillow="WEBP",
        suffixes=(".webp",),
        kinds=("cutout", "flat", "comparison"),
        longest_side=16_383,
        is_lossless=False,
        can_be_lossless=True,
        longest_exif=_NO_LIMIT,
        longest_xmp=_NO_LIMIT,
        has_resolution=False,
        bytes_per_pixel=30,
    ),
    "avif": OutputFormat(
        title="AVIF",
        pillow="AVIF",
        suffixes=(".avif",),
        kinds=("cutout",),
        longest_side=32_768,
        is_lossless=False,
        can_be_lossless=True,
        longest_exif=_NO_LIMIT,
        longest_xmp=_NO_LIMIT,
        has_resolution=False,
        bytes_per_pixel=50,
    ),
    "tiff": OutputFormat(
        title="TIFF",
        pillow="TIFF",
        suffixes=(".tif", ".tiff"),
        kinds=("cutout",),
        is_lossless=True,
        has_16_bits=True,
        longest_exif=_NO_LIMIT,
        longest_xmp=_NO_LIMIT,
        has_resolution=True,
        bytes_per_pixel=20,
    ),
}

FORMATS_OF: dict[Kind, tuple[Format, ...]] = {
    kind: tuple(name for name, row in FORMATS.items() if kind in row.kinds)
    for kind in get_args(Kind)
}


def default_name(kind: Kind) -> str:
    """Return the template by which an output is named where its rule gives none."""
    return "{stem}" if kind == "cutout" else "{stem}-{kind}"


def listed(names: Iterable[str], conjunction: Literal["and", "or"]) -> str:
    """Return `jpeg, webp and avif` for such names, of which there must be one."""
    *others, last = names
    return f"{', '.join(others)} {conjunction} {last}" if others else last

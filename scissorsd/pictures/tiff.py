"""TIFF files, of 8 and of 16 bits, written fast.

Pillow writes no colours of 16 bits. What is written here every reader knows: whole rows in
strips, each sample as its difference from the one to its left, deflate (Adobe, TIFF 6.0 and its
Technical Notes), and alpha that is said to be straight.
"""

import io
import struct
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import ExifTags, Image

from scissorsd.core.tiff_directory import (
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Entry,
    directory,
    merged,
)

_Base = ExifTags.Base
_STRIP = 1 << 18  # bytes before they are compressed
_LEVEL = 2  # of ISA-L
_LARGEST = (1 << 32) - 1  # bytes: what its offsets can say
_DEFLATE, _DIFFERENCES, _INCH = 8, 2, 2
_GREY, _RGB = 1, 2
_STRAIGHT = 2  # alpha that the colours are not multiplied with
_WITH_ALPHA = 4  # samples of a pixel


def encode_tiff(
    pixels: NDArray[np.uint8 | np.uint16],
    *,
    icc: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: Image.Exif | None = None,
) -> bytes:
    """Encode (height, width), (height, width, 3) or (height, width, 4) as the bytes of a TIFF.

    Raises ValueError where it cannot hold that.
    """
    tiff = _without_exif(pixels, icc, dpi)
    return tiff if exif is None or not len(exif) else _with_exif(tiff, exif)


def _without_exif(
    pixels: NDArray[np.uint8 | np.uint16], icc: bytes | None, dpi: tuple[float, float] | None
) -> bytes:
    height, width = pixels.shape[:2]
    rows = min(height, max(1, _STRIP // (pixels.nbytes // height)))
    written = io.BytesIO()
    written.write(b"II*\0" + bytes(4))
    offsets, lengths = [], []
    for strip in _strips(pixels.reshape(height, width, -1), rows):
        offsets.append(written.tell())
        lengths.append(written.write(strip))
    entries = [
        *_about(pixels),
        (_Base.StripOffsets, LONG, np.array(offsets, "<u4").tobytes()),
        (_Base.RowsPerStrip, LONG, struct.pack("<I", rows)),
        (_Base.StripByteCounts, LONG, np.array(lengths, "<u4").tobytes()),
        *_resolution(dpi),
    ]
    if icc:
        entries.append((_Base.InterColorProfile, UNDEFINED, icc))
    at = written.tell() + written.tell() % 2
    if at + len(icc or b"") + 16 * len(offsets) + 1024 > _LARGEST:
        raise ValueError("it would be larger than 4 GiB")
    written.seek(at)
    written.write(directory(entries, at, "<"))
    written.seek(4)
    written.write(struct.pack("<I", at))
    return written.getvalue()


def _strips(pixels: NDArray[np.uint8 | np.uint16], rows: int) -> Iterator[bytes]:
    stored = pixels.dtype.newbyteorder("<")
    for top in range(0, len(pixels), rows):
        strip = pixels[top : top + rows]
        differences = np.empty(strip.shape, stored)
        differences[:, 0] = strip[:, 0]
        np.subtract(strip[:, 1:], strip[:, :-1], out=differences[:, 1:])
        yield isal_zlib.compress(differences, _LEVEL)


def _about(pixels: NDArray[np.uint8 | np.uint16]) -> Iterator[Entry]:
    height, width = pixels.shape[:2]
    samples = pixels[0, 0].size
    yield _Base.ImageWidth, LONG, struct.pack("<I", width)
    yield _Base.ImageLength, LONG, struct.pack("<I", height)
    yield _Base.BitsPerSample, SHORT, struct.pack("<H", pixels.itemsize * 8) * samples
    yield _Base.Compression, SHORT, struct.pack("<H", _DEFLATE)
    yield (
        _Base.PhotometricInterpretation,
        SHORT,
        struct.pack("<H", _GREY if samples == 1 else _RGB),
    )
    yield _Base.SamplesPerPixel, SHORT, struct.pack("<H", samples)
    yield _Base.PlanarConfiguration, SHORT, struct.pack("<H", 1)
    yield _Base.Predictor, SHORT, struct.pack("<H", _DIFFERENCES)
    if samples == _WITH_ALPHA:
        yield _Base.ExtraSamples, SHORT, struct.pack("<H", _STRAIGHT)


def _resolution(dpi: tuple[float, float] | None) -> Iterator[Entry]:
    if dpi is None:
        return
    for tag, value in zip((_Base.XResolution, _Base.YResolution), dpi, strict=True):
        fraction = Fraction(value).limit_denominator(10_000)
        yield tag, RATIONAL, struct.pack("<2I", *fraction.as_integer_ratio())
    yield _Base.ResolutionUnit, SHORT, struct.pack("<H", _INCH)


def _with_exif(tiff: bytes, exif: Image.Exif) -> bytes:
    """Add EXIF tags to a TIFF of one page, which Pillow does not do where it is compressed.

    The tags are written behind the file, and behind them a new directory of old and new entries.
    """
    order = "<"
    exif.endian = order
    tiff += bytes(len(tiff) % 2)
    added = exif.tobytes(len(tiff))[len(b"Exif\0\0") + 8 :]
    (at,) = struct.unpack_from(order + "I", tiff, 4)
    body = tiff + added + bytes(len(added) % 2)
    pointer = struct.pack(order + "I", len(body))
    return body[:4] + pointer + body[8:] + merged(tiff[at:], added, order)

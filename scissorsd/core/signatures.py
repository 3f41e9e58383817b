"""What a file's bytes say of themselves before anything decodes them.

Which format it is, how large the picture claims to be, and whether the end of the file is missing.
Everything here is a short walk over lengths and offsets; no sample is ever unpacked.
"""

import struct
from collections.abc import Callable
from typing import Literal

from scissorsd.core import tiff_directory

PictureFormat = Literal["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF"]

_SIGNATURES: tuple[tuple[bytes, PictureFormat], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF_BRANDS |= {b"mif1", b"msf1"}
_FOREIGN = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"8BPS", "a Photoshop file"),
    (b"\x89PNG", "a PNG that was sent as text, which changes its bytes"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"FUJIFILM", "a camera's raw file"),
    (b"IIU\0", "a camera's raw file"),
    (b"IIRO", "a camera's raw file"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\0\0\x01\0", "an icon file"),
)
_RECOGNISABLE = 12  # bytes that hold the longest signature
_TAIL = 512  # this many zero bytes at the end: room that was reserved and never filled
# So many say the same of what will not decode; a JPEG tells by its outline, and may be padded.
_ZEROS: dict[PictureFormat, int] = {"TIFF": _TAIL, "BMP": _TAIL}
_USUAL_ZEROS = 16
_DNG_VERSION, _NEW_SUBFILE_TYPE, _SUB_IFDS = 50706, 254, 330
_STRIPS, _TILES = (273, 279), (324, 325)  # tags of offsets and of byte counts


def recognise(data: bytes) -> PictureFormat | None:
    """Tell the format by the first bytes; None where it is none of those that are read."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return None if _is_raw(data) else name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return _heif_or_avif(data)


def foreign(data: bytes) -> str:
    """Name in words what a file that is not `recognise`d looks like."""
    for signature, name in _FOREIGN:
        if data.startswith(signature):
            return name
    if _is_raw(data) or data[4:11] == b"ftypcrx":
        return "a camera's raw file"
    if data[4:8] == b"ftyp":
        return "a film or another media file"
    return _text(data[:1024]) or f"its first bytes are {data[:8].hex(' ')}"


def is_hollow(data: bytes) -> bool:
    """Tell whether the file's end, or all of it, is zero bytes: reserved, not yet written."""
    return not data[-_TAIL:].strip(b"\0")


def is_beginning(data: bytes) -> bool:
    """Tell whether so few bytes could still become a picture that is read."""
    if len(data) >= _RECOGNISABLE:
        return False
    stems = (*(signature for signature, _ in _SIGNATURES), b"RIFF")
    in_box = data[:1] == b"\0" and b"ftyp".startswith(data[4:8])
    return in_box or any(stem.startswith(data[: len(stem)]) for stem in stems)


def declared_size(data: bytes, name: PictureFormat) -> tuple[int, int] | None:
    """Width and height in pixels of the formats whose decoders reserve memory when they open.

    None for the other formats, and where the header does not reach that far.
    """
    try:
        if name == "PNG":
            kind, width, height = struct.unpack_from(">4sII", data, 12)
            if kind != b"IHDR":
                return None
        elif name == "WEBP":
            width, height = _webp_size(data)
        elif name == "GIF":
            width, height, _ = _gif_picture(data)
        else:
            return None
    except (struct.error, IndexError):
        return None
    return width, height


def ends_early(data: bytes, name: PictureFormat) -> bool:
    """Tell whether the end of a file that would not decode is missing.

    A file that is damaged in the middle but whole in its outline gives False.
    """
    try:
        if _OUTLINES[name](data):
            return True
    except (struct.error, IndexError):
        return True
    return name != "JPEG" and not data[-_ZEROS.get(name, _USUAL_ZEROS) :].strip(b"\0")


def _is_raw(data: bytes) -> bool:
    """Tell a raw file that is a TIFF in outline: a decoder would give its small preview."""
    if data[8:10] == b"CR":
        return data[:2] in (b"II", b"MM")
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return False
    try:
        tags = {tag: value for tag, _, _, value in tiff_directory.entries(data)}
    except struct.error:
        return False
    order = tiff_directory.byte_order(data)
    is_preview = struct.unpack(order + "I", tags.get(_NEW_SUBFILE_TYPE, bytes(4)))[0] & 1
    return _DNG_VERSION in tags or bool(is_preview and _SUB_IFDS in tags)


def _heif_or_avif(data: bytes) -> PictureFormat | None:
    if data[4:8] != b"ftyp":
        return None
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, length, 4))]
    if brands[0] in _AVIF_BRANDS:
        return "AVIF"
    if brands[0] not in _HEIF_BRANDS:
        return None
    is_avif = brands[0] in (b"mif1", b"msf1") and not _AVIF_BRANDS.isdisjoint(brands)
    return "AVIF" if is_avif else "HEIF"


def _text(head: bytes) -> str:
    try:
        words = head.decode().lower()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # else only the last letter was cut in two
            return ""
        words = head[: error.start].decode().lower()
    if "\0" in words:
        return ""
    if "<svg" in words:
        return "an SVG drawing"
    return "a web page" if "<html" in words or "<!doctype html" in words else "text"


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = data[24:27], data[27:30]
        return 1 + int.from_bytes(width, "little"), 1 + int.from_bytes(height, "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _gif_picture(data: bytes) -> tuple[int, int, int]:
    """Canvas width and height with its first picture in, and where that picture's data begins."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _palette_bytes(flags)
    while data[at] != ord(","):
        at = _after_blocks(data, at + 2) if data[at] == ord("!") else at + 1
    left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, at + 1)
    return max(width, left + wide), max(height, top + high), at + 10 + _palette_bytes(flags)


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _gif_ends_early(data: bytes) -> bool:
    _, _, at = _gif_picture(data)
    return _after_blocks(data, at + 1) > len(data)


_FIRST_CHUNKS = (b"IHDR", b"CgBI")  # of a PNG; the second is Apple's


def _png_ends_early(data: bytes) -> bool:
    at = 8
    first = data[12:16]
    if len(first) == 4 and first not in _FIRST_CHUNKS:  # noqa: PLR2004 - bytes of a chunk's kind
        return False
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if not kind.isalpha():
            return False
        if kind == b"IEND":
            return bool(at > len(data))


def _jpeg_ends_early(data: bytes) -> bool:
    at = 2
    while data[at] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 - filling
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        at += 2 + length
        if marker == 0xDA:  # noqa: PLR2004 - the samples begin
            return data.find(b"\xff\xd9", at) < 0
    return not data[at:].strip(b"\0")


def _riff_ends_early(data: bytes) -> bool:
    (length,) = struct.unpack_from("<I", data, 4)
    return bool(length + 8 > len(data))


def _bmp_ends_early(data: bytes) -> bool:
    (length,) = struct.unpack_from("<I", data, 2)
    return bool(length > len(data))


def _boxes_end_early(data: bytes) -> bool:
    at, kinds = 0, set()
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
        elif length == 0:
            length = len(data) - at
        if length < 8:  # noqa: PLR2004 - a box's own header
            return False
        kinds.add(kind)
        at += length
    return at > len(data) or b"mdat" not in kinds


def _tiff_ends_early(data: bytes) -> bool:
    if b"+" in data[:4]:
        (at,) = struct.unpack_from(tiff_directory.byte_order(data) + "Q", data, 8)
        return bool(at + 8 > len(data))
    arrays: dict[int, tuple[int, ...]] = {}
    for tag, kind, count, value in tiff_directory.entries(data):
        values = tiff_directory.values(data, kind, count, value)
        if tag in _STRIPS + _TILES:
            arrays[tag] = values
    return any(
        offset + length > len(data)
        for offsets, lengths in (_STRIPS, _TILES)
        for offset, length in zip(arrays.get(offsets, ()), arrays.get(lengths, ()), strict=False)
    )


_OUTLINES: dict[PictureFormat, Callable[[bytes], bool]] = {
    "JPEG": _jpeg_ends_early,
    "PNG": _png_ends_early,
    "WEBP": _riff_ends_early,
    "TIFF": _tiff_ends_early,
    "BMP": _bmp_ends_early,
    "GIF": _gif_ends_early,
    "AVIF": _boxes_end_early,
    "HEIF": _boxes_end_early,
}

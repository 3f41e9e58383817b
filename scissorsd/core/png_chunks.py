"""What lies beside the pixels in a PNG: found, checked, and left out where it is broken.

Portable Network Graphics (third edition, W3C 2025), 5 and 11. A decoder gives up at the first
chunk that is not right, even where nothing of the picture is in it; so these are taken out before.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from scissorsd.core.calibration import calibrated
from scissorsd.core.code_points import CodePoints, Named, named
from scissorsd.core.profiles import Primaries
from scissorsd.errors import UnsupportedPictureError

_SIGNATURE = 8  # bytes
_ANCILLARY = 0x20  # this bit of the first letter
_PIXELS = frozenset({b"tRNS"})  # ancillary by name, and yet a part of the picture
_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})  # behind the first picture, which is read
_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"cICP": 4}
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_LARGE = 1 << 20  # bytes of a text or profile, unpacked: beyond, decoders give up
_LARGEST = 16 << 20  # what is unpacked here all the same
_ALL_TEXTS = 32 * _LARGE
_XMP = b"XML:com.adobe.xmp\0"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk by its name, and where its content begins and ends in the file."""

    kind: bytes
    begin: int
    end: int

    @property
    def is_ancillary(self) -> bool:
        """Tell whether the picture can be decoded without it."""
        return bool(self.kind[0] & _ANCILLARY) and self.kind not in _PIXELS


def chunks(data: bytes) -> Iterator[Chunk]:
    """Walk over the chunks that are there as a whole."""
    at = _SIGNATURE
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            return
        yield Chunk(kind, at + 8, at + 8 + length)
        at += 12 + length
        if kind == b"IEND":
            return


def sound(data: bytes) -> bytes:
    """Return a PNG as decoders take it: without what is broken or too large beside its pixels.

    It is the very same bytes where there is nothing to leave out.
    """
    out = [chunk for chunk, _ in _unsound(data)]
    if not out:
        return data
    view, at, kept = memoryview(data), 0, []
    for chunk in out:
        kept.append(view[at : chunk.begin - 8])
        at = chunk.end + 4
    return b"".join((*kept, view[at:]))


def broken(data: bytes) -> list[str]:
    """Say what of a PNG is left behind, such as "its iCCP chunk is damaged"."""
    said = [
        f"its {chunk.kind.decode('latin-1')} chunk {why}" for chunk, why in _unsound(data) if why
    ]
    return list(dict.fromkeys(said))


def _unsound(data: bytes) -> Iterator[tuple[Chunk, str]]:
    """Each chunk to be left out, and what is wrong with it; "" where it is read in another way."""
    room = _ALL_TEXTS
    for chunk in chunks(data):
        if not chunk.is_ancillary:
            continue
        if chunk.kind in _ANIMATION:
            yield chunk, ""
        elif (why := _fault(data, chunk)) is not None:
            yield chunk, why
        elif chunk.kind in _TEXTS:
            room -= _LARGE if chunk.kind != b"tEXt" else chunk.end - chunk.begin
            if room < 0:
                yield chunk, "is one of too many"


def _fault(data: bytes, chunk: Chunk) -> str | None:
    if not _is_whole(data, chunk):
        return "is damaged"
    content = data[chunk.begin : chunk.end]
    if chunk.kind == b"iCCP":
        unpacked = _unpacked(_compressed(content))
        if unpacked is None:
            return "is damaged"
        return "" if len(unpacked) > _LARGE else None
    if chunk.kind in _TEXTS:
        return _text_fault(chunk.kind, content)
    return None


def _is_whole(data: bytes, chunk: Chunk) -> bool:
    said = data[chunk.end : chunk.end + 4]
    check = zlib.crc32(memoryview(data)[chunk.begin - 4 : chunk.end])
    length = _LENGTHS.get(chunk.kind, chunk.end - chunk.begin)
    is_right = check == int.from_bytes(said, "big") and length == chunk.end - chunk.begin
    return is_right and chunk.kind.isalpha()


def _text_fault(kind: bytes, content: bytes) -> str | None:
    if kind == b"iTXt":
        stream = _international(content)
    else:
        stream = _compressed(content) if kind == b"zTXt" else content
    if stream is None:
        return "is damaged"
    is_packed = kind == b"zTXt" or (kind == b"iTXt" and content.partition(b"\0")[2][:1] == b"\1")
    unpacked = _unpacked(stream, _LARGE) if is_packed else stream
    if unpacked is None:
        return "is damaged"
    if len(unpacked) <= _LARGE:
        return None
    return "" if content.startswith(_XMP) and kind == b"iTXt" else "is too large"


def _compressed(content: bytes) -> bytes | None:
    """Return the compressed part of iCCP or zTXt, behind name and method."""
    _, found, rest = content.partition(b"\0")
    return rest[1:] if found and rest[:1] == b"\0" else None


def _international(content: bytes) -> bytes | None:
    """Return the text of iTXt as it is stored, behind keyword, flags, language and translation."""
    parts = content.partition(b"\0")[2][2:].split(b"\0", 2)
    return parts[-1] if len(parts) == 3 else None  # noqa: PLR2004 - as the docstring says


def _unpacked(stream: bytes | None, most: int = _LARGEST) -> bytes | None:
    """Unpack a stream, up to one byte more than `most`; None where it is broken or cut off."""
    if stream is None:
        return None
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(stream, most + 1)
    except zlib.error:
        return None
    return unpacked if unpacker.eof or len(unpacked) > most else None


def lacks_rows(data: bytes) -> bool:
    """Tell whether the samples of a PNG end before its last row; of one pass (8.1), else False."""
    width, height, bits, colour, _, _, passes = struct.unpack_from(">IIBBBBB", data, _HEADER)
    if passes:
        return False
    missing: int = height * (
        1 + -(-width * bits * _SAMPLES.get(colour, 1) // 8)
    )  # rows and filters
    unpacker = zlib.decompressobj()
    for chunk in chunks(data):
        packed = data[chunk.begin : chunk.end] if chunk.kind == b"IDAT" else b""
        while packed and missing > 0:
            missing -= len(unpacker.decompress(packed, _LARGE))
            packed = unpacker.unconsumed_tail
    return missing > 0


_HEADER = 16  # where the content of IHDR begins
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by type of colour (11.2.1)


# What it says of itself


def xmp(data: bytes) -> bytes | None:
    """Return the XMP packet, however large it is; None where there is none that is whole."""
    for chunk in chunks(data):
        if chunk.kind == b"iTXt" and data.startswith(_XMP, chunk.begin) and _is_whole(data, chunk):
            content = data[chunk.begin : chunk.end]
            stream = _international(content)
            packet = _unpacked(stream) if content[len(_XMP) :][:1] == b"\1" else stream
            return packet if packet is None or len(packet) <= _LARGEST else None
    return None


def colour(data: bytes) -> Named | None:
    """Say what the numbers of a PNG mean: by cICP, else iCCP, else sRGB, else cHRM and gAMA (4.3).

    None where it has none of these that is whole. A PNG's pixels are red, green and blue whatever
    cICP says of a matrix. Raises UnsupportedPictureError for what is not read.
    """
    found: dict[bytes, bytes] = {}
    for chunk in chunks(data):
        if chunk.kind == b"IDAT":
            break
        if chunk.kind in _COLOUR and _is_whole(data, chunk):
            found.setdefault(chunk.kind, data[chunk.begin : chunk.end])
    if b"cICP" in found:
        primaries, transfer, _, is_full = found[b"cICP"]
        if not is_full:
            raise UnsupportedPictureError(
                "its cICP chunk says that its values are of narrow range, as in films",
                "Export it with full range.",
            )
        return named(CodePoints(primaries, transfer))
    profile = _unpacked(_compressed(found.get(b"iCCP", b"")))
    if profile is not None and len(profile) <= _LARGEST:
        return Named(profile)
    if b"sRGB" in found:
        return Named()
    if not found.keys() - {b"iCCP"}:
        return None
    return Named(calibrated(_primaries(found.get(b"cHRM")), _gamma(found.get(b"gAMA"))))


_COLOUR = frozenset({b"cICP", b"iCCP", b"sRGB", b"cHRM", b"gAMA"})
_FIXED = 100_000  # stands for 1 in these


def _primaries(content: bytes | None) -> Primaries | None:
    if content is None:
        return None
    numbers = [value / _FIXED for value in struct.unpack(">8I", content)]
    white, red, green, blue = zip(numbers[::2], numbers[1::2], strict=True)
    return Primaries(red, green, blue, white)


def _gamma(content: bytes | None) -> float | None:
    """Return the exponent from values to light; the chunk has its inverse."""
    value = int.from_bytes(content or b"", "big")
    return _FIXED / value if value else None

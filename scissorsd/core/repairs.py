"""Files that are whole and yet no decoder's: mended in a copy, before anything else looks at them.

Blanks before the first byte; a JPEG that says its height only behind its samples; a WebP whose
last byte, which fills up, is missing; the PNG that Apple's tools make for its phones. Whatever is
not one of these is given back as it is.
"""

import re
import struct
import zlib

from scissorsd.core.signatures import recognise

_APPLES = b"CgBI"  # the chunk by which Apple's PNG is known
_BLANKS = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]{0,16}")  # what an editor or a script puts there
_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_OF_APPLES = 64_000_000  # pixels: such a file is an app's own picture, and small
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by a PNG's colour type
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of a JPEG's header
_SCAN, _LINES = 0xDA, b"\xff\xdc\0\4"


def mended(data: bytes) -> bytes:
    """Return the file as its decoder can read it: mostly `data` itself."""
    data = _without_blanks(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _with_its_height(data)
    if data.startswith(b"RIFF"):
        return _filled_up(data)
    return _standard(data) if data.startswith(_PNG) and data[12:16] == _APPLES else data


def is_apples(data: bytes) -> bool:
    """Tell whether a mended PNG's samples are blue, green, red, alpha, and multiplied with it."""
    return data.startswith(_PNG) and data[37:41] == _APPLES


def _without_blanks(data: bytes) -> bytes:
    found = _BLANKS.match(data)
    if not found or not found.end():
        return data
    stripped = data[found.end() :]
    return stripped if recognise(stripped) else data


def frame_header(data: bytes) -> tuple[int, int] | None:
    """Find the frame header (SOF) of a JPEG: its marker's second byte, and where its length is.

    None where there is none before the samples.
    """
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] == 0xFF:  # noqa: PLR2004 - every marker begins so
            at += 1
            continue
        marker = data[at + 1]
        if marker in _FRAMES:
            return marker, at + 2
        if marker == _SCAN:
            return None
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _with_its_height(data: bytes) -> bytes:
    """Write a height that stands behind the samples (DNL of ITU-T T.81) where it is looked for."""
    frame = frame_header(data)
    if frame is None:
        return data
    at = frame[1] + 3
    behind = data.find(_LINES, at)
    if data[at : at + 2] != b"\0\0" or behind < 0:
        return data
    return data[:at] + data[behind + 4 : behind + 6] + data[at + 2 :]


def _filled_up(data: bytes) -> bytes:
    """Add the byte that a WebP's last chunk of odd length is followed by, and count it."""
    at, end = 12, 0
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        end = at + 8 + length
        at = end + length % 2
    declared = int.from_bytes(data[4:8], "little") + 8
    if len(data) not in (end, at) or abs(declared - at) > 1 or declared == at == len(data):
        return data
    return data[:4] + struct.pack("<I", at - 8) + data[8:] + bytes(at - len(data))


def _standard(data: bytes) -> bytes:
    """Put Apple's chunk behind the header, and zlib's frame around the samples, which lacks there.

    The order of the colours, and that they are multiplied with alpha, stay.
    """
    chunks, samples = [], b""
    at = len(_PNG)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at : at + 12 + length]
        if kind == b"IDAT":
            if not samples:
                chunks.append(b"")
            samples += chunk[8:-4]
        else:
            chunks.append(chunk)
        at += len(chunk)
    if len(chunks) < 2 or chunks[1][4:8] != b"IHDR" or b"" not in chunks:  # noqa: PLR2004
        return data
    stream = _framed(samples, *struct.unpack_from(">IIBB", chunks[1], 8))
    if stream is None:
        return data
    chunks[chunks.index(b"")] = _chunk(b"IDAT", stream)
    chunks[:2] = chunks[1], chunks[0]
    return _PNG + b"".join(chunks)


def _framed(deflated: bytes, width: int, height: int, bits: int, colour: int) -> bytes | None:
    if width * height > _MOST_OF_APPLES:
        return None
    rows = height + 2 * (height // 2 + 8)  # interlaced, it has up to so many
    most = rows + height * (width * _SAMPLES.get(colour, 4) * bits // 8 + 64)
    try:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(deflated, most)
    except zlib.error:
        return None
    return b"\x78\x01" + deflated + struct.pack(">I", zlib.adler32(content))


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check

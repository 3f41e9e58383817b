"""PNG and TIFF files of 16 bits written, and PNGs read, byte by byte, without a library."""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Deep = NDArray[np.uint16]

_KINDS = {1: 0, 2: 4, 3: 2, 4: 6}  # samples of a pixel: a PNG's colour type
_PASSES = (  # of Adam7: first row and column, and the steps to the next
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)),
    (1, 0, 2, 1),
)


def chunk(kind: bytes, content: bytes) -> bytes:
    """Draw one chunk of a PNG."""
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(pixels: Deep, *extra: bytes, interlaced: bool = False) -> bytes:
    """Draw a PNG of 16 bits: height × width × 1 to 4; each row by another of the five filters."""
    height, width, samples = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _KINDS[samples], 0, 0, interlaced)
    parts = [pixels]
    if interlaced:
        parts = [pixels[row::rows, column::columns] for row, column, rows, columns in _PASSES]
    content = b"".join(bytes(line) for part in parts if part.size for line in _filtered(part))
    image = chunk(b"IDAT", zlib.compress(content))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(extra)
        + image
        + chunk(b"IEND", b"")
    )


def _filtered(pixels: Deep) -> Iterator[bytearray]:
    step = 2 * pixels.shape[2]
    above = bytes(step * pixels.shape[1])
    for number, row in enumerate(pixels.astype(">u2")):
        kind, line = number % 5, row.tobytes()
        given = bytearray([kind])
        for at, value in enumerate(line):
            left, corner = (line[at - step], above[at - step]) if at >= step else (0, 0)
            given.append(value - _guess(kind, left, above[at], corner) & 255)
        above = line
        yield given


def _guess(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        sum_ = left + up - corner
        return min((left, up, corner), key=lambda near: abs(sum_ - near))
    return (0, left, up, (left + up) // 2)[kind]


def read_png(data: bytes) -> Deep:
    """Read a PNG of 16 bits, not interlaced: height × width × samples."""
    at, stream = 8, b""
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        assert data[at : at + 12 + length] == chunk(kind, data[at + 8 : at + 8 + length])
        stream += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    assert bits == 16
    samples = {colour: samples for samples, colour in _KINDS.items()}[colour]
    step = 2 * samples
    content = zlib.decompress(stream)
    length = 1 + width * step
    above, lines = bytes(width * step), []
    for start in range(0, height * length, length):
        line = bytearray()
        for place, value in enumerate(content[start + 1 : start + length]):
            left, corner = (line[place - step], above[place - step]) if place >= step else (0, 0)
            line.append(value + _guess(content[start], left, above[place], corner) & 255)
        above = bytes(line)
        lines.append(above)
    values = np.frombuffer(b"".join(lines), ">u2").astype(np.uint16)
    return values.reshape(height, width, samples)


def tiff(
    size: tuple[int, int],
    strips: Sequence[bytes],
    tags: Mapping[int, Sequence[int]],
    order: str = "<",
) -> bytes:
    """Draw a TIFF of that width and height in strips; all values are whole numbers of 32 bits."""
    body = b"".join(strips)
    offsets = [8 + sum(map(len, strips[:number])) for number in range(len(strips))]
    lengths = [len(strip) for strip in strips]
    all_tags = {256: [size[0]], 257: [size[1]], 273: offsets, 279: lengths, **tags}
    at = 8 + len(body)
    behind = at + 2 + 12 * len(all_tags) + 4
    directory, arrays = struct.pack(order + "H", len(all_tags)), b""
    for tag, values in sorted(all_tags.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        place = packed if len(values) == 1 else struct.pack(order + "I", behind + len(arrays))
        directory += struct.pack(order + "HHI", tag, 4, len(values)) + place
        arrays += packed if len(values) > 1 else b""
    first = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, at)
    return first + body + directory + bytes(4) + arrays


def lzw(content: bytes) -> bytes:
    """Write as TIFF's LZW, in codes of 9 bits only: the table is cleared before it grows."""
    codes = []
    for start in range(0, len(content), 250):
        codes += [256, *content[start : start + 250]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")

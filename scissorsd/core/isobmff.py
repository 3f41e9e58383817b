"""The colour of the picture itself in a file of boxes (HEIC, AVIF), which may hold many.

A thumbnail, an alpha channel, a gain map and every tile are items of their own, each with its own
properties (ISO/IEC 23008-12, 9.3; ISO/IEC 14496-12, 8.11). What counts is what the primary item
names: its profile where it has one, else its code points (ISO/IEC 23000-22, 7.3.6.4), else those
of its first tile, else those in the compressed stream. A sequence without a still picture (AVIS)
has them in the first track's description.
"""

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from scissorsd.core.bitstreams import av1_colour, hevc_colour
from scissorsd.core.code_points import CodePoints

_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_SAMPLE_ENTRY = 78  # bytes of a visual sample's entry before its boxes
_CONFIGURATIONS = (b"hvcC", b"av1C")  # of the decoder
_MOST = 10_000  # properties, or items
_HEADER = 4096  # bytes in which a stream's header lies


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    content: bytes


def code_points(data: bytes) -> CodePoints | None:
    """Return the code points of the picture itself; None where it has a profile or says nothing."""
    try:
        properties = _properties(data, (b"colr", *_CONFIGURATIONS))
        kinds = [box.content[:4] for box in properties if box.kind == b"colr"]
        if b"prof" in kinds or b"rICC" in kinds:
            return None
        for box in properties:
            if box.kind == b"colr" and box.content[:4] == b"nclx":
                found = CodePoints(*struct.unpack_from(">2H", box.content, 4))
                if found != CodePoints():
                    return found
        found = _in_stream(data, properties) or CodePoints()
        return None if found == CodePoints() else found
    except (struct.error, IndexError, KeyError):
        return None


def is_deep(data: bytes) -> bool:
    """Tell whether the picture itself has more than 8 bits of a sample."""
    try:
        return any(_is_deep(box) for box in _properties(data, _CONFIGURATIONS))
    except (struct.error, IndexError, KeyError):
        return False


def _is_deep(box: _Box) -> bool:
    """Tell it by the decoder's configuration (ISO/IEC 14496-15, 8.3.3.1; AV1-ISOBMFF, 2.3.3)."""
    if box.kind == b"hvcC":
        return bool(box.content[17] & 7)
    return box.kind == b"av1C" and bool(box.content[2] & 0x40)


def without_exif(data: bytes) -> bytes:
    """Return a file whose decoder knows of no EXIF and XMP; the same bytes where there is none."""
    hidden = bytearray(data)
    for at, _ in _metadata_items(data):
        hidden[at : at + 4] = b"skip"
    return data if hidden == data else bytes(hidden)


def has_exif(data: bytes) -> bool:
    """Tell whether the file has EXIF, whole or not."""
    return any(kind == b"Exif" for _, kind in _metadata_items(data))


def _metadata_items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Find where the kind of each item stands that is EXIF or XMP (`infe`), and the kind."""
    for kind, begin, end in _boxes(data):
        if kind != b"meta":
            continue
        for inside, start, to in _boxes(data, begin + 4, end):
            if inside != b"iinf" or start >= to:
                continue
            for _, entry, last in _boxes(data, start + (8 if data[start] else 6), to):
                at = entry + (10 if data[entry : entry + 1] == b"\3" else 8)
                if at + 4 <= last and data[at : at + 4] in (b"Exif", b"mime"):
                    yield at, data[at : at + 4]


def _boxes(data: bytes, at: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Kind of each box, and where its content begins and ends."""
    end = len(data) if end is None else min(end, len(data))
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        begin = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, begin)
            begin += 8
        length = length or end - at
        if length < begin - at:
            return
        yield kind, begin, min(at + length, end)
        at += length


def _contents(data: bytes, *kinds: bytes) -> Iterator[bytes]:
    """Yield the content of each box of the last kind, in the first of those before; KeyError."""
    begin, end = 0, len(data)
    for kind in kinds[:-1]:
        inside = {name: (start, to) for name, start, to in reversed([*_boxes(data, begin, end)])}
        begin, end = inside[kind]
        begin += 4 if kind == b"meta" else 0
    for kind, start, to in _boxes(data, begin, end):
        if kind == kinds[-1]:
            yield data[start:to]


def _content(data: bytes, *kinds: bytes) -> bytes:
    """Return the first of these; KeyError where there is none."""
    for content in _contents(data, *kinds):
        return content
    raise KeyError(kinds[-1])


def _properties(data: bytes, wanted: Collection[bytes]) -> list[_Box]:
    """Return the properties of the picture itself, in their order.

    Where it has none of the kinds that are wanted, those of its first tile follow.
    """
    try:
        primary = _content(data, b"meta", b"pitm")
    except KeyError:
        return _track_properties(data)
    item = _number(primary, 4, 4 if primary[0] else 2)
    found = _of_item(data, item)
    if all(box.kind not in wanted for box in found):
        found += _of_item(data, _first_tile(data, item))
    return found


def _of_item(data: bytes, item: int) -> list[_Box]:
    shared = _content(data, b"meta", b"iprp", b"ipco")
    every = [_Box(kind, shared[begin:end]) for kind, begin, end in _boxes(shared)][:_MOST]
    for content in _contents(data, b"meta", b"iprp", b"ipma"):
        for of, numbers in _associations(content):
            if of == item:
                return [every[number - 1] for number in numbers if 0 < number <= len(every)]
    return []


def _number(data: bytes, at: int, length: int) -> int:
    if at + length > len(data):
        raise IndexError("the box is cut off")
    return int.from_bytes(data[at : at + length], "big")


def _associations(content: bytes) -> Iterator[tuple[int, list[int]]]:
    """Each item's number, and those of its properties, from 1 (the box `ipma`)."""
    item_bytes, is_wide = (4 if content[0] else 2), content[3] & 1
    count, at = _number(content, 4, 4), 8
    for _ in range(min(count, _MOST)):
        item, of_item = _number(content, at, item_bytes), content[at + item_bytes]
        at += item_bytes + 1
        width = 2 if is_wide else 1
        mask = 0x7FFF if is_wide else 0x7F
        yield item, [_number(content, at + width * n, width) & mask for n in range(of_item)]
        at += width * of_item


def _first_tile(data: bytes, item: int) -> int:
    """Return the first of the items that a grid is made of; 0 where it is none."""
    try:
        content = _content(data, b"meta", b"iref")
    except KeyError:
        return 0
    width = 4 if content[0] else 2
    for kind, begin, _ in _boxes(content, 4):
        if kind == b"dimg" and _number(content, begin, width) == item:
            return _number(content, begin + width + 2, width)
    return 0


def _track_properties(data: bytes) -> list[_Box]:
    content = _content(data, *_CONTAINERS, b"stsd")
    for _, begin, end in _boxes(content, 8):
        inside = content[begin:end]
        return [_Box(kind, inside[at:to]) for kind, at, to in _boxes(inside, _SAMPLE_ENTRY)]
    return []


def _in_stream(data: bytes, properties: list[_Box]) -> CodePoints | None:
    for box in properties:
        if box.kind == b"hvcC":
            return hevc_colour(box.content)
        if box.kind == b"av1C":
            return av1_colour(box.content[4:]) or av1_colour(_beginning(data))
    return None


def _beginning(data: bytes) -> bytes:
    """Return the first bytes of the stream of the primary item, or of its first tile (`iloc`)."""
    primary = _content(data, b"meta", b"pitm")
    item = _number(primary, 4, 4 if primary[0] else 2)
    places = dict(_places(_content(data, b"meta", b"iloc")))
    at = places.get(_first_tile(data, item) or item)
    return b"" if at is None else data[at : at + _HEADER]


def _places(content: bytes) -> Iterator[tuple[int, int]]:
    """Each item that lies in the file itself: its number, and where its first bytes are."""
    version, sizes = content[0], _number(content, 4, 2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    index = index if version in (1, 2) else 0
    wide = 4 if version == 2 else 2  # noqa: PLR2004 - the one for very many items
    count, at = _number(content, 6, wide), 6 + wide
    for _ in range(min(count, _MOST)):
        item, at = _number(content, at, wide), at + wide
        is_elsewhere = False
        if version in (1, 2):
            is_elsewhere, at = bool(_number(content, at, 2) & 15), at + 2
        start, extents = _number(content, at + 2, base), _number(content, at + 2 + base, 2)
        at += 4 + base
        if extents and not is_elsewhere:
            yield item, start + _number(content, at + index, offset)
        at += extents * (index + offset + length)

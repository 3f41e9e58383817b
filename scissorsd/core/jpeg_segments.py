"""What lies beside the samples in a JPEG: left out where a decoder would stumble over it.

Segments as in ITU-T T.81, B.1; JFIF 1.02; ICC.1:2010, B.4; Adobe Technical Note 5116.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_SCAN, _NO_LENGTH = 0xDA, (0x01, *range(0xD0, 0xD9))
_PROFILE, _PHOTOSHOP = b"ICC_PROFILE\0", b"Photoshop 3.0\0"
_SHORTEST = {(0xE0, b"JFIF"): 14, (0xE2, _PROFILE): 15, (0xEE, b"Adobe"): 12}  # bytes
_RESOURCES = 0xED
_PARTS = (0xE0, 0xE2, _RESOURCES, 0xEE)


@dataclass(frozen=True, slots=True)
class _Segment:
    marker: int
    begin: int  # of its content
    end: int


def sound(data: bytes) -> bytes:
    """Return a JPEG as decoders take it: without the segments of applications that are cut short.

    It is the very same bytes where there is nothing to leave out.
    """
    out = [segment for segment in _segments(data) if _is_cut_short(data, segment)]
    if not out:
        return data
    view, at, kept = memoryview(data), 0, []
    for segment in out:
        kept.append(view[at : segment.begin - 4])
        at = segment.end
    return b"".join((*kept, view[at:]))


def has_profile(data: bytes) -> bool:
    """Tell whether some part of a colour profile is there, whole or not."""
    return any(
        segment.marker == 0xE2 and data.startswith(_PROFILE, segment.begin)  # noqa: PLR2004 - APP2
        for segment in _segments(data)
    )


def _segments(data: bytes) -> Iterator[_Segment]:
    """Walk over the segments before the first scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker = data[at + 1]
        if marker == 0xFF or marker in _NO_LENGTH:  # noqa: PLR2004 - filling
            at += 1 if marker == 0xFF else 2  # noqa: PLR2004 - as above
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker == _SCAN or at + 2 + length > len(data):
            return
        yield _Segment(marker, at + 4, at + 2 + length)
        at += 2 + length


def _is_cut_short(data: bytes, segment: _Segment) -> bool:
    if segment.marker not in _PARTS:
        return False
    if segment.marker == _RESOURCES:
        return not _resources_are_whole(data[segment.begin : segment.end])
    return any(
        segment.marker == marker
        and data.startswith(name, segment.begin)
        and segment.end - segment.begin < shortest
        for (marker, name), shortest in _SHORTEST.items()
    )


def _resources_are_whole(content: bytes) -> bool:
    """Tell whether Photoshop's blocks fill their segment: signature, number, name, length, data."""
    if not content.startswith(_PHOTOSHOP):
        return True
    at = len(_PHOTOSHOP)
    while content.startswith(b"8BIM", at):
        if at + 7 > len(content):
            return False
        at += 7 + content[at + 6]
        at += at % 2
        if at + 4 > len(content):
            return False
        (length,) = struct.unpack_from(">I", content, at)
        at += 4 + length
        at += at % 2
    return True

"""The directory of a TIFF, read and written (Adobe, "TIFF 6.0", section 2).

It lists the tags of one page. A value of at most four bytes stands in its entry, a longer one lies
elsewhere in the file. EXIF is stored the same way; a BigTIFF is not.
"""

import struct
from collections.abc import Iterable, Iterator

SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7  # types of values
_FORMS = {2: "x", 3: "H", 4: "I", 5: "Q", 8: "h", 9: "i", 10: "q", 11: "f", 12: "d", 13: "I"}
_SIZES = {SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1}  # bytes of a value of the types we write
_ENTRY = 12  # bytes
_IN_PLACE = 4  # bytes of a value for which an entry has room

Entry = tuple[int, int, bytes]
"""Tag, type, and the values as they are stored."""


def byte_order(data: bytes) -> str:
    """Return the byte order of a TIFF, as `struct` names it."""
    return "<" if data[:2] == b"II" else ">"


def entries(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield tag, type, count and the four bytes of value or offset, of the first page.

    Raises struct.error where the file breaks off.
    """
    order = byte_order(data)
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    for entry in range(at + 2, at + 2 + _ENTRY * count, _ENTRY):
        yield struct.unpack_from(order + "HHI4s", data, entry)


def values(data: bytes, kind: int, count: int, value: bytes) -> tuple[int, ...]:
    """Read an entry's whole numbers, from the entry or from where its offset points.

    Raises struct.error where the file breaks off.
    """
    order = byte_order(data)
    form = order + str(count) + _FORMS.get(kind, "x")
    if struct.calcsize(form) <= len(value):
        return struct.unpack_from(form, value)
    (offset,) = struct.unpack(order + "I", value)
    return struct.unpack_from(form, data, offset)


def tag_values(data: bytes, wanted: int) -> tuple[int, ...]:
    """Read the whole numbers of one tag of the first page; () where it has no such tag.

    Of a BigTIFF nothing is read. Raises struct.error where the file breaks off.
    """
    if b"+" in data[:4]:
        return ()
    for tag, kind, count, value in entries(data):
        if tag == wanted:
            return values(data, kind, count, value)
    return ()


def directory(written: Iterable[Entry], at: int, order: str) -> bytes:
    """Return the directory that lies at that offset, and behind it what does not fit in it."""
    written = sorted(written)
    behind = at + 2 + _ENTRY * len(written) + 4
    packed, outside = struct.pack(order + "H", len(written)), b""
    for tag, kind, value in written:
        packed += struct.pack(order + "HHI", tag, kind, len(value) // _SIZES[kind])
        if len(value) <= _IN_PLACE:
            packed += value.ljust(_IN_PLACE, b"\0")
        else:
            packed += struct.pack(order + "I", behind + len(outside))
            outside += value + bytes(len(value) % 2)
    return packed + bytes(4) + outside


def merged(first: bytes, second: bytes, order: str) -> bytes:
    """Return the directory of all entries of two; their offsets stay as they are."""
    entries_of_both = sorted(
        {*_as_stored(first, order), *_as_stored(second, order)},
        key=lambda entry: struct.unpack_from(order + "H", entry),
    )
    count = struct.pack(order + "H", len(entries_of_both))
    return count + b"".join(entries_of_both) + bytes(4)


def _as_stored(directory: bytes, order: str) -> list[bytes]:
    (count,) = struct.unpack_from(order + "H", directory)
    return [directory[at : at + _ENTRY] for at in range(2, 2 + _ENTRY * count, _ENTRY)]

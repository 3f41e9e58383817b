import struct

import pytest

from scissorsd.core import isobmff
from scissorsd.core.bitstreams import av1_colour, hevc_colour
from scissorsd.core.code_points import CodePoints

P3, PQ, HLG = CodePoints(12, 13), CodePoints(9, 16), CodePoints(9, 18)
SIGNATURE = struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1")


class Writer:
    """Writes bits, the way the standards number them."""

    def __init__(self) -> None:
        self.bits = ""

    def put(self, width: int, value: int = 0) -> "Writer":
        """Write a number of that many bits."""
        self.bits += f"{value:0{width}b}" if width else ""
        return self

    def golomb(self, *values: int) -> "Writer":
        """Write Exp-Golomb codes."""
        for value in values:
            code = f"{value + 1:b}"
            self.bits += "0" * (len(code) - 1) + code
        return self

    def bytes(self) -> bytes:
        """Return what was written, with the bit that ends it."""
        whole = self.bits + "1"
        whole += "0" * (-len(whole) % 8)
        return int(whole, 2).to_bytes(len(whole) // 8, "big")


def box(kind: bytes, content: bytes) -> bytes:
    """Draw a box."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full(kind: bytes, content: bytes, version: int = 0) -> bytes:
    """Draw a box with a version."""
    return box(kind, bytes((version, 0, 0, 0)) + content)


def nclx(points: CodePoints) -> bytes:
    """Draw the box with code points."""
    return box(b"colr", b"nclx" + struct.pack(">3HB", points.primaries, points.transfer, 6, 128))


def icc(kind: bytes = b"prof") -> bytes:
    """Draw the box with a profile."""
    return box(b"colr", kind + b"a profile")


def heif(
    *properties: bytes, of: dict[int, list[int]], primary: int = 1, more: bytes = b""
) -> bytes:
    """Draw a file of items, with the properties, by their number from 1, that each has."""
    pairs = b"".join(
        struct.pack(">HB", item, len(numbers)) + bytes(128 | number for number in numbers)
        for item, numbers in of.items()
    )
    inside = box(b"ipco", b"".join(properties))
    inside += full(b"ipma", struct.pack(">I", len(of)) + pairs)
    meta = full(b"hdlr", bytes(20)) + full(b"pitm", struct.pack(">H", primary))
    return SIGNATURE + full(b"meta", meta + box(b"iprp", inside) + more) + box(b"mdat", bytes(9))


def hevc(points: CodePoints | None, *, rich: bool = False) -> bytes:
    """Draw the configuration of an HEVC decoder; `rich` with what may stand before the colours."""
    layers = 2 if rich else 0
    sps = Writer().put(4).put(3, layers).put(1, 1).put(88, 1 << 80).put(8, 93)
    if rich:
        sps.put(2, 0b11).put(2, 0b01).put(12).put(88).put(8).put(8)
    sps.golomb(0, 3 if rich else 1)
    if rich:
        sps.put(1)
    sps.golomb(640, 400)
    sps.put(1, 1).golomb(0, 1, 0, 1) if rich else sps.put(1)
    sps.golomb(2, 2, 4).put(1, int(rich)).golomb(*(1, 2, 3) * (layers + 1))
    sps.golomb(0, 3, 0, 3, 1, 1)
    if rich:
        sps.put(2, 0b11)
        for size in range(4):
            for number in range(0, 6, 3 if size == 3 else 1):
                if number == 3:
                    sps.put(1).golomb(0)
                else:
                    sps.put(1, 1).golomb(*[1] * (min(64, 16 << 2 * size) + (size > 1)))
        sps.put(2, 0b11).put(1, 1).put(8).golomb(0, 1).put(1)
        sps.golomb(2).golomb(1, 1).golomb(0).put(1, 1).golomb(0).put(1, 1)
        sps.put(1, 1).put(1, 1).golomb(0).put(1, 1).put(1, 1).put(1).put(1, 1)
        sps.put(1, 1).golomb(1).put(9, 3)
    else:
        sps.put(1).put(2).put(1).golomb(0).put(1)
    sps.put(2, 0b11).put(1, 1)
    sps.put(1, 1).put(8, 255).put(32).put(1, 1).put(1) if rich else sps.put(2)
    sps.put(1, 1).put(4, 0b1011).put(1, int(points is not None))
    if points is not None:
        sps.put(8, points.primaries).put(8, points.transfer).put(8, 9)
    unit = b"\x42\1" + sps.bytes().replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\1", b"\0\0\3\1")
    other = struct.pack(">BHH", 0xA0, 1, 4) + b"\x40\1ab"
    arrays = other + struct.pack(">BHH", 0xA1, 1, len(unit)) + unit
    return bytes(22) + bytes((2,)) + arrays


def av1(points: CodePoints | None, *, reduced: bool = True) -> bytes:
    """Draw the beginning of an AV1 stream: a delimiter and the header of the sequence."""
    header = Writer().put(3, 0).put(1, 1).put(1, int(reduced))
    if reduced:
        header.put(5, 4)
    else:
        header.put(1, 1).put(64).put(1, 1).golomb(5).put(1, 1).put(5, 9).put(32).put(10)
        header.put(1, 1).put(5, 1)
        header.put(12).put(5, 9).put(1, 1).put(1, 1).put(21).put(1, 1).put(4)
        header.put(12).put(5, 3).put(1).put(1)
    header.put(4, 9).put(4, 8).put(10, 639).put(9, 399)
    if not reduced:
        header.put(1, 1).put(7)
    header.put(3)
    if not reduced:
        header.put(4).put(1, 1).put(2).put(1).put(1, 1).put(1).put(1).put(3)
    header.put(3).put(1, 1).put(1).put(1, int(points is not None))
    if points is not None:
        header.put(8, points.primaries).put(8, points.transfer).put(8, 9)
    content = header.bytes()
    return b"\x12\0" + bytes((0x0A, len(content))) + content + b"\x32\1\0"


def test_the_primary_item_names_its_own_colour() -> None:
    """What a gain map or an alpha names, though it comes first in the file, does not count."""
    data = heif(nclx(PQ), nclx(P3), of={1: [1], 2: [2], 3: [1]}, primary=2)
    assert isobmff.code_points(data) == P3


def test_colour_of_other_items_alone_is_none() -> None:
    """A picture that names no colour, beside a gain map that does, says nothing."""
    assert isobmff.code_points(heif(nclx(PQ), box(b"ispe", bytes(12)), of={1: [2], 2: [1]})) is None


@pytest.mark.parametrize("kind", [b"prof", b"rICC"])
def test_a_profile_comes_before_code_points(kind: bytes) -> None:
    """Of both, the profile counts (ISO/IEC 23000-22, 7.3.6.4)."""
    assert isobmff.code_points(heif(nclx(PQ), icc(kind), of={1: [1, 2]})) is None


def test_a_grid_takes_what_its_first_tile_names() -> None:
    """A picture of tiles that names nothing itself has the colour of its tiles."""
    tiles = struct.pack(">HHHH", 9, 2, 1, 2)
    more = full(b"iref", box(b"dimg", tiles))
    of = {1: [1], 2: [1], 9: [2], 3: [3]}
    data = heif(nclx(HLG), box(b"ispe", bytes(12)), nclx(P3), of=of, primary=9, more=more)
    assert isobmff.code_points(data) == HLG


@pytest.mark.parametrize("rich", [False, True])
@pytest.mark.parametrize("points", [PQ, HLG, P3, None])
def test_a_hevc_stream_names_its_colour(points: CodePoints | None, *, rich: bool) -> None:
    """Where the file around it says nothing, the stream's own header counts."""
    assert hevc_colour(hevc(points, rich=rich)) == points
    assert isobmff.code_points(heif(box(b"hvcC", hevc(points, rich=rich)), of={1: [1]})) == points


@pytest.mark.parametrize("reduced", [True, False])
@pytest.mark.parametrize("points", [PQ, HLG, None])
def test_an_av1_stream_names_its_colour(points: CodePoints | None, *, reduced: bool) -> None:
    """In the decoder's configuration, or where the primary item's stream begins."""
    stream = av1(points, reduced=reduced)
    assert av1_colour(stream) == points
    configured = heif(box(b"av1C", bytes(4) + stream), of={1: [1]})
    assert isobmff.code_points(configured) == points
    where = bytes.fromhex("44400001 0007 0000 00000000 0001")
    begin = len(heif(box(b"av1C", bytes(4)), of={7: [1]}, primary=7, more=full(b"iloc", bytes(22))))
    places = full(b"iloc", where + struct.pack(">II", begin, len(stream)))
    whole = heif(box(b"av1C", bytes(4)), of={7: [1]}, primary=7, more=places) + stream
    assert isobmff.code_points(whole) == points


def test_unspecified_numbers_leave_it_to_the_stream() -> None:
    """A box that says "unspecified" says nothing."""
    configuration = box(b"hvcC", hevc(PQ))
    assert isobmff.code_points(heif(nclx(CodePoints()), configuration, of={1: [1, 2]})) == PQ


def test_a_sequence_names_its_colour_in_its_track() -> None:
    """Where there is no still picture, the first track's description counts."""
    entry = box(b"av01", bytes(78) + nclx(HLG))
    inside = full(b"stsd", struct.pack(">I", 1) + entry)
    for kind in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        inside = box(kind, inside)
    assert isobmff.code_points(SIGNATURE + inside) == HLG


def test_boxes_cut_off_anywhere_say_nothing_wrong() -> None:
    """However a file ends or is damaged, there is an answer and no error."""
    tiles = full(b"iref", box(b"dimg", struct.pack(">HHHH", 9, 2, 1, 2)))
    whole = heif(
        box(b"hvcC", hevc(PQ, rich=True)), nclx(PQ), of={9: [3], 1: [1]}, primary=9, more=tiles
    )
    for end in range(len(whole)):
        assert isobmff.code_points(whole[:end]) in {None, PQ}
    for at in range(len(whole)):
        isobmff.code_points(whole[:at] + b"\xff" + whole[at + 1 :])
        isobmff.code_points(whole[:at] + b"\0" + whole[at + 1 :])

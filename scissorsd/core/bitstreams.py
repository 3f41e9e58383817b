"""Colour as a compressed stream itself names it, where the file around it says nothing.

Only the first header of a stream is walked, bit by bit, as far as its code points: the sequence
parameter set of HEVC (ITU-T H.265, 7.3.2.2 and annex E) and the sequence header of AV1 (AV1
Bitstream & Decoding Process Specification, 5.5).
"""

import struct
from collections.abc import Iterator

from scissorsd.core.code_points import CodePoints

_LONGEST = 4096  # bytes of a header; real ones have a hundred
_SPS = 33  # as HEVC numbers its units
_SEQUENCE_HEADER = 1  # as AV1 numbers its own


class _Bits:
    """Reads a number of bits at a time; IndexError behind the end."""

    def __init__(self, data: bytes) -> None:
        self._length = 8 * len(data)
        self._value = int.from_bytes(data, "big")
        self._at = 0

    def take(self, count: int) -> int:
        self._at += count
        if self._at > self._length:
            raise IndexError("the header is cut off")
        return self._value >> (self._length - self._at) & ((1 << count) - 1)

    def flag(self) -> bool:
        return bool(self.take(1))

    def exp_golomb(self) -> int:
        """Read as many ones as there were zeros before them (H.265, 9.2)."""
        zeros = 0
        while not self.flag():
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def skip(self, *widths: int) -> None:
        self.take(sum(widths))

    def skip_exp_golomb(self, count: int = 1) -> None:
        for _ in range(count):
            self.exp_golomb()

    def code_points(self) -> CodePoints:
        primaries, transfer, _ = self.take(8), self.take(8), self.take(8)
        return CodePoints(primaries, transfer)


# HEVC


def hevc_colour(configuration: bytes) -> CodePoints | None:
    """Return the code points in the box `hvcC` (ISO/IEC 14496-15, 8.3.3.1); None if it has none."""
    try:
        for unit in _hevc_units(configuration):
            if unit[0] >> 1 & 0x3F == _SPS:
                return _sps_colour(_Bits(unit[2:_LONGEST].replace(b"\0\0\3", b"\0\0")))
    except (struct.error, IndexError):
        return None
    return None


def _hevc_units(configuration: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(configuration[22]):
        (count,) = struct.unpack_from(">H", configuration, at + 1)
        at += 3
        for _ in range(count):
            (length,) = struct.unpack_from(">H", configuration, at)
            yield configuration[at + 2 : at + 2 + length]
            at += 2 + length


def _sps_colour(bits: _Bits) -> CodePoints | None:
    bits.skip(4)
    layers = bits.take(3)
    bits.skip(1)
    _skip_profile_and_level(bits, layers)
    bits.skip_exp_golomb()
    if bits.exp_golomb() == 3:  # noqa: PLR2004 - 4:4:4
        bits.skip(1)
    bits.skip_exp_golomb(2)
    if bits.flag():  # a window
        bits.skip_exp_golomb(4)
    bits.skip_exp_golomb(2)
    count_bits = 4 + bits.exp_golomb()
    bits.skip_exp_golomb(3 * (layers + 1 if bits.flag() else 1))
    bits.skip_exp_golomb(6)
    if bits.flag() and bits.flag():
        _skip_scaling_lists(bits)
    bits.skip(2)
    if bits.flag():  # PCM
        bits.skip(8)
        bits.skip_exp_golomb(2)
        bits.skip(1)
    _skip_reference_sets(bits)
    if bits.flag():  # long-term references
        bits.skip((count_bits + 1) * bits.exp_golomb())
    bits.skip(2)
    return _usability_colour(bits) if bits.flag() else None


def _skip_profile_and_level(bits: _Bits, layers: int) -> None:
    bits.skip(88, 8)
    present = [(bits.flag(), bits.flag()) for _ in range(layers)]
    bits.skip(2 * (8 - layers) if layers else 0)
    for profile, level in present:
        bits.skip(88 * profile, 8 * level)


def _skip_scaling_lists(bits: _Bits) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):  # noqa: PLR2004 - 32 × 32
            own = bits.flag()
            coefficients = min(64, 16 << 2 * size) + (size > 1)
            bits.skip_exp_golomb(coefficients if own else 1)


def _skip_reference_sets(bits: _Bits) -> None:
    references = 0  # of the set before
    for number in range(bits.exp_golomb()):
        if number and bits.flag():
            bits.skip(1)
            bits.skip_exp_golomb()
            references = sum(bits.flag() or bits.flag() for _ in range(references + 1))
            continue
        references = bits.exp_golomb() + bits.exp_golomb()
        for _ in range(references):
            bits.skip_exp_golomb()
            bits.skip(1)


def _usability_colour(bits: _Bits) -> CodePoints | None:
    """Read the beginning of the video usability information (H.265, E.2.1)."""
    if bits.flag() and bits.take(8) == 255:  # noqa: PLR2004 - a shape of pixels of its own
        bits.skip(32)
    if bits.flag():
        bits.skip(1)
    if not bits.flag():
        return None
    bits.skip(4)
    return bits.code_points() if bits.flag() else None


# AV1


def av1_colour(units: bytes) -> CodePoints | None:
    """Return the code points in the first of a stream's units (OBUs); None if it has none."""
    try:
        for kind, content in _av1_units(units[:_LONGEST]):
            if kind == _SEQUENCE_HEADER:
                return _sequence_colour(_Bits(content))
    except IndexError:
        return None
    return None


def _av1_units(units: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(units):
        kind, is_extended, has_size = units[at] >> 3 & 15, units[at] & 4, units[at] & 2
        at += 2 if is_extended else 1
        length, shift = (0, 0) if has_size else (len(units) - at, 0)
        while has_size:
            length |= (units[at] & 127) << shift
            shift, at = shift + 7, at + 1
            has_size = units[at - 1] & 128
        yield kind, units[at : at + length]
        at += length


def _sequence_colour(bits: _Bits) -> CodePoints | None:
    profile = bits.take(3)
    bits.skip(1)
    is_reduced = bits.flag()
    if is_reduced:
        bits.skip(5)
    else:
        _skip_operating_points(bits)
    widths = bits.take(4) + 1, bits.take(4) + 1
    bits.skip(*widths)
    if not is_reduced and bits.flag():
        bits.skip(7)
    bits.skip(3)
    if not is_reduced:
        _skip_tools(bits)
    bits.skip(3)
    if bits.flag() and profile == 2:  # noqa: PLR2004 - the one with 12 bits
        bits.skip(1)
    if profile != 1:
        bits.skip(1)
    return bits.code_points() if bits.flag() else None


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.flag():  # timing
        bits.skip(64)
        if bits.flag():
            bits.skip_exp_golomb()
        if bits.flag():  # a decoder's model
            delay_bits = bits.take(5) + 1
            bits.skip(42)
    has_delay = bits.flag()
    for _ in range(bits.take(5) + 1):
        bits.skip(12)
        if bits.take(5) > 7:  # noqa: PLR2004 - levels from here on have tiers
            bits.skip(1)
        if delay_bits and bits.flag():
            bits.skip(2 * delay_bits + 1)
        if has_delay and bits.flag():
            bits.skip(4)


def _skip_tools(bits: _Bits) -> None:
    bits.skip(4)
    has_order = bits.flag()
    bits.skip(2 * has_order)
    forced = True if bits.flag() else bits.flag()  # screen content
    if forced and not bits.flag():
        bits.skip(1)
    bits.skip(3 * has_order)

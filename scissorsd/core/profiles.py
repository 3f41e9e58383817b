"""ICC profiles of colour spaces that a picture names without carrying the profile itself.

Built by the book (ICC.1:2010, the three-component matrix-based and the monochrome profile): a few
hundred bytes, the same every time. And a profile without what no one needs to see its colours.
"""

import struct
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_Triple = tuple[float, float, float]
_Pair = tuple[float, float]
Matrix = NDArray[np.float64]

_HEADER, _ENTRY = 128, 12  # bytes
_VERSION = 0x04200000
_D50: _Triple = (0.96420288, 1.0, 0.82490540)  # the white of every profile's connection space
_BRADFORD = np.array(
    ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
)


class Primaries(NamedTuple):
    """CIE x and y of a space's red, green, blue and white."""

    red: _Pair
    green: _Pair
    blue: _Pair
    white: _Pair


D65: _Pair = (0.3127, 0.3290)
BT709 = Primaries((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65)
P3 = Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65)
_ADOBE = Primaries((0.640, 0.330), (0.210, 0.710), (0.150, 0.060), D65)


def adaptation(white: _Pair) -> Matrix:
    """Return the matrix, 3 × 3, that brings XYZ seen under a white to D50 (Bradford)."""
    seen, wanted = _BRADFORD @ _of_chromaticity(white), _BRADFORD @ np.array(_D50)
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(wanted / seen) @ _BRADFORD)


def colourants(primaries: Primaries) -> Matrix:
    """Return the matrix, 3 × 3, from a space's linear red, green and blue to XYZ under D50.

    Raises ValueError where no colours can be mixed of these primaries.
    """
    mixed = np.array([(x, y, 1 - x - y) for x, y in primaries[:3]]).T
    try:
        shares = np.linalg.solve(mixed, _of_chromaticity(primaries.white))
    except (np.linalg.LinAlgError, ZeroDivisionError) as error:
        raise ValueError("these primaries mix no colours") from error
    found = adaptation(primaries.white) @ (mixed * shares)
    if not np.isfinite(found).all() or np.abs(found).max() > _LARGEST or shares.min() <= 0:
        raise ValueError("these primaries mix no colours")
    return np.asarray(found)


_LARGEST = 100.0  # far beyond any colour


def _of_chromaticity(white: _Pair) -> Matrix:
    x, y = white
    return np.array((x / y, 1.0, (1 - x - y) / y))


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _xyz(values: _Triple | Matrix) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def power(gamma: float, scale: float = 1.0) -> bytes:
    """Return the curve light = (scale · value) ** gamma."""
    if scale == 1:
        return b"para\0\0\0\0\0\0\0\0" + _fixed(gamma)
    return b"para\0\0\0\0\0\3\0\0" + _fixed(gamma, scale, 0, 0, 0)


SRGB_CURVE = b"para\0\0\0\0\0\3\0\0" + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def _text(words: str) -> bytes:
    encoded = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(encoded), 28) + encoded


def _profile(space: bytes, name: str, white: _Pair, tags: Mapping[bytes, bytes]) -> bytes:
    tags = {
        b"desc": _text(name),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _xyz(_D50),
        b"chad": b"sf32\0\0\0\0" + _fixed(*adaptation(white).ravel()),
        **tags,
    }
    header = struct.pack(
        ">I4xI4s4s4s6H4s28x",
        *(0, _VERSION, b"mntr", space, b"XYZ "),
        *(2024, 1, 1, 0, 0, 0),
        b"acsp",
    )
    return _joined((header + _fixed(*_D50)).ljust(_HEADER, b"\0"), tags)


def _joined(header: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    at = _HEADER + 4 + _ENTRY * len(tags)
    index, contents = struct.pack(">I", len(tags)), b""
    places: dict[bytes, int] = {}
    for signature, content in tags.items():
        if content not in places:
            places[content] = at + len(contents)
            contents += content + bytes(-len(content) % 4)
        index += struct.pack(">4sII", signature, places[content], len(content))
    return struct.pack(">I", at + len(contents)) + header[4:] + index + contents


@cache
def matrix_profile(name: str, primaries: Primaries, *curves: bytes) -> bytes:
    """Return the profile of a space by its primaries and its curve, or its three.

    Raises ValueError where no colours can be mixed of these primaries.
    """
    red, green, blue = colourants(primaries).T
    tags = {b"rXYZ": _xyz(red), b"gXYZ": _xyz(green), b"bXYZ": _xyz(blue)}
    each = curves if len(curves) == len(tags) else curves[:1] * len(tags)
    tags |= dict(zip((b"rTRC", b"gTRC", b"bTRC"), each, strict=True))
    return _profile(b"RGB ", name, primaries.white, tags)


DISPLAY_P3 = matrix_profile("Display P3", P3, SRGB_CURVE)
ADOBE_RGB = matrix_profile("Compatible with Adobe RGB (1998)", _ADOBE, power(2.19921875))
SRGB_GREY = _profile(b"GRAY", "Grey with the curve of sRGB", D65, {b"kTRC": SRGB_CURVE})

_NEEDED = frozenset(
    {
        *(b"desc", b"cprt", b"wtpt", b"bkpt", b"chad", b"cicp"),
        *(b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC"),
        *(b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2"),
        *(b"D2B0", b"D2B1", b"D2B2", b"D2B3", b"B2D0", b"B2D1", b"B2D2", b"B2D3"),
    }
)


LARGEST_PROFILE = 1 << 20
"""Bytes: a larger one makes a PNG that Pillow does not open, and others open without it."""


def slim(profile: bytes | None) -> bytes | None:
    """Return a profile that is not larger than it has to be; None where a large one is broken.

    What lies behind its end, by its own header, is never a part of it.
    """
    if profile is None:
        return None
    length = int.from_bytes(profile[:4], "big")
    profile = profile[:length] if _HEADER < length < len(profile) else profile
    if len(profile) <= LARGEST_PROFILE:
        return profile
    try:
        return _needed(profile)
    except ValueError:
        return None


def _needed(profile: bytes) -> bytes:
    """Leave out of a profile what shows no colour: private tags, measurements, previews.

    Raises ValueError where it is broken.
    """
    try:
        (count,) = struct.unpack_from(">I", profile, _HEADER)
        entries = [
            struct.unpack_from(">4sII", profile, _HEADER + 4 + _ENTRY * number)
            for number in range(min(count, len(profile) // _ENTRY))
        ]
    except struct.error as error:
        raise ValueError("the profile is cut off") from error
    tags = {kind: profile[at : at + length] for kind, at, length in entries if kind in _NEEDED}
    if sum(map(len, set(tags.values()))) > len(profile):
        raise ValueError("the profile's tags overlap")
    return _joined(profile[:_HEADER], tags)

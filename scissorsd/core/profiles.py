"""ICC profiles of colour spaces that a picture names without carrying the profile itself.

Built by the book (ICC.1:2010, the three-component matrix-based and the monochrome profile): a few
hundred bytes, the same every time.
"""

import struct
from collections.abc import Mapping

_Triple = tuple[float, float, float]

_HEADER, _ENTRY = 128, 12  # bytes
_VERSION = 0x04200000
_D50: _Triple = (0.96420288, 1.0, 0.82490540)  # the white of every profile's connection space
_FROM_D65 = (  # Bradford's adaptation of daylight's white to it
    *(1.047882, 0.022919, -0.050201),
    *(0.029587, 0.990479, -0.017059),
    *(-0.009232, 0.015076, 0.751678),
)


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _xyz(values: _Triple) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def _power(gamma: float) -> bytes:
    return b"para\0\0\0\0\0\0\0\0" + _fixed(gamma)


_SRGB_CURVE = b"para\0\0\0\0\0\3\0\0" + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def _text(words: str) -> bytes:
    encoded = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(encoded), 28) + encoded


def _profile(space: bytes, name: str, tags: Mapping[bytes, bytes]) -> bytes:
    tags = {
        b"desc": _text(name),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _xyz(_D50),
        b"chad": b"sf32\0\0\0\0" + _fixed(*_FROM_D65),
        **tags,
    }
    at = _HEADER + 4 + _ENTRY * len(tags)
    table, contents = struct.pack(">I", len(tags)), b""
    for signature, content in tags.items():
        table += struct.pack(">4sII", signature, at + len(contents), len(content))
        contents += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4xI4s4s4s6H4s28x",
        *(at + len(contents), _VERSION, b"mntr", space, b"XYZ "),
        *(2024, 1, 1, 0, 0, 0),
        b"acsp",
    )
    return (header + _fixed(*_D50)).ljust(_HEADER, b"\0") + table + contents


def _matrix(name: str, red: _Triple, green: _Triple, blue: _Triple, curve: bytes) -> bytes:
    colourants = {b"rXYZ": _xyz(red), b"gXYZ": _xyz(green), b"bXYZ": _xyz(blue)}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"RGB ", name, {**colourants, **curves})


DISPLAY_P3 = _matrix(
    "Display P3",
    *((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
    curve=_SRGB_CURVE,
)
ADOBE_RGB = _matrix(
    "Compatible with Adobe RGB (1998)",
    *((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    curve=_power(2.19921875),
)
SRGB_GREY = _profile(b"GRAY", "Grey with the curve of sRGB", {b"kTRC": _SRGB_CURVE})

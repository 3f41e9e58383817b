"""Colour that a file describes by primaries and a gamma, as older formats do.

PNG has cHRM and gAMA, BMP the fields of its header's fourth version. TIFF's tags WhitePoint,
PrimaryChromaticities and TransferFunction, which EXIF has too, are left alone: cameras and
scanners write all sorts of things there, since no program shows pictures by them.
"""

import struct

from scissorsd.core.profiles import BT709, D65, SRGB_CURVE, Primaries, matrix_profile, power

_NEAR = 0.005  # x and y that differ by less are the same colour, rounded
_SCREEN = 2.2  # the gamma that stands for the curve of sRGB
_SAME_GAMMA = 0.05  # this part of it more or less cannot be seen (libpng's PNG_GAMMA_THRESHOLD)
_GAMMAS = (0.1, 10.0)  # those that can be meant
_CALIBRATED, _EMBEDDED = 0, b"DEBM"  # of a BMP's colours
_V4, _V5 = 108, 124  # bytes of the header
_FILE_HEADER = 14  # bytes


def calibrated(primaries: Primaries | None, gamma: float | None) -> bytes | None:
    """Return the profile of such a space; None for sRGB, which also stands in for what is missing.

    Numbers that can mean no colours count as missing.
    """
    primaries = BT709 if primaries is None or _is_near(primaries, BT709) else primaries
    if gamma is None or not _GAMMAS[0] <= gamma <= _GAMMAS[1]:
        gamma = _SCREEN
    is_screen = abs(gamma / _SCREEN - 1) <= _SAME_GAMMA
    if is_screen and primaries is BT709:
        return None
    words = "the curve of sRGB" if is_screen else f"gamma {gamma:.3g}"
    curve = SRGB_CURVE if is_screen else power(gamma)
    try:
        return matrix_profile(f"As the picture says, {words}", primaries, curve)
    except ValueError:
        return None if is_screen else matrix_profile(f"BT.709, {words}", BT709, curve)


def _is_near(one: Primaries, other: Primaries) -> bool:
    return all(
        abs(a - b) < _NEAR
        for ours, theirs in zip(one, other, strict=True)
        for a, b in zip(ours, theirs, strict=True)
    )


def bmp_profile(data: bytes) -> bytes | None:
    """Return the profile that a BMP carries or describes (versions 4 and 5 of its header).

    One that is only linked to is never looked for.
    """
    try:
        (length,) = struct.unpack_from("<I", data, _FILE_HEADER)
        if length < _V4:
            return None
        space, *numbers = struct.unpack_from("<4s9I3I", data, _FILE_HEADER + 56)
        if space == _EMBEDDED and length >= _V5:
            offset, size = struct.unpack_from("<2I", data, _FILE_HEADER + 112)
            profile = data[_FILE_HEADER + offset : _FILE_HEADER + offset + size]
            return profile if size and len(profile) == size else None
    except struct.error:
        return None
    if int.from_bytes(space, "little") != _CALIBRATED:
        return None
    return _by_endpoints(numbers[:9], sum(numbers[9:]) / 3 / (1 << 16))


def _by_endpoints(numbers: list[int], gamma: float) -> bytes | None:
    """Return the profile by X, Y and Z of red, green and blue; of x, y and z, where they are those.

    Most programs write zeros.
    """
    endpoints = [[value / (1 << 30) for value in numbers[at : at + 3]] for at in (0, 3, 6)]
    totals = [sum(each) for each in endpoints]
    if not all(totals):
        return None
    red, green, blue = (
        (x / total, y / total) for (x, y, _), total in zip(endpoints, totals, strict=True)
    )
    x, y, z = (sum(each[axis] for each in endpoints) for axis in range(3))
    are_chromaticities = all(abs(total - 1) < _NEAR for total in totals)
    white = D65 if are_chromaticities or not y else (x / (x + y + z), y / (x + y + z))
    return calibrated(Primaries(red, green, blue, white), gamma or None)

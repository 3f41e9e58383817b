"""Colour named by code points: two numbers of ISO/IEC 23091-2 (ITU-T H.273), and no profile.

AVIF and HEIC have them in a box or in the compressed stream itself, PNG in a chunk (cICP). Which
curve they mean is followed as browsers do: the camera curves of BT.709 and its kin (1, 6, 14, 15,
and 7, 11, 12, which hardly differ) are taken for that of sRGB, since pictures that say so were
nearly always made for such a screen.
"""

from dataclasses import dataclass

from scissorsd.core.profiles import BT709, D65, P3, SRGB_CURVE, Primaries, matrix_profile, power
from scissorsd.errors import UnsupportedPictureError

PQ, HLG = 16, 18  # the two curves of ITU-R BT.2100, whose light goes beyond a screen's white
UNSPECIFIED = 2
_C: tuple[float, float] = (0.3101, 0.3162)  # the white of the first colour television
_DCI: tuple[float, float] = (0.314, 0.351)
_E: tuple[float, float] = (1 / 3, 1 / 3)
_SMPTE = Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65)
PRIMARIES: dict[int, tuple[str, Primaries]] = {
    1: ("BT.709", BT709),
    4: ("BT.470 M", Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C)),
    5: ("BT.601, 625 lines", Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65)),
    6: ("BT.601, 525 lines", _SMPTE),
    7: ("SMPTE 240M", _SMPTE),
    8: ("film", Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C)),
    9: ("BT.2020", Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65)),
    10: ("XYZ", Primaries((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), _E)),
    11: ("P3 of cinemas", P3._replace(white=_DCI)),
    12: ("Display P3", P3),
    22: ("EBU 3213-E", Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65)),
}
_CURVES = {  # by transfer characteristics; all others are that of sRGB
    4: ("gamma 2.2", power(2.2)),
    5: ("gamma 2.8", power(2.8)),
    8: ("linear", power(1.0)),
    17: ("SMPTE 428", power(2.6, (52.37 / 48) ** (1 / 2.6))),
}
_LOGARITHMIC = (9, 10)


@dataclass(frozen=True, slots=True)
class CodePoints:
    """Colour primaries and transfer characteristics, by their numbers in H.273."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


@dataclass(frozen=True, slots=True)
class Named:
    """What a file says of its colours: a profile (None: sRGB), or that they are PQ or HLG."""

    profile: bytes | None = None
    hdr: CodePoints | None = None


def named(points: CodePoints) -> Named:
    """Say what code points mean; what is unspecified or reserved is that of sRGB.

    Raises UnsupportedPictureError for the logarithmic curves.
    """
    if points.transfer in (PQ, HLG):
        return Named(hdr=points)
    if points.transfer in _LOGARITHMIC:
        raise UnsupportedPictureError(
            "its colours have a logarithmic curve (transfer characteristics "
            f"{points.transfer} of ITU-T H.273), which is not read",
            "Export it as sRGB or Display P3.",
        )
    name, primaries = PRIMARIES.get(points.primaries, PRIMARIES[1])
    words, curve = _CURVES.get(points.transfer, ("the curve of sRGB", SRGB_CURVE))
    if curve == SRGB_CURVE and primaries in (BT709, P3):
        return Named(None if primaries == BT709 else matrix_profile(name, primaries, curve))
    return Named(matrix_profile(f"{name}, {words}", primaries, curve))

"""Pictures of high dynamic range, PQ and HLG, as a common screen shows them.

- Light: the curve PQ (ITU-R BT.2100, table 4), or HLG with its system gamma of 1.2 for a display of
  1000 cd/m² (table 5).
- White: 203 cd/m², the reference white of ITU-R BT.2408 (2.1), is the screen's white. A picture
  that is nowhere brighter keeps its colours.
- Highlights: what is brighter is rolled off by the curve of ITU-R BT.2390 (5.4.1, "EETF"; now in
  BT.2408, annex 5), from the brightest of the picture to that white. It is applied to the largest
  of red, green and blue, and the three are scaled alike, so that a colour stays what it is.
- Colours: to those of BT.709, and what lies beyond is clipped (ITU-R BT.2407, 2), as browsers do.

What the file says of the display that it was mastered on is not used: the picture itself is
measured. Light here is relative to white: 1.0 is 203 cd/m².
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from scissorsd.core.code_points import HLG, PRIMARIES, UNSPECIFIED, CodePoints
from scissorsd.core.depth import Pixels, Sample
from scissorsd.core.profiles import BT709, adaptation, colourants

Light = NDArray[np.float32]

WHITE = 203.0  # cd/m²
_PQ_PEAK, _HLG_PEAK = 10_000.0, 1_000.0  # cd/m²
_HLG_GAMMA = 1.2
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_BT2020 = 9
_ROWS = 64  # worked on at a time
_MEASURED = 1 << 20  # pixels, at most, by which the brightest is found
_BRIGHTEST = 0.9999  # of them; a few sparks may be clipped
_STEPS = 1 << 16  # of the curve for highlights


def to_srgb(pixels: Pixels, points: CodePoints, kind: type[Sample]) -> NDArray[Sample]:
    """Show a picture (height × width × 3) of PQ or HLG as sRGB, in values of that type."""
    light = _light_of(points, pixels.dtype)
    roll_off = _roll_off(light(_sampled(pixels)))
    to_709 = _to_bt709(points)
    shown = np.empty(pixels.shape, kind)
    greatest = np.iinfo(kind).max
    for top in range(0, len(pixels), _ROWS):
        band = light(pixels[top : top + _ROWS])
        if roll_off is not None:
            band *= roll_off(_brightest(band))[..., None]
        values = srgb(np.clip(band @ to_709.T, 0, 1))
        values *= greatest
        shown[top : top + _ROWS] = np.rint(values, out=values)
    return shown


def _light_of(points: CodePoints, dtype: np.dtype[np.uint8 | np.uint16]) -> "_Curve":
    """Return what gives the light of rows of pixels; by a table of every value that there is."""
    full = np.iinfo(dtype).max
    values = np.arange(full + 1) / full
    if points.transfer != HLG:
        table = (_PQ_PEAK / WHITE * pq_light(values)).astype(np.float32)
        return lambda pixels: table[pixels]
    scene = hlg_light(values).astype(np.float32)
    luminance = _luminance(points)

    def displayed(pixels: Pixels) -> Light:
        light = scene[pixels]
        gain = (light @ luminance) ** np.float32(_HLG_GAMMA - 1)
        gain *= np.float32(_HLG_PEAK / WHITE)
        light *= gain[..., None]
        return light

    return displayed


_Curve = Callable[[Pixels], Light]


def pq_light(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the light, 0 to 1 for 0 to 10,000 cd/m², of values of PQ in 0 to 1."""
    root = np.asarray(values, np.float64) ** (1 / _M2)
    return np.asarray((np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1))


def pq_value(light: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the values of PQ in 0 to 1 of light in 0 to 1 for 0 to 10,000 cd/m²."""
    power = np.asarray(light, np.float64) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def hlg_light(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the light of the scene, 0 to 1, of values of HLG in 0 to 1."""
    values = np.asarray(values, np.float64)
    return np.where(values <= 0.5, values**2 / 3, (np.exp((values - _C) / _A) + _B) / 12)  # noqa: PLR2004 - where the two halves of HLG meet


def srgb(light: Light) -> Light:
    """Put light in 0 to 1 through the curve of sRGB (IEC 61966-2-1)."""
    curved = light ** np.float32(1 / 2.4)
    curved *= np.float32(1.055)
    curved -= np.float32(0.055)
    return np.where(light <= np.float32(0.0031308), light * np.float32(12.92), curved)


def _sampled(pixels: Pixels) -> Pixels:
    """Return every so many pixels of so many rows: enough to measure, and never many."""
    step = max(1, int(np.ceil((pixels[..., 0].size / _MEASURED) ** 0.5)))
    return pixels[::step, ::step]


def _brightest(light: Light) -> Light:
    return np.asarray(np.maximum(np.maximum(light[..., 0], light[..., 1]), light[..., 2]))


def _roll_off(light: Light) -> "Callable[[Light], Light] | None":
    """Return what the brightest of a pixel's three is to be multiplied with; None: with 1."""
    peak = float(np.quantile(_brightest(light), _BRIGHTEST))
    if peak <= 1:
        return None
    roots = np.linspace(0, 1, _STEPS)
    levels = roots[1:] ** 2 * peak
    gains = np.ones(_STEPS, np.float32)
    gains[1:] = rolled_off(levels, peak) / levels

    def gain(brightest: Light) -> Light:
        steps = np.sqrt(np.minimum(brightest / np.float32(peak), 1))
        steps *= _STEPS - 1
        found = gains[np.rint(steps, out=steps).astype(np.uint16)]
        return np.asarray(found / np.maximum(brightest / np.float32(peak), 1))

    return gain


def rolled_off(light: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """Bring light of up to `peak` down to 1 (BT.2390, 5.4.1, with no black to be raised)."""
    ceiling = pq_value(np.array(peak * WHITE / _PQ_PEAK))
    white = pq_value(np.array(WHITE / _PQ_PEAK)) / ceiling
    knee = 1.5 * white - 0.5
    value = np.minimum(pq_value(light * WHITE / _PQ_PEAK) / ceiling, 1)
    t = np.maximum(value - knee, 0) / (1 - knee)
    bent = (2 * t**3 - 3 * t**2 + 1) * knee
    bent += (t**3 - 2 * t**2 + t) * (1 - knee)
    bent += (-2 * t**3 + 3 * t**2) * white
    return pq_light(np.where(value < knee, value, bent) * ceiling) * _PQ_PEAK / WHITE


def _to_bt709(points: CodePoints) -> Light:
    mixed = np.linalg.inv(colourants(BT709)) @ colourants(PRIMARIES[_primaries(points)][1])
    return np.asarray(mixed, np.float32)


def _luminance(points: CodePoints) -> Light:
    """Return the shares of the three in luminance, under the space's own white."""
    primaries = PRIMARIES[_primaries(points)][1]
    shares = np.linalg.inv(adaptation(primaries.white)) @ colourants(primaries)
    return np.asarray(shares[1], np.float32)


def _primaries(points: CodePoints) -> int:
    """Return the number of the primaries; where it says nothing, those that BT.2100 has."""
    known = points.primaries in PRIMARIES and points.primaries != UNSPECIFIED
    return points.primaries if known else _BT2020

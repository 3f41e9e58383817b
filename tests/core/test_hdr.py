import numpy as np
import pytest
from numpy.typing import NDArray

from scissorsd.core import hdr
from scissorsd.core.code_points import CodePoints

PQ, HLG = CodePoints(9, 16), CodePoints(9, 18)
TO_BT2020 = np.array(  # of BT.709's linear red, green and blue (ITU-R BT.2087, 4)
    ((0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956))
)


def light(values: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Take the curve of sRGB out of 8-bit values: 1.0 is white."""
    part = values / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def colours() -> NDArray[np.uint8]:
    """Draw all sorts of colours, of them white, black and the brightest of each kind."""
    steps = np.array((0, 3, 40, 128, 200, 255), np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 12, 3)


def in_pq(nits: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Return light in cd/m² as 16-bit values of PQ."""
    return np.rint(hdr.pq_value(nits / 10_000) * 65535).astype(np.uint16)


def in_hlg(nits: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Return light of a display of 1000 cd/m² as 16-bit values of HLG (ITU-R BT.2100, table 5)."""
    shown = nits / 1000
    luminance = shown @ np.array((0.2627, 0.6780, 0.0593))
    scene = shown * np.maximum(luminance, 1e-9)[..., None] ** (1 / 1.2 - 1)
    low = np.sqrt(3 * scene)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    values = np.where(scene <= 1 / 12, low, high).clip(0, 1)
    return np.asarray(np.rint(values * 65535), np.uint16)


@pytest.mark.parametrize(
    ("value", "nits"), [(0.0, 0.0), (0.5081, 100.0), (0.5807, 203.0), (0.7518, 1000.0), (1, 1e4)]
)
def test_pq_is_the_curve_of_bt_2100(value: float, nits: float) -> None:
    """The levels that BT.2408 lists stand for the light that it says, and back."""
    assert 10_000 * hdr.pq_light(np.array(value)) == pytest.approx(nits, rel=2e-3, abs=1e-6)
    assert hdr.pq_value(np.array(nits / 10_000)) == pytest.approx(value, abs=2e-4)


@pytest.mark.parametrize("points", [PQ, HLG])
def test_a_picture_that_ends_at_reference_white_keeps_its_colours(points: CodePoints) -> None:
    """What sRGB shows, put into PQ or HLG with white at 203 cd/m², is shown as it was."""
    nits = 203 * np.clip(light(colours()) @ TO_BT2020.T, 0, 1)
    stored = in_pq(nits) if points == PQ else in_hlg(nits)
    shown = hdr.to_srgb(stored, points, np.uint8)
    assert np.abs(shown.astype(int) - colours()).max() <= 1


def test_the_reference_white_of_hlg_is_three_quarters() -> None:
    """HLG's 75 percent are 203 cd/m² on a display of 1000 (BT.2408, table 1): white."""
    grey = np.full((1, 1, 3), round(0.75 * 65535), np.uint16)
    assert (hdr.to_srgb(grey, HLG, np.uint8) >= 254).all()


def test_highlights_are_rolled_off_and_keep_their_order() -> None:
    """Up to 4,000 cd/m² each is brighter than the one before; the dark is as it would be."""
    nits = np.geomspace(0.5, 4000, 4096)[None, :, None].repeat(3, axis=2)
    shown = hdr.to_srgb(in_pq(nits), PQ, np.uint16)[0, :, 0].astype(int)
    assert np.diff(shown).min() >= -1  # which is rounding
    assert shown[-1] == 65535
    assert len(np.unique(shown[nits[0, :, 0] > 203])) > 200
    dark = nits[0, :, 0] < 20
    there = hdr.srgb((nits[0, dark, 0] / 203).astype(np.float32)) * 65535
    assert np.abs(shown[dark] - there).max() <= 40


def test_a_bright_colour_keeps_its_hue() -> None:
    """A red of 1,000 cd/m² is a red, not a white."""
    bright = in_pq(np.array([[(1000.0, 100.0, 100.0), (1.0, 1.0, 1.0)]]))
    red, green, blue = hdr.to_srgb(bright, PQ, np.uint8)[0, 0].astype(int)
    assert red == 255
    assert green < 130
    assert blue < 130


def test_a_few_sparks_do_not_darken_the_rest() -> None:
    """One pixel in very many at 10,000 cd/m² leaves white where it is."""
    nits = np.full((200, 200, 3), 203.0)
    nits[0, 0] = 10_000
    assert (hdr.to_srgb(in_pq(nits), PQ, np.uint8)[1:] >= 254).all()


@pytest.mark.parametrize("primaries", [1, 2, 9, 12])
def test_greys_are_grey_in_any_primaries(primaries: int) -> None:
    """Equal red, green and blue come out equal, whichever colours they are mixed of."""
    greys = np.arange(0, 65536, 97).astype(np.uint16)[None, :, None].repeat(3, axis=2)
    shown = hdr.to_srgb(greys, CodePoints(primaries, 16), np.uint8).astype(int)
    assert (shown.max(axis=2) - shown.min(axis=2)).max() <= 1

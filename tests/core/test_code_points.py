import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from scissorsd.core.calibration import calibrated
from scissorsd.core.code_points import CodePoints, Named, named
from scissorsd.core.profiles import (
    BT709,
    DISPLAY_P3,
    LARGEST_PROFILE,
    SRGB_CURVE,
    Primaries,
    colourants,
    matrix_profile,
    power,
    slim,
)
from scissorsd.errors import UnsupportedPictureError

D65 = (0.3127, 0.3290)


def seen(profile: bytes, values: tuple[int, int, int]) -> tuple[int, ...]:
    """Return what numbers of a profile are in sRGB."""
    image = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), values),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert image is not None
    found = image.getpixel((0, 0))
    assert isinstance(found, tuple)
    return tuple(int(value) for value in found)


@pytest.mark.parametrize(
    "points", [(1, 13), (1, 1), (1, 6), (1, 14), (2, 2), (2, 13), (1, 2), (3, 0), (200, 99)]
)
def test_what_is_srgb_or_says_nothing_has_no_profile(points: tuple[int, int]) -> None:
    """sRGB, the cameras' curve with its primaries, the unspecified and the reserved are sRGB."""
    assert named(CodePoints(*points)) == Named()


@pytest.mark.parametrize("points", [(9, 16), (9, 18), (12, 16), (2, 16), (1, 18)])
def test_pq_and_hlg_are_told_apart_from_profiles(points: tuple[int, int]) -> None:
    """Both curves of BT.2100 are named as such, in any primaries."""
    assert named(CodePoints(*points)) == Named(hdr=CodePoints(*points))


@pytest.mark.parametrize("transfer", [9, 10])
def test_logarithmic_curves_are_refused_in_words(transfer: int) -> None:
    """What is not shown right is not shown: the error names the curve and what to do."""
    with pytest.raises(UnsupportedPictureError, match="logarithmic") as refused:
        named(CodePoints(9, transfer))
    assert "sRGB" in refused.value.advice


@pytest.mark.parametrize(
    ("points", "values", "shown"),
    [
        ((12, 13), (200, 100, 50), (215, 93, 31)),
        ((12, 1), (200, 100, 50), (215, 93, 31)),
        ((9, 13), (128, 128, 128), (128, 128, 128)),
        ((9, 14), (150, 110, 100), (171, 104, 98)),
        ((1, 8), (128, 128, 128), (188, 188, 188)),
        ((1, 8), (55, 55, 55), (128, 128, 128)),
        ((1, 5), (128, 128, 128), (106, 106, 106)),
        ((10, 8), (128, 128, 128), (188, 188, 188)),
        ((11, 17), (255, 255, 255), (255, 255, 255)),
        ((6, 6), (255, 255, 255), (255, 255, 255)),
        ((22, 4), (0, 0, 0), (0, 0, 0)),
    ],
)
def test_wide_and_other_colours_get_their_profile(
    points: tuple[int, int], values: tuple[int, int, int], shown: tuple[int, int, int]
) -> None:
    """Numbers named by code points are, through the profile that is made, those colours."""
    profile = named(CodePoints(*points)).profile
    assert profile is not None
    assert seen(profile, values) == pytest.approx(shown, abs=2)


def test_display_p3_by_its_numbers_is_display_p3() -> None:
    """Code points and the built-in profile are the same bytes."""
    assert named(CodePoints(12, 13)).profile == DISPLAY_P3


def test_colourants_add_up_to_white() -> None:
    """Red, green and blue at their most are the white of the connection space; Y is luminance."""
    assert colourants(BT709).sum(axis=1) == pytest.approx((0.9642, 1.0, 0.8249), abs=1e-4)
    bradford = ((0.4360, 0.3851, 0.1431), (0.2225, 0.7169, 0.0606), (0.0139, 0.0971, 0.7141))
    assert np.abs(colourants(BT709) - bradford).max() < 2e-4


@pytest.mark.parametrize(
    "primaries",
    [
        Primaries((0.3, 0.3), (0.3, 0.3), (0.3, 0.3), D65),
        Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.0, 0.0)),
        Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.9, 0.05)),
        Primaries((0.1, 0.1), (0.2, 0.2), (0.3, 0.3), D65),
    ],
)
def test_primaries_that_mix_no_colours_are_refused(primaries: Primaries) -> None:
    """Numbers that can be no colour space raise, and then count as missing."""
    with pytest.raises(ValueError, match="mix no colours"):
        matrix_profile("x", primaries, SRGB_CURVE)
    assert calibrated(primaries, 2.2) is None
    linear = calibrated(primaries, 1.0)
    assert linear is not None
    assert seen(linear, (55, 55, 55)) == pytest.approx((128, 128, 128), abs=1)


@pytest.mark.parametrize("gamma", [None, 1 / 0.45455, 2.2, 2.15, 2.29, 0.0001, 1e9])
def test_the_gamma_of_a_screen_is_srgb(gamma: float | None) -> None:
    """The gamma that nearly every PNG names, and one that means nothing, need no profile."""
    near = Primaries((0.6401, 0.3299), (0.3, 0.6), (0.15, 0.06), D65)
    assert calibrated(near, gamma) is None
    assert calibrated(None, gamma) is None


def test_a_large_profile_is_brought_to_what_it_needs() -> None:
    """Private tags of a megabyte are left out, and the colours are the same."""
    wide = matrix_profile("wide", Primaries((0.7, 0.29), (0.2, 0.75), (0.14, 0.05), D65), power(2))
    count = int.from_bytes(wide[128:132], "big")
    private = (
        b"priv" + (len(wide) + 12).to_bytes(4, "big") + (2 * LARGEST_PROFILE).to_bytes(4, "big")
    )
    entries = b"".join(
        wide[at : at + 4]
        + (int.from_bytes(wide[at + 4 : at + 8], "big") + 12).to_bytes(4, "big")
        + wide[at + 8 : at + 12]
        for at in range(132, 132 + 12 * count, 12)
    )
    large = wide[:128] + (count + 1).to_bytes(4, "big") + entries + private
    large += wide[132 + 12 * count :] + bytes(2 * LARGEST_PROFILE)
    large = len(large).to_bytes(4, "big") + large[4:]
    slimmer = slim(large)
    assert slimmer is not None
    assert len(slimmer) < 1000
    assert seen(slimmer, (200, 100, 50)) == seen(wide, (200, 100, 50))
    assert slim(wide) is wide
    assert slim(wide + b"more") == wide
    assert slim(large[:130] + bytes(2 * LARGEST_PROFILE)) is not None
    assert slim(None) is None

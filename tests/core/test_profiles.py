import io
import struct

import pytest
from PIL import Image, ImageCms

from scissorsd.core.profiles import ADOBE_RGB, DISPLAY_P3, SRGB_GREY


@pytest.mark.parametrize(
    ("profile", "kind", "name"),
    [
        (DISPLAY_P3, "RGB ", "Display P3"),
        (ADOBE_RGB, "RGB ", "Compatible with Adobe RGB (1998)"),
        (SRGB_GREY, "GRAY", "Grey with the curve of sRGB"),
    ],
)
def test_profiles_are_whole(profile: bytes, kind: str, name: str) -> None:
    """Each is a profile of its kind that says its length and name."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
    assert opened.xcolor_space == kind
    assert opened.profile_description == name
    assert opened.version == pytest.approx(4.2)
    assert struct.unpack_from(">I", profile) == (len(profile),)


@pytest.mark.parametrize(
    ("profile", "own", "seen"),
    [
        (DISPLAY_P3, (255, 255, 255), (255, 255, 255)),
        (DISPLAY_P3, (128, 128, 128), (128, 128, 128)),
        (DISPLAY_P3, (200, 100, 50), (215, 93, 31)),
        (ADOBE_RGB, (255, 255, 255), (255, 255, 255)),
        (ADOBE_RGB, (200, 100, 50), (227, 100, 42)),
    ],
)
def test_colours_of_a_space(
    profile: bytes, own: tuple[int, int, int], seen: tuple[int, int, int]
) -> None:
    """Numbers of a space are, in sRGB, those that its definition says."""
    image = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), own),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert image is not None
    assert image.getpixel((0, 0)) == pytest.approx(seen, abs=1)

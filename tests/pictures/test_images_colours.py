import io
import struct
import zlib
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
from drawn_profiles import cmyk_profile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from scissorsd.pictures import reading
from scissorsd.pictures.picture import Picture

LIMIT = 10_000_000


def encoded(image: Image.Image, name: str, options: Mapping[str, object] | None = None) -> bytes:
    """Encode a picture with Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, name, **(options or {}))
    return buffer.getvalue()


def read(data: bytes) -> Picture:
    """Read a picture that no limit matters to."""
    return reading.read(data, max_pixels=LIMIT)


def png(size: tuple[int, int], bits: int, kind: int, rows: bytes, transparent: bytes) -> bytes:
    """Draw a PNG of that bit depth and colour type, with a transparent colour."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    header = struct.pack(">IIBBBBB", *size, bits, kind, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"tRNS", transparent)
    chunks += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def colourful() -> Image.Image:
    """Draw a picture in which all three colours run from dark to light, each its own way."""
    light = Image.linear_gradient("L").resize((64, 64))
    across = light.transpose(Image.Transpose.ROTATE_90)
    return Image.merge("RGB", (light, across, Image.radial_gradient("L").resize((64, 64))))


@cache  # a profile holds the second it was made in
def srgb() -> bytes:
    """Return an sRGB profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def ramp() -> NDArray[np.uint16]:
    """Draw a grey ramp over all that 16 bits can hold."""
    return np.linspace(0, 65535, 256).round().astype(np.uint16)[None].repeat(4, axis=0)


@pytest.mark.parametrize(
    ("name", "options"),
    [("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)
def test_sixteen_bit_greys_are_scaled(name: str, options: dict[str, object]) -> None:
    """A 16-bit ramp comes out as a ramp over all of 8 bits, not white from 256 on."""
    rgb = read(encoded(Image.fromarray(ramp()), name, options)).rgb
    assert (rgb == np.arange(256)[None, :, None]).all()


def test_sixteen_bit_greys_with_black_at_the_top_are_turned_over() -> None:
    """A scan that says that 0 is white is read as such."""
    rgb = read(encoded(Image.fromarray(ramp()), "TIFF", {"tiffinfo": {262: 0}})).rgb
    assert (rgb == np.arange(255, -1, -1)[None, :, None]).all()


@pytest.mark.parametrize(
    ("values", "greys"),
    [
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 100, 255]], np.float32), [0, 100, 255]),
        (np.array([[np.nan, 0.2, np.inf]], np.float32), [0, 51, 255]),
        (np.array([[np.nan, np.nan]], np.float32), [0, 0]),
        (np.array([[0, 32768, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 1 << 30, 2**31 - 1]], np.int32), [0, 128, 255]),
    ],
)
def test_deeper_greys_are_scaled(values: NDArray[np.generic], greys: list[int]) -> None:
    """Floats and 32-bit whole numbers are scaled by what white is in them."""
    assert read(encoded(Image.fromarray(values), "TIFF")).rgb[0, :, 1].tolist() == greys


@pytest.mark.parametrize(
    ("data", "alpha"),
    [
        (png((4, 1), 4, 0, b"\0\x05\xaf", b"\0\x0a"), [255, 255, 0, 255]),
        (png((4, 1), 2, 0, b"\0\x1b", b"\0\2"), [255, 255, 0, 255]),
        (png((8, 1), 1, 0, b"\0\xa5", b"\0\1"), [0, 255, 0, 255, 255, 0, 255, 0]),
        (png((2, 1), 8, 2, b"\0\1\2\3\4\5\6", b"\0\1\0\2\0\3"), [0, 255]),
        (png((2, 1), 16, 0, b"\0\x03\xe8\x9c\x40", b"\x03\xe8"), [0, 255]),
        (png((2, 1), 16, 2, b"\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c", b"\1\2\3\4\5\6"), [0, 255]),
    ],
)
def test_a_transparent_colour_becomes_alpha(data: bytes, alpha: list[int]) -> None:
    """A PNG's one transparent colour is found at every bit depth, in grey and in colour."""
    picture = read(data)
    assert picture.alpha is not None
    assert picture.alpha[0].tolist() == alpha


@pytest.mark.parametrize("transparency", [3, bytes(range(0, 256, 4))])
def test_palettes_with_transparency_are_read(transparency: int | bytes) -> None:
    """Of a palette both colours and alpha come out, one clear entry or a value for each."""
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8), "P")
    image.putpalette([value for index in range(64) for value in (index * 4, 255 - index, 9)])
    picture = read(encoded(image, "PNG", {"transparency": transparency}))
    steps = np.arange(64).reshape(8, 8)
    clear = np.where(steps == 3, 0, 255) if transparency == 3 else steps * 4
    assert picture.alpha is not None
    assert (picture.alpha == clear).all()
    assert (picture.rgb == np.stack((steps * 4, 255 - steps, steps * 0 + 9), axis=-1)).all()


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_read_straight(name: str) -> None:
    """Colour and alpha of a half clear picture come out as they went in."""
    image = Image.new("RGBA", (9, 9), (200, 100, 50, 128))
    options = {"lossless": True} if name == "WEBP" else {}
    picture = read(encoded(image, name, options))
    assert picture.alpha is not None
    assert (picture.alpha == 128).all()
    assert (picture.rgb == (200, 100, 50)).all()


def test_a_wholly_opaque_alpha_is_none() -> None:
    """An alpha channel that says nothing is not carried along."""
    assert read(encoded(Image.new("RGBA", (3, 3), "red"), "PNG")).alpha is None


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    """Whatever a TIFF holds, the same white and black come out."""
    image = Image.new("RGB", (4, 2), "white")
    image.paste("black", (0, 0, 2, 2))
    rgb = read(encoded(image.convert(mode), "TIFF")).rgb
    assert rgb[0, :, 0].tolist() == [0, 0, 255, 255]
    assert (rgb.max(axis=2) == rgb.min(axis=2)).all()


def test_a_cmyk_jpeg_is_not_inverted() -> None:
    """A CMYK JPEG, which Adobe's convention stores upside down, keeps its colour."""
    image = Image.new("RGB", (16, 16), (250, 120, 10)).convert("CMYK")
    rgb = read(encoded(image, "JPEG", {"quality": 95})).rgb.astype(int)
    assert np.abs(rgb - (250, 120, 10)).max() <= 4


def test_grey_with_an_rgb_profile_keeps_both() -> None:
    """Grey in a file with an RGB profile is that profile's equal red, green and blue."""
    picture = read(encoded(Image.new("L", (4, 4), 77), "JPEG", {"icc_profile": srgb()}))
    assert picture.metadata.icc == srgb()
    assert (picture.rgb == 77).all()


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_rgb_keeps_its_values_and_its_profile(name: str) -> None:
    """A wide-gamut picture is not converted: its values stay, and the profile goes with them."""
    profile = srgb()[:-4] + b"\0\0\0\1"  # any profile that is not the usual one
    with_profile = read(encoded(colourful(), name, {"icc_profile": profile}))
    assert with_profile.metadata.icc == profile
    assert (with_profile.rgb == read(encoded(colourful(), name)).rgb).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("profile", [b"not a profile", srgb()[:200]])
def test_a_broken_profile_costs_nothing_but_itself(mode: str, profile: bytes) -> None:
    """A profile that cannot be used is left behind, and the picture is read all the same."""
    picture = read(encoded(Image.new(mode, (8, 8)), "JPEG", {"icc_profile": profile}))
    assert picture.metadata.icc is None
    assert picture.rgb.shape == (8, 8, 3)


def test_a_profile_of_another_kind_is_left_aside() -> None:
    """A CMYK profile in an RGB picture is a mistake that must not reach the cutout."""
    picture = read(encoded(Image.new("RGB", (8, 8), "red"), "PNG", {"icc_profile": cmyk_profile()}))
    assert picture.metadata.icc is None
    assert (picture.rgb == (255, 0, 0)).all()


def test_lab_becomes_srgb() -> None:
    """A Lab TIFF shows the colours that it was made from."""
    source, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(colourful(), source, lab, outputMode="LAB")
    assert converted is not None
    difference = read(encoded(converted, "TIFF")).rgb.astype(int) - np.asarray(colourful())
    assert np.abs(difference).mean() < 1.5  # colours of Lab at 8 bits are coarse

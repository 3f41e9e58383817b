"""HEIC of 10 and 12 bits: what is in them is in what comes out."""

import io
from typing import Any

import numpy as np
import pillow_heif
import pytest
from drawn_profiles import grey_profile, rgb_profile, srgb
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core.depth import shallow
from scissorsd.core.formats import Format
from scissorsd.core.masking import Judgement
from scissorsd.core.rules import Output
from scissorsd.pictures import reading
from scissorsd.pictures.cutting_out import Cut, render
from scissorsd.pictures.picture import Picture

Deep = NDArray[np.uint16]
LIMIT = 1_000_000
HIGH, WIDE = 48, 1088  # so wide that each of 1024 values has a column


def ramp(samples: int = 3) -> Deep:
    """Draw a gradient over all of 16 bits, another in each sample."""
    along = np.linspace(0, 65535, WIDE)
    each = [np.roll(along, 64 * number) for number in range(samples)]
    return np.rint(np.stack(each, axis=-1)).astype(np.uint16)[None].repeat(HIGH, axis=0)


def heic(pixels: Deep, bits: int = 10, **more: Any) -> bytes:  # noqa: ANN401 - of pillow_heif
    """Draw a HEIC of these values, in which nothing is lost but what has no room in its bits."""
    modes = {1: "L;16", 3: "RGB;16", 4: "RGBA;16"}
    buffer = io.BytesIO()
    pillow_heif.encode(
        more.pop("mode", modes[pixels.shape[2]]),
        (pixels.shape[1], pixels.shape[0]),
        pixels.astype("<u2").tobytes(),
        buffer,
        **{"quality": -1, "chroma": 444, "matrix_coefficients": 0, "bit_depth": bits, **more},
    )
    return buffer.getvalue()


def read(data: bytes) -> Picture:
    """Read it with all of its bits."""
    return reading.read(data, max_pixels=LIMIT, deep=True)


def off(ours: Deep | None, drawn: Deep) -> int:
    """Say how far values are from what was drawn, in steps of 16 bits."""
    assert ours is not None
    return int(np.abs(ours.astype(int) - drawn).max())


@pytest.mark.parametrize(
    ("bits", "step", "name", "tiles"),
    [(10, 64, "png", 0), (12, 16, "tiff", 0), (10, 64, "tiff", 512)],
)
def test_a_gradient_in_a_cutout(bits: int, step: int, name: Format, tiles: int) -> None:
    """All levels of a gradient are in the cutout, each where it was drawn."""
    data = heic(ramp(), bits, tile_size=tiles)
    picture = read(data)
    assert reading.read_header(data, max_pixels=LIMIT).bits == 16
    assert off(picture.deep, ramp()) <= step
    mask = np.full(picture.rgb.shape[:2], 255, np.uint8)
    cut = Cut(mask, Judgement("ok", 1.0, 0.5, 0.0), "cpu", "full", 0.0)
    file = render(picture, cut, Output(format=name, depth="same"), max_pixels=LIMIT)
    cutout = read(file)
    assert off(cutout.deep, ramp()) <= step
    assert cutout.deep is not None
    assert len(np.unique(cutout.deep)) >= 1000


def test_eight_bits_stay_as_they_are() -> None:
    """Without a wish for more, and in a HEIC of 8 bits, there are 8; and both readings agree."""
    data = heic(ramp())
    plain = reading.read(data, max_pixels=LIMIT)
    deep = read(data)
    assert plain.deep is None
    assert (plain.rgb == deep.rgb).all()
    assert deep.deep is not None
    assert np.abs(shallow(deep.deep).astype(int) - plain.rgb).max() <= 1
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(plain.rgb)).save(buffer)
    assert read(buffer.getvalue()).deep is None
    assert reading.read_header(buffer.getvalue(), max_pixels=LIMIT).bits == 8


@pytest.mark.parametrize("mode", ["RGBA;16", "RGBa;16"])
def test_alpha(mode: str) -> None:
    """Alpha keeps its bits, and colours that are multiplied with it are divided by it."""
    drawn = ramp(4)
    drawn[..., 3] = np.maximum(drawn[..., 3], 32_768)
    stored = drawn.copy()
    if mode == "RGBa;16":
        stored[..., :3] = np.rint(drawn[..., :3] * (drawn[..., 3:] / 65535))
    picture = read(heic(stored, mode=mode))
    assert off(picture.deep_alpha, drawn[..., 3]) <= 64
    assert off(picture.deep, drawn[..., :3]) <= (64 if mode == "RGBA;16" else 200)


def test_grey() -> None:
    """Grey has its bits, and white is white; a profile for grey is seen through before they go."""
    picture = read(heic(ramp(1)))
    assert picture.deep is not None
    assert off(picture.deep, ramp(1)) <= 64
    assert picture.deep.max() == 65535
    assert picture.deep_alpha is None
    light = read(heic(ramp(1), icc_profile=grey_profile(1.0), icc_profile_type="prof"))
    assert light.metadata.icc is None
    assert light.deep is not None
    exact = srgb(ramp(1)[0, :, 0] / 65535)
    assert np.abs(light.deep[0, :, 0] / 65535 - exact)[64:].max() < 0.01
    assert (shallow(light.deep) == light.rgb).all()


def test_a_profile_goes_along() -> None:
    """The values stay those of the file's profile, which is in the picture."""
    profile = rgb_profile("P3")
    picture = read(heic(ramp(), icc_profile=profile, icc_profile_type="prof"))
    assert picture.metadata.icc == profile
    assert off(picture.deep, ramp()) <= 64


@pytest.mark.parametrize("orientation", [3, 5, 6, 8])
def test_turned(orientation: int) -> None:
    """What the decoder turns upright is so at all of its bits."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read(heic(ramp()[:, :128].copy(), exif=exif.tobytes()))
    assert picture.deep is not None
    assert picture.deep.shape == picture.rgb.shape
    assert picture.deep.shape[:2] == ((128, HIGH) if orientation > 4 else (HIGH, 128))
    assert np.abs(shallow(picture.deep).astype(int) - picture.rgb).max() <= 1

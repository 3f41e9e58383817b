from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core.depth import (
    Samples,
    UnknownScaleError,
    deep_mask,
    deepened,
    grey,
    joined,
    shallow,
    straightened,
)

EVERY = np.arange(65536, dtype=np.uint16)


def test_eight_bits_come_back() -> None:
    """What is made 16 bits of 8 is the same part of the scale, and is made 8 again exactly."""
    values = np.arange(256, dtype=np.uint8)
    assert (deepened(values) == np.arange(256) * 257).all()
    assert (shallow(deepened(values)) == values).all()


def test_eight_bits_are_the_nearest() -> None:
    """Each of 65,536 values becomes the 8-bit value that is nearest."""
    assert np.abs(shallow(EVERY) - EVERY / 257).max() < 0.5


def test_bytes_are_joined() -> None:
    """High and low bytes of every value make that value."""
    assert (joined((EVERY >> 8).astype(np.uint8), EVERY.astype(np.uint8)) == EVERY).all()


@pytest.mark.parametrize("white_is_zero", [False, True])
def test_sixteen_bits_of_grey_stay(white_is_zero: bool) -> None:  # noqa: FBT001
    """Grey of 16 bits is taken as it is, or turned over where 0 is white."""
    image = Image.fromarray(EVERY.reshape(256, 256))
    values = grey(image, Samples(16, white_is_zero))
    assert (values.ravel() == (EVERY[::-1] if white_is_zero else EVERY)).all()


LIGHT = np.linspace(0, 1, 65536).reshape(256, 256)


def seen(values: NDArray[Any], samples: Samples) -> NDArray[np.uint16]:
    """Scale what Pillow makes of the bits of such samples."""
    kept = values.view(np.int32) if values.dtype == np.uint32 else values
    return grey(Image.fromarray(kept), samples)


@pytest.mark.parametrize(
    ("values", "samples"),
    [
        (LIGHT.astype("f4"), Samples(32, sort="float")),
        ((LIGHT * 255).astype("f4"), Samples(32, sort="float")),
        ((LIGHT * 65535).astype("f4"), Samples(32, sort="float")),
        (np.rint(LIGHT * (2**32 - 1)).astype("u4"), Samples(32)),
        (np.rint(LIGHT * 65535).astype("u4"), Samples(32)),
        (np.rint(LIGHT * (2**31 - 1)).astype("i4"), Samples(32, sort="signed")),
        (np.rint(LIGHT * (2**32 - 1) - 2**31).astype("i4"), Samples(32, sort="signed")),
        (np.rint(LIGHT * 32767).astype("i4"), Samples(16, sort="signed")),
        (np.rint(LIGHT * 65535 - 32768).astype("i4"), Samples(16, sort="signed")),
        (np.rint(LIGHT * 255).astype("i4"), Samples()),
        (np.rint(LIGHT * 65535).astype("i4"), Samples()),
    ],
)
def test_each_sort_of_sample_has_its_scale(values: NDArray[Any], samples: Samples) -> None:
    """From black to white it is the same light in every sort, and one value beyond is clipped."""
    steps = 255 if np.ptp(values.astype(float)) == 255 else 32767
    whole = values.dtype.kind in "iu"
    light = np.rint(LIGHT * steps) / steps if whole and np.ptp(values) < 65535 else LIGHT
    assert np.abs(seen(values, samples) / 65535 - light).max() < 1e-4
    turned = seen(values, Samples(samples.bits, white_is_zero=True, sort=samples.sort))
    assert np.abs(turned / 65535 - (1 - light)).max() < 1e-4
    if values.dtype.kind == "f":
        values = values.copy()
        values[3, :5] = np.nan, np.inf, -np.inf, 3e38, -5
        stray = seen(values, samples)
        assert stray[3, :5].tolist() == [0, 65535, 0, 65535, 0]
        assert np.abs(stray[4:] / 65535 - light[4:]).max() < 1e-4


def test_signed_bytes_are_no_unsigned_ones() -> None:
    """Where Pillow takes signed bytes for unsigned ones, they are taken back."""
    bits = np.arange(-128, 128).astype(np.int8).view(np.uint8)[None].repeat(4, axis=0)
    values = grey(Image.fromarray(bits), Samples(8, sort="signed"))
    assert (values == np.arange(256) * 257).all()


def test_unsigned_samples_that_are_called_signed() -> None:
    """What would jump from white to black where it is smooth was never signed."""
    every = np.arange(256)[None].repeat(4, axis=0)
    values = grey(Image.fromarray(every.astype(np.uint8)), Samples(8, sort="signed"))
    assert (values == every * 257).all()
    deep = np.linspace(0, 65535, 256).round()[None].repeat(4, axis=0)
    signed = deep.astype(np.uint16).view(np.int16).astype(np.int32)
    assert (grey(Image.fromarray(signed), Samples(16, sort="signed")) == deep).all()


@pytest.mark.parametrize(
    ("values", "samples"),
    [
        ((LIGHT * 4095).astype("f4"), Samples(32, sort="float")),
        ((LIGHT * 2 - 1).astype("f4"), Samples(32, sort="float")),
        ((LIGHT * 4).astype("f4"), Samples(32, sort="float")),
        ((LIGHT * 4095).astype("u4"), Samples(32)),
        ((LIGHT * 4095 - 2048).astype("i4"), Samples(32, sort="signed")),
        ((LIGHT * 4095).astype("i4"), Samples()),
    ],
)
def test_a_scale_that_cannot_be_known_is_not_guessed(
    values: NDArray[Any], samples: Samples
) -> None:
    """What would come out black, white or grey throughout is refused, with its range."""
    with pytest.raises(UnknownScaleError, match=r"go from .* to .*: what is white is not known"):
        seen(values, samples)


def test_nothing_and_nowhere_light() -> None:
    """Without a number, or without light, a picture is black."""
    for value in (np.nan, 0.0):
        assert not seen(np.full((4, 4), value, np.float32), Samples(32, sort="float")).any()


def test_a_mask_at_sixteen_bits() -> None:
    """Without an alpha a mask's 255 is 65535; with one, where the mask was 1, it is the alpha."""
    mask = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (deep_mask(mask) == np.arange(256).reshape(16, 16) * 257).all()
    alpha16 = EVERY.reshape(256, 256)
    alpha = shallow(alpha16)
    exact = np.where(alpha == 0, 0, alpha16)
    assert (deep_mask(alpha, alpha, alpha16) == exact).all()


def test_a_mask_that_grew_beyond_alpha() -> None:
    """What a mask covers where alpha was nothing stays covered; more than all there is not."""
    mask = np.array([[255, 255, 0]], np.uint8)
    alpha = np.array([[0, 128, 255]], np.uint8)
    assert deep_mask(mask, alpha, deepened(alpha)).tolist() == [[65535, 65535, 0]]


def test_alpha_is_taken_out() -> None:
    """Colours multiplied with alpha are divided by it, never beyond white, and 0 where it is 0."""
    multiplied = np.array([(100, 50, 0, 32768), (9, 9, 9, 0), (500, 1, 0, 400)], np.uint16)
    straight = [(200, 100, 0, 32768), (0, 0, 0, 0), (65535, 164, 0, 400)]
    assert straightened(multiplied).tolist() == [list(pixel) for pixel in straight]

import numpy as np
import pytest
from PIL import Image

from scissorsd.core.depth import deep_mask, deepened, grey, joined, shallow, straightened

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
    values = grey(Image.fromarray(EVERY.reshape(256, 256)), 16, white_is_zero=white_is_zero)
    assert (values.ravel() == (EVERY[::-1] if white_is_zero else EVERY)).all()


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

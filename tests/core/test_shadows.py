import numpy as np
import pytest
from numpy.typing import NDArray

from scissorsd.core import shadows

Mask = NDArray[np.uint8]


def block(height: int = 400, width: int = 500, *, bottom: int = 300) -> Mask:
    """Draw a thing 200 wide and 150 high."""
    mask = np.zeros((height, width), np.uint8)
    mask[bottom - 150 : bottom, 150:350] = 255
    return mask


def test_shadows_lie_where_the_subject_stands() -> None:
    """Darkest at the line of contact, fading below it; above the subject there is none."""
    dark = shadows.shadow(block())
    below = dark[300:, 250].astype(int)
    assert below[0] >= below[5] >= below[15] >= below[40]
    assert 40 <= below[0] <= shadows.DARKEST + 4
    assert below[60:].max() <= 2
    assert dark[:250].max() == 0


def test_shadows_are_subtle() -> None:
    """Nowhere is the ground darker than by about a third, whatever stands there."""
    random = np.random.default_rng(2)
    for _ in range(10):
        mask = (random.random((90, 120)) < random.random()).astype(np.uint8) * np.uint8(255)
        mask[-5:] = 0
        assert shadows.shadow(mask).max() <= 0.36 * 255


def test_only_what_touches_the_ground_casts() -> None:
    """Two legs have a shadow each; what hangs above the ground has none below it."""
    mask = np.zeros((500, 500), np.uint8)
    mask[100:300, 100:400] = 255
    mask[300:450, 110:130] = mask[300:450, 370:390] = 255
    dark = shadows.shadow(mask)
    assert dark[451, 120] > 30
    assert dark[451, 380] > 30
    assert dark[:, 250].max() <= 2


def test_a_subject_that_the_frame_cuts_casts_none() -> None:
    """A portrait that goes on below the frame stands on nothing that is seen."""
    cut = block(bottom=400)
    assert shadows.is_cut_off(cut)
    assert shadows.shadow(cut).max() == 0
    assert not shadows.is_cut_off(block())


@pytest.mark.parametrize("scale", [2, 7])
def test_shadows_grow_with_the_picture(scale: int) -> None:
    """The same scene in more pixels has the same shadow."""
    small = shadows.shadow(block())
    large = shadows.shadow(np.repeat(np.repeat(block(), scale, 0), scale, 1))
    assert large.shape == (400 * scale, 500 * scale)
    middle = scale // 2
    difference = large[middle::scale, middle::scale].astype(int) - small
    assert np.abs(difference).max() <= 12


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (2, 2)])
def test_the_smallest_masks_work(shape: tuple[int, int]) -> None:
    """Empty, full, or one pixel in the first row: there is an answer of the same size."""
    one = np.zeros(shape, np.uint8)
    one[0, 0] = 255
    for mask in (np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), one):
        assert shadows.shadow(mask).shape == shape

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scissorsd.core import cutting
from scissorsd.core.depth import shallow

Pixels = NDArray[np.uint8]


def plain(height: int, width: int, colour: tuple[int, int, int] = (200, 100, 50)) -> Pixels:
    """Draw a picture of one colour."""
    return np.full((height, width, 3), colour, np.uint8)


def mask_of(height: int, width: int, value: int) -> Pixels:
    """Draw a mask of one value."""
    return np.full((height, width), value, np.uint8)


def noise(shape: tuple[int, ...]) -> Pixels:
    """Draw the same random values each time."""
    return np.random.default_rng(7).integers(0, 256, shape, np.uint8)


def test_soft_edges_keep_their_colour() -> None:
    """A half transparent pixel keeps its colour: no dark halo (rembg#474)."""
    cutout = cutting.cutout(plain(3, 4), mask_of(3, 4, 128))
    assert cutout.shape == (3, 4, 4)
    assert (cutout == (200, 100, 50, 128)).all()


def test_what_is_cut_away_is_gone() -> None:
    """Nothing of the background's colours stays behind under alpha 0."""
    mask = mask_of(2, 2, 255)
    mask[0, 1] = 0
    cutout = cutting.cutout(plain(2, 2), mask)
    assert cutout[0, 1].tolist() == [0, 0, 0, 0]
    assert cutout[1, 1].tolist() == [200, 100, 50, 255]


def test_the_faintest_alpha_keeps_its_colour() -> None:
    """Alpha 1 is not yet alpha 0: its colour is not thrown away."""
    assert cutting.cutout(plain(1, 1), mask_of(1, 1, 1))[0, 0].tolist() == [200, 100, 50, 1]


def test_the_cutout_takes_read_only_and_strided_pictures() -> None:
    """Arrays as decoders and views give them are read and left as they were."""
    rgb, mask = noise((6, 5, 3))[::-1, ::-1], noise((6, 5))[::-1]
    rgb.flags.writeable = mask.flags.writeable = False
    cutout = cutting.cutout(rgb, mask)
    assert (cutout[..., 3] == mask).all()
    assert (cutout[..., :3] == np.where(mask[..., None], rgb, 0)).all()


@settings(deadline=None, max_examples=30)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 9),
    background=st.tuples(*[st.integers(0, 255)] * 3),
)
def test_flat_is_rounded_to_the_nearest(
    height: int, width: int, background: tuple[int, int, int]
) -> None:
    """Compositing on a colour differs from exact arithmetic by no more than its rounding."""
    rgb, mask = noise((height, width, 3)), noise((height, width))
    part = mask[..., None] / 255
    exact = rgb * part + np.array(background) * (1 - part)
    assert np.abs(cutting.flat(rgb, mask, background) - exact).max() <= 0.5 + 1e-6


def test_flat_stands_on_a_picture() -> None:
    """A background picture shows through exactly where the mask is open, and stays unchanged."""
    rgb, behind = noise((260, 7, 3)), plain(260, 7, (1, 2, 3))
    mask = mask_of(260, 7, 0)
    mask[100:200] = 255
    result = cutting.flat(rgb, mask, behind)
    assert (result[100:200] == rgb[100:200]).all()
    assert (result[:100] == (1, 2, 3)).all()
    assert (behind == (1, 2, 3)).all()


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 9000), (9000, 1), (3000, 4000), (4000, 3000), (40, 2100)]
)
def test_comparisons_are_two_thousand_at_most(height: int, width: int) -> None:
    """Before, gap and after together stay within 2000 pixels, for pictures of any shape."""
    result = cutting.comparison(
        plain(height, width), mask_of(height, width, 255), plain(height, width)
    )
    assert max(result.shape[:2]) <= 2000
    assert (result[0, 0] == result[0, -1]).all()
    assert result.shape[1] % 2 == 0


def test_comparisons_are_never_enlarged() -> None:
    """A small picture appears at its own size, twice."""
    result = cutting.comparison(plain(30, 40), mask_of(30, 40, 255), plain(30, 40))
    assert result.shape == (30, 88, 3)
    assert (result[:, :40] == (200, 100, 50)).all()
    assert (result[:, 48:] == (200, 100, 50)).all()


def test_comparisons_show_a_grey_checkerboard() -> None:
    """Where all is cut away the right half shows two greys in squares, the left the picture."""
    result = cutting.comparison(plain(64, 64), mask_of(64, 64, 0), plain(64, 64))
    board = result[:, 72:]
    assert (result[:, :64] == (200, 100, 50)).all()
    assert len(np.unique(board.reshape(-1, 3), axis=0)) == 2
    assert (board[..., 0] == board[..., 2]).all()
    assert (board[:16, :16] == board[16:32, 16:32]).all()
    assert board[0, 0, 0] != board[0, 16, 0]


@pytest.mark.parametrize("width", [900, 3000])
def test_deep_comparisons(width: int) -> None:
    """At 16 bits a comparison is what it is at 8, with all levels of the picture in both halves."""
    along = np.rint(np.linspace(0, 65535, width)).astype(np.uint16)
    rgb = along[None, :, None].repeat(40, 0).repeat(3, 2)
    mask = mask_of(40, width, 255)
    mask[:20] = 0
    result = cutting.comparison(rgb, mask, rgb)
    plainly = cutting.comparison(shallow(rgb), mask, shallow(rgb))
    assert result.dtype == np.uint16
    assert np.abs(shallow(result).astype(int) - plainly).max() <= 2
    half = result[-2, : result.shape[1] // 2 - 4]
    assert len(np.unique(half)) > 800
    assert (result[-2, -len(half) :] == half).all()


def test_shadows_lie_on_the_background_only() -> None:
    """A shadow darkens the background in proportion, never the subject."""
    mask = mask_of(200, 6, 0)
    mask[:, 3:] = 255
    shadow = mask_of(200, 6, 51)
    for background in ((250, 100, 0), plain(200, 6, (250, 100, 0))):
        result = cutting.flat(plain(200, 6), mask, background, shadow)
        assert (result[:, :3] == (200, 80, 0)).all()
        assert (result[:, 3:] == (200, 100, 50)).all()

import numpy as np
import pytest
from numpy.typing import NDArray

from scissorsd.core.depth import deepened, shallow
from scissorsd.core.outlining import outlined

Pixels = NDArray[np.uint8]
RED, WHITE = (200, 30, 30), (255, 255, 255)


def disc(side: int, radius: float, soft: float = 1) -> Pixels:
    """Draw a red disc as a cutout, whose edge is `soft` pixels wide."""
    rows, columns = np.mgrid[:side, :side]
    away = np.hypot(rows - side / 2, columns - side / 2)
    alpha = np.rint(np.clip((radius - away) / soft + 0.5, 0, 1) * 255)
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[..., :3] = np.where(alpha[..., None] > 0, RED, 0)
    rgba[..., 3] = alpha
    return rgba


def test_rims_at_16_bits() -> None:
    """A rim is drawn around 16 bits as around 8, and the subject keeps all of its own."""
    rgba = disc(300, 80, 6)
    deep = deepened(rgba)
    deep[..., 0] += np.arange(300, dtype=np.uint16)
    sticker = outlined(deep, 12, WHITE)
    assert sticker.dtype == np.uint16
    assert np.abs(shallow(sticker).astype(int) - outlined(rgba, 12, WHITE)).max() <= 2
    assert (sticker[150, 80:220] == deep[150, 80:220]).all()


@pytest.mark.parametrize("width", [1.5, 4, 12, 40])
def test_rims_are_opaque_and_as_wide_as_asked(width: float) -> None:
    """From the subject outwards the rim is solid, then ends within two or three pixels."""
    sticker = outlined(disc(300, 80), width, WHITE)
    row = sticker[150, 150:]
    reach = np.abs(row[:, 3].astype(int) - 128).argmin()
    assert reach == pytest.approx(80 + width, abs=1.2)
    assert (row[: int(80 + width - 1.5), 3] == 255).all()
    assert (row[int(80 + width + 3) :, 3] == 0).all()
    assert (row[:78, :3] == RED).all()
    rim = row[82 : int(80 + width)]
    assert (rim[rim[:, 3] > 0, :3] == 255).all()


def test_rims_are_smooth() -> None:
    """A rim's edge has values between all and nothing all around."""
    alpha = outlined(disc(200, 50), 10, WHITE)[..., 3]
    between = (alpha > 20) & (alpha < 235)
    assert between.sum() > 200


def test_the_rim_lies_under_soft_edges() -> None:
    """A soft edge fades into the rim's colour and stays opaque."""
    sticker = outlined(disc(200, 50, 8), 12, (0, 0, 255))
    assert (sticker[100, 100:158, 3] == 255).all()
    half = sticker[100, 149:152, :3].astype(int)
    assert (half[:, 0] < 200).all()
    assert (half[:, 2] > 60).all()


def test_small_gaps_close_and_large_ones_stay() -> None:
    """A hole narrower than the rims that meet in it is filled with the rim's colour."""
    rgba = disc(300, 100)
    rgba[145:155, 145:155] = 0
    rgba[100:130, 170:210] = 0
    sticker = outlined(rgba, 8, WHITE)
    assert (sticker[147:153, 147:153] == 255).all()
    assert sticker[115, 190, 3] == 0


def test_haze_and_specks_get_no_rim() -> None:
    """What is hardly there is not outlined; it goes."""
    rgba = disc(300, 60)
    rgba[20:22, 20:22] = 255
    rgba[..., 3] = np.maximum(rgba[..., 3], 5)
    sticker = outlined(rgba, 10, WHITE)
    assert (sticker[:40, :40] == 0).all()


def test_without_width_or_subject_nothing_changes() -> None:
    """The very same cutout comes back."""
    rgba = disc(50, 20)
    assert outlined(rgba, 0, WHITE) is rgba
    empty = np.zeros((20, 20, 4), np.uint8)
    assert outlined(empty, 5, WHITE) is empty

import numpy as np
import pytest
from numpy.typing import NDArray

from scissorsd.core import laplacian
from scissorsd.core.laplacian import WINDOW, Laplacian

Planes = NDArray[np.float32]

SMOOTH = 1e-3


def noise(*shape: int) -> Planes:
    """Draw the same random values each time."""
    return np.random.default_rng(5).random(shape, np.float32)


def plain(colours: Planes, mask: Planes, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fit a linear function of the colours to the mask in each window, and add them up over 25."""
    result = np.zeros(mask.shape)
    for top in range(mask.shape[0] - WINDOW + 1):
        for left in range(mask.shape[1] - WINDOW + 1):
            place = np.s_[top : top + WINDOW, left : left + WINDOW]
            if wanted[place].any():
                seen = colours[:, *place].reshape(3, -1).astype(np.float64)
                values = mask[place].ravel().astype(np.float64)
                away = seen - seen.mean(axis=1, keepdims=True)
                covariance = away @ away.T / seen.shape[1] + SMOOTH * np.eye(3)
                slope = np.linalg.solve(covariance, away @ values / seen.shape[1])
                result[place] += (slope @ away + values.mean()).reshape(WINDOW, WINDOW)
    return result / WINDOW**2


@pytest.mark.parametrize("shape", [(5, 5), (5, 23), (23, 5), (19, 31)], ids=str)
@pytest.mark.parametrize("tile", [4, 7, 100])
def test_it_is_what_its_definition_says(
    shape: tuple[int, int], tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every mask it keeps what a fit in each window leaves, whatever the tiles' size."""
    monkeypatch.setattr(laplacian, "_TILE", tile)
    monkeypatch.setattr(laplacian, "_SIDE", tile + WINDOW - 1)
    colours, mask, everywhere = noise(3, *shape), noise(4, *shape)[3], np.ones(shape, np.bool_)
    found = Laplacian.of(colours, everywhere, SMOOTH)
    explained = found.explained(mask)
    np.testing.assert_allclose(explained, plain(colours, mask, everywhere), atol=1e-4)
    once = found.explained(np.ones_like(mask))
    np.testing.assert_allclose(once, found.cover, atol=1e-5)


def test_only_windows_in_wanted_tiles_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tiles of one window, those that hold nothing wanted add nothing."""
    monkeypatch.setattr(laplacian, "_TILE", 1)
    monkeypatch.setattr(laplacian, "_SIDE", WINDOW)
    colours, mask, wanted = noise(3, 15, 18), noise(4, 15, 18)[3], np.zeros((15, 18), np.bool_)
    wanted[6, 9] = wanted[14, 17] = True
    explained = Laplacian.of(colours, wanted, SMOOTH).explained(mask)
    np.testing.assert_allclose(explained, plain(colours, mask, wanted), atol=1e-4)
    assert not explained[:2].any()

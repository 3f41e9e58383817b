"""The soft shadow that a subject casts where it stands, for flats."""

from dataclasses import dataclass
from math import ceil, sqrt, tau

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_GRID = 500  # pixels on the longer side: it is soft, and so worked out small
_SOLID = 128  # what casts a shadow
_FOOT = 0.05  # how far above the lowest point the ground is still touched, in parts of the subject
_AT_FRAME = 0.01  # a subject that ends so near the bottom of the frame is cut off by it


@dataclass(frozen=True, slots=True)
class _Layer:
    """The line of contact, blurred: several make up a shadow. Lengths are parts of the subject."""

    darkness: float  # of a long line, where it is darkest; of 255
    across: float
    down: float
    below: float  # how far it lies under the line of contact


# At the very edge it is dark and tight; from there it fades away into the ground.
_LAYERS = (
    _Layer(darkness=46, across=0.012, down=0.008, below=0.0),
    _Layer(darkness=30, across=0.04, down=0.022, below=0.008),
    _Layer(darkness=16, across=0.09, down=0.05, below=0.015),
)
DARKEST = 89  # of 255: 35 %


def shadow(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return how dark the ground around a subject is: uint8, height × width; 255 would be black.

    The ground is touched where the subject's lower contour is nearly as low as its lowest point.
    A subject that reaches the bottom of the frame stands on nothing that is seen: no shadow.
    """
    cell = ceil(max(mask.shape) / _GRID)
    solid = np.asarray(Image.fromarray(mask).reduce(cell)) >= _SOLID
    if not solid.any() or is_cut_off(mask):
        return np.zeros_like(mask)
    rows, touch = _contact(solid)
    extent = sqrt(np.ptp(np.flatnonzero(solid.any(axis=0))) + 1) * sqrt(
        np.ptp(np.flatnonzero(solid.any(axis=1))) + 1
    )
    dark = sum(_blurred(solid.shape, rows, touch, extent, layer) for layer in _LAYERS)
    return _full_size(np.rint(np.minimum(dark, DARKEST)).astype(np.uint8), mask.shape, cell)


def _full_size(dark: NDArray[np.uint8], shape: tuple[int, ...], cell: int) -> NDArray[np.uint8]:
    """Undo the reduction; only where there is a shadow, which is little of a picture."""
    result = np.zeros(shape, np.uint8)
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    if len(rows):
        top, left = max(rows[0] - 1, 0), max(columns[0] - 1, 0)
        some = result[top * cell : (rows[-1] + 2) * cell, left * cell : (columns[-1] + 2) * cell]
        box = left, top, left + some.shape[1] / cell, top + some.shape[0] / cell
        image = Image.fromarray(dark)
        some[:] = np.asarray(image.resize(some.shape[::-1], Image.Resampling.BICUBIC, box))
    return result


def is_cut_off(mask: NDArray[np.uint8]) -> bool:
    """Tell whether the subject goes on below the frame, as a portrait's does."""
    height = len(mask)
    return bool((mask[height - max(1, round(height * _AT_FRAME)) :] >= _SOLID).any())


def _contact(solid: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give, for each column, where the subject ends below, and how much it touches the ground."""
    height = len(solid)
    rows = (height - np.argmax(solid[::-1], axis=0)).astype(np.float32)
    some = solid.any(axis=0)
    tall = np.ptp(np.flatnonzero(solid.any(axis=1))) + 1
    size = sqrt(tall * np.ptp(np.flatnonzero(some)) + tall)
    above = (rows[some].max() - rows) / (_FOOT * size)
    return rows, np.where(some, np.exp(-above * above), 0).astype(np.float32)


def _blurred(
    shape: tuple[int, ...],
    rows: NDArray[np.float32],
    touch: NDArray[np.float32],
    extent: float,
    layer: _Layer,
) -> NDArray[np.float32]:
    height, width = shape
    down, across = max(layer.down * extent, 0.7), max(layer.across * extent, 0.7)
    lines = rows + np.float32(layer.below * extent - 0.5)
    away = (np.arange(height, dtype=np.float32)[:, None] - lines) / np.float32(down)
    columns = np.arange(width, dtype=np.float32)
    apart = (columns[:, None] - columns) / np.float32(across)
    kernel = np.exp(-apart * apart / 2) / np.float32(across * sqrt(tau))
    return np.asarray(layer.darkness * (np.exp(-away * away / 2) * touch @ kernel), np.float32)

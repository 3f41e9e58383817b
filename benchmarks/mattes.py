"""How far a matte is from the true one, and how wrong what is composed with it looks.

A matte is float (height, width) in [0, 1]. Differences, squares and gradients are those of Rhemann
et al., "A Perceptually Motivated Online Benchmark for Image Matting", CVPR 2009; the filters of
the gradient are cut off and normalised as in the program that its authors published with it.
"""

from collections.abc import Mapping
from math import ceil, log, pi, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Matte = NDArray[np.float32]
Where = NDArray[np.bool_]  # the pixels that count
Scores = dict[str, float]  # by measure; what ends in WHOLE is of the whole picture

GRID = 320  # cells of the network's map, in width and in height
SIGMA = 1.4  # of the gradient's filters, pixels
FAINT = 1e-2  # a filter ends where its Gaussian falls below this
WHOLE = ", whole"
ALPHA = ("SAD", "MSE", "gradient")
HAZE = "haze"
HALF = (0.05, 0.95)  # a matte between these is half there
BACKGROUNDS: Mapping[str, tuple[int, int, int]] = {
    "green": (0, 177, 64),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


def read(path: Path) -> Matte:
    """Read a matte: a grey picture, or the alpha of one."""
    with Image.open(path) as image:
        plane = image.getchannel("A") if image.mode in {"LA", "RGBA"} else image.convert("L")
        return np.asarray(plane, np.float32) / np.float32(255)


def margin(shape: tuple[int, ...]) -> int:
    """Return the width in pixels of one cell of the network's map along the longer side."""
    return max(1, round(max(shape) / GRID))


def band(true: Matte) -> Where:
    """Return the unknown band: where the true matte is strictly between 0 and 1, and one cell more.

    The network cannot know better than to a cell where an edge runs.
    """
    mixed = Image.fromarray(((true > 0) & (true < 1)).astype(np.uint8))
    return np.asarray(mixed.filter(ImageFilter.MaxFilter(2 * margin(true.shape) + 1))) > 0


def overlap(matte: Matte, true: Matte) -> float:
    """Return the intersection over the union of what is more subject than not."""
    ours, theirs = matte > 0.5, true > 0.5
    either = int(np.count_nonzero(ours | theirs))
    return int(np.count_nonzero(ours & theirs)) / max(1, either)


def alpha_errors(matte: Matte, true: Matte, where: Where) -> Scores:
    """Compare a matte with the true one, in the band `where` and over the whole."""
    difference = np.abs(matte - true)
    slope = np.square(gradient(matte) - gradient(true))
    planes = {"SAD": difference, "MSE": np.square(difference), "gradient": slope}
    scores = {}
    for name, plane in planes.items():
        for end, values in (("", plane[where]), (WHOLE, plane)):
            total = float(values.sum(dtype=np.float64))
            scores[name + end] = total / (max(1, values.size) if name == "MSE" else 1000)
    return scores


def haze(matte: Matte, true: Matte, where: Where) -> float:
    """Return how much is half there beyond the band `where`, in parts of the subject's area."""
    half = (matte > HALF[0]) & (matte < HALF[1]) & ~where
    return int(np.count_nonzero(half)) / max(1, int(np.count_nonzero(true > 0.5)))


def colour_errors(
    cutout: NDArray[np.uint8], true: Matte, foreground: NDArray[np.uint8], where: Where
) -> Scores:
    """Compose a cutout (RGBA) and the truth on each background: mean |difference| in steps of 255.

    `foreground` is the true colour of the subject, uint8 (height, width, 3).
    """
    matte = cutout[..., 3].astype(np.float32) / np.float32(255)
    scores = {}
    for name, colour in BACKGROUNDS.items():
        ours = composed(cutout[..., :3], matte, colour)
        difference = np.abs(ours - composed(foreground, true, colour)).mean(axis=-1)
        scores[name] = float(difference[where].mean(dtype=np.float64)) if where.any() else 0.0
        scores[name + WHOLE] = float(difference.mean(dtype=np.float64))
    return scores


def composed(
    rgb: NDArray[np.uint8], matte: Matte, background: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Put straight colours before a background, unrounded."""
    behind = np.asarray(background, np.float32)
    return behind + matte[..., None] * (rgb.astype(np.float32) - behind)


def gradient(matte: Matte) -> NDArray[np.float64]:
    """Return the length of the gradient, by the first derivatives of a Gaussian."""
    half = ceil(SIGMA * sqrt(-2 * log(sqrt(2 * pi) * SIGMA * FAINT)))
    x = np.arange(-half, half + 1, dtype=np.float64)
    smooth = np.exp(-(x**2) / (2 * SIGMA**2))
    slope = -x * smooth
    smooth /= np.linalg.norm(smooth)
    slope /= np.linalg.norm(slope)
    values = matte.astype(np.float64)
    across = _filtered(_filtered(values, slope, 1), smooth, 0)
    down = _filtered(_filtered(values, smooth, 1), slope, 0)
    return np.hypot(across, down)


def _filtered(
    values: NDArray[np.float64], weights: NDArray[np.float64], axis: int
) -> NDArray[np.float64]:
    half = len(weights) // 2
    margins = [(half, half) if at == axis else (0, 0) for at in (0, 1)]
    padded = np.moveaxis(np.pad(values, margins, mode="edge"), axis, 0)
    result = np.zeros_like(np.moveaxis(values, axis, 0))
    for at, weight in enumerate(weights):
        result += weight * padded[at : at + len(result)]
    return np.moveaxis(result, 0, axis)

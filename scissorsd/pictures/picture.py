"""A picture in memory, upright, as everything after reading takes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core.masking import resized_bilinear
from scissorsd.pictures.metadata import Metadata

SMALL = 320  # pixels a side
_AT_A_TIME = 1 << 18  # pixels: they stay in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright picture: `rgb` (height, width, 3) and `alpha` (height, width), uint8, read-only.

    `alpha` is straight, and None where the picture is opaque throughout. `small` is `rgb` as most
    networks want it, SMALL pixels wide and high. `deep` and `deep_alpha` are the same at 16 bits,
    uint16: only where that was asked for, and the file has more than 8. `flaw` says in half a
    sentence what is wrong with a picture that could be read all the same.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    small: NDArray[np.uint8]
    metadata: Metadata
    deep: NDArray[np.uint16] | None = None
    deep_alpha: NDArray[np.uint16] | None = None
    flaw: str = ""


def as_picture(
    rgb: Image.Image, alpha: Image.Image | None, metadata: Metadata, flaw: str = ""
) -> Picture:
    """Take an upright picture out of Pillow's hands, which can shrink it without another copy."""
    small = np.asarray(resized_bilinear(rgb, (SMALL, SMALL)))
    shown = None if alpha is None else np.asarray(alpha)
    return Picture(_samples(rgb), shown, small, metadata, flaw=flaw)


def _samples(rgb: Image.Image) -> NDArray[np.uint8]:
    """Return what np.asarray does, read-only too, of a large picture in half the time.

    As a whole Pillow hands it out in small pieces of fresh memory, and joins them.
    """
    width, height = rgb.size
    result = np.empty((height, width, 3), np.uint8)
    rows = max(1, _AT_A_TIME // width)
    for top in range(0, height, rows):
        part = rgb.crop((0, top, width, min(top + rows, height)))
        result[top : top + rows] = np.asarray(part)
    result.flags.writeable = False
    return result

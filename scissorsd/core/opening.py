"""Background that shows through the subject, and that the network took for it, is cut open.

The network closes what is fine: the spokes of a wheel, the back of a chair. Such a place has the
colour of the background around the subject, and is shut off from it by the subject's own. Colour
is all that is known here: a white label on a box before a white wall is such a place too.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from scissorsd.core.box_filter import means
from scissorsd.core.components import connected_components
from scissorsd.core.masking import resized_bilinear
from scissorsd.core.passes import NetworkMask

Values = NDArray[np.floating]
Where = NDArray[np.bool_]

_FINESSE = 2  # pixels looked at for a cell of the network's grid
_ABSENT = 0.05  # a mask below this is background
_COARSE = 4  # the background's colours are taken from squares of so many pixels
_NEAR = 0.25  # of the box: background within this is what may show through
_ENOUGH = 0.02  # of what lies so near must be background, to know what it looks like
_LIVELY = 0.05  # a background whose colours (0 to 1) spread farther than this is like anything
_NOISE = 0.02  # that colours of one thing differ by in any case
_ALIKE = 9.0  # squared distance from the background's mean, in its own spreads
_LEAST = 24  # pixels that a hole has at least, its rim taken off


def opened(rgb: NDArray[np.uint8], looks: tuple[NetworkMask, ...]) -> tuple[NetworkMask, ...]:
    """Open, in the last of one look or two, what has the background's colour but lies enclosed."""
    last = looks[-1]
    height, width = (_FINESSE * side for side in last.values.shape)
    left, top, right, bottom = last.box
    shown = Image.fromarray(rgb[top:bottom, left:right])
    colours = np.asarray(resized_bilinear(shown, (width, height)), np.float32) / np.float32(255)
    known = Image.fromarray(last.values).resize((width, height), Image.Resampling.BILINEAR)
    absent = np.asarray(known) < _ABSENT
    holes = _enclosed(_like_background(colours, absent), absent)
    if not holes.any():
        return looks
    open_ = Image.fromarray(holes.astype(np.float32)).reduce(_FINESSE)
    return *looks[:-1], replace(last, values=last.values * (1 - np.asarray(open_)))


def _like_background(colours: Values, absent: Where) -> Where:
    """Tell of each pixel whether it looks like the background near it."""
    size = absent.shape[1], absent.shape[0]
    seen = _opponent(colours)
    planes = np.stack([np.ones_like(seen[0]), *seen, *(seen * seen)]) * absent
    coarse = np.stack([np.asarray(Image.fromarray(plane).reduce(_COARSE)) for plane in planes])
    around = means(coarse.astype(np.float64), max(1, round(_NEAR * max(coarse.shape[1:]))))
    share = around[0]
    mean, squares = around[1:].reshape(2, 3, *share.shape) / np.maximum(share, 1e-6)
    variance = np.maximum(squares - mean * mean, 0) + _NOISE**2
    clear = (share > _ENOUGH) & (variance.sum(axis=0) < _LIVELY**2)
    far = np.zeros(absent.shape, np.float32)
    for plane, middle, spread in zip(seen, mean, variance, strict=True):
        far += (plane - _enlarged(middle, size)) ** 2 / _enlarged(spread, size)
    return (far < _ALIKE) & (_enlarged(clear, size) > 1 / 2)


def _opponent(colours: Values) -> Values:
    """Part brightness, in which light and shade differ, from hue: three planes."""
    r, g, b = colours.transpose(2, 0, 1)
    return np.stack([(r + g + b) / 3, r - g, (r + g) / 2 - b])


def _enlarged(plane: NDArray[np.generic], size: tuple[int, int]) -> NDArray[np.float32]:
    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def _enclosed(alike: Where, absent: Where) -> Where:
    """Keep the parts that nowhere touch the background or the frame, and are more than specks."""
    solid = np.asarray(Image.fromarray(alike).convert("L").filter(ImageFilter.MinFilter(3))) > 0
    parts = connected_components(alike, diagonally=True)
    hole = ~parts.at_border()
    hole[parts.at(*np.nonzero(alike & absent))] = False
    inner = np.bincount(parts.at(*np.nonzero(solid & alike)), minlength=parts.count)
    return parts.painted(hole & (inner >= _LEAST))

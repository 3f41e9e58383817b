"""Resizing a picture together with its mask, so that nothing of what is cut away comes in."""

from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from scissorsd.core import cutting
from scissorsd.core.boxes import Region
from scissorsd.core.depth import Sample

SUPPORT = 3  # the reach of Lanczos' filter, in pixels of the coarser of both pictures
# The ripples of a sharp filter: so near to nothing, and to all, they are nothing and all.
RIPPLE = 4
_TIDIED = [0] * RIPPLE + list(range(RIPPLE, 256 - RIPPLE)) + [255] * RIPPLE
_REDUCING_GAP = 2.0  # beyond twice this much shrinking whole pixels are averaged first
_TILE = 128
_FAINT = 4  # so little of the mask says nothing of the colour


def resized_with_mask(
    rgb: NDArray[Sample], mask: NDArray[np.uint8], size: tuple[int, int], region: Region
) -> tuple[NDArray[Sample], NDArray[np.uint8]]:
    """Resize a region of a picture (height × width × 3) and its mask to (width, height).

    Colours count in proportion to the mask. Where the mask becomes 0 they mean nothing.
    """
    x0, y0, x1, y1 = region
    # only what the filter reaches of the picture is looked at
    reach_x = ceil(SUPPORT * max(1.0, (x1 - x0) / size[0])) + 1
    reach_y = ceil(SUPPORT * max(1.0, (y1 - y0) / size[1])) + 1
    start_x, start_y = max(0, floor(x0) - reach_x), max(0, floor(y0) - reach_y)
    part = np.s_[start_y : ceil(y1) + reach_y, start_x : ceil(x1) + reach_x]
    box = x0 - start_x, y0 - start_y, x1 - start_x, y1 - start_y
    resize = _resized_deep if rgb.dtype == np.uint16 else _resized_bytes
    return resize(rgb[part], mask[part], size, box)


def _resized_bytes(
    rgb: NDArray[Any], mask: NDArray[np.uint8], size: tuple[int, int], box: Region
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    # Premultiplied bytes would not do: where the filter overshoots they are cut off at 255, alpha
    # before colour, and a bright rim lines every hard edge.
    reach = ceil(SUPPORT * max(1.0, (box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]))
    whole = Image.fromarray(filled(rgb, mask, reach))
    colours = whole.resize(size, Image.Resampling.LANCZOS, box, _REDUCING_GAP)
    cover = Image.fromarray(mask).resize(size, Image.Resampling.LANCZOS, box, _REDUCING_GAP)
    return np.asarray(colours), np.asarray(cover.point(_TIDIED))


def filled(rgb: NDArray[np.uint8], mask: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """Put the subject's colours in the place of what is cut away, so far as a filter reaches.

    They are the mean of those nearby, each counting by the mask (normalised convolution, Knutsson
    and Westin, CVPR 1993); and where there are next to none, the mean of those farther off.
    """
    result = rgb.copy()
    height, width = mask.shape
    for top in range(0, height, _TILE):
        above = max(top - reach, 0)
        for left in range(0, width, _TILE):
            before = max(left - reach, 0)
            window = np.s_[above : top + _TILE + reach, before : left + _TILE + reach]
            cover = mask[window]
            if cover.max() < RIPPLE or cover.min() >= 256 - RIPPLE:
                continue
            tile = np.s_[top - above :, left - before :]
            straight = cutting.cutout(rgb[window], cover)
            image = Image.fromarray(straight).convert("RGBa")
            blurred = np.asarray(image.filter(ImageFilter.BoxBlur(reach)))[tile][:_TILE, :_TILE]
            mean = np.asarray(image.resize((1, 1), Image.Resampling.BOX))[0, 0]
            part = mask[top : top + _TILE, left : left + _TILE]
            inside = result[top : top + _TILE, left : left + _TILE]
            inside[:] = _mixed(inside, part, blurred, mean)
    return result


def _mixed(
    own: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    nearby: NDArray[np.uint8],
    everywhere: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Mix a picture's own colours with means (premultiplied, with alpha), by the mask."""
    faint = np.float32(_FAINT / max(int(everywhere[3]), 1))
    weight = np.float32(255) / np.maximum(nearby[..., 3] + faint * everywhere[3], 1)
    share = mask * np.float32(1 / 255)
    result = np.empty_like(own)
    for channel in range(3):
        mean = (nearby[..., channel] + faint * everywhere[channel]) * weight
        np.minimum(mean, 255, out=mean)
        result[..., channel] = mean + (own[..., channel] - mean) * share + np.float32(0.5)
    return result


def _resized_deep(
    rgb: NDArray[Any], mask: NDArray[np.uint8], size: tuple[int, int], box: Region
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    part = mask.astype(np.float32) / np.float32(255)
    cover = _resized_plane(part, size, box)
    mask = np.array(_TIDIED, np.uint8)[np.rint(np.clip(cover, 0, 1) * 255).astype(np.uint8)]
    weight = np.where(mask == 0, np.float32(0), 1 / np.maximum(cover, np.float32(1 / 255)))
    result = np.empty((*mask.shape, 3), np.uint16)
    for channel in range(3):
        plane = _resized_plane(rgb[..., channel] * part, size, box)
        result[..., channel] = np.rint(np.clip(plane * weight, 0, 65535))
    return result, mask


def _resized_plane(
    plane: NDArray[np.float32], size: tuple[int, int], box: Region
) -> NDArray[np.float32]:
    image = Image.fromarray(plane)
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, box, _REDUCING_GAP))

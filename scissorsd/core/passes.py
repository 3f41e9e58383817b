"""Two-pass inference: the whole picture, then a crop around a small subject.

The network's mask is as coarse as its grid, whatever the size of the picture. A subject that is
small in its picture is therefore shown to it once more, alone. The second mask is used only where
it agrees with the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core.boxes import Box
from scissorsd.core.rules import Edges

SUBJECT = 0.3  # a mask above this may be subject: the second pass must not cut it off
MARGIN = 0.2  # around it, of its longer side
SHORTEST_SIDE = 640  # pixels: in less (or than cells) is no more to be seen than in the first pass
LIKELY = 0.5  # a mask above this is more likely subject than not
FEATHER = 0.06  # of the box's sides: where the second mask fades into the first
_LARGE = 4_000_000  # pixels
_TILE = 256  # pixels, high and wide
_REACH = 2  # cells beyond a tile's own that its pixels are made of, at most
_AS_THEY_ARE = np.arange(256, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Look:
    """When a second look is taken, and when it is believed."""

    largest: float  # of the frame's area: a larger box shows the network too little that is new
    agreement: float  # intersection over union of the two masks, more than this
    doubt: float = 0.0  # of the first map, at least: one that is sure has little to gain
    surer: float = inf  # the second map's doubt, in parts of the first one's, at most


# `auto` looks where it was seen to harm nothing, `best` wherever there is something new to be seen.
# benchmarks/second_look.py chooses the limits, and tries them; docs/masks.md has the figures.
LOOKS: Mapping[Edges, Look] = {
    "auto": Look(largest=0.3, agreement=0.95, doubt=0.024, surer=0.7),
    "best": Look(largest=0.85, agreement=0.75),
}


@dataclass(frozen=True, slots=True, eq=False)
class NetworkMask:
    """The network's mask of one box of a picture: height × width, float32 in [0, 1]."""

    values: NDArray[np.float32]
    box: Box
    grid: int | None = None  # cells a side on which the network answers; None: one a value

    @property
    def cells(self) -> int:
        """How many cells of the network's grid lie along the box's longer side."""
        return self.grid or max(self.values.shape)


def second_box(first: NetworkMask, look: Look = LOOKS["best"]) -> Box | None:
    """Return the box that is worth a second pass; None where there is none."""
    rows, columns = (np.flatnonzero((first.values > SUBJECT).any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    _, _, width, height = first.box
    across, down = width / first.values.shape[1], height / first.values.shape[0]
    left, right = columns[0] * across, (columns[-1] + 1) * across
    top, bottom = rows[0] * down, (rows[-1] + 1) * down
    margin = MARGIN * max(right - left, bottom - top)
    box = (
        max(0, round(left - margin)),
        max(0, round(top - margin)),
        min(width, round(right + margin)),
        min(height, round(bottom + margin)),
    )
    wide, high = box[2] - box[0], box[3] - box[1]
    is_fine = min(wide, high) >= max(SHORTEST_SIDE, first.cells)
    return box if is_fine and wide * high < look.largest * width * height else None


def agree(first: NetworkMask, second: NetworkMask, look: Look = LOOKS["best"]) -> bool:
    """Tell whether a second mask, of a part of the picture, has the same subject there."""
    height, width = second.values.shape
    before = _part(first, second.box, (width, height)) > LIKELY
    after = second.values > LIKELY
    union = int(np.count_nonzero(before | after))
    return union > 0 and int(np.count_nonzero(before & after)) > look.agreement * union


def full_size(network_masks: tuple[NetworkMask, ...], *, nothing: float = 0.0) -> NDArray[np.uint8]:
    """Stretch the mask over the picture (height × width), in 8 bits: 255 stands for 1.

    Values up to `nothing` become 0, those as near to 1 become 1, linearly between.
    """
    steps = (np.arange(256) / 255 - nothing) / (1 - 2 * nothing)
    table = np.rint(steps.clip(0, 1) * 255).astype(np.uint8)
    _, _, width, height = network_masks[0].box
    if len(network_masks) == 1:
        return _stretched(network_masks[0].values, (width, height), table)
    mask = Image.fromarray(_stretched(network_masks[0].values, (width, height)))
    for network_mask in network_masks[1:]:
        left, top, right, bottom = network_mask.box
        size = right - left, bottom - top
        part = Image.fromarray(_stretched(network_mask.values, size))
        weight = Image.fromarray(
            np.rint(_weight(network_mask, network_masks[0], size) * 255).astype(np.uint8)
        )
        mask.paste(part, (left, top), weight)
    return np.array(mask.point(table.tolist()) if nothing else mask)


def at_size(network_masks: tuple[NetworkMask, ...], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the mask of the last one's box at a size (width, height), in [0, 1], by cubics."""
    first, last = network_masks[0], network_masks[-1]
    mask = _part(first, last.box, size)
    if last is not first:
        weight = _weight(last, first, size)
        mask += weight * (_part(last, last.box, size) - mask)
    return np.clip(mask, 0, 1, out=mask)


def _stretched(
    values: NDArray[np.float32],
    size: tuple[int, int],
    table: NDArray[np.uint8] = _AS_THEY_ARE,
) -> NDArray[np.uint8]:
    """Stretch a mask to a size (width, height), in 8 bits, and look each value up in a table.

    A large one in tiles: most of them are nothing, or all, throughout. A value may then be rounded
    to its other neighbour. What the table gives must never fall.
    """
    cells = np.rint(values * 255).astype(np.uint8)
    image, steps = Image.fromarray(cells), table.tolist()
    width, height = size
    across, down = cells.shape[1] / width, cells.shape[0] / height
    result = np.zeros((height, width), np.uint8)
    side = _TILE if width * height > _LARGE else max(size)
    for y in range(0, height, side):
        for x in range(0, width, side):
            tile = result[y : y + side, x : x + side]
            right, bottom = x + tile.shape[1], y + tile.shape[0]
            box = x * across, y * down, right * across, bottom * down
            left, top = (max(0, int(at) - _REACH) for at in box[:2])
            seen = cells[top : int(box[3]) + 1 + _REACH, left : int(box[2]) + 1 + _REACH]
            least, most = steps[seen.min()], steps[seen.max()]
            if least < most:
                box = *box[:2], min(box[2], cells.shape[1]), min(box[3], cells.shape[0])
                part = image.resize(tile.shape[::-1], Image.Resampling.BILINEAR, box)
                tile[:] = np.asarray(part.point(steps))
            elif least:
                tile[:] = least
    return result


def _part(network_mask: NetworkMask, box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the mask of a box within its own, at a size (width, height)."""
    height, width = network_mask.values.shape
    left, top, right, bottom = network_mask.box
    across, down = width / (right - left), height / (bottom - top)
    place = (
        (box[0] - left) * across,
        (box[1] - top) * down,
        (box[2] - left) * across,
        (box[3] - top) * down,
    )
    image = Image.fromarray(network_mask.values)
    return np.array(image.resize(size, Image.Resampling.BICUBIC, box=place))


def _weight(
    network_mask: NetworkMask, first: NetworkMask, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return how much a second mask counts: less towards its sides, but not at the frame's own."""
    ramps = []
    for side, length in ((0, size[0]), (1, size[1])):
        along = (np.arange(length, dtype=np.float32) + 0.5) / length
        from_start = along if network_mask.box[side] > first.box[side] else np.ones_like(along)
        from_end = (
            1 - along if network_mask.box[side + 2] < first.box[side + 2] else np.ones_like(along)
        )
        ramps.append(np.minimum(np.minimum(from_start, from_end) / np.float32(FEATHER), 1))
    across, down = ramps
    return np.minimum(down[:, None], across)

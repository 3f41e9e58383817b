from dataclasses import replace
from math import pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scissorsd.core import shaping
from scissorsd.core.rules import Length, MaskOptions

Mask = NDArray[np.uint8]


def disc(
    height: int, width: int, centre: tuple[float, float], radius: float, soft: float = 1
) -> Mask:
    """Draw a disc, (row, column) its centre, whose edge is `soft` pixels wide."""
    rows, columns = np.mgrid[:height, :width]
    away = np.hypot(rows - centre[0], columns - centre[1])
    return np.asarray(np.rint(np.clip((radius - away) / soft + 0.5, 0, 1) * 255), np.uint8)


def both(*masks: Mask) -> Mask:
    """Draw several masks as one."""
    return np.asarray(np.maximum.reduce(masks))


def area(mask: Mask) -> float:
    """Return what a mask covers, in pixels."""
    return float(mask.sum()) / 255


EVERYTHING = MaskOptions(
    keep="largest", holes="fill", grow=Length(2.5), threshold=0.5, feather=Length(1, "%")
)


def test_nothing_asked_for_costs_nothing() -> None:
    """Without options the very same array comes back."""
    mask = disc(30, 40, (15, 20), 9)
    assert shaping.shape(mask, MaskOptions()) is mask


def test_masks_are_left_as_they_were() -> None:
    """Whatever is asked for, the mask that came in is not changed."""
    mask = both(disc(90, 120, (45, 40), 30), disc(90, 120, (20, 100), 6))
    mask[40:50, 35:45] = 0
    before = mask.copy()
    mask.flags.writeable = False
    assert shaping.shape(mask, EVERYTHING).shape == mask.shape
    assert (mask == before).all()


@pytest.mark.parametrize("value", [0, 1, 100, 255])
def test_masks_of_one_value_keep_it(value: int) -> None:
    """All or nothing has no edge to change."""
    mask = np.full((70, 50), value, np.uint8)
    options = replace(EVERYTHING, threshold=None)
    assert (shaping.shape(mask, options) == mask).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2)])
def test_the_smallest_masks_work(shape: tuple[int, int]) -> None:
    """A mask of one pixel, row or column takes every option."""
    mask = np.random.default_rng(5).integers(0, 256, shape, np.uint8)
    for sign in (1, -1):
        options = replace(EVERYTHING, grow=Length(sign * 80))
        assert shaping.shape(mask, options).shape == shape


def test_the_order_is_fixed() -> None:
    """The hard edge comes before the feather, so a feathered threshold is soft, within it."""
    mask = disc(200, 200, (100, 100), 60, soft=40)
    hard = shaping.hardened(mask, 0.5)
    soft = shaping.shape(mask, MaskOptions(threshold=0.5, feather=Length(6)))
    assert (soft <= hard).all()
    assert len(np.unique(soft)) > 20


def test_percent_is_of_the_longer_side() -> None:
    """One percent of 300 × 200 is three pixels."""
    mask = disc(200, 300, (100, 150), 50)
    by_percent = shaping.shape(mask, MaskOptions(grow=Length(1, "%")))
    assert (by_percent == shaping.grown(mask, 3)).all()


# --- parts -----------------------------------------------------------------------------------


def test_only_the_largest_part_stays_with_its_soft_edge() -> None:
    """The smaller thing goes with its edge; the larger keeps every value of its own."""
    large, small = disc(400, 600, (200, 200), 120, 30), disc(400, 600, (200, 500), 60, 30)
    assert (shaping.largest_component(both(large, small)) == large).all()


@pytest.mark.parametrize("scale", [1, 3])
def test_what_hangs_on_by_haze_goes(scale: int) -> None:
    """Haze joins nothing: it is parted between the things it lies between, or goes."""
    shape = (300 * scale, 500 * scale)
    large = disc(*shape, (150 * scale, 150 * scale), 90 * scale, 6)
    small = disc(*shape, (150 * scale, 380 * scale), 50 * scale, 6)
    haze = np.full(shape, 12, np.uint8)
    haze[140 * scale : 160 * scale, 150 * scale : 380 * scale] = 40
    kept = shaping.largest_component(both(large, small, haze))
    assert (kept[large > 64] == large[large > 64]).all()
    assert (kept[:, 325 * scale :] == 0).all()
    assert (kept[:, 450 * scale :] == 0).all()
    assert (kept <= both(large, haze)).all()


def test_a_thin_connection_counts() -> None:
    """A thread one pixel wide in a large picture joins two things."""
    mask = both(disc(900, 1600, (400, 300), 200), disc(900, 1600, (400, 1300), 150))
    apart = shaping.largest_component(mask)
    assert (apart[:, 1200:] == 0).all()
    mask[400, 400:1300] = 255
    assert (shaping.largest_component(mask) == mask).all()


def test_strands_stay() -> None:
    """A soft strand that leads away from the largest part belongs to it."""
    mask = disc(400, 600, (200, 150), 100)
    mask[200:202, 250:400] = np.linspace(200, 30, 150).astype(np.uint8)
    assert (shaping.largest_component(mask)[200:202, 250:400] == mask[200:202, 250:400]).all()


def test_the_closest_of_others_goes() -> None:
    """A thing that comes within two pixels of the largest, within one coarse cell, goes whole."""
    mask = np.zeros((2048, 64), np.uint8)
    mask[:, 10:31] = 255
    mask[:, 33:50] = 255
    kept = shaping.largest_component(mask)
    assert (kept[:, 10:31] == 255).all()
    assert (kept[:, 31:] == 0).all()


def test_where_all_is_haze_all_stays() -> None:
    """Without anything firm there is no largest part, and the mask is left alone."""
    mask = np.full((20, 20), 40, np.uint8)
    assert shaping.largest_component(mask) is mask


# --- holes -----------------------------------------------------------------------------------


def ring(soft: float, shape: tuple[int, int] = (300, 400)) -> Mask:
    """Draw a ring with soft edges, of 60 and 110 pixels' radius."""
    return np.minimum(
        disc(*shape, (150, 200), 110, soft), 255 - disc(*shape, (150, 200), 60, soft)
    ).astype(np.uint8)


@pytest.mark.parametrize("soft", [1, 12, 40])
def test_holes_are_filled_with_their_rims(soft: float) -> None:
    """Inside the ring all becomes 255, the soft rim too; outside nothing changes."""
    mask = ring(soft)
    filled = shaping.without_holes(mask)
    inside = disc(300, 400, (150, 200), 60) > 0
    outside = disc(300, 400, (150, 200), 86) == 0
    assert (filled[inside] == 255).all()
    assert (filled[outside] == mask[outside]).all()


def test_holes_do_not_spill_through_thin_walls() -> None:
    """Where the wall around a hole is thin and not quite opaque, its outer edge stays as it was."""
    mask = np.zeros((60, 60), np.uint8)
    mask[10:50, 10:50] = 60
    mask[11:49, 11:49] = 200
    mask[13:47, 13:47] = 60
    mask[14:46, 14:46] = 0
    filled = shaping.without_holes(mask)
    assert (filled[13:47, 13:47] == 255).all()
    assert (filled[10, 10:50] == 60).all()
    assert (filled[:10] == 0).all()


def test_bays_and_the_frame_are_not_holes() -> None:
    """What is open to the outside, or to the frame, is not shut in."""
    mask = ring(2)
    mask[145:155, 200:] = 0  # a gap in the ring
    assert shaping.without_holes(mask) is mask
    cut = ring(2)[150:]  # the frame goes through the middle of the hole
    assert shaping.without_holes(cut) is cut


def test_glass_is_not_a_hole() -> None:
    """What is more than half there stays as it is."""
    mask = disc(100, 100, (50, 50), 40)
    mask[40:60, 40:60] = 150
    assert shaping.without_holes(mask) is mask


# --- edges -----------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [0.5, 1, 2.25, 7, 20, 50])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_edge_moves_by_the_distance(distance: float, sign: int) -> None:
    """A straight edge, hard or soft, ends up where it should, within a tenth of what moved it."""
    for soft in (1, 9):
        columns = np.arange(400)
        edge = np.rint(np.clip((200 - columns) / soft + 0.5, 0, 1) * 255).astype(np.uint8)
        mask = np.repeat(edge[None], 30, axis=0)
        moved = shaping.grown(mask, sign * distance)
        by = (area(moved) - area(mask)) / 30
        assert by == pytest.approx(sign * distance, abs=max(0.1, 0.03 * distance))


@pytest.mark.parametrize("distance", [3, 12, 31, 45])
def test_growing_is_round(distance: float) -> None:
    """A point grows to a disc: the same in all directions, within a pixel or two hundredths."""
    point = np.zeros((201, 201), np.uint8)
    point[100, 100] = 255
    if distance > 32:  # where a single point would be averaged away
        point[98:103, 98:103] = 255
    rows, columns = np.nonzero(shaping.grown(point, distance) > 127)
    spread = np.hypot(rows - 100, columns - 100)
    directions = np.round(np.arctan2(rows - 100, columns - 100) / (pi / 8)).astype(int) % 16
    reached = [spread[directions == d].max() for d in range(16)]
    assert max(reached) - min(reached) <= max(1.5, 0.08 * distance)


def test_soft_edges_stay_as_soft() -> None:
    """The grown edge of a gradient is the gradient, moved."""
    row = np.clip((100 - np.arange(200)) * 16 + 128, 0, 255).astype(np.uint8)
    mask = np.repeat(row[None], 20, axis=0)
    assert (shaping.grown(mask, 5)[:, 5:] == mask[:, :-5]).all()
    assert (shaping.grown(mask, -5)[:, :-5] == mask[:, 5:]).all()


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 1000),
    distance=st.floats(-90, 90),
    shape=st.tuples(st.integers(1, 700), st.integers(1, 60)),
)
def test_growing_only_grows(seed: int, distance: float, shape: tuple[int, int]) -> None:
    """No pixel loses by growing, and none gains by shrinking."""
    mask = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    moved = shaping.grown(mask, distance).astype(int)
    assert ((moved - mask) * np.sign(distance) >= 0).all()


def test_the_frame_is_not_an_edge() -> None:
    """A subject that the frame cuts off neither shrinks nor fades there."""
    mask = np.zeros((100, 80), np.uint8)
    mask[:, 30:] = 255
    for changed in (shaping.grown(mask, -8), shaping.feathered(mask, 8)):
        assert (changed[:, 45:] == 255).all()
        assert (changed[0] == changed[50]).all()


def test_tiles_do_not_show() -> None:
    """A large mask comes out of its tiles as it would come out whole."""
    mask = disc(900, 900, (450, 450), 300, 5)
    assert (shaping.grown(mask, 9.5) == shaping._grown(mask, 9.5)).all()
    assert (shaping.feathered(mask, 9) == shaping._feathered(mask, 9)).all()


def test_a_threshold_leaves_a_hard_edge() -> None:
    """At or above it all, below it nothing."""
    row = np.arange(256, dtype=np.uint8)[None]
    hard = shaping.hardened(row, 0.5)
    assert (hard[0, 128:] == 255).all()
    assert (hard[0, :128] == 0).all()


@pytest.mark.parametrize("distance", [2, 8, 12, 30])
def test_feathers_stay_inside(distance: float) -> None:
    """The edge fades inwards over about the distance; nothing grows, and the inside stays."""
    mask = disc(400, 400, (200, 200), 120)
    soft = shaping.feathered(mask, distance)
    inner = disc(400, 400, (200, 200), 120 - 1.8 * distance - 2) == 255
    assert (soft <= mask).all()
    assert (soft[inner] >= 254).all()
    assert soft[200, 319] < mask[200, 319]
    middle = np.abs(soft[200, 200:].astype(int) - 128).argmin()
    assert 120 - 0.7 * distance - 1 <= middle <= 120


def test_feathers_leave_strands() -> None:
    """What is thinner than the feather fades but does not vanish."""
    mask = np.zeros((100, 300), np.uint8)
    mask[50:53] = 255
    assert shaping.feathered(mask, 8).max(axis=0).min() > 200

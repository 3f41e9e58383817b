import numpy as np
import pytest
from numpy.typing import NDArray

from scissorsd.core import passes
from scissorsd.core.boxes import Box
from scissorsd.core.passes import NetworkMask

GRID = 320
WHOLE = (0, 0, 4000, 3000)  # of a photograph of 12 megapixels

Values = NDArray[np.float32]


def saw(box: Box, within: Box = WHOLE, value: float = 1.0) -> NetworkMask:
    """Return what the network answers that sees a subject in a box, shown `within` of a picture."""
    left, top, right, bottom = within
    x = left + (np.arange(GRID) + 0.5) * (right - left) / GRID
    y = top + (np.arange(GRID) + 0.5) * (bottom - top) / GRID
    inside = ((x > box[0]) & (x < box[2]))[None] & ((y > box[1]) & (y < box[3]))[:, None]
    return NetworkMask(inside.astype(np.float32) * np.float32(value), within)


def flat(value: float, box: Box) -> NetworkMask:
    """Return a look that is the same everywhere."""
    return NetworkMask(np.full((GRID, GRID), value, np.float32), box)


# --- is it worth while? ----------------------------------------------------------------------


def test_a_small_subject_is_worth_a_second_look() -> None:
    """The box has a fifth of the subject's longer side as a margin, in the picture's pixels."""
    first = saw((1000, 1500, 2000, 2250))
    assert passes.second_box(first) == (800, 1300, 2200, 2450)


def test_the_second_look_stays_in_the_frame() -> None:
    """Where the margin would go beyond the picture it ends with it."""
    assert passes.second_box(saw((0, 0, 1000, 750))) == (0, 0, 1200, 950)
    assert passes.second_box(saw((3000, 2250, 4000, 3000))) == (2800, 2050, 4000, 3000)


@pytest.mark.parametrize(
    ("box", "frame"),
    [
        ((300, 200, 3700, 2800), WHOLE),  # it fills the frame: nothing new would be seen
        ((1000, 1000, 1400, 1400), WHOLE),  # there are too few pixels to see more in
        ((1000, 200, 3000, 400), (0, 0, 4000, 600)),  # one side is too short
        ((0, 0, 0, 0), WHOLE),
    ],
    ids=["large", "small", "flat", "nothing"],
)
def test_not_worth_a_second_look(box: Box, frame: Box) -> None:
    """No second look is taken where it would show no more than the first."""
    assert passes.second_box(saw(box, frame)) is None


def test_what_is_faint_may_be_subject() -> None:
    """What the first look hardly believes in is within the box: the second must not cut it off."""
    first = saw((1500, 1000, 2500, 2000))
    faint = saw((1000, 1000, 1500, 2000), value=0.35)
    haze = saw((0, 0, 4000, 3000), value=0.25)
    both = NetworkMask(np.maximum(first.values, faint.values), WHOLE)
    box = passes.second_box(both)
    assert box is not None
    assert box[0] == 700
    assert passes.second_box(NetworkMask(np.maximum(both.values, haze.values), WHOLE)) == box


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (639, 639), (5000, 640)])
def test_small_pictures_have_no_second_look(shape: tuple[int, int]) -> None:
    """Whatever is seen in a picture of few pixels, one look is all there is to be had."""
    height, width = shape
    frame = (0, 0, width, height)
    for values in (np.zeros((GRID, GRID)), np.eye(GRID), np.ones((GRID, GRID))):
        assert passes.second_box(NetworkMask(values.astype(np.float32), frame)) is None


def test_auto_looks_closer_at_less() -> None:
    """A box of more than three tenths of the frame is worth a second look to `best` alone."""
    first = saw((900, 600, 2900, 2300))
    assert passes.second_box(first) is not None
    assert passes.second_box(first, passes.LOOKS["auto"]) is None
    small = saw((1000, 1500, 2000, 2250))
    assert passes.second_box(small, passes.LOOKS["auto"]) == passes.second_box(small)


# --- do they agree? --------------------------------------------------------------------------

CLOSER = (800, 1300, 2200, 2450)
SUBJECT = (1000, 1500, 2000, 2250)


def test_two_looks_at_one_subject_agree() -> None:
    """The same subject seen in more detail is the same subject."""
    assert passes.agree(saw(SUBJECT), saw(SUBJECT, CLOSER))


@pytest.mark.parametrize(
    "other",
    [
        saw((1000, 1500, 1700, 2250), CLOSER),  # a part is missing: 70 %
        saw((800, 1300, 2200, 2450), CLOSER),  # all of it
        flat(0.0, CLOSER),
        flat(0.49, CLOSER),
    ],
    ids=["less", "more", "nothing", "unsure"],
)
def test_a_second_look_at_something_else_disagrees(other: NetworkMask) -> None:
    """A second look that leaves out or takes in a good part is not to be believed."""
    assert not passes.agree(saw(SUBJECT), other)


def test_nothing_twice_is_no_agreement() -> None:
    """Two looks that find nothing have nothing to add to each other."""
    assert not passes.agree(flat(0.0, WHOLE), flat(0.0, CLOSER))


# --- put together ----------------------------------------------------------------------------


def test_one_look_is_stretched() -> None:
    """One look gives the plain mask of the picture's size: 255 for 1."""
    mask = passes.full_size((saw(SUBJECT),))
    assert mask.shape == (3000, 4000)
    assert mask.dtype == np.uint8
    assert mask[1900, 1500] == 255
    assert mask[1900, 2100] == 0
    assert mask.flags.writeable


def test_next_to_nothing_becomes_nothing() -> None:
    """Values up to `nothing` become 0 and those as near to 1 become 1; a half stays a half."""
    levels = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(2, 0)
    (row, _) = passes.full_size((NetworkMask(levels, (0, 0, 256, 2)),), nothing=0.015)
    assert (row[:4] == 0).all()
    assert (row[-4:] == 255).all()
    assert (np.diff(row.astype(int)) >= 0).all()
    assert abs(int(row[127]) + int(row[128]) - 255) <= 1


def test_the_second_look_fades_into_the_first() -> None:
    """Outside its box the first look counts, in its middle the second, a mixture in between."""
    left, top, right, bottom = CLOSER
    both = flat(0.2, WHOLE), flat(0.8, CLOSER)
    mask = passes.full_size(both)
    outside = np.ones(mask.shape, bool)
    outside[top:bottom, left:right] = False
    assert (mask[outside] == 51).all()
    wide, high = (right - left) * passes.FEATHER, (bottom - top) * passes.FEATHER
    middle = mask[top + int(high) + 1 : bottom - int(high) - 1]
    middle = middle[:, left + int(wide) + 1 : right - int(wide) - 1]
    assert (middle == 204).all()
    row = mask[1900, left : left + int(wide)].astype(int)
    assert (np.diff(row) >= 0).all()
    assert row[0] in (51, 52)
    assert row[len(row) // 2] == pytest.approx(127, abs=2)


def test_the_second_look_does_not_fade_at_the_frame() -> None:
    """At a side of the picture itself there is no first look to fade into."""
    box = (0, 1500, 1500, 3000)  # the corner below, on the left
    mask = passes.full_size((flat(0.2, WHOLE), flat(0.8, box)))
    assert (mask[2000:, :1000] == 204).all()
    assert mask[2500, 1499] in (51, 52)
    assert mask[1500, 500] in (51, 52)


def test_at_shows_the_last_look() -> None:
    """At a size of its own, `at` gives the last look's box: the second in the middle, in [0, 1]."""
    first, second = saw(SUBJECT), saw(SUBJECT, CLOSER)
    whole = passes.at_size((first,), (640, 480))
    assert whole.shape == (480, 640)
    assert whole.dtype == np.float32
    assert whole.min() == 0
    assert whole.max() == 1
    part = passes.at_size((first, second), (560, 460))
    assert part.shape == (460, 560)
    assert part[230, 280] == 1
    assert part[10, 280] == 0
    faded = passes.at_size((flat(0.2, WHOLE), flat(0.8, CLOSER)), (560, 460))
    assert faded[230, 280] == pytest.approx(0.8)
    assert faded[0, 280] == pytest.approx(0.2, abs=0.02)
    assert faded[230, 0] == pytest.approx(0.2, abs=0.02)


def test_at_and_full_size_agree() -> None:
    """Both tell of the same place: a subject's edges are where they are, to a cell."""
    both = saw(SUBJECT), saw(SUBJECT, CLOSER)
    left, top, right, bottom = CLOSER
    large = passes.full_size(both)[top:bottom, left:right] / 255
    small = passes.at_size(both, ((right - left) // 2, (bottom - top) // 2))
    difference = np.abs(large[::2, ::2] - small)
    assert difference.mean() < 0.005


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 3), (320, 320)])
def test_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    """A mask comes out as large as the picture, a line of single pixels too."""
    height, width = shape
    look = NetworkMask(np.eye(GRID, dtype=np.float32), (0, 0, width, height))
    assert passes.full_size((look,)).shape == shape
    assert passes.at_size((look,), (width, height)).shape == shape


def test_arguments_are_left_alone() -> None:
    """What was seen is not written to."""
    both = saw(SUBJECT), saw(SUBJECT, CLOSER)
    for look in both:
        look.values.flags.writeable = False
    passes.second_box(both[0])
    passes.agree(*both)
    passes.full_size(both, nothing=0.01)
    passes.at_size(both, (100, 100))
    passes.at_size(both[:1], (GRID, GRID))  # the size that it has already


@pytest.mark.parametrize("nothing", [0.0, 0.015])
def test_a_large_mask_is_stretched_as_a_whole_one(
    nothing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In tiles each value is that of the whole, or its neighbour's; flat parts are exact."""
    values = np.zeros((320, 320), np.float32)
    values[100:220, 80:200] = 1
    values[150:180, 190:260] = np.linspace(1, 0, 70)
    saw = (NetworkMask(values, (0, 0, 901, 607)),)
    whole = passes.full_size(saw, nothing=nothing)
    monkeypatch.setattr(passes, "_LARGE", 0)
    for side in (40, 256):
        monkeypatch.setattr(passes, "_TILE", side)
        tiled = passes.full_size(saw, nothing=nothing)
        assert np.abs(tiled.astype(int) - whole).max() <= 2
        assert (tiled == whole).mean() > 0.95
        assert (tiled[210:400, 240:400] == 255).all()
        assert not tiled[:180].any()

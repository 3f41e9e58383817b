from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scissorsd.core import canvas
from scissorsd.core.boxes import Box
from scissorsd.core.rules import Align, Length, Output

Pixels = NDArray[np.uint8]
CROP = Output(crop="subject")


def picture(
    height: int, width: int, box: Box, colour: tuple[int, int, int] = (200, 100, 50)
) -> tuple[Pixels, Pixels]:
    """Draw a subject that fills a box, before green, and its mask."""
    rgb, mask = np.full((height, width, 3), (0, 255, 0), np.uint8), np.zeros((height, width))
    left, top, right, bottom = box
    rgb[top:bottom, left:right], mask[top:bottom, left:right] = colour, 255
    return rgb, mask.astype(np.uint8)


# --- numbers ---------------------------------------------------------------------------------

lengths = st.one_of(
    st.builds(Length, st.floats(0, 500), st.just("px")),
    st.builds(Length, st.floats(0, 44.9), st.just("%")),
)
sides = st.integers(1, 3000)
aspects = st.tuples(st.integers(1, 40), st.integers(1, 40))
sizes = st.one_of(sides, st.tuples(sides, sides))
aligns = st.sampled_from(
    ["center", "top", "bottom", "left", "right", "top left", "bottom right"],
)
outputs = st.builds(
    Output,
    crop=st.sampled_from(["none", "subject"]),
    margin=lengths,
    aspect=st.none() | aspects,
    size=st.none() | sizes,
    enlarge=st.sampled_from(["no", "2x", "yes"]),
    align=aligns,
    outline=st.builds(Length, st.floats(0, 10), st.sampled_from(["px", "%"])),
)


@st.composite
def pictures_and_boxes(draw: st.DrawFn) -> tuple[int, int, Box]:
    """Draw a picture's height and width, and a box in it."""
    height, width = draw(sides), draw(sides)
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    right, bottom = draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    return height, width, (left, top, right, bottom)


@settings(deadline=None, max_examples=300)
@given(where=pictures_and_boxes(), output=outputs)
def test_every_frame_keeps_its_promises(where: tuple[int, int, Box], output: Output) -> None:
    """The size is met, the subject is in whole and undistorted, what is seen lies in bounds."""
    height, width, box = where
    frame = canvas.frame(height, width, box, output)
    left, top, right, bottom = frame.subject
    assert left >= -1e-6
    assert top >= -1e-6
    assert right <= frame.width + 1e-6
    assert bottom <= frame.height + 1e-6
    assert right - left == pytest.approx((box[2] - box[0]) * frame.scale)
    assert bottom - top == pytest.approx((box[3] - box[1]) * frame.scale)
    x0, y0, x1, y1 = frame.region
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    t0, u0, t1, u1 = frame.target
    assert 0 <= t0 < t1 <= frame.width
    assert 0 <= u0 < u1 <= frame.height
    if isinstance(output.size, tuple):
        assert (frame.width, frame.height) == output.size
    elif output.size is not None:
        assert max(frame.width, frame.height) == output.size
    most = {"no": 1, "2x": 2}.get(output.enlarge, frame.scale)
    assert frame.scale <= most
    assert frame.filled == pytest.approx(1) or frame.scale == most
    if output.size is None:
        assert frame.scale == 1
        assert (t1 - t0, u1 - u0) == (x1 - x0, y1 - y0)


@settings(deadline=None, max_examples=300)
@given(where=pictures_and_boxes(), output=outputs)
def test_margins_are_at_least_what_is_asked(where: tuple[int, int, Box], output: Output) -> None:
    """To a pixel; a margin that would leave no room takes 45 % of its side at each end.

    But where the picture's frame cuts the box and it is aligned to that side, there is none.
    """
    height, width, box = where
    frame = canvas.frame(height, width, box, output)
    longer = max(frame.width, frame.height)
    asked = output.margin.of(longer)
    if output.crop == "subject":
        asked += frame.outline(output)
    left, top, right, bottom = frame.subject
    across, down = min(asked, 0.45 * frame.width), min(asked, 0.45 * frame.height)
    cut = {"left": box[0] == 0, "top": box[1] == 0}
    cut |= {"right": box[2] == width, "bottom": box[3] == height}
    margins = {"left": (left, across), "right": (frame.width - right, across)}
    margins |= {"top": (top, down), "bottom": (frame.height - bottom, down)}
    for side, (margin, least) in margins.items():
        lies_at_it = side in output.align and cut[side]
        assert margin >= (0 if lies_at_it else least) - 1, side


@settings(deadline=None)
@given(where=pictures_and_boxes(), output=outputs, aspect=aspects)
def test_aspects_are_met_to_a_pixel(
    where: tuple[int, int, Box], output: Output, aspect: tuple[int, int]
) -> None:
    """Width to height is the aspect, as nearly as whole pixels allow."""
    height, width, box = where
    size = output.size if isinstance(output.size, int) else None
    frame = canvas.frame(height, width, box, replace(output, aspect=aspect, size=size))
    ratio = min(aspect) / max(aspect)
    longer, shorter = max(frame.width, frame.height), min(frame.width, frame.height)
    assert abs(shorter - max(1, longer * ratio)) < 1
    if aspect[0] != aspect[1] and frame.width != frame.height:
        assert (frame.width > frame.height) == (aspect[0] > aspect[1])


@settings(deadline=None)
@given(where=pictures_and_boxes(), output=outputs)
def test_the_size_is_known_before(where: tuple[int, int, Box], output: Output) -> None:
    """No crop of a picture comes out larger than what is said for the picture as a whole."""
    height, width, box = where
    frame = canvas.frame(height, width, box, output)
    if isinstance(output.size, int) and output.aspect is None:
        assert max(frame.height, frame.width) == output.size
        return
    largest = canvas.framed_size(height, width, output)
    assert frame.height <= largest[0]
    assert frame.width <= largest[1]


@pytest.mark.parametrize(
    ("enlarge", "subject", "filled"),
    [
        ("no", (850, 925, 1150, 1075), 300 / 1700),
        ("2x", (700, 850, 1300, 1150), 600 / 1700),
        ("yes", (150, 575, 1850, 1425), 1),
    ],
)
def test_a_small_subject_is_enlarged_as_far_as_it_may(
    enlarge: str, subject: tuple[int, ...], filled: float
) -> None:
    """The frame stays; a subject smaller than it asks for lies in its middle, at its own size."""
    asked = replace(CROP, margin=Length(7.5, "%"), size=(2000, 2000), enlarge=enlarge)
    frame = canvas.frame(800, 800, (100, 200, 400, 350), asked)
    assert (frame.width, frame.height) == (2000, 2000)
    assert frame.subject == pytest.approx(subject)
    assert frame.filled == pytest.approx(filled)


def test_how_much_of_a_frame_is_filled() -> None:
    """Of several outputs the one counts that is filled the least, if it asks for a size at all."""
    _, mask = picture(80, 100, (10, 10, 60, 50))
    asked = [Output(), Output("comparison", "jpeg", size=900), Output(size=900, enlarge="yes")]
    assert canvas.filled(mask, asked) == 1
    assert canvas.filled(mask, [*asked, Output(size=125)]) == pytest.approx(0.8)
    cropped = replace(CROP, size=(200, 200), enlarge="2x")
    assert canvas.filled(mask, [*asked, Output(size=125), cropped]) == pytest.approx(0.5, abs=0.03)


def test_seven_and_a_half_percent_fill_eighty_five() -> None:
    """A square canvas of 2000 with 7.5 % of margin shows the subject's longer side at 1700."""
    output = replace(CROP, margin=Length(7.5, "%"), size=(2000, 2000))
    frame = canvas.frame(3000, 4000, (1000, 500, 3000, 1500), output)
    assert frame.subject == pytest.approx((150, 575, 1850, 1425))


def test_margins_in_percent_without_a_size() -> None:
    """They are of what comes out: 300 of 400 is three quarters, with an eighth on each side."""
    frame = canvas.frame(900, 900, (100, 200, 400, 300), replace(CROP, margin=Length(12.5, "%")))
    assert (frame.width, frame.height) == (400, 200)
    assert frame.subject == (50, 50, 350, 150)


def test_margins_count_from_the_outline() -> None:
    """A cropped sticker has room for its outline, and the margin beyond it."""
    output = replace(CROP, margin=Length(10), outline=Length(5))
    frame = canvas.frame(900, 900, (100, 200, 400, 300), output)
    assert (frame.width, frame.height) == (330, 130)
    whole = canvas.frame(900, 900, None, replace(output, crop="none", margin=Length(0)))
    assert (whole.width, whole.height) == (900, 900)


@pytest.mark.parametrize(
    ("align", "place"),
    [
        ("center", (50, 0)),
        ("top", (50, 0)),
        ("left", (0, 0)),
        ("right", (100, 0)),
        ("bottom right", (100, 0)),
    ],
)
def test_the_subject_lies_where_it_should(align: Align, place: tuple[int, int]) -> None:
    """Where the frame leaves room across, words for left and right decide."""
    output = replace(CROP, size=(200, 100), align=align)
    frame = canvas.frame(500, 500, (100, 100, 300, 300), output)
    assert frame.subject[:2] == place


def test_bottom_lies_above_the_margin() -> None:
    """Aligned to the bottom, the subject still keeps its margin."""
    output = replace(CROP, size=(100, 300), margin=Length(10), align="bottom")
    frame = canvas.frame(500, 500, (100, 100, 300, 300), output)
    assert frame.subject == pytest.approx((10, 210, 90, 290))


@pytest.mark.parametrize(
    ("align", "box", "corner"),
    [
        ("bottom", (100, 300, 300, 500), (10, 220)),
        ("bottom", (100, 299, 300, 499), (10, 210)),  # not cut: it stands free
        ("center", (100, 300, 300, 500), (10, 110)),
        ("top", (100, 0, 300, 200), (10, 0)),
        ("bottom left", (0, 300, 200, 500), (0, 220)),
        ("bottom right", (300, 300, 500, 500), (20, 220)),
        ("top", (100, 300, 300, 500), (10, 10)),  # cut at the other side
    ],
)
def test_what_the_picture_cuts_lies_at_the_side(
    align: Align, box: Box, corner: tuple[int, int]
) -> None:
    """Aligned to a side at which the picture's frame cuts it, a box has no margin there.

    So a bust ends at the bottom of its canvas, and not in the air.
    """
    output = replace(CROP, size=(100, 300), margin=Length(10), align=align)
    frame = canvas.frame(500, 500, box, output)
    assert frame.subject[:2] == pytest.approx(corner)


# --- the subject's box -----------------------------------------------------------------------


def test_haze_and_specks_do_not_count() -> None:
    """A haze of 2 everywhere and a few pixels far away do not widen the box."""
    _, mask = picture(500, 700, (100, 200, 300, 350))
    mask = np.maximum(mask, 2)
    mask[5:7, 690:692] = 255
    assert canvas.subject_box(mask) == (99, 199, 301, 351)


def test_soft_edges_are_within_the_box() -> None:
    """The box goes outwards as far as the edge shows."""
    _, mask = picture(500, 700, (100, 200, 300, 350))
    mask[200:350, 96:100] = (9, 15, 20, 25)
    box = canvas.subject_box(mask)
    assert box is not None
    assert box[0] == 95


def test_small_parts_count() -> None:
    """Two things make one subject, if neither is a speck."""
    _, mask = picture(500, 700, (100, 200, 300, 350))
    mask[20:40, 600:620] = 255
    box = canvas.subject_box(mask)
    assert box == (99, 19, 621, 351)


@pytest.mark.parametrize("pixels", [1, 3])
def test_the_smallest_subjects_are_found(pixels: int) -> None:
    """Where there is nothing but a few pixels, they are the subject."""
    mask = np.zeros((50, 50), np.uint8)
    mask[20, 30 : 30 + pixels] = 255
    assert canvas.subject_box(mask) == (29, 19, 31 + pixels, 22)


def test_nothing_has_no_box() -> None:
    """Haze alone is no subject."""
    assert canvas.subject_box(np.full((9, 9), 10, np.uint8)) is None


# --- pixels ----------------------------------------------------------------------------------


def test_nothing_asked_for_costs_nothing() -> None:
    """Without a word on the canvas the very same arrays come back."""
    rgb, mask = picture(30, 40, (5, 5, 20, 20))
    framed = canvas.framed(rgb, mask, Output(kind="flat", align="left", shadow="soft"))
    assert framed[0] is rgb
    assert framed[1] is mask


def test_a_crop_keeps_every_pixel() -> None:
    """Without a size nothing is resampled: the subject is the same, pixel by pixel."""
    rgb, mask = picture(60, 80, (20, 10, 50, 40))
    rgb[10:40, 20:50] = np.random.default_rng(1).integers(0, 256, (30, 30, 3))
    shown, cover = canvas.framed(rgb, mask, replace(CROP, margin=Length(4)))
    assert shown.shape == (40, 40, 3)
    assert (shown[5:35, 5:35] == rgb[10:40, 20:50]).all()
    assert (cover[5:35, 5:35] == 255).all()
    assert cover.sum() == 255 * 900


def test_what_is_not_enlarged_keeps_every_pixel() -> None:
    """A picture that is smaller than its frame lies in it as it is, at whole pixels."""
    rgb, mask = picture(41, 60, (0, 0, 60, 41))
    rgb[:] = np.random.default_rng(1).integers(0, 256, rgb.shape)
    shown, cover = canvas.framed(rgb, mask, Output(size=(100, 100), align="bottom right"))
    assert (shown[59:, 40:] == rgb).all()
    assert (cover[59:, 40:] == 255).all()
    shown, cover = canvas.framed(rgb, mask, Output(size=(101, 100)))
    assert cover.sum() == 255 * 60 * 41
    top, left = np.argwhere(cover)[0]
    assert (shown[top : top + 41, left : left + 60] == rgb).all()


def test_beyond_the_picture_there_is_nothing() -> None:
    """A margin that reaches beyond the picture is transparent and without colour."""
    rgb, mask = picture(40, 40, (0, 0, 40, 40))
    shown, cover = canvas.framed(rgb, mask, replace(CROP, margin=Length(10), aspect=(2, 1)))
    assert shown.shape == (60, 120, 3)
    assert (cover[10:50, 40:80] == 255).all()
    assert cover.sum() == 255 * 1600
    assert (shown[cover == 0] == 0).all()


@pytest.mark.parametrize("size", [7, 33, 150, (90, 20), (20, 90), (1, 1)])
def test_sizes_are_exact(size: int | tuple[int, int]) -> None:
    """Enlarged or reduced, what comes out has the size that was asked for."""
    rgb, mask = picture(50, 70, (10, 10, 40, 40))
    for crop in (CROP, Output()):
        shown, cover = canvas.framed(rgb, mask, replace(crop, size=size, enlarge="yes"))
        assert shown.shape[:2] == cover.shape
        if isinstance(size, int):
            assert max(cover.shape) == size
        else:
            assert cover.shape == size[::-1]


@pytest.mark.parametrize("size", [61, 200, 455])
@pytest.mark.parametrize("deep", [False, True])
def test_no_background_comes_in(size: int, *, deep: bool) -> None:
    """Resizing does not mix what is cut away into the colours of the edge."""
    rgb, mask = picture(200, 300, (60, 50, 190, 150))
    mask[50:150, 190:193] = (190, 120, 60)
    rgb[50:150, 190:193] = (200, 100, 50)
    pixels = rgb.astype(np.uint16) * np.uint16(257) if deep else rgb
    shown, cover = canvas.framed(pixels, mask, replace(CROP, size=size, enlarge="yes"))
    seen = cover > 24
    values = shown[seen] / (257 if deep else 1)
    assert shown.dtype == pixels.dtype
    assert np.abs(values - (200, 100, 50)).max() <= (1 if deep else 9)
    assert np.abs(shown[cover == 255] / (257 if deep else 1) - (200, 100, 50)).max() <= 1


def test_a_trace_of_a_subject_has_a_colour() -> None:
    """Where a corner of the mask just reaches into a tile, all goes well, without a warning."""
    rgb, mask = picture(300, 300, (0, 0, 0, 0))
    mask[127:140, 127:140] = 9
    shown, cover = canvas.framed(rgb, mask, Output(size=200))
    assert (shown[cover > 0][:, 1] == 255).all()


def test_sixteen_bits_stay_fine() -> None:
    """A gradient finer than 8 bits keeps its steps when it is resized."""
    row = np.linspace(30000, 31000, 400).astype(np.uint16)
    rgb = np.repeat(np.repeat(row[None, :, None], 3, axis=2), 100, axis=0)
    shown, cover = canvas.framed(rgb, np.full((100, 400), 255, np.uint8), Output(size=200))
    assert (cover == 255).all()
    assert np.abs(shown[25, :, 0] - np.linspace(30001.25, 30998.75, 200)).max() < 2


def test_sharp_edges_have_no_ripples() -> None:
    """Around a hard edge the resized mask is 0 and 255, but for the edge itself."""
    rgb, mask = picture(400, 400, (100, 100, 300, 300))
    _, cover = canvas.framed(rgb, mask, Output(size=137))
    assert (cover[:32] == 0).all()
    assert (cover[38:99, 38:99] == 255).all()


def test_the_whole_picture_keeps_its_frame() -> None:
    """Resized as a whole, what fills the frame still fills it to the last pixel."""
    rgb, mask = picture(301, 417, (0, 0, 417, 301))
    for size in (200, 613):
        shown, cover = canvas.framed(rgb, mask, Output(size=size, enlarge="yes"))
        assert (cover == 255).all()
        assert (shown == (200, 100, 50)).all()


def test_without_a_subject_the_whole_picture_stays() -> None:
    """An empty mask gives nothing to crop to."""
    rgb, _ = picture(30, 60, (0, 0, 60, 30))
    shown, cover = canvas.framed(rgb, np.zeros((30, 60), np.uint8), replace(CROP, size=20))
    assert cover.shape == (10, 20)
    assert (cover == 0).all()
    assert shown.shape == (10, 20, 3)


@settings(deadline=None, max_examples=60)
@given(output=outputs, seed=st.integers(0, 99))
def test_every_canvas_can_be_drawn(output: Output, seed: int) -> None:
    """Whatever is asked for, picture and mask come out as large as was worked out."""
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 40, 2)
    rgb = random.integers(0, 256, (height, width, 3), np.uint8)
    mask = (random.random((height, width)) < 0.3).astype(np.uint8) * np.uint8(255)
    shown, cover = canvas.framed(rgb, mask, output)
    box = canvas.subject_box(mask) if output.crop == "subject" else None
    frame = canvas.frame(height, width, box, output)
    assert cover.shape == (frame.height, frame.width)
    assert shown.shape == (*cover.shape, 3)

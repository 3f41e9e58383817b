"""How near the refined mask comes to the true one is known of drawings only; see drawn_alphas."""

import numpy as np
import pytest
from drawn_alphas import GROUNDS, SUBJECTS, Values, draw, seen
from families import one_of_each_kind
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from scissorsd.core import passes, refining
from scissorsd.core.box_filter import means
from scissorsd.core.boxes import Box
from scissorsd.core.masking import normalised
from scissorsd.core.passes import NetworkMask
from scissorsd.core.refining import refine

Pixels = NDArray[np.uint8]
Errors = tuple[float, float, float]  # absolute difference, its square, the gradients' square: means

SIZE = (900, 600)
GRID = 320

# What is left of the errors of `soft` in the band, at most; before the hardest of the grounds.
LEFT: dict[str, Errors] = {
    "hair": (0.76, 0.63, 0.63),
    "rings": (0.31, 0.20, 0.13),
    "ropes": (0.58, 0.56, 0.53),
    "shadow": (0.09, 0.02, 0.015),
    "lettering": (0.48, 0.39, 0.29),
    "unsharp": (0.79, 0.70, 0.82),
}
# Of what is out of focus before foliage: the errors themselves.
UNSHARP_BEFORE_FOLIAGE = (0.0092, 0.00042, 0.00003)


def look(values: Values, width: int, height: int) -> NetworkMask:
    """Return what was seen of a whole picture."""
    return NetworkMask(values, (0, 0, width, height))


def ball(side: int = GRID) -> Values:
    """Return what the network sees of a ball: a soft edge about two cells wide."""
    rows, columns = np.mgrid[:side, :side] + 0.5 - side / 2
    away = np.hypot(rows, columns)
    return np.asarray(np.clip((side / 4 - away) / 2 + 0.5, 0, 1), np.float32)


def noise(height: int, width: int) -> Pixels:
    """Draw the same random colours each time."""
    return np.random.default_rng(11).integers(0, 256, (height, width, 3), np.uint8)


def band(alpha: Values) -> NDArray[np.bool_]:
    """Return where the true mask is neither 0 nor 1, and a cell around that."""
    cell = round(max(alpha.shape) / GRID)
    mixed = Image.fromarray(((alpha > 0) & (alpha < 1)).astype(np.uint8))
    return np.asarray(mixed.filter(ImageFilter.MaxFilter(2 * cell + 1))) > 0


def errors(mask: Pixels, alpha: Values) -> Errors:
    """Measure how far a mask is from the true one in the band."""
    where = band(alpha)
    difference = mask / np.float64(255) - alpha
    smooth = means(means(difference, 1), 1)
    down, across = np.gradient(smooth, axis=0), np.gradient(smooth, axis=1)
    planes = np.abs(difference), difference**2, down**2 + across**2
    absolute, square, gradient = (float(plane[where].mean()) for plane in planes)
    return absolute, square, gradient


# --- how good it is --------------------------------------------------------------------------


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("subject", one_of_each_kind(SUBJECTS, kept=[next(iter(SUBJECTS))]))
def test_refined_masks_are_nearer_to_the_truth(subject: str, ground: str) -> None:
    """In the band, no drawing's mask is worse than the stretched one, and most are far better.

    But one: what is out of focus before foliage. There the stretched mask is right to 2 steps of
    255, and the foliage's own texture shows through a refined one: it is as far off in the mean,
    and half as much again in squares. Both stay small.
    """
    drawing = draw(subject, ground, SIZE)
    saw = (look(normalised(seen(drawing.alpha)), *SIZE),)
    soft = errors(passes.full_size(saw), drawing.alpha)
    found = errors(refine(drawing.rgb, saw), drawing.alpha)
    bounds = tuple(part * most for part, most in zip(LEFT[subject], soft, strict=True))
    if (subject, ground) == ("unsharp", "textured"):
        bounds = UNSHARP_BEFORE_FOLIAGE
    assert all(np.less_equal(found, bounds)), np.divide(found, soft)


@pytest.mark.parametrize("kind", ["noise", "plain"])
def test_where_colour_says_nothing_the_networks_mask_stays(kind: str) -> None:
    """Subject and ground of one colour, or of the same noise: the mask is the network's."""
    width, height = 720, 480
    rgb = noise(height, width) if kind == "noise" else np.full((height, width, 3), 90, np.uint8)
    saw = (look(ball(), width, height),)
    kept = passes.full_size(saw, nothing=refining._NOTHING).astype(int)
    assert np.abs(refine(rgb, saw) - kept).max() <= 2


def test_a_second_look_is_refined_in_its_box() -> None:
    """Of two looks the last is refined; outside of its box the first stays as it is."""
    drawing = draw("shadow", "plain", (1000, 750))
    box = (190, 125, 875, 625)
    left, top, right, bottom = box
    first = look(seen(drawing.alpha, blur=2.0), 1000, 750)
    both = first, NetworkMask(seen(drawing.alpha[top:bottom, left:right]), box)
    mask = refine(drawing.rgb, both)
    alone = passes.full_size(both, nothing=refining._NOTHING)
    outside = np.ones(mask.shape, bool)
    outside[top:bottom, left:right] = False
    assert (mask[outside] == alone[outside]).all()
    assert errors(mask, drawing.alpha)[0] < 0.25 * errors(alone, drawing.alpha)[0]


@pytest.mark.parametrize(
    ("side", "grid", "refined"),
    [(400, None, True), (240, None, True), (512, 512, True), (400, 512, False), (400, 1024, False)],
)
def test_no_refinement_below_a_cell(side: int, grid: int | None, refined: bool) -> None:  # noqa: FBT001
    """Where a fine network's cells are less than a pixel its mask stays; U²-Net's is refined."""
    drawing = draw("shadow", "plain", (side, side * 3 // 4))
    values = seen(drawing.alpha)
    saw = (NetworkMask(values, (0, 0, side, side * 3 // 4), grid),)
    kept = passes.full_size(saw, nothing=refining._NOTHING)
    assert np.array_equal(refine(drawing.rgb, saw), kept) != refined


# --- whatever comes --------------------------------------------------------------------------

SHAPES = [(1, 1), (1, 5000), (5000, 1), (3, 3), (2, 700), (320, 320), (40, 4000), (4000, 40)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    """A mask comes out as large as the picture, with what is surely subject and background."""
    height, width = shape
    mask = refine(noise(height, width), (look(ball(), width, height),))
    assert mask.shape == shape
    assert mask.dtype == np.uint8
    if min(shape) >= 40:
        assert mask[height // 2, width // 2] == 255
        assert mask[0, 0] == 0


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5])
@pytest.mark.parametrize("shape", [(1, 1), (60, 90), (700, 500)], ids=str)
def test_flat_masks(value: float, shape: tuple[int, int]) -> None:
    """A mask that is the same everywhere stays so: nothing, everything, or a half."""
    height, width = shape
    saw = (look(np.full((GRID, GRID), value, np.float32), width, height),)
    mask = refine(noise(height, width), saw)
    assert mask.shape == shape
    assert np.abs(mask.astype(int) - round(value * 255)).max() <= 1


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.filterwarnings("error")
def test_pictures_without_variance(grey: int) -> None:
    """A picture of a single grey divides nothing by zero: the network's mask stays."""
    rgb = np.full((300, 500, 3), grey, np.uint8)
    saw = (look(ball(), 500, 300),)
    kept = passes.full_size(saw, nothing=refining._NOTHING).astype(int)
    assert np.abs(refine(rgb, saw) - kept).max() <= 2


@pytest.mark.parametrize("channels", [(1, 0, 0), (1, 1, 1), (0, 1, 1)])
def test_pictures_whose_colours_lie_on_a_line(channels: tuple[int, int, int]) -> None:
    """Grey and one-coloured pictures are refined like any: their edge is found."""
    rows, columns = np.mgrid[:480, :720]
    inside = np.hypot((rows - 240) / 480, (columns - 360) / 720) < 0.25
    rgb = np.where(inside, 180, 60)[..., None] * np.array(channels)
    coarse = Image.fromarray(ball()).resize((GRID // 4, GRID // 4)).resize((GRID, GRID))
    saw = (look(np.asarray(coarse).clip(0, 1), 720, 480),)
    truth = inside.astype(np.float32)
    mask, soft = refine(rgb.astype(np.uint8), saw), passes.full_size(saw)
    off, off_soft = (float(np.abs(found / 255 - truth).mean()) for found in (mask, soft))
    assert off < 0.5 * off_soft


@pytest.mark.parametrize("box", [(0, 0, 200, 150), (13, 7, 14, 149), (50, 30, 53, 33)], ids=str)
def test_a_last_look_of_any_box(box: Box) -> None:
    """However small the last look's box is, the mask is the picture's."""
    both = look(ball(), 200, 150), NetworkMask(ball(), box)
    mask = refine(noise(150, 200), both)
    assert mask.shape == (150, 200)


def test_arguments_are_left_alone() -> None:
    """What is given is not written to, and the mask that comes out can be."""
    rgb = noise(240, 360)
    saw = look(ball(), 360, 240)
    for array in (rgb, saw.values):
        array.flags.writeable = False
    mask = refine(rgb, (saw,))
    mask[0, 0] = 1


def test_tiles_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of the tiles, the mask is the same to a step, also where the band ends."""
    drawing = draw("rings", "textured", (901, 607))  # the guide's pixels are no whole ones of it
    saw = (look(seen(drawing.alpha), 901, 607),)
    whole = refine(drawing.rgb, saw)
    for size in (32, 1000):
        monkeypatch.setattr(refining, "_TILE", size)
        furthest = int(np.abs(refine(drawing.rgb, saw) - whole.astype(int)).max())
        assert furthest <= 1, size


def test_the_same_again() -> None:
    """The same picture gives the same mask, bit for bit."""
    drawing = draw("hair", "plain", (450, 300))
    saw = (look(seen(drawing.alpha), 450, 300),)
    assert (refine(drawing.rgb, saw) == refine(drawing.rgb, saw)).all()


# --- the Laplacian ---------------------------------------------------------------------------


def guide_of(patches: int) -> Values:
    """Draw smooth colours: 3 × 60 × 80, in [0, 1]."""
    knots = np.random.default_rng(2).random((3, patches, patches)).astype(np.float32)
    planes = [Image.fromarray(plane).resize((80, 60)) for plane in knots]
    return np.stack([np.asarray(plane) for plane in planes])


def linear_in(guide: Values) -> Values:
    """Return a mask that is the same linear function of the colours everywhere."""
    return np.asarray(0.5 * guide[0] - 0.3 * guide[1] + 0.2 * guide[2] + 0.3, np.float32)


def test_what_is_linear_in_colour_is_kept() -> None:
    """The Laplacian makes nothing of a linear function of the colours: it is the solution."""
    guide = guide_of(30)
    mask = linear_in(guide)
    for unsure, most in (
        (np.zeros_like(mask), 1e-4),
        (np.ones_like(mask), 0.02),
    ):  # held, or hardly
        solved = refining._solved(guide, mask, unsure)
        assert np.abs(solved - mask).max() < most


def test_what_is_linear_in_colour_is_found() -> None:
    """Held outside of the band only, the solution goes on there as the colours do."""
    guide = guide_of(30)
    mask = linear_in(guide)
    unsure = np.zeros_like(mask)
    unsure[20:40, 30:50] = 1
    lost = np.where(unsure > 0, np.float32(0.5), mask)
    solved = refining._solved(guide, lost, unsure)
    before, after = (np.abs(found - mask)[unsure > 0].mean() for found in (lost, solved))
    assert after < 0.05 * before, (before, after)


def test_functions_are_read_off() -> None:
    """The linear function that a mask is of its colours is found anew, wherever colours vary."""
    guide = guide_of(60)
    found = refining._linear(guide, linear_in(guide))
    assert found.shape == (4, 60, 80)
    value = (found[:3] * guide).sum(axis=0) + found[3]
    assert np.abs(value - linear_in(guide)).max() < 0.02
    assert np.allclose(found[:3].mean(axis=(1, 2)), (0.5, -0.3, 0.2), atol=0.05)


def test_fits_tell_how_far_colour_explains() -> None:
    """A mask that is a function of the colours is explained wholly, one of chance not at all."""
    guide = noise(60, 80).transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    assert (refining._fits(guide, linear_in(guide), 8) == 1).all()
    chance = np.random.default_rng(5).random((60, 80)).astype(np.float32)
    assert (refining._fits(guide, chance, 8)[8:-8, 8:-8] == 0).all()  # at the edge there are fewer
    flat = np.ones((60, 80), np.float32)
    assert (refining._fits(guide, flat, 8) == 0).all()

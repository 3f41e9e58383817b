import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scissorsd.core import passes
from scissorsd.core.opening import opened
from scissorsd.core.passes import NetworkMask
from scissorsd.core.refining import refine

Pixels = NDArray[np.uint8]

SIZE = (1200, 900)
WALL, TYRE = (205, 200, 190), (50, 30, 25)
GRID = 320
HUB, RIM, TREAD = 30, 250, 290  # of a wheel in the picture's middle: radii


def disc(radius: float, size: tuple[int, int] = SIZE) -> Pixels:
    """Draw a disc in the middle, its edge soft."""
    fine = Image.new("L", (2 * size[0], 2 * size[1]))
    box = [size[0] - 2 * radius, size[1] - 2 * radius, size[0] + 2 * radius, size[1] + 2 * radius]
    ImageDraw.Draw(fine).ellipse(box, 255)
    return np.asarray(fine.reduce(2))


def wheel(spokes: int = 8) -> Pixels:
    """Draw a wheel: 255 where it is."""
    fine = Image.fromarray(np.maximum(disc(TREAD) - disc(RIM), disc(HUB)))
    draw = ImageDraw.Draw(fine)
    middle = np.array(SIZE) / 2
    for turn in np.arange(spokes) * 2 * np.pi / spokes:
        end = middle + (RIM + 5) * np.array([np.cos(turn), np.sin(turn)])
        draw.line([*middle, *end], 255, 12)
    return np.asarray(fine)


def before(wall: tuple[int, int, int] | Pixels, mask: Pixels) -> Pixels:
    """Draw what is as dark as a tyre before a wall, with a sensor's noise."""
    alpha = mask[..., None] / 255
    drawn = alpha * TYRE + (1 - alpha) * np.asarray(wall)
    drawn += np.random.default_rng(3).normal(0, 1.5, drawn.shape)
    pixels: Pixels = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
    return pixels


def look(mask: Pixels) -> tuple[NetworkMask, ...]:
    """Return what a network sees that takes this for the subject."""
    seen = Image.fromarray(mask).resize((GRID, GRID), Image.Resampling.BOX)
    values = np.asarray(seen, np.float32) / np.float32(255)
    return (NetworkMask(values, (0, 0, mask.shape[1], mask.shape[0])),)


def test_a_wheel_is_opened() -> None:
    """The network takes a wheel for a disc; with its holes open it is a wheel with its spokes."""
    true, rgb = wheel(), before(WALL, wheel())
    closed = look(disc(TREAD))
    found = refine(rgb, opened(rgb, closed))
    off = np.abs(found.astype(int) - true)
    assert off.mean() < 0.1 * np.abs(refine(rgb, closed).astype(int) - true).mean()
    assert found[450, 700] > 200, "a spoke"
    assert found[450 + 60, 600 + 150] == 0, "beside it"


def test_a_second_look_is_opened() -> None:
    """Of two looks the last is opened, in its own box."""
    rgb, box = before(WALL, wheel()), (200, 100, 1000, 800)
    first, second = look(disc(TREAD)), look(disc(TREAD, (800, 700)))
    both = (*first, NetworkMask(second[0].values, box))
    found = opened(rgb, both)
    assert found[0] is both[0]
    mask = passes.full_size(found)
    assert mask[450 + 60, 600 + 150] == 0
    assert mask[450, 600] == 255


def spotted(spot: tuple[int, int, int, int]) -> Pixels:
    """Draw a disc on which a spot has the wall's colour."""
    image = Image.fromarray(before(WALL, disc(TREAD)))
    ImageDraw.Draw(image).rectangle(spot, WALL)
    return np.asarray(image)


@pytest.mark.parametrize(
    "rgb",
    [
        before(WALL, disc(TREAD)),
        before(np.random.default_rng(5).integers(0, 256, (900, 1200, 3), np.uint8), wheel()),
        spotted((600, 100, 700, 400)),
        spotted((600, 400, 606, 406)),
    ],
    ids=["nothing there", "a wall like anything", "it touches the wall", "a speck"],
)
def test_what_stays_shut(rgb: Pixels) -> None:
    """Nothing is opened where no hole is to be told from the subject."""
    seen = look(disc(TREAD))
    assert opened(rgb, seen) is seen


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 3), (40, 4000)], ids=str)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_pictures_of_any_shape(shape: tuple[int, int], value: float) -> None:
    """Whatever the picture, what is seen of it stays as it is where there is nothing to open."""
    height, width = shape
    rgb = np.full((height, width, 3), 90, np.uint8)
    seen = (NetworkMask(np.full((GRID, GRID), value, np.float32), (0, 0, width, height)),)
    assert opened(rgb, seen) is seen


def test_arguments_are_left_alone() -> None:
    """Neither the picture nor what was seen of it is written to."""
    rgb, seen = before(WALL, wheel()), look(disc(TREAD))
    for array in (rgb, seen[0].values):
        array.flags.writeable = False
    assert opened(rgb, seen) is not seen

import numpy as np
import pytest
from drawn_alphas import GROUNDS, SUBJECTS, Drawing, draw
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core.cutting import flat
from scissorsd.core.foreground_colour import cleaned
from scissorsd.core.masking import resized_bilinear

Pixels = NDArray[np.uint8]

SIZE = (600, 400)
BACKGROUNDS = {"green": (0, 177, 64), "white": (255, 255, 255), "black": (0, 0, 0)}

# The error in the band that is left of the straight picture's, before the grounds in their order.
# Where a hair or a rope is thinner than a pixel no pixel shows its colour pure, and a subject that
# is about as light as the foliage leaves less to clean away than before a light wall.
LEFT = {
    "hair": (0.54, 0.70, 0.55),
    "rings": (0.10, 0.36, 0.27),
    "ropes": (0.40, 0.57, 0.47),
    "shadow": (0.10, 0.28, 0.25),
    "lettering": (0.19, 0.39, 0.32),
    "unsharp": (0.18, 0.46, 0.35),
}


def small(rgb: Pixels) -> Pixels:
    """Shrink as the reader of pictures does."""
    return np.asarray(resized_bilinear(Image.fromarray(rgb), (320, 320)))


def known_mask(drawing: Drawing) -> Pixels:
    """Return the true mask."""
    return np.asarray(np.rint(drawing.alpha * 255), np.uint8)


def ball(height: int = 60, width: int = 90) -> tuple[Pixels, Pixels]:
    """Draw noise, and a mask with a soft edge on it."""
    rgb = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    away = np.hypot(rows - height / 2, columns - width / 2)
    mask = np.clip((height / 3 - away) * 40 + 128, 0, 255).astype(np.uint8)
    return rgb, mask


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_little_of_the_old_background_is_left(subject: str, ground: str) -> None:
    """On green, white and black the cutout is nearer to the truth than with straight colours."""
    drawing = draw(subject, ground, SIZE)
    mask = known_mask(drawing)
    clean = cleaned(drawing.rgb, small(drawing.rgb), mask)
    band = (mask > 0) & (mask < 255)
    most = LEFT[subject][list(GROUNDS).index(ground)]
    for colour in BACKGROUNDS.values():
        true = flat(drawing.foreground, mask, colour).astype(int)
        straight, ours = (
            np.abs(flat(rgb, mask, colour) - true)[band].mean() for rgb in (drawing.rgb, clean)
        )
        assert ours <= most * straight, (ours, straight)


@pytest.mark.parametrize(("pixels", "most"), [(4, 0.04), (12, 0.06), (48, 0.26)])
def test_a_light_wall_is_taken_out_of_an_edge(pixels: int, most: float) -> None:
    """Of a plain rim next to nothing is left; of one that is very wide for its picture, a part."""
    ramp = np.clip((np.arange(640) - 320) / pixels + 0.5, 0, 1)
    alpha = np.broadcast_to(ramp[None, :, None], (480, 640, 1))
    subject, ground = np.array([120, 40, 30]), np.array([240, 240, 235])
    rgb = np.rint(alpha * subject + (1 - alpha) * ground).astype(np.uint8)
    mask = np.rint(alpha[..., 0] * 255).astype(np.uint8)
    clean = cleaned(rgb, small(rgb), mask)
    band = (mask > 0) & (mask < 255)
    straight, ours = (
        (np.abs(picture - subject.astype(int)).mean(axis=2) * alpha[..., 0])[band].mean()
        for picture in (rgb, clean)
    )
    assert ours < most * straight, (ours, straight)


def test_only_what_is_mixed_changes() -> None:
    """Where the mask is 255 or 0 the picture's values stay, bit for bit."""
    rgb, mask = ball()
    clean = cleaned(rgb, small(rgb), mask)
    whole = (mask == 255) | (mask == 0)
    assert (clean[whole] == rgb[whole]).all()
    assert (clean[~whole] != rgb[~whole]).any()


def test_deep_pictures_are_cleaned_alike() -> None:
    """With 16 bits of a sample the colours are the same to a step of 8 bits."""
    drawing = draw("rings", "textured", SIZE)
    mask = known_mask(drawing)
    shallow = cleaned(drawing.rgb, small(drawing.rgb), mask)
    deep = cleaned(drawing.rgb.astype(np.uint16) * 257, small(drawing.rgb), mask)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - shallow).max() <= 1


def test_levels_of_16_bits_survive() -> None:
    """Where the mask is 1, every one of 65,536 levels comes out as it went in."""
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    rgb = np.stack([levels, levels[::-1], levels.T], axis=2)
    mask = np.full((256, 256), 255, np.uint8)
    mask[:, 0] = 100
    clean = cleaned(rgb, small((rgb >> 8).astype(np.uint8)), mask)
    assert (clean[:, 1:] == rgb[:, 1:]).all()
    assert (clean[:, 0] != rgb[:, 0]).any()


@pytest.mark.parametrize("value", [0, 255])
def test_nothing_mixed_nothing_done(value: int) -> None:
    """Where no pixel is mixed, the very same array comes back."""
    rgb, _ = ball()
    assert cleaned(rgb, small(rgb), np.full(rgb.shape[:2], value, np.uint8)) is rgb


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 3), (40, 4000)])
@pytest.mark.parametrize("value", [1, 128, 254])
def test_pictures_of_any_shape(shape: tuple[int, int], value: int) -> None:
    """A picture of any shape comes out whole, also where no pixel shows the subject pure."""
    rgb = np.random.default_rng(4).integers(0, 256, (*shape, 3), np.uint8)
    clean = cleaned(rgb, small(rgb), np.full(shape, value, np.uint8))
    assert clean.shape == rgb.shape
    assert clean.dtype == np.uint8


def test_a_plain_picture_keeps_its_colour() -> None:
    """Where subject and ground are of one colour, that is the subject's own, whatever the mask."""
    _, mask = ball(400, 600)
    rgb = np.full((400, 600, 3), (90, 140, 200), np.uint8)
    assert np.abs(cleaned(rgb, small(rgb), mask).astype(int) - rgb).max() <= 1


def test_arguments_are_left_alone() -> None:
    """What is given is not written to."""
    rgb, mask = ball()
    given = rgb, small(rgb), mask
    for array in given:
        array.flags.writeable = False
    assert cleaned(*given).flags.writeable

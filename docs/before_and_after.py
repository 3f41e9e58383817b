"""Draw a picture and let scissorsd cut it: makes docs/before-and-after.jpg for the README."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from scissorsd import cut_out
from scissorsd.core.cutting import comparison

WIDTH, HEIGHT = 900, 700
SEED = 7


def still_life() -> Image.Image:
    """Draw two pears and a leaf on a wooden table before a wall."""
    picture = _wall_and_table()
    _shadow(picture, (250, 560, 700, 640))
    _pear(picture, centre=(400, 430), scale=1.0, colour=(196, 186, 60))
    _pear(picture, centre=(570, 470), scale=0.8, colour=(190, 120, 50))
    grain = np.random.default_rng(SEED).normal(0, 3.0, (HEIGHT, WIDTH, 1))
    pixels = np.asarray(picture, np.float32) + grain
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _wall_and_table() -> Image.Image:
    rows = np.linspace(0, 1, HEIGHT)[:, None, None]
    wall = (1 - rows) * np.array([150, 170, 180]) + rows * np.array([110, 125, 140])
    pixels = np.broadcast_to(wall, (HEIGHT, WIDTH, 3)).copy()
    edge = int(HEIGHT * 0.62)
    columns = np.arange(WIDTH)[None, :, None]
    lines = np.arange(HEIGHT - edge)[:, None, None]
    wave = np.sin(columns / 95 + np.sin(lines / 17) * 1.4 + lines / 29) * 9
    pixels[edge:] = np.array([120, 82, 54]) + wave + lines / 7
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(1.5)
    )


def _shadow(picture: Image.Image, box: tuple[int, int, int, int]) -> None:
    dark = Image.new("L", picture.size, 0)
    ImageDraw.Draw(dark).ellipse(box, fill=150)
    dark = dark.filter(ImageFilter.GaussianBlur(22))
    picture.paste(Image.new("RGB", picture.size, (30, 20, 15)), (0, 0), dark)


def _pear(
    picture: Image.Image,
    *,
    centre: tuple[int, int],
    scale: float,
    colour: tuple[int, int, int],
) -> None:
    """Shade a body of revolution: its radius by height, lit from the upper left."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    v = (y - centre[1]) / (170 * scale)  # -1 at the neck, 1 at the bottom
    round_part = np.sqrt(np.clip(1 - v**2, 0, 1))
    radius = 125 * scale * round_part * (0.66 + 0.34 * np.tanh(2.6 * (v + 0.12)))
    u = (x - centre[0]) / np.maximum(radius, 1e-6)
    inside = (np.abs(v) < 1) & (np.abs(u) < 1)
    depth = np.sqrt(np.clip(1 - u**2, 0, 1))
    light = np.clip(-0.45 * u - 0.4 * v + 0.75 * depth, 0, 1)
    gloss = np.clip(-0.5 * u - 0.55 * v + 0.68 * depth, 0, 1) ** 28
    shade = (0.35 + 0.75 * light)[..., None] * np.array(colour) + 150 * gloss[..., None]
    body = Image.fromarray(shade.clip(0, 255).astype(np.uint8))
    mask = Image.fromarray((inside * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))
    picture.paste(body, (0, 0), mask)
    _stalk_and_leaf(picture, (centre[0], int(centre[1] - 165 * scale)), scale)


def _stalk_and_leaf(picture: Image.Image, foot: tuple[int, int], scale: float) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = foot
    tip = (x + int(22 * scale), y - int(62 * scale))
    draw.line([(x, y + 8), (x + int(6 * scale), y - int(30 * scale)), tip], (74, 52, 30), 9)
    steps = np.linspace(0, np.pi, 40)
    along, across = 105 * scale * steps / np.pi, 26 * scale * np.sin(steps)
    upper = [(tip[0] + a, tip[1] + 20 - a * 0.25 - c) for a, c in zip(along, across, strict=True)]
    lower = [(tip[0] + a, tip[1] + 20 - a * 0.25 + c) for a, c in zip(along, across, strict=True)]
    draw.polygon(upper + lower[::-1], fill=(78, 120, 52))
    draw.line([upper[0], upper[-1]], (120, 160, 90), 3)


def main() -> None:
    """Draw, cut, and put both side by side."""
    picture = still_life()
    cutout = cut_out(picture)
    mask: NDArray[np.uint8] = np.rint(cutout.mask * 255).astype(np.uint8)
    colours = np.asarray(cutout.image)[..., :3]
    pair = Image.fromarray(comparison(np.asarray(picture), mask, colours))
    pair.thumbnail((1200, 1200))
    target = Path(__file__).with_name("before-and-after.jpg")
    pair.save(target, quality=85)
    print(target, cutout.verdict)


if __name__ == "__main__":
    main()

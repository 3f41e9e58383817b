"""Pictures drawn before a background: alpha and the subject's own colours are known exactly.

Each subject is drawn at four times the size and reduced, which gives its alpha; the picture is
alpha × foreground + (1 − alpha) × background, with a sensor's noise. `seen` is what a network on a
small grid would make of it at best.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]
Point = tuple[float, float]

SIZE = (1500, 1000)  # width, height
GRID = 320  # the network's
NOISE = 1.5  # deviation, in steps of 255
FINE = 4  # the drawing's pixels for one of the picture's, each way


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A picture (height, width, 3) and what is known of it; `alpha` is in [0, 1]."""

    name: str
    rgb: Pixels
    alpha: Values
    foreground: Pixels  # what the subject looks like, everywhere
    background: Pixels


def drawings(size: tuple[int, int] = SIZE, *, seed: int = 0, part: float = 1.0) -> list[Drawing]:
    """Draw every subject before every ground."""
    return [
        draw(subject, ground, size, seed=seed, part=part)
        for subject in SUBJECTS
        for ground in GROUNDS
    ]


def draw(
    subject: str,
    ground: str,
    size: tuple[int, int] = SIZE,
    *,
    seed: int = 0,
    part: float = 1.0,
) -> Drawing:
    """Draw one of SUBJECTS before one of GROUNDS, the same each time; `size`: width, height.

    Another seed draws others of the kind. The subject has `part` of either side of the frame.
    """
    rng = np.random.default_rng(
        10_000 * seed + [*SUBJECTS].index(subject) * 100 + [*GROUNDS].index(ground)
    )
    inner = round(part * size[0]), round(part * size[1])
    alpha = _centred(SUBJECTS[subject](rng, inner), size)
    foreground = _material(rng, size)
    background = GROUNDS[ground](rng, size)
    if subject == "shadow":
        background *= 1 - _centred(_cast(inner), size)[..., None]
    cover = alpha[..., None]
    mixed = cover * foreground + (1 - cover) * background
    mixed += rng.standard_normal(mixed.shape, np.float32) * np.float32(NOISE)
    name = f"{subject}, {ground}"
    return Drawing(name, _pixels(mixed), alpha, _pixels(foreground), _pixels(background))


def seen(alpha: Values, grid: int = GRID, blur: float = 1.0) -> Values:
    """Return what a network that is right sees on its grid (grid × grid): reduced, a bit blurred.

    `blur` is the deviation in cells.
    """
    reduced = _resized(alpha, (grid, grid), Image.Resampling.BOX)
    return _blurred(reduced, blur)


# --- subjects: their alpha -------------------------------------------------------------------


class _Sheet:
    """What is drawn on, FINE times as large; lengths are in parts of the height."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._unit = size[1] * FINE
        self._image = Image.new("L", (size[0] * FINE, size[1] * FINE))
        self._draw = ImageDraw.Draw(self._image)

    @property
    def middle(self) -> Point:
        return self.size[0] / self.size[1] / 2, 0.5

    def disc(self, centre: Point, radius: float, value: int = 255) -> None:
        self._draw.ellipse([self._unit * (c + r) for r in (-radius, radius) for c in centre], value)

    def line(self, points: list[Point], width: float) -> None:
        """Draw a line with round joints; at least as wide as the sheet can show."""
        pixels = max(1, round(width * self._unit))
        flat = [self._unit * value for point in points for value in point]
        self._draw.line(flat, 255, pixels, joint="curve" if pixels > FINE else None)

    def text(self, centre: Point, words: str, height: float) -> None:
        font = ImageFont.load_default(height * self._unit)
        x, y = centre
        self._draw.text((self._unit * x, self._unit * y), words, 255, font, anchor="mm")

    def alpha(self, blur: float = 0.0) -> Values:
        """Return what was drawn; `blur` is the deviation of its edges."""
        values = np.asarray(self._image.reduce(FINE), np.float32) / np.float32(255)
        return _blurred(values, blur * self.size[1]) if blur else values


def _hair(rng: Generator, size: tuple[int, int]) -> Values:
    """Draw a head with some hundred hairs, most thinner than a pixel of the picture."""
    sheet = _Sheet(size)
    x, y = sheet.middle
    sheet.disc((x, y), 0.22)
    along = np.linspace(0, 1, 24)
    for angle in rng.uniform(0, 2 * np.pi, 420):
        length, bend, wave = rng.uniform(0.05, 0.2), rng.normal(0, 0.5), rng.uniform(0, 9)
        turn = angle + bend * along + 0.04 * np.sin(wave + 9 * along)
        reach = 0.21 + length * along
        points = zip(x + reach * np.cos(turn), y + reach * np.sin(turn), strict=True)
        sheet.line([(float(a), float(b)) for a, b in points], rng.uniform(0.0003, 0.0012))
    return sheet.alpha()


def _rings(_: Generator, size: tuple[int, int]) -> Values:
    """Draw rings with holes: thick and thin, and small ones side by side."""
    sheet = _Sheet(size)
    x, y = sheet.middle
    for dx, dy, outer, inner in (
        *((-0.3, -0.1, 0.28, 0.2), (0.25, -0.2, 0.18, 0.165), (0.3, 0.2, 0.2, 0.06)),
        *((0.07 * step - 0.5, 0.38, 0.03, 0.018) for step in range(10)),
    ):
        sheet.disc((x + dx, y + dy), outer)
        sheet.disc((x + dx, y + dy), inner, 0)
    return sheet.alpha()


def _ropes(_: Generator, size: tuple[int, int]) -> Values:
    """Draw a hull with masts and thin ropes, as a boat has."""
    sheet = _Sheet(size)
    x, y = sheet.middle
    sheet.line([(x - 0.45, y + 0.3), (x + 0.45, y + 0.3)], 0.12)
    tops = [(x + step, y - 0.4) for step in (-0.25, 0.05, 0.3)]
    for top in tops:
        sheet.line([top, (top[0], y + 0.3)], 0.016)
        for foot in np.linspace(x - 0.45, x + 0.45, 5):
            sheet.line([top, (float(foot), y + 0.28)], 0.002 + 0.001 * (foot > x))
    sheet.line(tops, 0.003)
    return sheet.alpha()


def _ball(_: Generator, size: tuple[int, int]) -> Values:
    """Draw a ball and a box; `_cast` is the shadow that they throw, which is not of them."""
    sheet = _Sheet(size)
    x, y = sheet.middle
    sheet.disc((x - 0.2, y), 0.24)
    sheet.line([(x + 0.15, y + 0.09), (x + 0.5, y + 0.09)], 0.3)
    return sheet.alpha()


def _cast(size: tuple[int, int]) -> Values:
    """Draw how much light a soft shadow takes away: nothing far off, two thirds close by."""
    sheet = _Sheet((size[0] // 8, size[1] // 8))  # smooth as it is, it can be enlarged
    x, y = sheet.middle
    sheet.line([(x - 0.35, y + 0.24), (x + 0.6, y + 0.24)], 0.07)
    return _resized(sheet.alpha(blur=0.03) * np.float32(0.65), size, Image.Resampling.BILINEAR)


def _lettering(_: Generator, size: tuple[int, int]) -> Values:
    """Write large and small letters."""
    sheet = _Sheet(size)
    x, y = sheet.middle
    sheet.text((x, y - 0.15), "Rope & g8", 0.3)
    sheet.text((x, y + 0.12), "sphinx of black quartz", 0.12)
    sheet.text((x, y + 0.3), "judge my vow 0123456789", 0.06)
    return sheet.alpha()


def _unsharp(_: Generator, size: tuple[int, int]) -> Values:
    """Draw what is out of focus: its edges are some ten pixels wide."""
    sheet = _Sheet(size)
    x, y = sheet.middle
    sheet.disc((x - 0.2, y), 0.25)
    sheet.line([(x + 0.05, y + 0.3), (x + 0.45, y - 0.3)], 0.09)
    return sheet.alpha(blur=0.008)


SUBJECTS: dict[str, Callable[[Generator, tuple[int, int]], Values]] = {
    "hair": _hair,
    "rings": _rings,
    "ropes": _ropes,
    "shadow": _ball,
    "lettering": _lettering,
    "unsharp": _unsharp,
}


# --- what they are made of, and what is behind them ------------------------------------------


def _material(rng: Generator, size: tuple[int, int]) -> Values:
    """Return a warm and rather dark colour that varies slowly, with some grain."""
    base = np.array([120, 62, 38], np.float32) + rng.uniform(-15, 15, 3).astype(np.float32)
    return base + 30 * _cloud(rng, size, 5)[..., None] + 8 * _cloud(rng, size, 120)[..., None]


def _plain(rng: Generator, size: tuple[int, int]) -> Values:
    """Return a light wall that is a bit darker below."""
    base = np.array([196, 204, 208], np.float32) + rng.uniform(-20, 20, 3).astype(np.float32)
    down = np.linspace(12, -25, size[1], dtype=np.float32)[:, None, None]
    return np.broadcast_to(base + down, (size[1], size[0], 3)).copy()


def _textured(rng: Generator, size: tuple[int, int]) -> Values:
    """Return foliage: patches of many sizes, from nearly black to light green."""
    light = 0.6 * _cloud(rng, size, 9) + 0.5 * _cloud(rng, size, 40) + 0.3 * _cloud(rng, size, 160)
    hue = _cloud(rng, size, 25)
    return _colour(95 + 45 * light + 25 * hue, 125 + 55 * light, 75 + 35 * light - 25 * hue)


def _rippled(rng: Generator, size: tuple[int, int]) -> Values:
    """Return water with ripples, which near ropes look much like ropes."""
    height = np.linspace(0, 1, size[1], dtype=np.float32)[:, None]
    phase = 260 * height**0.8 + 3.5 * _cloud(rng, size, 12)
    wave = np.sin(phase) * (0.6 + 0.4 * _cloud(rng, size, 20))
    return _colour(70 + 42 * wave, 105 + 45 * wave, 125 + 48 * wave)


GROUNDS: dict[str, Callable[[Generator, tuple[int, int]], Values]] = {
    "plain": _plain,
    "textured": _textured,
    "rippled": _rippled,
}


def _cloud(rng: Generator, size: tuple[int, int], patches: int) -> Values:
    """Return smooth noise about 0, mostly within ±1, with so many patches across."""
    across = (patches + 1, max(2, patches * size[1] // size[0] + 1))
    knots = rng.standard_normal((across[1], across[0])).astype(np.float32)
    return _resized(knots, size, Image.Resampling.BICUBIC)


def _centred(values: Values, size: tuple[int, int]) -> Values:
    """Put values into the middle of a frame (width, height) of zeros."""
    height, width = values.shape
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    result = np.zeros((size[1], size[0]), np.float32)
    result[top : top + height, left : left + width] = values
    return result


def _colour(*planes: Values) -> Values:
    return np.stack(planes, axis=-1).clip(0, 255)


def _resized(values: Values, size: tuple[int, int], how: Image.Resampling) -> Values:
    return np.asarray(Image.fromarray(values).resize(size, how), np.float32)


def _blurred(values: Values, deviation: float) -> Values:
    """Blur values in [0, 1] with a Gaussian; its tails beyond three deviations are cut off."""
    reach = int(np.ceil(3 * deviation))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2).astype(np.float32)
    weights /= weights.sum()
    for axis in (0, 1):
        margins = [(reach, reach) if axis == at else (0, 0) for at in (0, 1)]
        padded = np.moveaxis(np.pad(values, margins, mode="edge"), axis, 0)
        length = values.shape[axis]
        parts = (weight * padded[at : at + length] for at, weight in enumerate(weights))
        values = np.moveaxis(reduce(np.add, parts), 0, axis)
    return values.clip(0, 1)


def _pixels(values: Values) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)

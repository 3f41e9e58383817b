"""The pictures of the benchmarks: drawn ones and photographs, with a sensor's noise, as JPEG.

The photographs come with scikit-image's wheel and are enlarged to the size that is wanted. Each
picture is made once, from a seed of its own, and is the same on every machine.
"""

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import skimage
from bench import parser, place
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

# Each kind of folder, and the megapixels of its pictures, in turn.
KINDS: dict[str, tuple[float, ...]] = {
    "web": (0.5, 2),
    "0.5": (0.5,),
    "2": (2,),
    "12": (12,),
    "50": (50,),
}
NAMES = {"web": "0.5 and 2 MP", "0.5": "0.5 MP", "2": "2 MP", "12": "12 MP", "50": "50 MP"}
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
QUALITY = 92
READ_NOISE, SHOT_NOISE = 4.0, 0.12  # variance: so much, and so much for each step of brightness
BAND = 256  # rows that are made noisy at a time


def take(cache: Path, kind: str, count: int) -> list[Path]:
    """Return so many pictures of a kind; what is not there yet is made.

    In other processes: the peak memory of a program that we start begins at our own.
    """
    sizes = KINDS[kind]
    wanted = [sizes[number % len(sizes)] for number in range(count)]
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        return list(pool.map(picture, repeat(cache), wanted, range(count)))


def lay_out(pictures: Sequence[Path], folder: Path, count: int | None = None) -> None:
    """Put pictures into a folder as hard links, again and again under new names up to `count`."""
    for number in range(len(pictures) if count is None else count):
        source = pictures[number % len(pictures)]
        target = folder / f"{number:05}-{source.name}"
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)


def picture(cache: Path, megapixels: float, number: int) -> Path:
    """Return one picture: two drawn ones, then two photographs, and so on."""
    photograph = Path(PHOTOGRAPHS[number % len(PHOTOGRAPHS)]) if number // 2 % 2 else None
    name = f"{number:03}-{photograph.stem if photograph else 'drawn'}.jpg"
    path = cache / "pictures" / f"{megapixels:g}" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([number, round(megapixels * 10)])
        width = round((megapixels * 1.5e6) ** 0.5)
        size = (width, round(width / 1.5))
        clean = enlarged(photograph, size) if photograph else drawn(rng, size)
        temporary = path.with_suffix(".part")
        noisy(clean, rng).save(temporary, "JPEG", quality=QUALITY)
        temporary.replace(path)
    return path


def enlarged(photograph: Path, size: tuple[int, int]) -> Image.Image:
    """Return a photograph of scikit-image's at another size, cut to its shape."""
    with Image.open(Path(skimage.__file__).parent / "data" / photograph) as image:
        return ImageOps.fit(image.convert("RGB"), size, Image.Resampling.BICUBIC)


def drawn(rng: Generator, size: tuple[int, int]) -> Image.Image:
    """Draw a vase or so in front of a wall."""
    width, height = size
    wall = Image.linear_gradient("L").resize(size)
    light, dark = rng.integers(170, 240, 3), rng.integers(90, 160, 3)
    image = ImageOps.colorize(wall, tuple(map(int, light)), tuple(map(int, dark)))
    draw = ImageDraw.Draw(image)
    x, y = width * rng.uniform(0.4, 0.6), height * 0.5
    reach = height * rng.uniform(0.2, 0.35)
    colours = [tuple(map(int, rng.integers(0, 220, 3))) for _ in range(3)]
    draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colours[0])
    foot = [(x - reach / 2, y), (x + reach / 2, y), (x + reach, y + 1.3 * reach)]
    draw.polygon([*foot, (x - reach, y + 1.3 * reach)], fill=colours[1])
    for side in (-1, 1):
        end = (x + side * 1.4 * reach, y - 1.2 * reach)
        draw.line([(x, y), end], fill=colours[2], width=max(2, width // 60))
    return image


def noisy(image: Image.Image, rng: Generator) -> Image.Image:
    """Add the noise of a sensor: some always, and more where there is more light."""
    pixels: NDArray[np.uint8] = np.array(image)
    for top in range(0, len(pixels), BAND):
        band = pixels[top : top + BAND].astype(np.float32)
        noise = rng.standard_normal(band.shape, np.float32)
        band += noise * np.sqrt(READ_NOISE + SHOT_NOISE * band)
        pixels[top : top + BAND] = np.clip(np.rint(band), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


def counted(text: str) -> tuple[str, int]:
    """Read an option such as web:40, a kind and how many."""
    kind, _, count = text.partition(":")
    if kind not in KINDS:
        raise ValueError(kind)
    return kind, int(count)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("folders", nargs="*", type=counted, metavar="KIND:COUNT")
    arguments = options.parse_args()
    for folder_kind, folder_count in arguments.folders or [("web", 40), ("12", 16), ("50", 6)]:
        made = take(place(arguments).cache, folder_kind, folder_count)
        total = sum(path.stat().st_size for path in made)
        print(f"{NAMES[folder_kind]}: {len(made)} pictures, {total / 1e6:.1f} MB")

"""Make the pictures of docs/quality.md: edges before and after, beside rembg's.

The photographs come with scikit-image's wheel and are cut with the real network; the drawn ones
are those of tests/core/drawn_alphas.py, with a network that is right (see quality.py) and, in
place of rembg's cutout, the true one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path

import numpy as np
import skimage
from bench import Place, parser, place
from compare import rembg_program
from mattes import BACKGROUNDS, composed
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from quality import (
    AS_IS,
    CLEAN,
    Right,
    cut,
    cut_by_rembg,
    rendered,
    rgba,
    sessions,
    use_drawings,
)

from scissorsd import logs
from scissorsd.core.boxes import Box
from scissorsd.core.rules import Edges, Output
from scissorsd.inference.sessions import Sessions
from scissorsd.pictures import reading
from scissorsd.pictures.picture import Picture
from scissorsd.settings import MAX_PIXELS

MODEL = "u2net"
FOLDER = Path(__file__).parent.parent / "docs"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a picture, how many times it is enlarged, and what is behind the cutouts."""

    name: str
    box: Box
    times: int
    background: str


PHOTOGRAPHS = (
    Crop("astronaut.png", (160, 0, 310, 130), 2, "green"),
    Crop("camera.png", (165, 55, 315, 185), 2, "green"),
    Crop("chelsea.png", (265, 165, 415, 295), 2, "green"),
    Crop("coffee.png", (60, 270, 210, 400), 2, "white"),
)
DRAWN = (
    Crop("hair, textured", (750, 200, 1050, 460), 1, "white"),
    Crop("rings, textured", (890, 140, 1190, 400), 1, "white"),
    Crop("ropes, rippled", (430, 420, 730, 680), 1, "white"),
    Crop("unsharp, textured", (400, 560, 700, 820), 1, "white"),
)
WAYS: tuple[tuple[Edges, Output], ...] = (("soft", AS_IS), ("auto", CLEAN))
GAP, TITLE = 6, 26  # pixels


def main() -> None:
    """Make both pictures."""
    arguments = parser(__doc__).parse_args()
    logs.set_up(quiet=True)
    here = place(arguments)
    for name, titles, rows in (
        ("photographs", ("picture", "rembg", "soft, colours as is", "auto"), photographs(here)),
        ("drawn", ("picture", "soft, colours as is", "auto", "truth"), drawn()),
    ):
        path = FOLDER / f"quality-{name}.jpg"
        sheet(titles, list(rows)).save(path, quality=78, optimize=True)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def photographs(here: Place) -> Iterator[list[Pixels]]:
    """Cut the photographs, rembg and we; give the rows of the first picture."""
    work = here.empty("quality-pictures")
    (work / "pictures").mkdir()
    for crop in PHOTOGRAPHS:
        (work / "pictures" / crop.name).symlink_to(packaged(crop.name))
    theirs = cut_by_rembg(here, rembg_program(here.cache), MODEL, work, ["rembg"])["rembg"]
    network = sessions(here)
    for crop in PHOTOGRAPHS:
        picture = reading.read(packaged(crop.name).read_bytes(), max_pixels=MAX_PIXELS)
        rembg = rgba((theirs / crop.name).with_suffix(".png").read_bytes())
        yield row(picture.rgb, [rembg, *(cutout(picture, network, way) for way in WAYS)], crop)


def drawn() -> Iterator[list[Pixels]]:
    """Cut the drawn pictures; give the rows of the second picture."""
    use_drawings()
    network = Right()
    for crop in DRAWN:
        drawing = import_module("drawn_alphas").draw(*crop.name.split(", "))
        data = BytesIO()
        Image.fromarray(drawing.rgb).save(data, "PNG", compress_level=1)
        picture = reading.read(data.getvalue(), max_pixels=MAX_PIXELS)
        cutouts = []
        for way in WAYS:
            network.show(drawing.alpha)
            cutouts.append(cutout(picture, network, way))
        mask = np.rint(drawing.alpha * 255).astype(np.uint8)
        yield row(picture.rgb, [*cutouts, np.dstack((drawing.foreground, mask))], crop)


def cutout(picture: Picture, network: Sessions | Right, way: tuple[Edges, Output]) -> Pixels:
    """Cut one of our ways."""
    edges, output = way
    return rendered(picture, cut(picture, network, MODEL, edges), output)


def packaged(name: str) -> Path:
    """Say where a photograph of scikit-image's is."""
    return Path(skimage.__file__).parent / "data" / name


def row(rgb: Pixels, cutouts: list[Pixels], crop: Crop) -> list[Pixels]:
    """Crop and enlarge a picture, and its cutouts on their background."""
    shown = [rgb]
    for rgba_pixels in cutouts:
        matte = rgba_pixels[..., 3].astype(np.float32) / np.float32(255)
        on = composed(rgba_pixels[..., :3], matte, BACKGROUNDS[crop.background])
        shown.append(np.rint(on).astype(np.uint8))
    left, top, right, bottom = crop.box
    return [
        pixels[top:bottom, left:right].repeat(crop.times, axis=0).repeat(crop.times, axis=1)
        for pixels in shown
    ]


def sheet(titles: tuple[str, ...], rows: list[list[Pixels]]) -> Image.Image:
    """Put the rows below each other, under the titles of their columns."""
    height, width = rows[0][0].shape[:2]
    size = (len(titles) * (width + GAP) - GAP, TITLE + len(rows) * (height + GAP) - GAP)
    whole = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(whole)
    font = ImageFont.load_default(18)
    for across, title in enumerate(titles):
        x = across * (width + GAP)
        draw.text((x + width // 2, TITLE // 2), title, "black", font, anchor="mm")
        for down, cells in enumerate(rows):
            place_at = (x, TITLE + down * (height + GAP))
            whole.paste(Image.fromarray(cells[across]), place_at)
    return whole


if __name__ == "__main__":
    main()

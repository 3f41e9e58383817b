"""Compare encoders of PNG and TIFF on real cutouts: time and size, beside Pillow's default.

Each picture is cut with u2netp and encoded on one thread by each encoder in turn; the ratios are
medians over the pictures. OpenCV's encoder is tried where OpenCV happens to be installed.
"""

import io
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from bench import Figures, Goal, parser, place, table
from numpy.typing import NDArray
from pictures import NAMES, take
from PIL import Image

from scissorsd.core import cutting
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import MaskOptions, Output
from scissorsd.inference.sessions import Sessions
from scissorsd.pictures import reading
from scissorsd.pictures.cutting_out import find_subject
from scissorsd.pictures.encoding import encode
from scissorsd.pictures.metadata import Metadata

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Encoder = Callable[[Pixels], bytes]

DEFAULT = "Pillow, level 6 (its default)"
OURS = "scissorsd, compression: fast"
SPEED_GOAL, SIZE_GOAL = 2.5, 1.15  # times Pillow's default


def main() -> None:
    """Cut the pictures, encode the cutouts, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--kind", default="12")
    options.add_argument("--pictures", type=int, default=8)
    options.add_argument("--rounds", type=int, default=3)
    arguments = options.parse_args()
    here = place(arguments)
    sessions = Sessions(models=CATALOGUE, folder=here.models, providers=["cpu"])
    results: dict[str, list[tuple[float, float]]] = {}
    for path in take(here.cache, arguments.kind, arguments.pictures):
        cutout = cut(path, sessions)
        measured = {
            name: timed(partial(encode, pixels), arguments.rounds)
            for pixels, encoders in ((cutout, shallow_encoders()), (deep(cutout), deep_encoders()))
            for name, encode in encoders.items()
        }
        seconds, size = measured[DEFAULT]
        for name, (its_seconds, its_size) in measured.items():
            results.setdefault(name, []).append((its_seconds / seconds, its_size / size))
        results.setdefault("", []).append((seconds, size))
    figures = {
        "kind": arguments.kind,
        "pictures": arguments.pictures,
        "rounds": arguments.rounds,
        "default": [median(column) for column in zip(*results.pop(""), strict=True)],
        "encoders": {
            name: {
                "time": median(time for time, _ in ratios),
                "size": median(size for _, size in ratios),
                "largest": max(size for _, size in ratios),
            }
            for name, ratios in results.items()
        },
    }
    here.save("encoders", figures)
    print("\n".join(section(figures)))


def cut(path: Path, sessions: Sessions) -> NDArray[np.uint8]:
    """Cut one picture."""
    picture = reading.read(path.read_bytes(), max_pixels=100_000_000)
    found = find_subject(picture, CATALOGUE["u2netp"], sessions, MaskOptions())
    return cutting.cutout(picture.rgb, found.mask)


def deep(cutout: NDArray[np.uint8]) -> Pixels:
    """Return a cutout at 16 bits, with a sensor's noise where the 8 said nothing."""
    below = np.random.default_rng(1).integers(0, 256, cutout.shape, np.uint16)
    below[cutout[..., 3] == 0] = 0
    below |= cutout.astype(np.uint16) << 8
    return below


def deep_encoders() -> dict[str, Encoder]:
    """Return the encoders of 16 bits; Pillow has none."""
    return {
        "16 bits: scissorsd, PNG, compression: fast": partial(by_us, output=Output()),
        "16 bits: scissorsd, PNG, compression: small": partial(
            by_us, output=Output(compression="small")
        ),
        "16 bits: scissorsd, TIFF": partial(by_us, output=Output(format="tiff")),
    }


def shallow_encoders() -> dict[str, Encoder]:
    """Return every encoder of 8 bits that is compared, Pillow's default first."""
    found: dict[str, Encoder] = {DEFAULT: partial(by_pillow, compress_level=6)}
    for level in (1, 3, 9):
        found[f"Pillow, level {level}"] = partial(by_pillow, compress_level=level)
    found["Pillow, level 1, run lengths"] = partial(by_pillow, compress_level=1, compress_type=3)
    if find_spec("cv2"):
        for level in (1, 3):
            found[f"OpenCV, level {level}"] = partial(by_opencv, level=level)
    found[OURS] = partial(by_us, output=Output())
    found["scissorsd, compression: small"] = partial(by_us, output=Output(compression="small"))
    found["Pillow, TIFF, deflate"] = partial(by_pillow, name="TIFF", compression="tiff_deflate")
    found["scissorsd, TIFF"] = partial(by_us, output=Output(format="tiff"))
    return found


def by_pillow(pixels: Pixels, name: str = "PNG", **options: int | str) -> bytes:
    """Encode with Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, name, **options)
    return buffer.getvalue()


def by_opencv(pixels: Pixels, level: int) -> bytes:
    """Encode with OpenCV; that it wants blue first costs nothing here."""
    opencv: Any = import_module("cv2")
    _, encoded = opencv.imencode(".png", pixels, [opencv.IMWRITE_PNG_COMPRESSION, level])
    return bytes(encoded)


def by_us(pixels: Pixels, output: Output) -> bytes:
    """Encode as an output of scissorsd."""
    return encode(pixels, output, Metadata())


def timed(encode: Callable[[], bytes], rounds: int) -> tuple[float, int]:
    """Return the least seconds of several rounds, and the bytes of the file."""
    seconds, size = [], 0
    for _ in range(rounds):
        began = perf_counter()
        size = len(encode())
        seconds.append(perf_counter() - began)
    return min(seconds), size


def goals(figures: Figures) -> Iterator[Goal]:
    """Yield the goals of the default encoder."""
    ours = figures["encoders"][OURS]
    work = f"PNG of a cutout, {NAMES[figures['kind']]}"
    yield Goal(f"{work}: speed", 1 / ours["time"], SPEED_GOAL, "× Pillow's", at_least=True)
    yield Goal(f"{work}: size, at most", ours["largest"], SIZE_GOAL, "× Pillow's")


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    seconds, size = figures["default"]
    yield "### Encoding\n"
    yield (
        f"{figures['pictures']} cutouts of {NAMES[figures['kind']]}, one thread, the best of "
        f"{figures['rounds']} rounds each, beside Pillow's default (median {seconds:.2f} s, "
        f"{size / 1e6:.1f} MB).\n"
    )
    rows = [
        (name, 1 / ratio["time"], ratio["size"], ratio["largest"])
        for name, ratio in figures["encoders"].items()
    ]
    headings = ("encoder", "times as fast", "times the size, median", "the most")
    yield table(headings, rows) + "\n"


if __name__ == "__main__":
    main()

"""Measure how far our masks are from a plain reference, and what reduced precision changes.

For scikit-image's packaged photographs (they come with its wheel) this prints, as Markdown, mean
absolute errors over all pixels, for masks in [0, 1]:

- of our u2net and u2netp masks, precision full, on each provider, to a reference computed in the
  plainest way: Pillow's bilinear resize to 320 × 320, divided by its own maximum, less ImageNet's
  mean, by its deviation; a bare ONNX Runtime session on the CPU; first output, normalised to its
  own extremes, stretched bilinearly as floats;
- of `precision: fast` to `full`, where that is another on this machine.

Below it stands what bf16 and int8 change, as precisions.py measures it: verdicts, and masks soft
and refined, over the photographs and over drawn pictures.

Run it as `python benchmarks/masks.py [--models FOLDER] [--emulate-bf16]`.
"""

import argparse
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

import numpy as np
import onnxruntime
import precisions
import skimage
from numpy.typing import NDArray
from PIL import Image
from precisions import LIMITS

from scissorsd import logs
from scissorsd.core.catalogue import CATALOGUE, IMAGENET_MEAN, IMAGENET_STD, Model
from scissorsd.core.rules import MaskOptions
from scissorsd.errors import ScissorsError
from scissorsd.inference import weights
from scissorsd.inference.providers import versions
from scissorsd.inference.sessions import Opening, Sessions
from scissorsd.machine import has_bf16, int8_weights_limit, usable_cpus
from scissorsd.pictures.cutting_out import find_subject
from scissorsd.pictures.picture import Picture
from scissorsd.pictures.reading import read
from scissorsd.settings import MAX_PIXELS

Mask = NDArray[np.float64]  # height × width, in [0, 1]

MODELS = ("u2net", "u2netp")
PROVIDERS = ("cpu", "openvino")
SIDE = 320
SOFT = MaskOptions(edges="soft")  # as the network has it

# What is a photograph among the pictures in the wheel: things, people, places, surfaces.
PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png"),
    *("grass.png", "gravel.png", "hubble_deep_field.jpg", "moon.png", "motorcycle_left.png"),
    *("page.png", "retina.jpg", "rocket.jpg"),
)


@dataclass(frozen=True)
class Column:
    """One column of the table: a heading, and a figure for each picture."""

    heading: str
    figures: tuple[float, ...]


def main() -> None:
    """Print the table, and below it what could not be measured here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=weights.default_folder())
    parser.add_argument(
        "--emulate-bf16",
        action="store_true",
        help="compare bf16 on a CPU that has none of its own, emulated: slow, and only near to it",
    )
    arguments = parser.parse_args()
    folder = arguments.models
    logs.set_up(quiet=True)
    pictures = photographs()
    found = [one for name in MODELS for one in measured(name, folder, pictures)]
    print_machine()
    print_table([*pictures], [one for one in found if isinstance(one, Column)])
    for remark in found:
        if isinstance(remark, str):
            print(f"\n{remark}")
    print(f"\n{precisions.HEAD}", flush=True)
    for name in MODELS:
        model = CATALOGUE[name]
        path = weights.locate(model, folder)
        for line in precisions.compared(model, path, pictures, emulate_bf16=arguments.emulate_bf16):
            print(line, flush=True)


def photographs() -> dict[str, Picture]:
    """Read the photographs that came with the wheel."""
    folder = Path(skimage.__file__).parent / "data"
    paths = [folder / name for name in PHOTOGRAPHS]
    return {
        path.stem: read(path.read_bytes(), max_pixels=MAX_PIXELS)
        for path in paths
        if path.is_file()
    }


def measured(name: str, folder: Path, pictures: dict[str, Picture]) -> Iterator[Column | str]:
    """Measure one model on each provider that opens it; a sentence where nothing can be."""
    model = CATALOGUE[name]
    plain = reference(weights.locate(model, folder), pictures)
    for provider in PROVIDERS:
        full, opening = ours(model, folder, provider, "full", pictures)
        if opening.provider != provider:
            yield f"{name} does not run on {provider} here: {dict(opening.refused).get(provider)}."
            continue
        yield Column(f"{name} {provider} full ↔ reference", errors(full, plain))
        fast, opening = ours(model, folder, provider, "fast", pictures)
        if opening.precision == "full":
            yield f"{name} on {provider}: `fast` is the same as `full` on this machine."
        else:
            yield Column(f"{name} {provider} {opening.precision} ↔ full", errors(fast, full))


def ours(
    model: Model, folder: Path, provider: str, precision: str, pictures: dict[str, Picture]
) -> tuple[list[Mask], Opening]:
    """Cut the pictures out as the daemon does."""
    sessions = Sessions(
        models=CATALOGUE,
        folder=folder,
        providers=[provider],
        precision="full" if precision == "full" else "fast",
    )
    opening = sessions.open(model.name)
    masks = [
        find_subject(picture, model, sessions, SOFT).mask / 255 for picture in pictures.values()
    ]
    opening = sessions.providers_in_use().get(model.name, opening)  # had it to fall back?
    sessions.close()
    return masks, opening


def reference(file: Path, pictures: dict[str, Picture]) -> list[Mask]:
    """Compute the masks in the plainest way."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return [plain_mask(session, picture.rgb) for picture in pictures.values()]


def plain_mask(session: onnxruntime.InferenceSession, rgb: NDArray[np.uint8]) -> Mask:
    """Compute one mask in the plainest way."""
    small = Image.fromarray(rgb).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    values = np.asarray(small, np.float64)
    values = (values / values.max() - IMAGENET_MEAN) / IMAGENET_STD
    network_input = values.transpose(2, 0, 1)[None].astype(np.float32)
    raw = session.run(None, {session.get_inputs()[0].name: network_input})[0][0, 0]
    mask = Image.fromarray((raw - raw.min()) / (raw.max() - raw.min()))
    height, width = rgb.shape[:2]
    return np.asarray(mask.resize((width, height), Image.Resampling.BILINEAR), np.float64)


def errors(masks: list[Mask], others: list[Mask]) -> tuple[float, ...]:
    """Return each picture's mean absolute error."""
    pairs = zip(masks, others, strict=True)
    return tuple(float(np.abs(mask - other).mean()) for mask, other in pairs)


def print_machine() -> None:
    """Say where the figures come from."""
    has = "computes bf16 natively" if has_bf16() else "does not compute bf16 natively"
    has += "" if int8_weights_limit() > LIMITS[7] else ", has no VNNI"
    print(
        f"{cpu_name()}, {usable_cpus()} cores ({has}); Python {platform.python_version()}, "
        f"{versions()}, scikit-image {version('scikit-image')}; "
        "mean absolute error of masks in [0, 1]:\n"
    )


def cpu_name() -> str:
    """Return the CPU's own name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def print_table(names: list[str], columns: list[Column]) -> None:
    """Print the means, then the figures picture by picture."""
    print("| picture |", " | ".join(column.heading for column in columns), "|")
    print("|---|" + "---:|" * len(columns))
    rows = [("**mean**", [fmean(column.figures) for column in columns])]
    rows += [(name, [c.figures[number] for c in columns]) for number, name in enumerate(names)]
    for name, figures in rows:
        print(f"| {name} |", " | ".join(f"{figure:.4f}" for figure in figures), "|")


if __name__ == "__main__":
    try:
        main()
    except ScissorsError as error:
        sys.exit(str(error))

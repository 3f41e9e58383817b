"""Measure how far our masks are from a plain reference, and what reduced precision changes.

For scikit-image's packaged photographs (they come with its wheel) this prints, as Markdown, mean
absolute errors over all pixels, for masks in [0, 1]:

- of our u2net and u2netp masks, precision full, on each provider, to a reference computed in the
  plainest way: Pillow's bilinear resize to 320 × 320, divided by its own maximum, less ImageNet's
  mean, by its deviation; a bare ONNX Runtime session on the CPU; first output, normalised to its
  own extremes, stretched bilinearly as floats;
- of `precision: fast` to `full`, and of int8, where OpenVINO is here; and how many verdicts differ.

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
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import onnxruntime
import skimage
from numpy.typing import NDArray
from PIL import Image

from scissorsd import logs
from scissorsd.core.catalogue import CATALOGUE, IMAGENET_MEAN, IMAGENET_STD, Model
from scissorsd.core.rules import MaskOptions
from scissorsd.errors import ScissorsError
from scissorsd.inference import int8_trial, weights
from scissorsd.inference.onnx_runtime import Raw
from scissorsd.inference.openvino import OpenvinoSession, open_converted, open_session
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
        help="compute bf16 on a CPU that has none of its own: slow, but the same arithmetic",
    )
    arguments = parser.parse_args()
    folder = arguments.models
    native = has_bf16()
    if arguments.emulate_bf16:
        mock.patch("scissorsd.inference.providers.has_bf16", return_value=True).start()
    logs.set_up(quiet=True)
    pictures = photographs()
    found = [one for name in MODELS for one in measured(name, folder, pictures)]
    print_machine(native=native, emulated=arguments.emulate_bf16 and not native)
    print_table([*pictures], [one for one in found if isinstance(one, Column)])
    for remark in found:
        if isinstance(remark, str):
            print(f"\n{remark}")


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
        if provider == "openvino":
            yield from in_int8(model, weights.locate(model, folder), pictures, full)


@dataclass(frozen=True)
class Alone:
    """One session, in the place of all of a process."""

    session: OpenvinoSession

    def run(self, _name: str, network_input: Raw, /) -> tuple[Raw, str, str]:
        """Run it."""
        return self.session.run(network_input), "openvino", self.session.precision


def in_int8(
    model: Model, path: Path, pictures: dict[str, Picture], full: list[Mask]
) -> Iterator[Column | str]:
    """Measure the network converted to int8 as it would be on this machine."""
    with TemporaryDirectory() as folder:
        cache = Path(folder) / "network"
        int8_trial.convert(model, path, cache)
        int8 = Alone(open_converted(cache, threads=usable_cpus()))
        right = Alone(open_session(model, path, fast=False, threads=usable_cpus()))
        cuts = [find_subject(picture, model, int8, SOFT) for picture in pictures.values()]
        exact = [find_subject(picture, model, right, SOFT) for picture in pictures.values()]
    yield Column(f"{model.name} openvino int8 ↔ full", errors([c.mask / 255 for c in cuts], full))
    pairs = zip(cuts, exact, strict=True)
    others = sum(one.judgement.verdict != other.judgement.verdict for one, other in pairs)
    bits = 8 if int8_weights_limit() > 63 else 7
    yield f"{model.name} in int8 ({bits} bits): {others} of {len(cuts)} verdicts differ from full."


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


def print_machine(*, native: bool, emulated: bool) -> None:
    """Say where the figures come from."""
    has = "computes bf16 natively" if native else "does not compute bf16 natively"
    has += "; emulated" if emulated else ""
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

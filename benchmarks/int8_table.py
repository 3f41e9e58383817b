"""Make the table by which u2net or u2netp computes in int8: bounds and means of its activations.

From scikit-image's photographs (they come with its wheel) and drawn pictures, each also mirrored,
and the middle of each alone; the network runs in float32 on OpenVINO. A bound is the mean over the
pictures of the largest value: one odd picture does not coarsen the steps of all. That of the
network's input is what pictures can hold: cut off, what is black would shift all else. What a
concatenation joins has its largest bound in common. Convolutions to a single channel, which give
the maps, are left in float32: their values reach from −86 to 55.

Run it as `python benchmarks/int8_table.py u2net`, which writes
scissorsd/inference/int8_tables/u2net.json anew.
"""

import argparse
import importlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from masks import photographs
from numpy.typing import NDArray
from pictures import drawn

from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.masking import network_input
from scissorsd.inference import int8_table, openvino, weights
from scissorsd.inference.openvino_int8 import convolutions
from scissorsd.machine import usable_cpus

TABLES = Path(int8_table.__file__).parent / "int8_tables"
DRAWN = 8
SIZE = (640, 480)

Input = NDArray[np.float32]
Node = Any


def main() -> None:
    """Write the table of one model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=["u2net", "u2netp"])
    parser.add_argument("--models", type=Path, default=weights.default_folder())
    arguments = parser.parse_args()
    model = CATALOGUE[arguments.model]
    path = weights.locate(model, arguments.models)
    bounds, means = measured(model, path)
    values = {
        "weights_sha256": model.sha256,
        "bounds": {
            name: [float(f"{bound:.6g}") for bound in pair] for name, pair in bounds.items()
        },
        "means": {name: int8_table.packed(mean) for name, mean in means.items()},
    }
    place = TABLES / f"{model.name}.json"
    place.write_text(json.dumps(values, separators=(",", ":")).replace("],", "],\n") + "\n")
    print(f"{place}: {len(bounds)} bounds, {len(means)} convolutions, {place.stat().st_size} bytes")


def samples(model: Model) -> Iterator[Input]:
    """Yield the network's inputs."""
    rng = np.random.default_rng(0)
    pictures = [picture.rgb for picture in photographs().values()]
    pictures += [np.asarray(drawn(rng, SIZE)) for _ in range(DRAWN)]
    for rgb in pictures:
        height, width = rgb.shape[:2]
        middle = rgb[height // 4 : -height // 4, width // 4 : -width // 4]
        for variant in (rgb, rgb[:, ::-1], middle):
            yield network_input(np.ascontiguousarray(variant), None, model)


def measured(
    model: Model, path: Path
) -> tuple[dict[str, tuple[float, float]], dict[str, NDArray[np.float32]]]:
    """Return the bounds of what feeds convolutions, and the means of what each of these takes."""
    op, ov = importlib.import_module("openvino.opset13"), importlib.import_module("openvino")
    network = openvino.read(model, path)
    taken = {name: node for name, node in convolutions(network) if _channels_out(node) > 1}
    groups = list(joined(taken.values()))
    sources = {name: node for group in groups for name, node in group.items()}
    statistics = [op.reduce_max(node.output(0), np.arange(4)) for node in sources.values()]
    statistics += [op.reduce_min(node.output(0), np.arange(4)) for node in sources.values()]
    statistics += [op.reduce_mean(node.input_value(0), [0, 2, 3]) for node in taken.values()]
    measuring = ov.Model(statistics, network.get_parameters(), "measuring")
    compiled = openvino.compiled_for_cpu(measuring, bf16=False, threads=usable_cpus())
    runs = [[np.array(v) for v in compiled(one).values()] for one in samples(model)]
    figures = [np.mean(column, axis=0) for column in zip(*runs, strict=True)]
    count = len(sources)
    high = dict(zip(sources, figures[:count], strict=True))
    low = dict(zip(sources, figures[count : 2 * count], strict=True))
    bounds: dict[str, tuple[float, float]] = {}
    for group in groups:
        pair = bounded(min(float(low[n]) for n in group), max(float(high[n]) for n in group))
        bounds |= dict.fromkeys(group, pair)
    darkest, lightest = -np.array(model.mean) / model.std, (1 - np.array(model.mean)) / model.std
    (picture,) = network.get_parameters()
    bounds[picture.get_friendly_name()] = bounded(float(min(darkest)), float(max(lightest)))
    return bounds, dict(zip(taken, figures[2 * count :], strict=True))


def joined(takers: Iterable[Node]) -> Iterator[dict[str, Node]]:
    """Yield what feeds these convolutions, by name; together what some concatenation joins.

    And what feeds an addition or an interpolation that feeds them, since these then take rounded
    values too.
    """
    groups: list[dict[str, Node]] = []
    seen = set[str]()
    inputs = [taker.input_value(0).get_node() for taker in takers]
    while inputs:
        new = {node.get_friendly_name(): node for node in _sources(inputs.pop())}
        for name in new.keys() - seen:
            if new[name].get_type_name() in {"Interpolate", "Add"}:
                count = 1 if new[name].get_type_name() == "Interpolate" else 2
                inputs += [new[name].input_value(number).get_node() for number in range(count)]
        seen |= new.keys()
        for group in [group for group in groups if group.keys() & new.keys()]:
            groups.remove(group)
            new = group | new
        groups.append(new)
    yield from groups


def _sources(node: Node) -> Iterator[Node]:
    """Yield the computations whose values come, only moved, to this place."""
    kind = node.get_type_name()
    if kind == "MaxPool":
        yield from _sources(node.input_value(0).get_node())
    elif kind == "Concat":
        for number in range(node.get_input_size()):
            yield from _sources(node.input_value(number).get_node())
    else:
        yield node


def _channels_out(convolution: Node) -> int:
    return int(convolution.input_value(1).get_shape()[0])


def bounded(low: float, high: float) -> tuple[float, float]:
    """Return bounds of which 0 is exactly one of the 256 steps between them."""
    if low >= 0:
        return 0.0, high
    step = (high - low) / 255
    zero = round(-low / step)
    step = max(-low / zero, high / (255 - zero))
    return -zero * step, (255 - zero) * step


if __name__ == "__main__":
    main()

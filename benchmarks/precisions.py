"""What reduced precision changes: verdicts, doubts, the network's masks and the refined ones.

masks.py prints it, for scikit-image's photographs and the drawn pictures of
tests/core/drawn_alphas.py, whose true masks are known. OpenVINO computes all of it, each network
once a picture:

- bf16 where the CPU has it. Where it has none OpenVINO computes in float32 whatever is asked for;
  emulated, what feeds a computation, and the weights, are rounded to bf16 in a network that is
  otherwise float32. That is near to what such a CPU does, not the same: OpenVINO there chooses what
  it leaves in float32.
- int8 with weights of 7 and of 8 bits; those of 8 overflow on a CPU without VNNI, so there they
  show what `int8_weights_limit` is for.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scissorsd.core.catalogue import Model
from scissorsd.core.rules import MaskOptions, Verdict
from scissorsd.inference import openvino, openvino_int8
from scissorsd.inference.int8_table import table_of
from scissorsd.inference.onnx_runtime import Raw
from scissorsd.inference.openvino import OpenvinoSession
from scissorsd.machine import has_bf16, usable_cpus
from scissorsd.pictures.cutting_out import find_subject
from scissorsd.pictures.in_memory import from_array
from scissorsd.pictures.picture import Picture
from scissorsd.settings import MAX_PIXELS

Mask = NDArray[np.float32]  # height × width, in [0, 1]

EDGES = ("soft", "fine")
TESTS = Path(__file__).parent.parent / "tests" / "core"
SIZES = ((720, 480), (480, 720), (560, 560))  # of the drawn pictures: wide, high, square
LIMITS = {7: 63, 8: 127}  # of weights, by their bits
# By 2^16 + 1: what is left of a float32 then has the 8 digits of a bf16 (Veltkamp's splitting).
SPLIT = np.float32(65537)
ROUNDED = {"Parameter", "Relu", "Add", "Interpolate"}  # what feeds others with new values


@dataclass(frozen=True)
class Drawn:
    """A picture, and the mask that it should have."""

    picture: Picture
    truth: Mask


@dataclass
class Subject:
    """What one network made of a picture."""

    verdict: Verdict
    doubt: float
    masks: dict[str, Mask]  # by edges


@dataclass
class Row:
    """Two networks compared over some pictures."""

    pictures: int = 0
    verdicts: list[str] = field(default_factory=list)
    doubts: list[float] = field(default_factory=list)  # by how much they differ
    means: dict[str, list[float]] = field(default_factory=lambda: {edges: [] for edges in EDGES})
    pixels: dict[str, float] = field(default_factory=lambda: dict.fromkeys(EDGES, 0.0))
    errors: dict[str, list[float]] = field(default_factory=lambda: {edges: [] for edges in EDGES})

    def add(self, name: str, now: Subject, right: Subject, truth: Mask | None) -> None:
        """Compare one picture's masks."""
        self.pictures += 1
        if now.verdict != right.verdict:
            self.verdicts.append(f"{name} ({right.verdict} → {now.verdict})")
        if "no_subject" not in {now.verdict, right.verdict}:
            self.doubts.append(abs(now.doubt - right.doubt))
        for edges in EDGES:
            difference = np.abs(now.masks[edges] - right.masks[edges])
            self.means[edges].append(float(difference.mean()))
            self.pixels[edges] = max(self.pixels[edges], float(difference.max()))
            if truth is not None:
                self.errors[edges].append(float(np.abs(now.masks[edges] - truth).mean()))


class Alone:
    """One session, in the place of all of a process; what was just computed is not again."""

    def __init__(self, session: OpenvinoSession) -> None:
        self._session = session
        self._last: tuple[Raw, Raw] | None = None

    def run(self, _name: str, network_input: Raw, /) -> tuple[Raw, str, str]:
        """Run it."""
        if self._last is None or not np.array_equal(self._last[0], network_input):
            self._last = network_input, self._session.run(network_input)
        return self._last[1], "openvino", self._session.precision


def drawings(seed: int = 0) -> dict[str, Drawn]:
    """Draw every subject of the tests' before every ground, in three shapes."""
    sys.path.insert(0, str(TESTS))
    drawn_alphas = importlib.import_module("drawn_alphas")
    return {
        f"{drawing.name}, {width} × {height}": Drawn(
            from_array(drawing.rgb, MAX_PIXELS), drawing.alpha
        )
        for width, height in SIZES
        for drawing in drawn_alphas.drawings((width, height), seed=seed)
    }


def compared(
    model: Model, path: Path, pictures: Mapping[str, Picture], *, emulate_bf16: bool
) -> Iterator[str]:
    """Yield the lines of a table for one model."""
    drawn = drawings()
    kinds: dict[str, dict[str, tuple[Picture, Mask | None]]] = {
        "photographs": {name: (picture, None) for name, picture in pictures.items()},
        "drawn": {name: (one.picture, one.truth) for name, one in drawn.items()},
    }
    sessions = networks(model, path, emulate_bf16=emulate_bf16)
    _, full = next(sessions)
    right = {kind: subjects(model, full, shown) for kind, shown in kinds.items()}
    del full
    for name, session in [("float32", None), *sessions]:
        for kind, shown in kinds.items():
            found = subjects(model, session, shown) if session else right[kind]
            row = Row()
            for picture, (_, truth) in shown.items():
                row.add(picture, found[picture], right[kind][picture], truth)
            yield line(f"{model.name} {name}", kind, row)


def networks(
    model: Model, path: Path, *, emulate_bf16: bool
) -> Iterator[tuple[str, OpenvinoSession]]:
    """Yield the network in every precision, float32 first; one is open at a time."""
    threads = usable_cpus()
    yield "float32", openvino.open_session(model, path, fast=False, threads=threads)
    if has_bf16():
        yield "bf16", openvino.open_session(model, path, fast=True, threads=threads)
    elif emulate_bf16:
        network = openvino.read(model, path)
        round_to_bf16(network)
        yield "bf16, emulated", _compiled(model, "bf16", network)
    table = table_of(model)
    if table is None:
        return
    for bits, limit in LIMITS.items():
        network = openvino.read(model, path)
        openvino_int8.convert(network, table, limit=limit)
        yield f"int8, {bits} bits", _compiled(model, "int8", network)


def _compiled(model: Model, precision: str, network: Any) -> OpenvinoSession:  # noqa: ANN401 - of openvino
    compiled = openvino.compiled_for_cpu(network, bf16=False, threads=usable_cpus())
    return OpenvinoSession(model, precision, compiled)


def round_to_bf16(network: Any) -> None:  # noqa: ANN401 - of openvino
    """Have a network compute with what a CPU with bf16 would: inputs and weights of 8 digits."""
    op = importlib.import_module("openvino.opset13")
    for _, node in list(openvino_int8.convolutions(network)):
        weights = node.input_value(1).get_node().get_data()
        node.input(1).replace_source_output(op.constant(_as_bf16(weights)).output(0))
    for node in network.get_ordered_ops():
        if node.get_type_name() not in ROUNDED:
            continue
        # in arithmetic: OpenVINO leaves out a conversion to bf16 and back
        takers = list(node.output(0).get_target_inputs())
        large = op.multiply(node.output(0), op.constant(SPLIT))
        rounded = op.subtract(large, op.subtract(large, node.output(0)))
        for taker in takers:
            if taker.get_node().get_type_name() not in {"ShapeOf", "Result"}:
                taker.replace_source_output(rounded.output(0))
    network.validate_nodes_and_infer_types()


def _as_bf16(values: NDArray[np.float32]) -> NDArray[np.float32]:
    large = values * SPLIT
    rounded: NDArray[np.float32] = large - (large - values)
    return rounded


def subjects(
    model: Model, session: OpenvinoSession, shown: Mapping[str, tuple[Picture, Mask | None]]
) -> dict[str, Subject]:
    """Cut every picture out, with soft edges and with fine ones."""
    found = {}
    for name, (picture, _) in shown.items():
        alone = Alone(session)
        soft = find_subject(picture, model, alone, MaskOptions(edges="soft"))
        fine = find_subject(picture, model, alone, MaskOptions(edges="fine"))
        masks = {"soft": soft.mask, "fine": fine.mask}
        found[name] = Subject(
            soft.judgement.verdict,
            soft.judgement.doubt,
            {edges: mask.astype(np.float32) / np.float32(255) for edges, mask in masks.items()},
        )
    return found


HEAD = (
    "| network | pictures | verdicts that differ | doubt: mean | most "
    "| soft: mean | most of a picture | of a pixel "
    "| fine: mean | most of a picture | of a pixel | to the truth, soft | fine |\n"
    "|---|---|---:|" + "---:|" * 10
)


def line(network: str, kind: str, row: Row) -> str:
    """Write a line of the table."""
    which = f": {'; '.join(row.verdicts)}" if row.verdicts else ""
    cells = [network, f"{row.pictures} {kind}", f"{len(row.verdicts)}{which}"]
    cells += [f"{fmean(row.doubts):.4f}", f"{max(row.doubts):.4f}"] if row.doubts else ["", ""]
    for edges in EDGES:
        means = row.means[edges]
        cells += [f"{fmean(means):.4f}", f"{max(means):.4f}", f"{row.pixels[edges]:.2f}"]
    cells += [f"{fmean(errors):.4f}" if errors else "" for errors in row.errors.values()]
    return f"| {' | '.join(cells)} |"

"""Turn a float network of OpenVINO's into one that computes in whole numbers of 8 bits.

Activations are rounded to 256 steps between the bounds that a table gives, behind what feeds a
convolution; its weights are rounded as int8_rounding.py says; and its bias is corrected for what
that shifts its outputs by, at the table's means of its input channels (Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2).
"""

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scissorsd.inference.int8_rounding import quantise
from scissorsd.inference.int8_table import Table

Node = Any  # OpenVINO's Python part ships no types that mypy could follow

_LEVELS = 256


class TableMismatchError(Exception):
    """The table is of another network."""


def convert(network: Any, table: Table, *, limit: int) -> None:  # noqa: ANN401 - of openvino
    """Change the network in place; `limit` is that of the weights, 127 for 8 bits, 63 for 7.

    Raises TableMismatchError where the network lacks what the table names.
    """
    op = importlib.import_module("openvino.opset13")
    nodes = {node.get_friendly_name(): node for node in network.get_ordered_ops()}
    missing = (table.bounds.keys() | table.means.keys()) - nodes.keys()
    if missing:
        raise TableMismatchError(f"the network has no {min(missing)}")
    for name, node in list(convolutions(network)):
        if name in table.means:
            _round_weights(op, node, table.means[name], limit)
    for name, (low, high) in table.bounds.items():
        _round_output(op, nodes[name], low, high)
    network.validate_nodes_and_infer_types()


def convolutions(network: Any) -> Iterator[tuple[str, Node]]:  # noqa: ANN401 - of openvino
    """Yield every convolution, in the order of computing, with its name."""
    for node in network.get_ordered_ops():
        if node.get_type_name() == "Convolution":
            yield node.get_friendly_name(), node


def _round_weights(op: Any, convolution: Node, means: NDArray[np.float32], limit: int) -> None:  # noqa: ANN401 - of openvino
    weights = convolution.input_value(1).get_node().get_data()
    if means.shape != weights.shape[1:2]:
        raise TableMismatchError(f"{convolution.get_friendly_name()} takes {weights.shape[1]}")
    whole, step = quantise(weights, limit)
    shift = (whole * step - weights).sum(axis=(2, 3)) @ means
    rounded = op.multiply(op.convert(op.constant(whole), "f32"), op.constant(step))
    convolution.input(1).replace_source_output(rounded.output(0))
    _put_behind(
        convolution, op.add(convolution.output(0), op.constant(-shift.reshape(1, -1, 1, 1)))
    )


def _round_output(op: Any, node: Node, low: float, high: float) -> None:  # noqa: ANN401 - of openvino
    bounds = [op.constant(np.full((1, 1, 1, 1), bound, np.float32)) for bound in (low, high)]
    _put_behind(node, op.fake_quantize(node.output(0), *bounds, *bounds, _LEVELS))


def _put_behind(node: Node, new: Node) -> None:
    """Let all that computes with the node's output take the new node's."""
    for taker in node.output(0).get_target_inputs():
        user = taker.get_node()
        is_new = user.get_friendly_name() == new.get_friendly_name()
        if not is_new and user.get_type_name() not in {"ShapeOf", "Result"}:
            taker.replace_source_output(new.output(0))

"""ONNX files, written byte by byte: small networks of the shapes that large ones have.

The field numbers are those of onnx.proto.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_FLOAT = 1
_INT, _INTS = 2, 7
_OPSET, _IR = 13, 8

Side = int | str  # a name: of any size


@dataclass(frozen=True)
class Tensor:
    """An input or output: its name and its sides."""

    name: str
    sides: Sequence[Side]


def onnx(name: str, nodes: Sequence[bytes], takes: Tensor, gives: Sequence[Tensor]) -> bytes:
    """Return the file of a network."""
    graph = b"".join(part(1, node) for node in nodes) + text(2, name)
    graph += part(11, _tensor(takes)) + b"".join(part(12, _tensor(one)) for one in gives)
    return number(1, _IR) + part(7, graph) + part(8, number(2, _OPSET))


def node(operator: str, takes: Sequence[str], gives: str, *attributes: bytes) -> bytes:
    """Return a node of a network."""
    ends = b"".join(text(1, name) for name in takes) + text(2, gives)
    return ends + text(4, operator) + b"".join(part(5, attribute) for attribute in attributes)


def mean_of_channels(takes: str, gives: str) -> bytes:
    """Return a node: 1 × channels × height × width to 1 × 1 × height × width."""
    axes = text(1, "axes") + number(8, 1) + number(20, _INTS)
    return node("ReduceMean", [takes], gives, axes, whole("keepdims", 1))


def whole(name: str, value: int) -> bytes:
    """Return an attribute that is a whole number."""
    return text(1, name) + number(3, value) + number(20, _INT)


def real(name: str, value: float) -> bytes:
    """Return an attribute that is a number with a fraction."""
    return text(1, name) + bytes([2 << 3 | 5]) + struct.pack("<f", value) + number(20, _FLOAT)


def number(field: int, value: int) -> bytes:
    """Return a field that holds a whole number."""
    return _varint(field << 3) + _varint(value)


def text(field: int, value: str) -> bytes:
    """Return a field that holds a text."""
    return part(field, value.encode())


def part(field: int, content: bytes) -> bytes:
    """Return a field that holds other fields."""
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _tensor(tensor: Tensor) -> bytes:
    shape = b"".join(part(1, _side(side)) for side in tensor.sides)
    return text(1, tensor.name) + part(2, part(1, number(1, _FLOAT) + part(2, shape)))


def _side(side: Side) -> bytes:
    return text(2, side) if isinstance(side, str) else number(1, side)


def _varint(value: int) -> bytes:
    low = value & 0x7F
    return bytes([low]) if value < 0x80 else bytes([low | 0x80]) + _varint(value >> 7)

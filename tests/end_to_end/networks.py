"""A network that takes no time, for work where only the number of pictures counts.

It holds what is dark for the subject, which is right for pictures of one dark thing on white.
"""

import hashlib
import struct
from pathlib import Path

SIDE = 320

_FLOAT = 1  # the numbers are those of onnx.proto
_INT, _INTS = 2, 7
_OPSET, _IR = 13, 8


def write_darkness(path: Path, *, sure: bool = False) -> dict[str, str]:
    """Write the network; return its entry for `custom_models`.

    A sure one says either 1 or 0 of almost every pixel, so that no picture counts as doubtful.
    """
    darkness = _darkness(sure=sure)
    path.write_bytes(darkness)
    return {"file": str(path), "sha256": hashlib.sha256(darkness).hexdigest()}


def _darkness(*, sure: bool) -> bytes:
    """Return the ONNX file: 1 x 3 x 320 x 320 to the negative of its channels' mean.

    Or, to be sure, to 1 where that mean is below 0.25, and to 0 where it is above 0.75.
    """
    axes = _text(1, "axes") + _number(8, 1) + _number(20, _INTS)
    keep = _text(1, "keepdims") + _number(3, 1) + _number(20, _INT)
    mean = _node("ReduceMean", "picture", "mean") + _part(5, axes) + _part(5, keep)
    steep = _real("alpha", -2.0) + _real("beta", 1.5)
    last = _node("HardSigmoid", "mean", "map") + steep if sure else _node("Neg", "mean", "map")
    nodes = _part(1, mean) + _part(1, last)
    ends = _part(11, _tensor("picture", 3)) + _part(12, _tensor("map", 1))
    graph = nodes + _text(2, "darkness") + ends
    return _number(1, _IR) + _part(7, graph) + _part(8, _number(2, _OPSET))


def _node(operator: str, takes: str, gives: str) -> bytes:
    return _text(1, takes) + _text(2, gives) + _text(4, operator)


def _tensor(name: str, channels: int) -> bytes:
    sides = (1, channels, SIDE, SIDE)
    shape = b"".join(_part(1, _number(1, side)) for side in sides)
    return _text(1, name) + _part(2, _part(1, _number(1, _FLOAT) + _part(2, shape)))


def _real(name: str, value: float) -> bytes:
    """Return an attribute of a node that is a number with a fraction."""
    kept = bytes([2 << 3 | 5]) + struct.pack("<f", value)
    return _part(5, _text(1, name) + kept + _number(20, _FLOAT))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _part(field, value.encode())


def _part(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    low = value & 0x7F
    return bytes([low]) if value < 0x80 else bytes([low | 0x80]) + _varint(value >> 7)

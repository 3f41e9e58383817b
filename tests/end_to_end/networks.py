"""A network that takes no time, for work where only the number of pictures counts.

It holds what is dark for the subject, which is right for pictures of one dark thing on white.
"""

import hashlib
from pathlib import Path

from onnx_files import Tensor, mean_of_channels, node, onnx, real

SIDE = 320


def write_darkness(path: Path, *, sure: bool = False) -> dict[str, str]:
    """Write the network; return its entry for `custom_models`.

    It gives the negative of its input's mean. A sure one says 1 where that mean is below 0.25, and
    0 where it is above 0.75, so either of almost every pixel: no picture counts as doubtful.
    """
    if sure:
        return write_slope(path, alpha=-2.0, beta=1.5)
    return _written(path, node("Neg", ["mean"], "map"))


def write_slope(path: Path, *, alpha: float, beta: float) -> dict[str, str]:
    """Write a network that gives alpha · mean + beta, between 0 and 1.

    The mean is about -2 where a picture is black, and 2.5 where it is white.
    """
    return _written(
        path, node("HardSigmoid", ["mean"], "map", real("alpha", alpha), real("beta", beta))
    )


def _written(path: Path, last: bytes) -> dict[str, str]:
    takes, gives = (Tensor(name, (1, n, SIDE, SIDE)) for name, n in (("picture", 3), ("map", 1)))
    content = onnx("darkness", [mean_of_channels("picture", "mean"), last], takes, [gives])
    path.write_bytes(content)
    return {"file": str(path), "sha256": hashlib.sha256(content).hexdigest()}

"""What int8 must know of a network beyond its weights: made once, from pictures, and shipped.

`benchmarks/int8_table.py` makes the files.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from scissorsd.core.catalogue import Model

Means = NDArray[np.float32]  # of the input channels of a convolution


@dataclass(frozen=True, slots=True)
class Table:
    """The bounds of activations, and the means of the channels that convolutions take, by name.

    Convolutions without means stay in float32. A low bound below 0 is a whole number of steps.
    """

    bounds: Mapping[str, tuple[float, float]]
    means: Mapping[str, Means]
    text: bytes  # of its file, which tells it from others


@cache
def table_of(model: Model) -> Table | None:
    """Return the table that was made for the very weights of this model, or None."""
    place = resources.files("scissorsd.inference") / "int8_tables" / f"{model.name}.json"
    if not place.is_file():
        return None
    text = place.read_bytes()
    values = json.loads(text)
    if values["weights_sha256"] != model.sha256:
        return None
    return Table(
        {name: (low, high) for name, (low, high) in values["bounds"].items()},
        {name: _unpacked(*packed) for name, packed in values["means"].items()},
        text,
    )


def packed(means: Means) -> tuple[float, str]:
    """Return means as they stand in a table's file: the largest, and each in 127ths of it."""
    largest = float(np.abs(means).max())
    return largest, base64.b64encode(
        np.rint(means * (127 / largest)).astype("i1").tobytes()
    ).decode()


def _unpacked(largest: float, text: str) -> Means:
    return np.frombuffer(base64.b64decode(text), "i1") * np.float32(largest / 127)

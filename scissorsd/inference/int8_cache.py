"""The file of a converted network: made once, kept beside the weights, and never believed blindly.

Its name tells what it was made of, and its first line the SHA-256 of the rest.
"""

import hashlib
import json
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from scissorsd import atomic
from scissorsd.core.catalogue import Model
from scissorsd.inference.int8_table import Table

_MADE_BY = "1"  # counts how conversions have changed


def file_name(model: Model, table: Table, limit: int) -> str:
    """Return the name for a model converted by this table, to this limit, for this OpenVINO."""
    parts = (_MADE_BY, str(model.sha256), str(limit), version("openvino"))
    made_of = hashlib.sha256("\n".join(parts).encode() + table.text).hexdigest()
    return f"{_beginning(model)}{made_of[:16]}.network"


def _beginning(model: Model) -> str:
    return f"{model.name}-int8-"


def write(path: Path, model: Model, description: bytes, weights: bytes) -> None:
    """Write a network as OpenVINO describes it, in the stead of any other of this model."""
    digest = hashlib.sha256(description + weights).hexdigest()
    head = {"sha256": digest, "description_bytes": len(description)}
    atomic.write_atomically(path, json.dumps(head).encode() + b"\n" + description + weights)
    for other in path.parent.glob(f"{_beginning(model)}*.network"):
        if other != path:
            with suppress(OSError):
                other.unlink()


def read(path: Path) -> tuple[bytes, bytes]:
    """Return description and weights; raises OSError or ValueError where they are not whole."""
    head, _, rest = path.read_bytes().partition(b"\n")
    told = json.loads(head)
    if not isinstance(told, dict) or hashlib.sha256(rest).hexdigest() != told.get("sha256"):
        raise ValueError(f"{path.name} is damaged")
    end = int(told["description_bytes"])
    return rest[:end], rest[end:]

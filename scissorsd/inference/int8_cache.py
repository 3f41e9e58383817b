"""The file of a converted network: compiled once, kept beside the weights, never believed blindly.

Its name tells what it was made of and for which kind of CPU, its first line the SHA-256 of the
rest. To read it takes a quarter of the time that it takes to compile the network.
"""

import hashlib
import json
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from scissorsd import atomic
from scissorsd.core.catalogue import Model
from scissorsd.inference.int8_table import Table
from scissorsd.machine import cpu_kind

_MADE_BY = "2"  # counts how conversions have changed
_STRAY_AFTER = 3600.0  # seconds; nobody takes so long


def file_name(model: Model, table: Table, limit: int) -> str:
    """Return the name for a model converted by this table, to this limit, for this OpenVINO."""
    parts = (_MADE_BY, str(model.sha256), str(limit), version("openvino"))
    made_of = hashlib.sha256("\n".join(parts).encode() + table.text).hexdigest()
    return f"{_beginning(model)}{made_of[:16]}.network"


def _beginning(model: Model) -> str:
    return f"{model.name}-int8-{cpu_kind()}-"


def write(path: Path, model: Model, network: bytes) -> None:
    """Write a compiled network, in the stead of any other of this model for this kind of CPU."""
    for stray in atomic.temporaries(path.parent, path.name):  # of a process that was killed
        with suppress(OSError):
            if time.time() - stray.stat().st_mtime > _STRAY_AFTER:
                stray.unlink()
    head = {"sha256": hashlib.sha256(network).hexdigest()}
    atomic.write_atomically(path, json.dumps(head).encode() + b"\n" + network)
    for other in path.parent.glob(f"{_beginning(model)}*.network"):
        if other != path:
            with suppress(OSError):
                other.unlink()


def read(path: Path) -> bytes:
    """Return the compiled network; raises OSError or ValueError where it is not whole."""
    head, _, network = path.read_bytes().partition(b"\n")
    told = json.loads(head)
    if not isinstance(told, dict) or hashlib.sha256(network).hexdigest() != told.get("sha256"):
        raise ValueError(f"{path.name} is damaged")
    return network

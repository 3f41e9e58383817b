"""The process that converts a network to int8, checks it and times it.

`python -m scissorsd.inference.int8_trial JSON` writes one line of JSON. In a process of its own,
since it takes nearly a gigabyte for some seconds: where memory is short, it is the one to go. And
it gives way: the pictures that are being cut meanwhile come first. So what it times are its own
CPU seconds, which tell the same of both networks whoever else has the CPUs.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.masking import network_input
from scissorsd.inference import int8_cache, openvino, openvino_int8
from scissorsd.inference.int8_table import table_of
from scissorsd.inference.onnx_runtime import Raw, RefusedError
from scissorsd.inference.providers import BUSY, Session
from scissorsd.machine import int8_weights_limit

_THINGS = (5, 5, 5)  # in each of the drawn pictures
_SEED = 2
_ROUNDS = 5  # of timing, in turn
_ATTEMPTS = 5
_PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be tried."""

    model: str
    weights: str
    cache: str
    fast: bool
    threads: int
    nicer: int  # than the process that asks for it


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of it: the mean difference of masks to float32's, and the times as fast."""

    difference: float
    times_as_fast: float


def main() -> None:
    """Do what the one argument asks for; end with the process that asked."""
    order = Order(**json.loads(sys.argv[1]))
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        nicer = os.nice(order.nicer)  # on Linux that of this thread, and of those it starts
        for task in Path("/proc/self/task").iterdir():  # numpy's are there already
            os.setpriority(os.PRIO_PROCESS, int(task.name), nicer)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    findings = tried(order)
    print(json.dumps(asdict(findings)))  # noqa: T201 - to the process that started this one


def tried(order: Order) -> Findings:
    """Convert the network, unless that was done; check it, and time it beside the usual one."""
    model, weights, cache = CATALOGUE[order.model], Path(order.weights), Path(order.cache)
    inputs = [network_input(rgb, None, model) for rgb in drawn(model.input_size)]
    exact = openvino.open_session(model, weights, fast=False, threads=order.threads)
    wanted = [_normalised(exact.run(one)) for one in inputs]
    del exact
    try:
        int8 = openvino.open_converted(cache, threads=order.threads)
    except RefusedError:
        convert(model, weights, cache)
        int8 = openvino.open_converted(cache, threads=order.threads)
    masks = [_normalised(int8.run(one)) for one in inputs]
    differences = [np.abs(ours - right).mean() for ours, right in zip(masks, wanted, strict=True)]
    usual = openvino.open_session(model, weights, fast=order.fast, threads=order.threads)
    return Findings(float(np.mean(differences)), _times_as_fast(int8, usual, inputs[0]))


def convert(model: Model, weights: Path, cache: Path) -> None:
    """Make the converted network from the verified weights."""
    table = table_of(model)
    if table is None:
        raise ValueError(f"there is no table for {model.name}")
    network = openvino.read(model, weights)
    openvino_int8.convert(network, table, limit=int8_weights_limit())
    int8_cache.write(cache, model, *openvino_int8.described(network, cache.parent))


def drawn(side: int) -> Iterator[NDArray[np.uint8]]:
    """Draw pictures of some things that overlap: side × side × 3.

    Chosen since the masks of these, while rounding leaves them alone (by 0.001), are changed by
    sums that overflow, as those of 8-bit weights do on a CPU with AVX2 only (by 0.03 and 0.1).
    """
    rng = np.random.default_rng(_SEED)
    down, across = np.mgrid[:side, :side].astype(np.float32) / side
    for count in _THINGS:
        picture = np.full((side, side, 3), rng.uniform(0, 255, 3), np.float32)
        for _ in range(count):
            (y, x), (high, wide) = rng.uniform(0, 1, 2), rng.uniform(0.05, 0.35, 2)
            picture[((down - y) / high) ** 2 + ((across - x) / wide) ** 2 < 1] = rng.uniform(
                0, 255, 3
            )
        yield (picture + rng.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)


def _normalised(raw: Raw) -> Raw:
    stretched: Raw = (raw - raw.min()) / max(float(np.ptp(raw)), 1e-6)
    return stretched


def _times_as_fast(int8: Session, usual: Session, network_input: Raw) -> float:
    """Time both in turn; again for as long as something else disturbs it."""
    for session in (int8, usual):
        session.run(network_input)
    for _ in range(_ATTEMPTS):
        ours, theirs = [], []
        for _ in range(_ROUNDS):
            ours.append(_cpu_seconds_of(int8, network_input))
            theirs.append(_cpu_seconds_of(usual, network_input))
        if max(ours) < BUSY * min(ours) and max(theirs) < BUSY * min(theirs):
            break
    return float(np.median(np.array(theirs) / np.array(ours)))


def _cpu_seconds_of(session: Session, network_input: Raw) -> float:
    began = time.process_time()
    session.run(network_input)
    return time.process_time() - began


if __name__ == "__main__":
    main()

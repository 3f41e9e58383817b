"""The process that finds out what the CPU's providers, and int8, come to on this machine.

`python -m scissorsd.inference.trial JSON` writes a line of JSON for each answer, once it has it.
In a process of its own, since it takes nearly a gigabyte for some seconds: where memory is short,
it is the one to go. And it gives way: the pictures that are being cut meanwhile come first. So
what it times are its own CPU seconds, which tell the same whoever else has the CPUs.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scissorsd import failpoints
from scissorsd.core.catalogue import Model
from scissorsd.core.masking import network_input
from scissorsd.inference import openvino, openvino_int8, weights
from scissorsd.inference.int8 import Findings
from scissorsd.inference.int8_table import table_of
from scissorsd.inference.onnx_runtime import Raw, RefusedError, in_plain_words
from scissorsd.inference.providers import BUSY, ProviderName, Session, open_session
from scissorsd.machine import int8_weights_limit

_THINGS = (5, 5, 5)  # in each of the drawn pictures
_SEED = 2
_RUNS = 3  # of each provider
_ROUNDS = 5  # of int8 and the usual way in turn
_ATTEMPTS = 5
_PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be found out."""

    model: Model
    folder: str  # of the models, where its file lies
    providers: tuple[ProviderName, ...]  # to be timed
    caches: tuple[str, ...]  # where its network in int8 may lie; none: int8 is not to be tried
    fast: bool
    threads: int
    nicer: int  # than the process that asks
    asker: int  # that process

    def to_json(self) -> str:
        """Write it as the argument of the process."""
        return json.dumps(asdict(replace(self, model=replace(self.model, wheel=None))))


@dataclass(frozen=True, slots=True)
class Timed:
    """What came of one provider: seconds of an inference, or why it failed."""

    provider: str
    seconds: float
    reason: str = ""


def order_of(text: str) -> Order:
    """Read what `to_json` has written; nothing is fetched here, so the wheel is left out."""
    told = json.loads(text, object_hook=_with_tuples)
    return Order(**{**told, "model": Model(**told["model"])})


def _with_tuples(told: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in told.items()}


def main() -> None:
    """Answer what the one argument asks; end with the process that asked."""
    order = order_of(sys.argv[1])
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != order.asker:  # it ended before it was to be told of
        return
    with suppress(OSError):
        nicer = os.nice(order.nicer)  # on Linux that of this thread, and of those it starts
        for task in Path("/proc/self/task").iterdir():  # numpy's are there already
            os.setpriority(os.PRIO_PROCESS, int(task.name), nicer)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    for answer in answers(order):
        print(json.dumps(asdict(answer)), flush=True)  # noqa: T201 - to the process that asked


def answers(order: Order) -> Iterator[Timed | Findings]:
    """Time the providers, one after the other, and try int8, as far as is asked for."""
    path = weights.find(order.model, Path(order.folder))  # it may be another file by now
    if path is None:
        raise FileNotFoundError(f"{Path(order.folder) / order.model.file} is gone")
    inputs = [network_input(rgb, None, order.model) for rgb in drawn(order.model.input_size)]
    for provider in order.providers:
        try:
            yield Timed(provider, _seconds_on(provider, order, path, inputs[0]))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is out of the race
            yield Timed(provider, 0.0, in_plain_words(error))
    if order.caches:
        yield _int8(order, path, inputs)


# --- the providers ---------------------------------------------------------------------------


def _seconds_on(provider: ProviderName, order: Order, path: Path, network_input: Raw) -> float:
    """Return the seconds of one inference, if all its threads were always at work."""
    failpoints.at(f"trial.{provider}")
    session = open_session(order.model, path, provider, fast=order.fast, threads=order.threads)
    session.run(network_input)  # the first one does more
    fastest = float("inf")
    for _ in range(_ATTEMPTS):
        seconds = [_cpu_seconds_of(session, network_input) for _ in range(_RUNS)]
        fastest = min(fastest, *seconds)
        if max(seconds) < BUSY * min(seconds):
            break
    return fastest / order.threads


# --- int8 ------------------------------------------------------------------------------------


def _int8(order: Order, path: Path, inputs: list[Raw]) -> Findings:
    """Convert the network, unless that was done; check it, and time it beside the usual one."""
    failpoints.at("trial.int8")
    exact = openvino.open_session(order.model, path, fast=False, threads=order.threads)
    wanted = [_normalised(exact.run(one)) for one in inputs]
    del exact
    int8 = _converted(order, path)
    masks = [_normalised(int8.run(one)) for one in inputs]
    differences = [np.abs(ours - right).mean() for ours, right in zip(masks, wanted, strict=True)]
    usual = openvino.open_session(order.model, path, fast=order.fast, threads=order.threads)
    return Findings(float(np.mean(differences)), _times_as_fast(int8, usual, inputs[0]))


def _converted(order: Order, path: Path) -> Session:
    """Open the converted network, made in the first folder that can be written if it is nowhere."""
    caches = [Path(cache) for cache in order.caches]
    for cache in caches:
        with suppress(RefusedError):
            return openvino.open_converted(order.model, cache, threads=order.threads)
    for cache in caches:
        try:
            convert(order.model, path, cache, threads=order.threads)
        except OSError:
            if cache == caches[-1]:
                raise
        else:
            break
    return openvino.open_converted(order.model, cache, threads=order.threads)


def convert(model: Model, weights: Path, cache: Path, *, threads: int) -> None:
    """Make the converted network from the verified weights."""
    table = table_of(model)
    if table is None:
        raise ValueError(f"there is no table for {model.name}")
    network = openvino.read(model, weights)
    openvino_int8.convert(network, table, limit=int8_weights_limit())
    openvino.write_converted(cache, model, network, threads=threads)


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

"""Computing in int8, where it was tried on this machine and found right and faster.

What is not known yet is found out in the background, by a process of its own (int8_trial.py).
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

from scissorsd import failpoints
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.inference import int8_cache
from scissorsd.inference.demands import Demands
from scissorsd.inference.int8_table import table_of
from scissorsd.inference.int8_trial import Findings, Order
from scissorsd.inference.onnx_runtime import RefusedError
from scissorsd.inference.openvino import open_converted
from scissorsd.inference.providers import Session
from scissorsd.inference.timings import Speeds
from scissorsd.machine import int8_weights_limit, memory_bounds

LARGEST_DIFFERENCE = 0.01  # mean, of masks in [0, 1] to float32's, for pictures drawn for that
LEAST_GAIN = 1.05  # times as fast
# Seconds of work before anything is found out, so that a run of a few pictures does not.
_AFTER = failpoints.seconds("INT8_AFTER", 5.0)
_LIMIT = 3600.0  # seconds for it all: it gives way to all else
# A little: what it takes of the CPUs it takes anyway, and the sooner it has ended, the sooner all
# pictures are cut in half the time.
_NICER = 5
# What a trial takes of memory, rounded up: 942 MB were measured for u2net.
_BYTES_AT_LEAST = 200 << 20
_TIMES_THE_WEIGHTS = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a model in int8 on this machine."""

    bits: int  # of its weights
    found: Findings | None  # by its trial; None: it was not tried yet
    cache: Path | None  # the converted network, where it is there

    @property
    def refusal(self) -> str:
        """Why it is not taken, though it was tried; nothing where it is."""
        if self.found is None:
            return ""
        if self.found.difference > LARGEST_DIFFERENCE:
            return (
                f"its masks differ by {self.found.difference:.4f} from float32's, "
                f"and may by {LARGEST_DIFFERENCE}"
            )
        if self.found.times_as_fast < LEAST_GAIN:
            return f"it is {self.found.times_as_fast:.2f} times as fast as OpenVINO's usual way"
        return ""

    @property
    def is_good(self) -> bool:
        """Whether it was tried, and found right and faster."""
        return self.found is not None and not self.refusal


class Int8:
    """What is known of int8 on this machine; its methods may be called by any thread."""

    def __init__(self, speeds: Speeds, demands: Demands, *, log: Any) -> None:  # noqa: ANN401 - structlog's
        self._speeds = speeds
        self._demands = demands
        self._log = log
        self._closed = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._being_tried = set[str]()

    def why_not(self, model: Model, providers: Sequence[str]) -> str:
        """Say why this model is not computed in int8, whatever it would come to; or nothing."""
        if not self._demands.fast(model):
            return f"`precision: {self._demands.precision}` has it computed in float32"
        if "openvino" not in providers:
            return "it is computed by OpenVINO, which is not among the providers asked for"
        try:
            known = CATALOGUE.get(model.name) == model and self._name(model)
        except PackageNotFoundError:
            return "openvino is not installed"
        return "" if known else "there is no table for these weights"

    def standing(self, model: Model) -> Standing:
        """Return what is known of a model that may be computed in int8."""
        known = self._speeds.known(self._key(model))
        whole = {"difference", "times_as_fast"} <= known.keys()
        found = Findings(known["difference"], known["times_as_fast"]) if whole else None
        places = [folder / self._name(model) for folder in self._speeds.folders]
        cache = next((place for place in places if place.is_file()), None)
        return Standing(int8_weights_limit().bit_length() + 1, found, cache)

    def proved(self, model: Model) -> Path | None:
        """Return the converted network, if it is here and was found right and faster."""
        standing = self.standing(model)
        return standing.cache if standing.is_good else None

    def opened(self, model: Model, cache: Path) -> Session | None:
        """Open the converted network; None where it is damaged, or OpenVINO will not have it."""
        try:
            return open_converted(cache, threads=self._demands.threads)
        except RefusedError as refusal:
            self._log.info("int8.failed", model=model.name, reason=refusal.what)
            return None

    def times_as_fast(self, model: Model) -> float:
        """Return how many times as fast as OpenVINO's usual way it was found to be."""
        found = self.standing(model).found
        return found.times_as_fast if found else 1.0

    def find_out(self, model: Model, weights: Path, *, then: Callable[[], None]) -> None:
        """Try it in the background, unless that was done; where it proves good, call `then`."""
        if self.standing(model).refusal or model.name in self._being_tried:
            return
        self._being_tried.add(model.name)
        demands = self._demands
        order = Order(
            model.name,
            str(weights),
            "",
            fast=demands.fast(model),
            threads=demands.threads,
            nicer=_NICER,
        )
        threading.Thread(
            target=self._find_out, args=(order, model, then), daemon=True, name="int8"
        ).start()

    def close(self) -> None:
        """End what is being tried."""
        self._closed.set()
        if self._process is not None:
            self._process.kill()

    def _find_out(self, order: Order, model: Model, then: Callable[[], None]) -> None:
        if self._closed.wait(_AFTER):
            return
        needed = _BYTES_AT_LEAST + _TIMES_THE_WEIGHTS * (model.size or 0)
        bound = next(iter(memory_bounds()), None)
        if bound is not None and bound.left < needed:
            reason = f"{bound.who} leaves {bound.left >> 20} MiB; to try it takes {needed >> 20}"
            self._log.info("int8.failed", model=model.name, reason=reason)
            return
        reason = ""
        for folder in self._speeds.folders:
            found, reason = self._tried(replace(order, cache=str(folder / self._name(model))))
            if found:
                break
        else:
            if not self._closed.is_set():
                self._log.info("int8.failed", model=model.name, reason=reason)
            return
        self._speeds.remember(self._key(model), found)
        rounded = {name: round(value, 4) for name, value in found.items()}
        is_good = self.proved(model) is not None
        self._log.info("int8.tried", model=model.name, taken=is_good, **rounded)
        if is_good:
            then()

    def _tried(self, order: Order) -> tuple[dict[str, float], str]:
        """Return what was found, or nothing and the reason."""
        # -P: what lies in the working folder, an inbox it may be, is no module of ours
        command = [sys.executable, "-P", "-m", f"{__name__}_trial", json.dumps(asdict(order))]
        try:
            process = self._process = subprocess.Popen(  # noqa: S603 - ourselves
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            if self._closed.is_set():  # just now
                process.kill()
            said, complaint = process.communicate(timeout=_LIMIT)
            found: dict[str, float] = json.loads(said)
        except subprocess.TimeoutExpired:
            process.kill()
            return {}, f"it took more than {_LIMIT:.0f} s"
        except OSError as error:
            return {}, error.strerror or str(error)
        except ValueError:
            last = complaint.strip().rpartition("\n")[2]
            return {}, last or f"its process ended with {process.returncode}"
        return found, ""

    def _name(self, model: Model) -> str:
        table = table_of(model)
        return int8_cache.file_name(model, table, int8_weights_limit()) if table else ""

    def _key(self, model: Model) -> str:
        return f"{self._name(model)}; {self._demands.key(model)}"

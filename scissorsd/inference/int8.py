"""Computing in int8, where it was tried on this machine and found right and faster.

What is not known yet is found out in the background, by a process of its own (int8_trial.py).
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

from scissorsd import failpoints
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.inference import int8_cache
from scissorsd.inference.int8_table import table_of
from scissorsd.inference.int8_trial import Order
from scissorsd.inference.onnx_runtime import RefusedError
from scissorsd.inference.openvino import open_converted
from scissorsd.inference.providers import Session
from scissorsd.inference.timings import Speeds
from scissorsd.machine import int8_weights_limit, memory_bounds

LARGEST_DIFFERENCE = 0.01  # mean, of masks in [0, 1] to float32's, for pictures drawn for that
LEAST_GAIN = 1.05  # times as fast
# Seconds of work before anything is found out, so that a run of a few pictures does not.
_AFTER = failpoints.seconds("INT8_AFTER", 5.0)
_LIMIT = 900.0  # seconds for it all
# What a trial takes of memory, rounded up: 942 MB were measured for u2net.
_BYTES_AT_LEAST = 200 << 20
_TIMES_THE_WEIGHTS = 5


class Int8:
    """What is known of int8 on this machine; its methods may be called by any thread."""

    def __init__(self, speeds: Speeds, *, threads: int, log: Any) -> None:  # noqa: ANN401 - structlog's
        self._speeds = speeds
        self._threads = threads
        self._log = log
        self._closed = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._being_tried = set[str]()

    def offered(self, model: Model) -> bool:
        """Whether there is a way to compute this very model in int8."""
        try:
            return CATALOGUE.get(model.name) == model and self._name(model) != ""
        except PackageNotFoundError:  # no OpenVINO
            return False

    def proved(self, model: Model, key: str) -> Path | None:
        """Return the converted network, if on what the key names it was right and faster."""
        if not _is_good(self._speeds.known(self._key(model, key))):
            return None
        places = [folder / self._name(model) for folder in self._speeds.folders]
        return next((place for place in places if place.is_file()), None)

    def opened(self, model: Model, cache: Path) -> Session | None:
        """Open the converted network; None where it is damaged, or OpenVINO will not have it."""
        try:
            return open_converted(cache, threads=self._threads)
        except RefusedError as refusal:
            self._log.info("int8.failed", model=model.name, reason=refusal.what)
            return None

    def times_as_fast(self, model: Model, key: str) -> float:
        """Return how many times as fast as OpenVINO's usual way it was found to be."""
        return self._speeds.known(self._key(model, key)).get("times_as_fast", 1.0)

    def find_out(
        self, model: Model, weights: Path, key: str, *, fast: bool, then: Callable[[], None]
    ) -> None:
        """Try it in the background, unless that was done; where it proves good, call `then`."""
        known = self._speeds.known(self._key(model, key))
        if (known and not _is_good(known)) or model.name in self._being_tried:
            return
        self._being_tried.add(model.name)
        order = Order(model.name, str(weights), "", fast=fast, threads=self._threads)
        arguments = (order, model, key, then)
        threading.Thread(target=self._find_out, args=arguments, daemon=True, name="int8").start()

    def close(self) -> None:
        """End what is being tried."""
        self._closed.set()
        if self._process is not None:
            self._process.kill()

    def _find_out(self, order: Order, model: Model, key: str, then: Callable[[], None]) -> None:
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
        self._speeds.remember(self._key(model, key), found)
        rounded = {name: round(value, 4) for name, value in found.items()}
        is_good = self.proved(model, key) is not None
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

    def _key(self, model: Model, key: str) -> str:
        return f"{self._name(model)}; {key}"


def _is_good(known: Mapping[str, float]) -> bool:
    return (
        bool(known)
        and known["difference"] <= LARGEST_DIFFERENCE
        and known["times_as_fast"] >= LEAST_GAIN
    )

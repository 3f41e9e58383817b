"""OpenVINO, used by itself: as ONNX Runtime's plug-in it knows Intel's CPUs only."""

import importlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from scissorsd.core.answers import subject_map
from scissorsd.core.catalogue import Model
from scissorsd.errors import SessionError
from scissorsd.inference import int8_cache
from scissorsd.inference.onnx_runtime import (
    TINY,
    Raw,
    RefusedError,
    check_shapes,
    in_plain_words,
    opening,
    output_of,
)
from scissorsd.machine import has_bf16


@dataclass(frozen=True, slots=True)
class OpenvinoSession:
    """A network that OpenVINO compiled for this CPU; `precision` is `full`, `bf16` or `int8`."""

    model: Model
    precision: str
    compiled: Any

    @property
    def provider(self) -> Literal["openvino"]:
        """Where it runs."""
        return "openvino"

    def run(self, network_input: Raw, /) -> Raw:
        """Return the map of a 1 × 3 × S × S input; thread-safe."""
        # a request is one thread's; making one takes 20 µs
        request = self.compiled.create_infer_request()
        outputs = request.infer({0: network_input}, share_inputs=True, share_outputs=True)
        return subject_map(outputs[self.model.output], self.model)  # a copy: the request goes


def open_session(model: Model, path: Path, *, fast: bool, threads: int) -> OpenvinoSession:
    """Compile the model's file for `threads` of this CPU's; `fast` allows bf16 where it is native.

    Raises RefusedError with OpenVINO's reason, or SessionError when the file is not the network it
    should be.
    """
    bf16 = fast and has_bf16()
    with _in_plain_words():
        network = read(model, path)
        compiled = compiled_for_cpu(network, bf16=bf16, threads=threads)
    return OpenvinoSession(model, "bf16" if bf16 else "full", compiled)


def open_converted(model: Model, cache: Path, *, threads: int) -> OpenvinoSession:
    """Open a network that `write_converted` wrote of a model; raises RefusedError: it is broken."""
    try:
        network = int8_cache.read(cache)
    except (OSError, ValueError) as error:
        raise RefusedError(f"{cache} cannot be read: {in_plain_words(error)}") from error
    with _in_plain_words():
        with opening:
            core, _ = _core_and_reader()
        settings = _settings(bf16=False, threads=threads)
        compiled = core.import_model(io.BytesIO(network), "CPU", settings)
    return OpenvinoSession(model, "int8", compiled)


def write_converted(cache: Path, model: Model, network: Any, *, threads: int) -> None:  # noqa: ANN401 - of openvino
    """Compile a network that was converted to int8, and write it down; raises OSError."""
    compiled = compiled_for_cpu(network, bf16=False, threads=threads)
    int8_cache.write(cache, model, compiled.export_model().getvalue())


def read(model: Model, path: Path) -> Any:  # noqa: ANN401 - of openvino
    """Return the network in an ONNX file, in float32, checked and of fixed sizes."""
    with opening:
        _, frontend = _core_and_reader()
    network = frontend.convert(frontend.load(str(path)))
    takes = network.inputs[0].partial_shape
    gives = output_of(model, path, network.outputs).partial_shape
    check_shapes(model, path, _sizes(takes), _sizes(gives))
    if takes.is_dynamic:
        network.reshape({0: [1, 3, model.input_size, model.input_size]})
    return network


def compiled_for_cpu(network: Any, *, bf16: bool, threads: int) -> Any:  # noqa: ANN401 - of openvino
    """Return the network made ready for this CPU."""
    with opening:
        core, _ = _core_and_reader()
    return core.compile_model(network, "CPU", _settings(bf16=bf16, threads=threads))


@contextmanager
def _in_plain_words() -> Iterator[None]:
    """Raise what OpenVINO raises as a RefusedError."""
    try:
        yield
    except SessionError:
        raise
    except Exception as error:
        raise RefusedError(in_plain_words(error), passing=True) from error


def _settings(*, bf16: bool, threads: int) -> dict[str, str | int | bool]:
    return {
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        "INFERENCE_NUM_THREADS": threads,
        # two of half the threads: 1 % less CPU a picture on two cores, 80 MB more, a picture waits
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # the CPUs also decode and encode the other pictures
    }


@cache
def _core_and_reader() -> tuple[Any, Any]:
    """Return OpenVINO's core and its reader of ONNX, without what tells its makers of its use.

    To be called with `opening` held. The core stays for good: where it went with the last session,
    the next signal that came to this process ended it (SIGSEGV; OpenVINO 2026.4).
    """
    silenced = "openvino_telemetry" not in sys.modules
    if silenced:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # it counts as missing
    try:
        openvino = importlib.import_module("openvino")
        frontends = importlib.import_module("openvino.frontend").FrontEndManager()
        # read_model() has every reader try a broken file, and they complain to standard error
        core, frontend = openvino.Core(), frontends.load_by_framework("onnx")
        _warm_up(openvino, core, frontend)
    except ModuleNotFoundError as error:
        raise RefusedError("openvino is not installed") from error
    except Exception as error:
        raise RefusedError(in_plain_words(error)) from error
    else:
        return core, frontend
    finally:
        if silenced:
            sys.modules.pop("openvino_telemetry", None)


def _warm_up(openvino: Any, core: Any, frontend: Any) -> None:  # noqa: ANN401 - of openvino
    """Make this process's first inference, on the smallest network, while there is one thread.

    What OpenVINO's Python part needs only once (its table of types, first of all) it makes at the
    first inference in C++ statics, letting go of the GIL meanwhile. Two threads that come to one
    together wait for each other for ever (2026.4).
    """
    openvino.Type.f32.to_dtype()
    network = frontend.convert(frontend.load(io.BytesIO(TINY)))
    compiled = core.compile_model(network, "CPU", _settings(bf16=False, threads=1))
    request = compiled.create_infer_request()
    given = request.infer({0: np.zeros(1, np.float32)}, share_inputs=True, share_outputs=True)
    np.array(given[0], dtype=np.float32)


def _sizes(shape: Any) -> list[int | str]:  # noqa: ANN401 - of openvino
    return [size.get_length() if size.is_static else str(size) for size in shape]

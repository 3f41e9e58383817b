"""Opening a session on one provider, and knowing what truly came of it.

CUDA and the plain CPU are ONNX Runtime's; OpenVINO is next door, in openvino.py.
"""

import contextlib
import ctypes
import importlib
import importlib.metadata
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol

import numpy as np

from scissorsd.core.answers import subject_map
from scissorsd.core.catalogue import Model
from scissorsd.inference import openvino
from scissorsd.inference.io_binding import (
    Read,
    Slots,
    can_bind,
    cuda_runtime,
    page_locked,
    plain_memory,
)
from scissorsd.inference.onnx_runtime import (
    SILENT,
    TINY,
    Raw,
    RefusedError,
    check_shapes,
    in_plain_words,
    onnxruntime,
    opening,
    output_of,
)
from scissorsd.machine import usable_cpus

ProviderName = Literal["cuda", "openvino", "cpu"]
PROVIDERS: tuple[ProviderName, ...] = ("cuda", "openvino", "cpu")
GPU_PROVIDERS: tuple[ProviderName, ...] = ("cuda",)

PACKAGES = ("onnxruntime-gpu", "onnxruntime", "openvino")  # what runs networks

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
_CUDNN = "cuDNN 9"

# Of equal inferences the slowest so many times as slow as the fastest: other work disturbed them.
BUSY = 1.5
_ATTEMPTS = 3


class Session(Protocol):
    """A loaded network."""

    @property
    def provider(self) -> ProviderName:
        """Where it runs."""

    @property
    def precision(self) -> str:
        """What it computes in: `full` (float32), `bf16`, `tf32`."""

    def run(self, network_input: Raw, /) -> Raw:
        """Return the map of a 1 × 3 × S × S input; thread-safe."""


class Opener(Protocol):
    """Opens a session; raises RefusedError when the provider will not have it."""

    def __call__(
        self, model: Model, path: Path, provider: ProviderName, /, *, fast: bool, threads: int
    ) -> Session:
        """Open `path` on `provider`."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What one provider came to when it was tried."""

    provider: ProviderName
    works: bool
    seconds: float | None  # of one inference, once warm
    detail: str  # the precision and, on a GPU, how it is fed; or the reason why not


@dataclass(frozen=True, slots=True)
class _OrtSession:
    model: Model
    provider: ProviderName
    precision: str
    ort: Any
    input_name: str
    output_name: str
    turn: contextlib.AbstractContextManager[object]
    how: str = ""

    def run(self, network_input: Raw, /) -> Raw:
        with self.turn:
            (answer,) = self.ort.run([self.output_name], {self.input_name: network_input})
        return subject_map(answer, self.model)


@dataclass(frozen=True, slots=True)
class _BoundSession:
    provider: ProviderName
    precision: str
    slots: Slots
    read: Read
    how: str

    def run(self, network_input: Raw, /) -> Raw:
        return self.slots.run(network_input, self.read)


def open_session(
    model: Model, path: Path, provider: ProviderName, *, fast: bool, threads: int
) -> Session:
    """Load the model's file on one provider, on `threads` of the CPU's.

    `fast` allows less than float32 where the machine computes it natively. Raises RefusedError
    with the provider's reason, or SessionError when the file is not the network it should be.
    """
    if provider == "openvino":
        return openvino.open_session(model, path, fast=fast, threads=threads)
    ort = onnxruntime()
    if provider == "cuda":
        loaded, precision = _open_cuda(ort, path, fast=fast, threads=threads)
    else:
        options = _options(ort, threads)
        # patterns plan one block for all activations: 290 MB more for u2net, and no faster
        options.enable_mem_pattern = False
        loaded, precision = _load(ort, str(path), options, [_CPU]), "full"
    takes, gives = loaded.get_inputs()[0], output_of(model, path, loaded.get_outputs())
    check_shapes(model, path, takes.shape, gives.shape)
    # on the CPU provider two runs at once take 300 MB more, and longer than one after the other
    turn = threading.Lock() if provider == "cpu" else contextlib.nullcontext()
    session = _OrtSession(model, provider, precision, loaded, takes.name, gives.name, turn)
    if provider not in GPU_PROVIDERS:
        return session
    warm_up(session, model)
    return bound(session)


def bound(session: _OrtSession) -> Session:
    """Return a session that runs several pictures at once, its input and output bound to buffers.

    The buffers are page-locked where they can be. Where binding fails, or does not give what the
    plain session does, it is that one, and tells why. The plain one must have run before.
    """
    try:
        if not can_bind(session.ort, session.model.output):
            return replace(session, how="one buffer for each run, its size being unknown")
        slots, memory = _slots(session)
        noise = np.random.default_rng(0).normal(size=_flat(session.model).shape).astype(np.float32)
        read = partial(subject_map, model=session.model)
        if slots.warm_up(noise, session.run(noise), read):
            how = f"{slots.count} at once, {memory} buffers"
            return _BoundSession(session.provider, session.precision, slots, read, how)
    except Exception as error:  # noqa: BLE001 - it is for speed only; the plain session works
        return replace(session, how=f"not bound: {in_plain_words(error)}")
    return replace(session, how="not bound: bound, it gives something else")


def _slots(session: _OrtSession) -> tuple[Slots, str]:
    ort, shape = onnxruntime(), _flat(session.model).shape
    slots = partial(Slots, ort, session.ort, shape=shape, output=session.model.output)
    try:
        if session.provider not in GPU_PROVIDERS:
            return slots("cpu", allocate=plain_memory), "plain"
        allocate = page_locked(cuda_runtime(_cuda_major(ort)))
        return slots("cuda", allocate=allocate), "page-locked"
    except OSError as error:
        why = error.strerror or error
        return slots("cuda", allocate=plain_memory), f"plain (none are page-locked: {why})"


def warm_up(session: Session, model: Model) -> None:
    """Run a network once: a GPU takes its memory and chooses its algorithms at the first inference.

    Only then is it known to work. Raises RefusedError where it does not.
    """
    try:
        session.run(_flat(model))
    except Exception as error:
        raise RefusedError(in_plain_words(error), passing=True) from error


def _flat(model: Model) -> Raw:
    return np.zeros((1, 3, model.input_size, model.input_size), np.float32)


def probe(model: Model, path: Path, *, threads: int | None = None) -> Iterator[Probe]:
    """Open the model on every provider and run one inference, for `doctor`; raises nothing.

    Each is told as soon as it was tried.
    """
    count = threads or usable_cpus()
    for provider in PROVIDERS:
        try:
            session = open_session(
                model, path, provider, fast=model.fast_is_harmless, threads=count
            )
            seconds = timed(session, model, times=1)
            yield Probe(provider, works=True, seconds=seconds, detail=described(session))
        except Exception as error:  # noqa: BLE001 - whatever a provider throws is its finding
            yield Probe(provider, works=False, seconds=None, detail=in_plain_words(error))


def described(session: Session) -> str:
    """Say what a session computes in and, on a GPU, how it is fed."""
    if isinstance(session, _OrtSession | _BoundSession) and session.how:
        return f"{session.precision}, {session.how}"
    return session.precision


def timed(session: Session, model: Model, *, times: int) -> float:
    """Return the seconds of the fastest of so many inferences, after one that does not count.

    They are repeated where other work of the machine disturbed them.
    """
    flat = _flat(model)
    session.run(flat)
    fastest = inf
    for _ in range(_ATTEMPTS):
        seconds = [seconds_of(session, flat) for _ in range(times)]
        fastest = min(fastest, *seconds)
        if max(seconds) < BUSY * min(seconds):
            break
    return fastest


def seconds_of(session: Session, network_input: Raw) -> float:
    """Return the seconds of one inference."""
    began = time.perf_counter()
    session.run(network_input)
    return time.perf_counter() - began


def installed() -> dict[str, str]:
    """Return the version of each package that is here and runs networks."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def versions() -> str:
    """Name what runs networks here, with its versions."""
    return ", ".join(f"{name} {version}" for name, version in installed().items())


def _open_cuda(ort: ModuleType, path: Path, *, fast: bool, threads: int) -> tuple[Any, str]:
    with opening:
        if _CUDA not in ort.get_available_providers():
            raise RefusedError(_why_not_built_in())
        _preload(ort)
        options = {
            "use_tf32": "1" if fast else "0",
            "cudnn_conv_algo_search": "HEURISTIC",  # the default tries all: seconds, and memory
            "arena_extend_strategy": "kSameAsRequested",  # the default doubles
        }
        # tells in a millisecond whether CUDA loads at all; the network itself would be loaded onto
        # the CPU in vain first, half a second for u2net
        tiny = _load(ort, TINY, _options(ort, 1), [(_CUDA, options), _CPU])
        if _CUDA not in tiny.get_providers():
            raise RefusedError(_why_no_cuda(ort))
    loaded = _load(ort, str(path), _options(ort, threads), [(_CUDA, options), _CPU])
    if loaded.get_providers()[0] != _CUDA:
        raise RefusedError("CUDA loads, but the session came out on the CPU", passing=True)
    return loaded, "tf32" if fast else "full"


def _options(ort: ModuleType, threads: int) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    options = ort.SessionOptions()
    # never left to onnxruntime, which counts CPUs that a container may not use
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = SILENT
    # idle threads would spin on the CPUs that decode and encode the other pictures
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _load(ort: ModuleType, network: str | bytes, options: Any, providers: Any) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    try:
        # without enable_fallback=0 it prints, and goes on with the CPU unasked, here and in run()
        return ort.InferenceSession(network, options, providers=providers, enable_fallback=0)
    except Exception as error:
        raise RefusedError(in_plain_words(error), passing=True) from error


def _preload(ort: ModuleType) -> None:
    """Let onnxruntime find CUDA in the nvidia wheels; what it prints is found out again later."""
    if not hasattr(ort, "preload_dlls"):
        return
    # shadows print() in that module alone: another thread's output is not touched
    vars(ort)["print"] = lambda *_words, **_options: None
    try:
        with contextlib.suppress(Exception):
            ort.preload_dlls()
    finally:
        del vars(ort)["print"]


def _why_not_built_in() -> str:
    if {"onnxruntime", "onnxruntime-gpu"} <= installed().keys():
        return (
            "onnxruntime is installed over onnxruntime-gpu and hides its CUDA: "
            "uninstall both, then install onnxruntime-gpu"
        )
    return "this onnxruntime is built without CUDA: onnxruntime-gpu is not installed"


def _why_no_cuda(ort: ModuleType) -> str:
    """Tell what CUDA lacks; only once onnxruntime tried: its library must not be loaded first."""
    reasons = []
    if missing := _missing("libcuda.so.1"):
        reasons.append(f"there is no NVIDIA driver here ({missing})")
    cuda = f"CUDA {_cuda_major(ort)}"
    library = Path(str(ort.__file__)).parent / "capi" / "libonnxruntime_providers_cuda.so"
    missing = _missing(str(library)) or _missing("libcudnn.so.9")
    if missing and not missing.startswith("libcuda.so"):
        reasons.append(f"{cuda.strip()} or {_CUDNN} is not installed ({missing})")
    return " and ".join(reasons) or "onnxruntime could not load CUDA, without saying why"


def _cuda_major(ort: ModuleType) -> str:
    return str(getattr(ort, "cuda_version", "") or "").partition(".")[0]


def _missing(library: str) -> str:
    """Return the reason why a shared library does not load, or nothing when it does."""
    try:
        ctypes.CDLL(library)
    except OSError as error:
        lacking = re.match(r"(\S+): cannot open shared object file: No such file", str(error))
        return f"{Path(lacking[1]).name} not found" if lacking else str(error)
    return ""

"""ONNX Runtime imported silently, and what both runtimes need: refusals, plain words, a check."""

import contextlib
import functools
import importlib
import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from scissorsd.core.catalogue import Model
from scissorsd.errors import SessionError

Raw = NDArray[np.float32]  # what a network takes, 1 × 3 × S × S, and the map that it gives

SILENT = 4  # only what ends the process is logged; the rest reaches us as exceptions

# One Relu on one float, x to y, as an ONNX file.
TINY = (
    b'\x08\x08:3\n\x0c\n\x01x\x12\x01y"\x04Relu\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04'
    b"\n\x02\x08\x01b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x02\x10\r"
)

# loading libraries, and the standard error while it is held back, are one thread's at a time
opening = threading.RLock()

FULL = "the memory is full"
_KNOWN_WORDS = (
    (r"CUDA failure 100|no CUDA-capable device", "no NVIDIA GPU is visible here"),
    (r"CUDA failure 35\b|driver version is insufficient", "the NVIDIA driver is too old"),
    (r"out of memory|CUDA failure 2\b|STATUS_ALLOC_FAILED", FULL),
    (r"CUDNN_STATUS_\w*ALLOCATION_FAILED", FULL),
    (r"Failed to allocate memory|bad_alloc|bad allocation|cannot allocate memory", FULL),
    (r"PosixThread|pthread_create|start new thread", "no thread can be started"),
    (r"CUDNN_STATUS_NOT_INITIALIZED", "cuDNN does not start"),
    (
        r"InvalidProtobuf|INVALID_PROTOBUF|Protobuf parsing failed|Model can't be parsed",
        "it is not an ONNX network",
    ),
)
# What tells something, amid paths and signatures of onnxruntime's own sources.
_TELLING = re.compile(
    r"Failed to allocate memory for requested buffer of size \d+"
    r"|(?:CUDA|CUBLAS|CUDNN|CUFFT) failure -?\d+: .*?(?= ; GPU=|$)"
)
# What says nothing to a person: the places in the sources of onnxruntime and of OpenVINO.
_WHERE = re.compile(
    r"^\[ONNXRuntimeError\] : \d+ : \w+ : "
    r"|Exception from \S+:\d+: |Check '.*?' failed at \S+:\d+: |FrontEnd API failed with \w+: "
)


class RefusedError(SessionError):
    """A provider does not open a session; `what` is the reason, half a sentence.

    `passing` tells that it may yet, later in the life of this process.
    """

    def __init__(self, what: str, *, passing: bool = False) -> None:
        super().__init__(what)
        self.passing = passing


def in_plain_words(error: BaseException) -> str:
    """Say an exception of onnxruntime or OpenVINO in half a sentence for a person."""
    if isinstance(error, RefusedError):
        return error.what
    said = " ".join(re.sub(r"\x1b\[[\d;]*m", "", str(error)).split()) or type(error).__name__
    telling = _TELLING.search(said)
    short = telling[0] if telling else _WHERE.sub("", said)
    short = short if len(short) <= 200 else short[:199] + "…"  # noqa: PLR2004 - a line of a log
    for pattern, words in _KNOWN_WORDS:
        if re.search(pattern, said, re.IGNORECASE):
            return f"{words} ({short})"
    return short.rstrip(".")


def output_of(model: Model, path: Path, outputs: Sequence[Any]) -> Any:  # noqa: ANN401 - of either runtime
    """Return the one of a network's outputs that is looked at; raises SessionError: it has none."""
    if model.output >= len(outputs):
        raise SessionError(
            f"The network in {path} has {len(outputs)} outputs, and the model {model.name} is to "
            f"be looked at in number {model.output}, counted from 0.",
            "Put the right file there, or correct `output` of the model in the configuration.",
        )
    return outputs[model.output]


def check_shapes(
    model: Model, path: Path, takes: Sequence[int | str | None], gives: Sequence[int | str | None]
) -> None:
    """Raise SessionError unless the network takes 1 × 3 × S × S, and gives what its row says.

    What is no number may be any; S is the model's `input_size`.
    """
    wanted = (1, 3, model.input_size, model.input_size)
    if _fits(takes, wanted) and _is_answer(gives, model):
        return
    what = f"the scores of {_channels(model)} classes at least" if model.classes else "a map"
    raise SessionError(
        f"The network in {path} takes {' × '.join(map(str, takes))} and gives "
        f"{' × '.join(map(str, gives))}, but the model {model.name} is to take "
        f"{' × '.join(map(str, wanted))} and to give {what}.",
        "Put the right file there, or correct the model's row in the configuration.",
    )


def _fits(takes: Sequence[int | str | None], wanted: Sequence[int]) -> bool:
    return len(takes) == len(wanted) and all(
        not isinstance(there, int) or there == ours
        for there, ours in zip(takes, wanted, strict=True)
    )


def _is_answer(gives: Sequence[int | str | None], model: Model) -> bool:
    """Tell whether it may be 1 × channels × height × width or, of a map, 1 × height × width."""
    if model.gives != "classes" and len(gives) == 3:  # noqa: PLR2004 - without channels
        return gives[0] == 1 or not isinstance(gives[0], int)
    channels = gives[1] if len(gives) == 4 else 0  # noqa: PLR2004 - with them
    return not isinstance(channels, int) or channels >= _channels(model)


def _channels(model: Model) -> int:
    """Return how many channels its answer has at the least."""
    return max(model.classes, default=0) + 1


@functools.cache
def onnxruntime() -> ModuleType:
    """Import onnxruntime, without what it writes to the standard error, and run it once.

    No two threads shall make the first inference of a process together: see openvino.py.
    Raises SessionError when it cannot be loaded.
    """
    with opening, _no_telemetry(), _held_back():
        try:
            ort = importlib.import_module("onnxruntime")
            ort.disable_telemetry_events()
            ort.set_default_logger_severity(SILENT)
            options = ort.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            tiny = ort.InferenceSession(TINY, options, providers=["CPUExecutionProvider"])
            tiny.run(["y"], {"x": np.zeros(1, np.float32)})
        except Exception as error:
            raise SessionError(
                f"onnxruntime cannot be loaded: {in_plain_words(error)}.",
                "Install it again: `pip install --force-reinstall onnxruntime-gpu` "
                "(or onnxruntime, where there is no GPU).",
            ) from error
        return ort


@contextlib.contextmanager
def _no_telemetry() -> Iterator[None]:
    """Let onnxruntime, while it is loaded, see that it is not to tell its makers of anything.

    The environment is the whole process's: it is left as it was.
    """
    if "ORT_DISABLE_TELEMETRY" in os.environ:
        yield
        return
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        yield
    finally:
        os.environ.pop("ORT_DISABLE_TELEMETRY", None)


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Hold the standard error back for a moment, then let through all but onnxruntime's lines.

    Its native code writes to the descriptor itself, before any of its settings can be reached.
    """
    try:
        saved = os.dup(2)
    except OSError:  # closed: nothing to keep clean
        yield
        return
    _flush_stderr()
    with _nameless_file() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            _flush_stderr()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            with contextlib.suppress(OSError), open(2, "wb", closefd=False) as stderr:
                stderr.writelines(line for line in held if not _is_noise(line))


def _flush_stderr() -> None:
    with contextlib.suppress(AttributeError, OSError, ValueError):  # none, full or closed
        sys.stderr.flush()


def _nameless_file() -> BinaryIO:
    """Return a file in memory; where there is none (an old kernel, a sandbox), nowhere at all."""
    try:
        return os.fdopen(os.memfd_create("stderr"), "r+b")
    except OSError:
        return Path(os.devnull).open("r+b")


def _is_noise(line: bytes) -> bool:
    bare = re.sub(rb"\x1b\[[\d;]*m", b"", line).strip()
    return b":onnxruntime:" in bare or (not bare and bare != line.strip())

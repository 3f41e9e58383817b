"""ONNX Runtime itself, imported silently; its errors and OpenVINO's, said in plain words."""

import contextlib
import functools
import importlib
import os
import re
import sys
import threading
from collections.abc import Iterator
from types import ModuleType

from scissorsd.errors import SessionError

SILENT = 4  # only what ends the process is logged; the rest reaches us as exceptions

# loading libraries, and the standard error while it is held back, are one thread's at a time
opening = threading.RLock()

_KNOWN_WORDS = (
    (r"CUDA failure 100|no CUDA-capable device", "no NVIDIA GPU is visible here"),
    (r"CUDA failure 35\b|driver version is insufficient", "the NVIDIA driver is too old"),
    (r"out of memory|CUDA failure 2\b|STATUS_ALLOC_FAILED", "the memory is full"),
    (r"CUDNN_STATUS_\w*ALLOCATION_FAILED", "the memory is full"),
    (r"Failed to allocate memory|bad_alloc|bad allocation", "the memory is full"),
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


def plain(error: BaseException) -> str:
    """Say an exception of onnxruntime or OpenVINO in half a sentence for a person."""
    said = " ".join(re.sub(r"\x1b\[[\d;]*m", "", str(error)).split()) or type(error).__name__
    telling = _TELLING.search(said)
    short = telling[0] if telling else _WHERE.sub("", said)
    short = short if len(short) <= 200 else short[:199] + "…"  # noqa: PLR2004 - a line of a log
    for pattern, words in _KNOWN_WORDS:
        if re.search(pattern, said, re.IGNORECASE):
            return f"{words} ({short})"
    return short.rstrip(".")


@functools.cache
def onnxruntime() -> ModuleType:
    """Import onnxruntime, without what it writes to the standard error.

    Raises SessionError when it cannot be loaded.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it would tell its makers of each session
    with opening, _held_back():
        try:
            ort = importlib.import_module("onnxruntime")
        except Exception as error:
            raise SessionError(
                f"onnxruntime cannot be loaded: {plain(error)}.",
                "Install it again: `pip install --force-reinstall onnxruntime-gpu` "
                "(or onnxruntime, where there is no GPU).",
            ) from error
        ort.disable_telemetry_events()
        ort.set_default_logger_severity(SILENT)
        return ort


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
    if sys.stderr is not None:
        sys.stderr.flush()
    with os.fdopen(os.memfd_create("stderr"), "r+b") as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            with contextlib.suppress(OSError), open(2, "wb", closefd=False) as stderr:
                stderr.writelines(line for line in held if not _is_noise(line))


def _is_noise(line: bytes) -> bool:
    bare = re.sub(rb"\x1b\[[\d;]*m", b"", line).strip()
    return b":onnxruntime:" in bare or (not bare and bare != line.strip())

"""The report of an unforeseen fault: a file for a person to read and to send to the developers.

It holds versions, what runs the networks, the command line and the traceback. It holds no picture
and no environment variable; pictures are left out of the command line, and passwords out of URLs.
"""

import importlib.metadata
import os
import platform
import re
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from scissorsd import __version__, atomic
from scissorsd.core.ignored_names import is_picture_name
from scissorsd.machine import NVIDIA_DRIVER
from scissorsd.records import status_file

# The state folder that the command works on, once that is known.
state_folder: ContextVar[Path | None] = ContextVar("state_folder", default=None)

PACKAGES = (
    *("click", "isal", "numpy", "onnxruntime", "onnxruntime-gpu", "openvino", "pillow"),
    *("pillow-heif", "pydantic", "pyyaml", "rich", "structlog", "watchdog"),
)
_MODE = 0o600
_PASSWORD = re.compile(r"://[^/\s@]+@")


def write(error: Exception) -> Path:
    """Write the report of a fault and return its path; raises OSError where it cannot be written.

    It goes to the state folder if that is known and this user's own: a file of another user there
    would be in its daemon's way. Each kind of fault has one file there, so that a service that is
    restarted for ever does not fill the disk. Else it goes to the folder for temporary files.
    """
    name = f"fault-{type(error).__name__}"
    content = _text(error).encode("utf-8", "backslashreplace")
    folder = state_folder.get()
    if folder is not None:
        with suppress(OSError):  # not there, or not to be written to: the other place is left
            if folder.stat().st_uid == os.geteuid():
                path = folder / f"{name}.txt"
                atomic.write_atomically(path, content, mode=_MODE)
                return path
    handle, temporary = tempfile.mkstemp(".txt", f"scissorsd-{name}-")  # which has mode 0600
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return Path(temporary)


def _text(error: Exception) -> str:
    now = datetime.now(tz=UTC).isoformat(timespec="seconds")
    lines = [
        f"scissorsd {__version__}: something unforeseen went wrong, {now}",
        f"{type(error).__name__}: {error}",
        "",
        "Please send this with your report. No picture is in it, and nothing of the environment,",
        "but it names files and folders of yours: look through it first.",
        "",
        f"command line: {shlex.join(_without_pictures(sys.argv[1:]))}",
        f"Python {platform.python_version()}, {platform.platform()}",
        f"packages: {', '.join(_versions())}",
        f"NVIDIA's driver: {'loaded' if NVIDIA_DRIVER.exists() else 'not loaded'}",
        *_providers(),
        "",
        *traceback.format_exception(error),
    ]
    return _PASSWORD.sub("://…@", "\n".join(line.rstrip("\n") for line in lines) + "\n")


def _without_pictures(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments; of a picture's name only the ending."""
    for argument in arguments:
        yield f"PICTURE{Path(argument).suffix}" if is_picture_name(argument) else argument


def _versions() -> Iterator[str]:
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            yield f"{package} {importlib.metadata.version(package)}"


def _providers() -> Iterator[str]:
    """Yield where each model runs or last ran, as the daemon on the state folder has put down."""
    folder = state_folder.get()
    status = status_file.read(folder) if folder is not None else None
    for model in status.providers if status is not None else ():
        provider = model.provider or "no provider"
        yield f"{model.model} on {provider} (precision {model.precision})"

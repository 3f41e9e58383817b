"""The lock on a state folder: one daemon at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from scissorsd.errors import AlreadyRunningError, ScissorsError

LOCK = "daemon.lock"
_PATIENCE = 0.5  # seconds


@contextmanager
def lock(state: Path) -> Iterator[None]:
    """Hold the state folder for this process; AlreadyRunningError names who holds it."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        handle = os.open(state / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ScissorsError(
            f"the state folder {state} cannot be used: {error.strerror}",
            "Give the user that scissorsd runs as write access to it, or set 'state:' elsewhere.",
        ) from error
    try:
        try:
            _lock_patiently(handle)
        except OSError as error:
            owner = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            raise AlreadyRunningError(
                f"another scissorsd (process {owner}) works on the state folder {state}",
                "Stop it first, or give this one a state folder of its own.",
            ) from error
        with suppress(OSError):  # its disk is full: who holds it is then unknown to others
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _lock_patiently(handle: int) -> None:
    """Take the lock; who only asks whether a daemon runs (`is_running`) holds it for a moment."""
    deadline = monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if monotonic() > deadline:
                raise
            sleep(_PATIENCE / 20)
        else:
            return


def is_running(state: Path) -> bool:
    """Whether a daemon holds the state folder now."""
    try:
        handle = os.open(state / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)

"""The lock for judging: of all processes on a state folder, one at a time moves what is judged.

It is held on the folder itself: a file could be one that another user has made.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from scissorsd.errors import ScissorsError

_PATIENCE = 20.0  # seconds: another one is moved in far less, unless its share hangs
_PAUSE = 0.02


@contextmanager
def judging(state: Path, *, patiently: bool = True) -> Iterator[None]:
    """Hold the lock; raises ScissorsError where another process keeps it."""
    try:
        handle = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ScissorsError(
            f"the state folder {state} cannot be used: {error.strerror}",
            "Run it as the user that scissorsd runs as, or give this one write access to it.",
        ) from error
    try:
        deadline = monotonic() + _PATIENCE
        while not _is_taken(handle):
            if not patiently or monotonic() > deadline:
                raise ScissorsError(
                    "another scissorsd accepts or rejects something at this moment, and does not "
                    "come to an end",
                    "Look whether the outbox answers, then run it again.",
                )
            sleep(_PAUSE)
        yield
    finally:
        os.close(handle)


def _is_taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

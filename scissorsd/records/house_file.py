"""What house-keeping remembers from one run to the next, in a small file of the state folder.

It is lost without harm: then less is removed.
"""

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from scissorsd.atomic import write_atomically
from scissorsd.core.keeping import Clock, clock_of

FILE = "housekeeping.json"


class HouseFile:
    """The file of one state folder. The methods may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()

    def clock(self) -> Clock | None:
        """Return how far the clock was believed at the last look, if that is known."""
        return clock_of(self._read().get("clock", {}))

    def keep_clock(self, clock: Clock) -> None:
        """Remember how far the clock is believed. Raises OSError."""
        told = {"believed": clock.believed, "doubted": clock.doubted, "steady": clock.steady}
        self._write(clock=told)

    def emptied(self, inbox: Path) -> dict[str, float]:
        """Return the folders of an inbox from which we have removed another, and when."""
        inboxes = self._read().get("emptied", {})
        with suppress(AttributeError, TypeError, ValueError):
            return {str(f): float(at) for f, at in inboxes.get(str(inbox), {}).items()}
        return {}

    def keep_emptied(self, inbox: Path, folders: Mapping[str, float]) -> None:
        """Remember folders from which we are about to remove another. Raises OSError."""
        inboxes = self._read().get("emptied", {})
        others = inboxes if isinstance(inboxes, dict) else {}
        self._write(emptied={**others, str(inbox): dict(folders)})

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            told = json.loads(self._path.read_bytes())
            if isinstance(told, dict):
                return told
        return {}

    def _write(self, **values: object) -> None:
        with self._lock:
            write_atomically(self._path, json.dumps({**self._read(), **values}).encode())

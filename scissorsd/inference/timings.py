"""What was found out on this machine, of its providers' speed and of int8: once, and remembered.

The file is a convenience: where it is missing or broken it is found out again.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scissorsd import atomic

FILE = "speeds.json"


@dataclass(frozen=True, slots=True)
class Speeds:
    """Seconds of one inference by provider; a key names all that they depend on.

    They are kept in the first of the folders that can be written.
    """

    folders: tuple[Path, ...]

    def known(self, key: str) -> dict[str, float]:
        """Return what was measured for this key; nothing if it never was."""
        for folder in self.folders:
            found = _read(folder).get(key)
            if isinstance(found, dict) and found and _are_seconds(found):
                return found
        return {}

    def remember(self, key: str, seconds: Mapping[str, float]) -> None:
        """Put down what was measured; where that cannot be, it is measured anew next time."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                _write(folder, {**_read(folder), key: dict(seconds)})
                return


def _read(folder: Path) -> dict[str, object]:
    try:
        values = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _write(folder: Path, everything: Mapping[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_atomically(folder / FILE, json.dumps(everything, indent=1).encode())


def _are_seconds(found: Mapping[object, object]) -> bool:
    return all(isinstance(value, float) and value > 0 for value in found.values())

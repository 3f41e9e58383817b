"""Which provider is the faster one on this machine: timed once, and remembered.

The file is a convenience: where it is missing or broken the providers are timed again.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = "speeds.json"


@dataclass(frozen=True, slots=True)
class Speeds:
    """Seconds of one inference by provider; a key names all that they depend on."""

    folder: Path

    def known(self, key: str) -> dict[str, float]:
        """Give what was measured for this key; nothing if it never was."""
        found = self._read().get(key, {})
        return found if isinstance(found, dict) and _are_seconds(found) else {}

    def remember(self, key: str, seconds: Mapping[str, float]) -> None:
        """Put down what was measured; where that cannot be, it is measured anew next time."""
        everything = {**self._read(), key: dict(seconds)}
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / f"{FILE}.tmp"
            temporary.write_text(json.dumps(everything, indent=1))
            temporary.replace(self.folder / FILE)

    def _read(self) -> dict[str, object]:
        try:
            values = json.loads((self.folder / FILE).read_text())
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}


def _are_seconds(found: Mapping[object, object]) -> bool:
    return all(isinstance(value, float) and value > 0 for value in found.values())

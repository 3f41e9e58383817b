"""Which files of the journal are there: looked at with patience, and not too often."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic

from scissorsd.errors import ScissorsError
from scissorsd.folders import publishing, real_paths

_FRESH = 5.0  # seconds that a look counts
_REST = 30.0  # seconds that an outbox which does not answer is not asked again
_REMEMBERED = 50_000


class Presence:
    """What was seen lately of files in outboxes. Any thread may ask."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, bool]] = {}
        self._silent: dict[str, float] = {}
        self._lock = threading.Lock()

    def of(self, files: Mapping[str, Iterable[str]]) -> dict[str, bool]:
        """Say of each file, by its outbox, whether it is there; what cannot be looked at may be."""
        now = monotonic()
        with self._lock:
            known = {path: self._seen.get(path, (0.0, True)) for p in files.values() for path in p}
            stale = {
                outbox: [path for path in paths if known[path][0] < now]
                for outbox, paths in files.items()
                if self._silent.get(outbox, 0.0) < now
            }
        looks = {outbox: partial(_look, paths) for outbox, paths in stale.items() if paths}
        answers = real_paths.run_with_patience(looks) if looks else {}
        news = {path: is_there for found in answers.values() for path, is_there in found.items()}
        with self._lock:
            if len(self._seen) > _REMEMBERED:
                self._seen.clear()
            self._seen.update({path: (now + _FRESH, there) for path, there in news.items()})
            self._silent.update(dict.fromkeys(looks.keys() - answers.keys(), now + _REST))
        return {path: there for path, (_, there) in known.items()} | news


def _look(paths: Sequence[str]) -> dict[str, bool]:
    return {path: _may_be_there(Path(path)) for path in paths}


def _may_be_there(path: Path) -> bool:
    try:
        return publishing.exists(path)
    except ScissorsError:  # denied, say
        return True

"""Failed pictures that a person has marked as seen: the page neither counts nor lists them.

They are kept in `STATE/page/seen.json`, by the number of the job and the moment it ended: one that
is tried again and fails is not seen. The journal and failed/ know nothing of it; lost, the file
does no harm.
"""

import json
import threading
from collections.abc import Mapping
from pathlib import Path

from scissorsd.atomic import write_atomically
from scissorsd.page.answers import Refusal

FILE = "seen.json"
_MOST = 10_000  # of which the last are kept


class Seen:
    """Those of one state folder. Any thread may ask; another process may add to them."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._known: dict[int, float] = {}
        self.stamp: tuple[int, int] | None = None  # of the file that was read

    def has(self, job: int, ended_at: float) -> bool:
        """Whether a job that ended so is marked."""
        return self.jobs().get(job) == ended_at

    def jobs(self) -> Mapping[int, float]:
        """Return the marked jobs, and when each had ended."""
        with self._lock:
            return self._read()

    def add(self, job: int, ended_at: float) -> None:
        """Mark a job; raises Refusal where that cannot be kept."""
        with self._lock:
            known = {**self._read(), job: ended_at}
            kept = dict(list(known.items())[-_MOST:])
            try:
                self._path.parent.mkdir(exist_ok=True)
                write_atomically(self._path, json.dumps(kept).encode())
            except OSError as error:
                what = f"that it was seen cannot be kept in {self._path}: {error.strerror}"
                raise Refusal(503, "state", what) from error

    def _read(self) -> dict[int, float]:
        try:
            status = self._path.stat()
            stamp = status.st_ino, status.st_mtime_ns
            if stamp != self.stamp:
                told = json.loads(self._path.read_bytes())
                self._known = {int(job): float(ended_at) for job, ended_at in told.items()}
                self.stamp = stamp
        except (OSError, ValueError, AttributeError, TypeError):  # none yet, or spoilt
            self._known, self.stamp = {}, None
        return self._known

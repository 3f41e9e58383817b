"""Has this file stopped changing? A state machine whose clock is an argument.

Times are seconds on a monotonic clock; a file's own mtime is only ever compared with itself,
because copies keep old times and clocks run ahead.
"""

import heapq
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one look at a path saw. Two equal sightings are the same file, unchanged."""

    path: str  # relative to the inbox, "/" between folders; undecodable bytes as surrogates
    size: int  # bytes
    mtime_ns: int
    inode: int
    device: int

    @property
    def version(self) -> tuple[int, int]:
        """What tells one version of a picture from the next at the same path."""
        return self.size, self.mtime_ns


LONGEST_PAUSE = 60.0  # seconds between two looks at a file that does not settle


@dataclass(slots=True)
class _Candidate:
    sighting: Sighting | None  # None: only heard of, not yet looked at
    quiet_since: float
    look_at: float = -1.0  # its one valid entry on the agenda


class Settler:
    """Tells which paths to look at, and which files have settled.

    A file has settled when two looks at least `quiet` seconds apart saw the same sighting, no
    event came for it in between, and it is not empty. An empty file is looked at again, less and
    less often, for as long as it is there.
    """

    def __init__(self, quiet: float) -> None:
        self.quiet = quiet
        self._candidates: dict[str, _Candidate] = {}
        self._agenda: list[
            tuple[float, str]
        ] = []  # (when to look, path); stale entries are skipped

    def __len__(self) -> int:
        return len(self._candidates)

    def __contains__(self, path: str) -> bool:
        return path in self._candidates

    def heard(self, path: str, now: float) -> None:
        """Note an event: something happened to this path, so it is not quiet."""
        known = self._candidates.get(path)
        if known is None:
            self._appoint(path, _Candidate(sighting=None, quiet_since=now), now)
        else:
            known.quiet_since = now  # the look already appointed finds this and appoints the next

    def saw(self, sighting: Sighting, now: float) -> bool:
        """Note what a look saw; true when the file has settled (and is then forgotten here)."""
        known = self._candidates.get(sighting.path)
        if known is None or known.sighting != sighting:
            self._appoint(sighting.path, _Candidate(sighting, quiet_since=now), now + self.quiet)
            return False
        waited = now - known.quiet_since
        if sighting.size == 0:
            self._appoint(sighting.path, known, now + min(max(self.quiet, waited), LONGEST_PAUSE))
            return False
        if waited < self.quiet:
            self._appoint(sighting.path, known, known.quiet_since + self.quiet)
            return False
        del self._candidates[sighting.path]
        return True

    def gone(self, path: str) -> None:
        """Note that a look found nothing at this path, or nothing of interest."""
        self._candidates.pop(path, None)

    def due(self, now: float) -> list[str]:
        """Give the paths whose next look has come; a look that brings no answer is due again."""
        paths = []
        while self._agenda and self._agenda[0][0] <= now:
            when, path = heapq.heappop(self._agenda)
            known = self._candidates.get(path)
            if known is not None and known.look_at == when:
                self._appoint(path, known, now + LONGEST_PAUSE)
                paths.append(path)
        return paths

    def next_look(self) -> float | None:
        """When `due` next has something to give, or none."""
        return self._agenda[0][0] if self._agenda else None

    def _appoint(self, path: str, candidate: _Candidate, look_at: float) -> None:
        self._candidates[path] = candidate
        if candidate.look_at != look_at:
            candidate.look_at = look_at
            heapq.heappush(self._agenda, (look_at, path))

"""Has this file stopped changing? A state machine whose clock is an argument.

Times are seconds on a monotonic clock; a file's own mtime is only ever compared with itself,
because copies keep old times and clocks run ahead.
"""

import heapq
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one look at a path saw. Two equal sightings are the same file, unchanged."""

    path: str  # relative to the inbox, "/" between folders; undecodable bytes as surrogates
    size: int  # bytes
    mtime_ns: int
    inode: int  # 0 where the file system does not keep it
    device: int
    # Touching a file's attributes changes it, so it makes no difference between sightings.
    ctime_ns: int = field(default=0, compare=False)

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
        self._agenda: list[tuple[float, str]] = []  # a heap; stale entries are skipped

    def __len__(self) -> int:
        return len(self._candidates)

    def __contains__(self, path: str) -> bool:
        return path in self._candidates

    def heard(self, path: str, now: float) -> None:
        """Note an event: something happened to this path, so it is not quiet."""
        known = self._candidates.get(path)
        if known is None:
            self._appoint(path, _Candidate(sighting=None, quiet_since=now), now)
            return
        known.quiet_since = max(known.quiet_since, now)  # the next look finds this and waits on
        if known.look_at > now + self.quiet:  # an empty file's, far away
            self._appoint(path, known, now + self.quiet)

    def saw(self, sighting: Sighting, now: float) -> bool:
        """Note what a look saw; true when the file has settled (and is then forgotten here)."""
        known = self._candidates.get(sighting.path)
        if known is None or known.sighting != sighting:
            quiet_since = max(now, known.quiet_since) if known else now  # an event may be younger
            changed = _Candidate(sighting, quiet_since)
            self._appoint(sighting.path, changed, quiet_since + self.quiet)
            return False
        settles_at = known.quiet_since + self.quiet
        if now < settles_at:
            self._appoint(sighting.path, known, settles_at)
        elif sighting.size == 0:
            waited = now - known.quiet_since
            self._appoint(sighting.path, known, now + min(max(self.quiet, waited), LONGEST_PAUSE))
        else:
            del self._candidates[sighting.path]
            return True
        return False

    def gone(self, path: str) -> None:
        """Note that a look found nothing at this path, or nothing of interest."""
        self._candidates.pop(path, None)

    def empty(self, now: float, seconds: float) -> list[str]:
        """Return the paths of empty files to which nothing has happened for so many seconds."""
        return [
            path
            for path, known in self._candidates.items()
            if known.sighting is not None
            and known.sighting.size == 0
            and now - known.quiet_since >= seconds
        ]

    def due(self, now: float) -> list[str]:
        """Return the paths whose next look has come; a look that brings no answer is due again."""
        paths = []
        while (next_check := self.next_check()) is not None and next_check <= now:
            _, path = heapq.heappop(self._agenda)
            self._appoint(path, self._candidates[path], now + LONGEST_PAUSE)
            paths.append(path)
        return paths

    def next_check(self) -> float | None:
        """When `due` next has something to give, or none."""
        while self._agenda:
            when, path = self._agenda[0]
            if path in self._candidates and self._candidates[path].look_at == when:
                return when
            heapq.heappop(self._agenda)
        return None

    def _appoint(self, path: str, candidate: _Candidate, look_at: float) -> None:
        self._candidates[path] = candidate
        if candidate.look_at != look_at:
            candidate.look_at = look_at
            heapq.heappush(self._agenda, (look_at, path))

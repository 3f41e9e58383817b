"""House-keeping: what has been kept for long enough, and which clock is believed.

All moments are seconds since the epoch by the machine's clock, all lengths of time are seconds.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from scissorsd.core.globs import matches
from scissorsd.core.ignored_names import why_ignored
from scissorsd.core.rules import Rule

Kept = Literal["processed", "failed", "review"]  # rejected/ counts as review/

DAY = 86400.0
LEAP = 7 * DAY  # a clock that is off by more is not believed until it has run for as long
REST = 3600.0  # that nobody must have touched an emptied folder: a copy may have paused
SLACK = 10.0  # by which the clock of a share may differ from ours


@dataclass(frozen=True, slots=True)
class Keep:
    """How long files are kept once their pictures have ended; None: for ever."""

    processed: float | None = None
    failed: float | None = None
    review: float | None = None

    @property
    def shortest(self) -> float | None:
        """The shortest of these times; None where everything is kept for ever."""
        times = (self.processed, self.failed, self.review)
        return min((time for time in times if time is not None), default=None)

    def of(self, kind: Kept) -> float | None:
        """Return how long files of a kind are kept."""
        return {"processed": self.processed, "failed": self.failed, "review": self.review}[kind]

    def is_over(self, kind: Kept, ended: float, now: float) -> bool:
        """Whether files of a kind have been kept for long enough."""
        time = self.of(kind)
        return time is not None and ended > 0 and now - ended >= time


FOR_EVER = Keep()


@dataclass(frozen=True, slots=True)
class Clock:
    """How far the machine's clock is believed: one that has leapt may be wrong.

    A board without a battery starts in 1970, another in 2038, until it has asked for the time.
    """

    believed: float  # the latest moment that was believed
    doubted: float = 0.0  # the latest that was not, since the last that was; 0: there is none
    steady: float = 0.0  # seconds that the program has run by the clock that is doubted

    @property
    def is_believed(self) -> bool:
        """Whether anything may be removed by it."""
        return not self.doubted

    def look(self, now: float, ran: float) -> "Clock":
        """Return what is to be believed when it says `now`.

        The program `ran` for so many seconds since the last look; 0 for the first one.
        """
        if abs(now - self.believed) <= LEAP:
            return Clock(now)
        if not self.doubted or abs(now - self.doubted) > LEAP:
            return Clock(self.believed, now)
        steady = self.steady + max(0.0, min(ran, now - self.doubted))
        return Clock(now) if steady >= LEAP else Clock(self.believed, now, steady)


def ended_at_least(ended: float, began_before: float) -> float:
    """Return when a job has ended, at the earliest.

    Where the clock was behind, jobs that began before it did so later (`began_before`) than it is
    said to have ended.
    """
    return max(ended, began_before)


# --- emptied folders ----------------------------------------------------------------------------


def emptied_folders(pictures: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return each folder of pictures that were moved or deleted, and when the last of these was.

    Pictures are told by their paths, relative to the inbox, as are the folders. The folders above
    are among them; the deepest come first.
    """
    latest: dict[str, float] = {}
    for path, ended in pictures:
        for folder in folders_above(path):
            latest[folder] = max(ended, latest.get(folder, 0.0))
    return dict(sorted(latest.items(), key=lambda item: (-item[0].count("/"), item[0])))


def folders_above(path: str) -> list[str]:
    """Return the folders in which a path lies, but for the inbox; the outermost first."""
    parts = path.split("/")[:-1]
    return list(accumulate(parts, "{}/{}".format))


def has_rested(changed: float, disposed: float, now: float, rest: float = REST) -> bool:
    """Whether an empty folder was last changed by us, and has been left alone for so long since.

    It was `changed` by the clock of its file system when anything was put in or taken out of it;
    our own last change there was at `disposed`.
    """
    return changed <= disposed + SLACK and now - max(changed, disposed) >= rest


def may_go(folder: str, ignore: Collection[str], rules: Iterable[Rule]) -> bool:
    """Whether a folder may be removed when it is empty: it is not ignored, nor named by a rule.

    Where a rule's `match` has a folder of this name, people drop pictures there again.
    """
    name = folder.rpartition("/")[2]
    patterns = [pattern for rule in rules for pattern in rule.match]
    return not why_ignored(folder, ignore) and not any(_names(p, name) for p in patterns)


def _names(pattern: str, name: str) -> bool:
    folders = pattern.rpartition("/")[0]
    # Alternatives may cross folders, so that what stands between any two signs may be a name.
    literals = {*folders.split("/"), *_SIGNS.split(folders)}
    return any(one and not _WILD.search(one) and matches(one, name) for one in literals)


_SIGNS, _WILD = re.compile(r"[/{},]"), re.compile(r"[*?\[]")


def clock_of(told: object) -> Clock | None:
    """Return a clock that was written down; None where that cannot be read."""
    if not isinstance(told, Mapping):
        return None
    numbers = [told.get(name, 0.0) for name in ("believed", "doubted", "steady")]
    if not all(isinstance(number, int | float) for number in numbers) or not numbers[0]:
        return None
    return Clock(*map(float, numbers))

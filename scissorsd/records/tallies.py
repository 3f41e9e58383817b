"""Numbers of the job journal, for programs that draw curves of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scissorsd.records.journal_file import JournalFile


@dataclass(frozen=True, slots=True)
class Tally:
    """So many pictures of an inbox are in a state, with a verdict."""

    inbox: str  # its path
    state: str
    verdict: str  # "" where there is none
    count: int


@dataclass(frozen=True, slots=True)
class Durations:
    """How long the jobs that are done took, from begin to end."""

    up_to: tuple[tuple[float, int], ...]  # seconds: so many took no longer
    count: int
    total: float  # seconds


def tallies(file: JournalFile) -> list[Tally]:
    """Count all pictures by inbox, state and verdict."""
    with file.locked("read") as db:
        rows = db.execute(
            "SELECT inbox, state, verdict, count(*) AS n FROM jobs GROUP BY inbox, state, verdict"
        ).fetchall()
    return [Tally(os.fsdecode(r["inbox"]), r["state"], r["verdict"] or "", r["n"]) for r in rows]


def durations(file: JournalFile, inboxes: Sequence[Path], limits: Sequence[float]) -> Durations:
    """Tell how long the jobs of some inboxes took, and how many took no longer than each limit."""
    took = "ended_at - begun_at"
    sums = "".join(f", total({took} <= ?)" for _ in limits)
    marks = ", ".join("?" for _ in inboxes)
    with file.locked("read") as db:
        row = db.execute(
            f"SELECT count(*), total({took}){sums} FROM jobs WHERE state = 'done'"  # noqa: S608 - marks
            f" AND begun_at > 0 AND ended_at >= begun_at AND inbox IN ({marks})",
            (*limits, *(os.fsencode(inbox) for inbox in inboxes)),
        ).fetchone()
    counts = tuple((limit, int(n)) for limit, n in zip(limits, row[2:], strict=True))
    return Durations(counts, row[0], row[1])

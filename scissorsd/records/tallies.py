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
    """How long those jobs of an inbox took that are done, from begin to end."""

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


def durations(file: JournalFile, inbox: Path, limits: Sequence[float]) -> Durations:
    """Tell how long the jobs of an inbox took, and how many took no longer than each limit."""
    sums = "".join(", total(ended_at - begun_at <= ?)" for _ in limits)
    with file.locked("read") as db:
        row = db.execute(
            f"SELECT count(*), total(ended_at - begun_at){sums} FROM jobs WHERE inbox = ?"  # noqa: S608 - only question marks are put in
            " AND state = 'done' AND begun_at > 0 AND ended_at >= begun_at",
            (*limits, os.fsencode(inbox)),
        ).fetchone()
    counts = tuple((limit, int(n)) for limit, n in zip(limits, row[2:], strict=True))
    return Durations(counts, row[0], row[1])

"""What a run that died has left in the job journal."""

import os
from dataclasses import dataclass
from pathlib import Path

from scissorsd.records.journal_file import JournalFile
from scissorsd.records.journal_rows import folders_of

_DIED = "scissorsd ended while it worked on this picture; it is taken again, alone"
STARVED = (
    "the kernel ended scissorsd for want of memory while it worked on this picture; it is taken "
    "again, alone"
)


@dataclass(frozen=True, slots=True)
class GivenOut:
    """A job that was begun by a host."""

    job: int
    turn: int
    inbox: str
    path: str
    folders: list[Path]  # into which it may write


class Interrupted:
    """The jobs of a journal that were cut short. The methods may be called from any thread."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def hold(self, penalty: int, why: str = _DIED) -> None:
        """Hold the pictures that were in hand when the last run died, as suspects.

        Its death counts for `penalty` more than the one time that they were begun. What is held is
        not in hand: a suspect that is not begun again has no part in the next death. What a host
        had (no attempt) had no part in this one, and stays begun.
        """
        with self._file.transaction("blame") as db:
            db.execute(
                "UPDATE jobs SET state = 'held', attempts = attempts + ?,"
                " reason = CASE WHEN set_aside = '[]' THEN ? ELSE reason END"
                " WHERE state = 'begun' AND attempts > 0",
                (penalty, why),
            )
            self._file.forget()

    def jobs(self, *, hosts: bool = True) -> list[tuple[int, list[Path]]]:
        """Return the jobs that were cut short, and the folders where each may have left files.

        Those that hosts may still be at only with `hosts`.
        """
        rows = self._file.rows(
            "state IN ('begun', 'published', 'held') AND attempts > 0"
            " OR state = 'begun' AND attempts = 0 AND ?",
            hosts,
        )
        return [(row["id"], folders_of(row)) for row in rows]

    def given_out(self) -> list[GivenOut]:
        """Return the jobs that hosts had when the last run ended."""
        rows = self._file.rows("state = 'begun' AND attempts = 0 AND lies_at = x''")
        return [
            GivenOut(
                row["id"],
                row["turn"],
                os.fsdecode(row["inbox"]),
                os.fsdecode(row["path"]),
                folders_of(row),
            )
            for row in rows
        ]

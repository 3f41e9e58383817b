"""What the job journal tells people: of the jobs of a picture, of a folder, of an inbox."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from scissorsd.records.journal_file import JournalFile
from scissorsd.records.journal_rows import Entry, Value, entry_of, folders_of, key


class Entries:
    """The jobs of a journal, to be read. The methods may be called from any thread."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def unfinished(self) -> list[Entry]:
        """Return the jobs that a crash or a stop left begun, published or held.

        Those of pictures that lie elsewhere, too.
        """
        return self._entries("state IN ('begun', 'published', 'held') ORDER BY turn")

    def failures(self) -> list[Entry]:
        """Return the failed jobs, the latest last."""
        return self._entries("state = 'failed' ORDER BY ended_at, id")

    def latest(self, count: int) -> list[Entry]:
        """Return the jobs that ended last, the latest first."""
        return self._entries("ended_at > 0 ORDER BY ended_at DESC, id DESC LIMIT ?", count)

    def of_job(self, job_id: int) -> Entry | None:
        """Return a job as it stands now; None where there is none any more."""
        return next(iter(self._entries("id = ?", job_id)), None)

    def of_source(self, inbox: Path, path: str) -> list[Entry]:
        """Return what is recorded of a path in an inbox, the latest first."""
        return self._entries(
            "inbox = ? AND path = ? ORDER BY turn DESC",
            os.fsencode(inbox),
            os.fsencode(path),
        )

    def folders(self, job_id: int) -> list[Path]:
        """Return the folders into which a job may write; none where it is not known any more."""
        return [folder for row in self._file.rows("id = ?", job_id) for folder in folders_of(row)]

    def latest_folders(self, count: int) -> list[Path]:
        """Return the folders into which the latest jobs, so many of them, may have written."""
        rows = self._file.rows("id > 0 ORDER BY turn DESC LIMIT ?", count)
        return list(dict.fromkeys(folder for row in rows for folder in folders_of(row)))

    def of_output(self, path: str) -> list[Entry]:
        """Return the jobs to which a file in an outbox belongs.

        It may have been left there by one that has no claim to the name any more: it was replaced.
        """
        return (
            self._entries("id IN (SELECT job FROM names WHERE key = ?)", key(Path(), path))
            or self._entries("instr(set_aside, ?)", json.dumps(path))
            or self._entries("instr(published, ?) ORDER BY turn DESC", json.dumps(path))
        )

    def with_outputs_in(self, folder: Path) -> Iterator[Entry]:
        """Yield the jobs whose outputs went into a folder or below, the latest first."""
        begins = json.dumps(str(folder / "_"))[:-2]
        turn = sys.maxsize
        while True:
            rows = self._file.rows(
                "state IN ('done', 'published') AND instr(published, ?) AND turn < ?"
                " ORDER BY turn DESC LIMIT 500",
                begins,
                turn,
            )
            yield from map(entry_of, rows)
            if not rows:
                return
            turn = rows[-1]["turn"]

    def counts(self, inbox: Path) -> dict[str, int]:
        """Count the jobs of an inbox by state."""
        with self._file.locked("read") as db:
            rows = db.execute(
                "SELECT state, count(*) AS n FROM jobs WHERE inbox = ? GROUP BY state",
                (os.fsencode(inbox),),
            ).fetchall()
        return {row["state"]: row["n"] for row in rows}

    def verdicts(self, inbox: Path) -> dict[str, int]:
        """Count the jobs of an inbox that were cut by verdict; what waits is told by reviews.py."""
        mine = os.fsencode(inbox)
        counts: dict[str, int] = {}
        with self._file.locked("read") as db:
            rows = db.execute(
                "SELECT verdict, count(*) AS n FROM jobs WHERE inbox = ? AND verdict != ''"
                " AND state IN ('done', 'published', 'failed') GROUP BY verdict",
                (mine,),
            ).fetchall()
            counts.update({row["verdict"]: row["n"] for row in rows})
        return counts

    def _entries(self, where: str, *values: Value) -> list[Entry]:
        return [entry_of(row) for row in self._file.rows(where, *values)]

"""The stamps of a journal: the files that jobs are about to put into their places, or have put.

A row of `stamps` is such a file. It is written before the file gets its name, so that after a crash
our own file is told from another's that has taken the place meanwhile.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from scissorsd.core.rules import Job
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.folders import no_replace
from scissorsd.records.journal_file import JournalFile
from scissorsd.records.journal_rows import Value, stamp_of

_LIKE = "stamps.size = ? AND stamps.mtime_ns = ?"


class Stamps:
    """The stamps of a journal. The methods may be called from any thread."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def add(self, job: Job, staged: Sequence[Stamp]) -> None:
        """Record files that are about to be put into their places."""
        with self._file.transaction("stamp") as db:
            for stamp in staged:
                insert(db, job, stamp)

    def remove(self, stamps: Sequence[Stamp]) -> None:
        """Forget files that are not, or no longer, in their places."""
        if not stamps:
            return
        with self._file.transaction("unstamp") as db:
            db.executemany(
                "DELETE FROM stamps WHERE temporary = ? AND place = ?",
                [(os.fsencode(stamp.temporary), os.fsencode(stamp.place)) for stamp in stamps],
            )

    def at(self, place: Path, inbox: Path, path: str) -> list[Stamp]:
        """Return what a picture's jobs have put, or were about to put, into a place."""
        return self._stamps(
            "place = ? AND inbox = ? AND path = ?",
            os.fsencode(place),
            os.fsencode(inbox),
            os.fsencode(path),
        )

    def unplaced(self, job_id: int) -> list[Stamp]:
        """Return the files of a job that were not seen in their places."""
        return self._stamps("job = ? AND temporary != x''", job_id)

    def own_file(self, inbox: Path, source: Sighting) -> str:
        """Return where a sighted file lies as an output, or moved source, of this inbox's pictures.

        Such a file is there where the outbox can be seen within the inbox, through a bind mount or
        a link: it would be cut again and again. Returns "" for any other file.
        """
        there, places = inbox / source.path, (stamp.place for stamp in self.like(source, inbox))
        return next((p for p in places if no_replace.is_same_file(Path(p), there)), "")

    def like(self, source: Sighting, inbox: Path) -> list[Stamp]:
        """Return the files of ours that a sighted file may be, if they came from this inbox.

        Also by way of others: what was cut from what was cut from a picture of this inbox.
        """
        return [
            stamp
            for stamp, job in self._stamped(_LIKE, *source.version)
            if self._comes_from(job, os.fsencode(inbox))
        ]

    def _comes_from(self, job: sqlite3.Row, inbox: bytes) -> bool:
        line, seen = [job], set[tuple[int, int]]()
        while line:
            job = line.pop()
            if job["inbox"] == inbox:
                return True
            version = job["job_size"], job["job_mtime_ns"]
            if version not in seen:
                seen.add(version)
                line += [earlier for _, earlier in self._stamped(_LIKE, *version)]
        return False

    def was_published(self, place: Path, inbox: Path, path: str) -> bool:
        """Whether a picture's outputs went to a place before there were stamps."""
        mine = os.fsencode(inbox), os.fsencode(path)
        return bool(
            self._file.rows(
                "inbox = ? AND path = ? AND instr(published, ?)", *mine, json.dumps(str(place))
            )
        )

    def is_of_older_version(self, job: Job) -> bool:
        """Whether a job was cut short by a version that left no stamps."""
        return bool(self._file.rows("id = ? AND inode IS NULL AND attempts > 0", job.id))

    def _stamps(self, where: str, *values: Value) -> list[Stamp]:
        return [stamp for stamp, _ in self._stamped(where, *values)]

    def _stamped(self, where: str, *values: Value) -> list[tuple[Stamp, sqlite3.Row]]:
        if self._file.is_old:
            return []
        with self._file.locked("read") as db:
            rows = db.execute(
                "SELECT stamps.*, inbox, jobs.size AS job_size, jobs.mtime_ns AS job_mtime_ns"  # noqa: S608 - our own conditions
                f" FROM stamps JOIN jobs ON job = id WHERE {where}",
                values,
            ).fetchall()
        return [(stamp_of(row), row) for row in rows]


def insert(db: sqlite3.Connection, job: Job, stamp: Stamp) -> None:
    """Record a file, within a transaction of the journal."""
    db.execute(
        "INSERT INTO stamps (job, place, digest, size, mtime_ns, temporary)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            job.id,
            os.fsencode(stamp.place),
            stamp.digest,
            stamp.size,
            stamp.mtime_ns,
            os.fsencode(stamp.temporary),
        ),
    )


def mark_placed(db: sqlite3.Connection, stamps: Sequence[Stamp]) -> None:
    """Record that files are in their places, in the stead of what was there before."""
    for stamp in stamps:
        place = os.fsencode(stamp.place)
        db.execute(
            "DELETE FROM stamps WHERE place = ? AND temporary != ?",
            (place, os.fsencode(stamp.temporary)),
        )
        db.execute("UPDATE stamps SET temporary = x'' WHERE place = ?", (place,))


def replace_at(db: sqlite3.Connection, job: Job, stamp: Stamp) -> None:
    """Record a file in its place, in the stead of what was there before."""
    db.execute("DELETE FROM stamps WHERE place = ?", (os.fsencode(stamp.place),))
    insert(db, job, stamp)


def respell(db: sqlite3.Connection, before: bytes, after: bytes) -> None:
    """Let every path that begins with `before` begin with `after`."""
    for column in ("place", "temporary"):
        rows = db.execute(f"SELECT rowid, {column} FROM stamps").fetchall()  # noqa: S608 - our own column names
        db.executemany(
            f"UPDATE stamps SET {column} = ? WHERE rowid = ?",  # noqa: S608 - the same
            [
                (after + path.removeprefix(before), row)
                for row, path in rows
                if path.startswith(before)
            ],
        )

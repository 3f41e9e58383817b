"""What the journal last knew of each path, held in memory: a scan asks this of every picture."""

import os
import sqlite3

from scissorsd.core.rules import Job
from scissorsd.records.journal_rows import Known, State, known_of


class KnownPaths:
    """A memory of the rows of `jobs`; who uses it holds the journal's lock."""

    def __init__(self) -> None:
        self._by_inbox: dict[str, dict[str, Known]] = {}

    def in_memory(self, inbox: str) -> dict[str, Known] | None:
        """Return what is held in memory of an inbox, by path; this one alone needs no lock."""
        return self._by_inbox.get(inbox)

    def of(self, db: sqlite3.Connection, inbox: str) -> dict[str, Known]:
        """Return what is known of an inbox, by path."""
        if inbox not in self._by_inbox:
            rows = db.execute(
                "SELECT path, size, mtime_ns, state, source, set_aside, inode, ctime_ns,"
                " wish"
                " FROM jobs WHERE inbox = ? AND lies_at = x'' ORDER BY turn",
                (os.fsencode(inbox),),
            )
            self._by_inbox[inbox] = {os.fsdecode(row["path"]): known_of(row) for row in rows}
        return self._by_inbox[inbox]

    def recall(self, db: sqlite3.Connection, inbox: str, path: str) -> None:
        """Know of a path what an earlier version left, its latest being struck out."""
        row = db.execute(
            "SELECT * FROM jobs WHERE inbox = ? AND path = ? AND lies_at = x''"
            " ORDER BY turn DESC LIMIT 1",
            (os.fsencode(inbox), os.fsencode(path)),
        ).fetchone()
        if row is None:
            self.of(db, inbox).pop(path, None)
        else:
            self.of(db, inbox)[path] = known_of(row)

    def remember(
        self, db: sqlite3.Connection, job: Job, state: State, *, removed: bool = False
    ) -> None:
        """Know of a job's path what has just been written of it."""
        source, paths = job.source, self.of(db, str(job.inbox))
        if job.lies_at:
            # At that path there is nothing, or a picture that came after it.
            self.recall(db, str(job.inbox), source.path)
            return
        earlier = paths.get(source.path)
        wish = earlier.wish if earlier is not None and earlier.version == source.version else ""
        paths[source.path] = Known(
            source.version, state, removed, source.inode, source.ctime_ns, wish
        )

    def clear(self) -> None:
        """Forget everything; it is read again when it is asked for."""
        self._by_inbox.clear()

"""A picture that is discarded: which files are its own, and that nothing is known of it any more.

The files go first, then the row: a discard that was cut short finds what is left by the row.
"""

import os
from pathlib import Path

from scissorsd.folders.removing import Own
from scissorsd.records.journal_file import JournalFile
from scissorsd.records.journal_rows import Entry, entry_of, stamp_of

_IN_HAND = ("begun", "published")


class Discards:
    """The discards of a journal. The methods may be called from any thread."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def versions(self, entry: Entry) -> list[Entry]:
        """Return every version of a picture that the journal knows, as it stands now."""
        mine = os.fsencode(entry.inbox), os.fsencode(entry.path)
        return [entry_of(row) for row in self._file.rows("inbox = ? AND path = ?", *mine)]

    def own_files(self, entry: Entry) -> list[Own]:
        """Return the picture in its inbox, and what its job has put out, by what they are known."""
        with self._file.locked("read") as db:
            rows = db.execute(
                "SELECT * FROM stamps WHERE job = ? AND temporary = x''", (entry.id,)
            ).fetchall()
        stamps = [stamp_of(row) for row in rows]
        source = Own(Path(entry.source), entry.size, mtime_ns=entry.mtime_ns)
        return [source, *(Own(Path(s.place), s.size, s.digest) for s in stamps)]

    def strike_out(self, entry: Entry) -> bool:
        """Forget a job; false where it is in hand, or being judged, at this moment."""
        with self._file.transaction("discard") as db:
            rows = self._file.rows("id = ?", entry.id)
            judging = db.execute("SELECT 1 FROM judging WHERE job = ?", (entry.id,)).fetchone()
            if judging or (rows and rows[0]["state"] in _IN_HAND):
                return False
            db.execute("DELETE FROM jobs WHERE id = ?", (entry.id,))
            self._file.forget()
        return True

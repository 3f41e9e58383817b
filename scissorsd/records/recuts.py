"""Pictures that a person asks for again: by the changed rule, or with a wish.

One whose source is in its inbox is seen there by the next scan. The source of another was moved
when it was cut; that row says in `lies_at` where to, and is taken up from the journal.
"""

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scissorsd.core.rules import Rule, choose
from scissorsd.core.settling import Sighting
from scissorsd.core.wishes import Wish, wish_of
from scissorsd.records.journal_file import JournalFile
from scissorsd.records.journal_rows import (
    Entry,
    State,
    Value,
    entry_of,
    is_look_of,
    is_removed,
)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A picture that is asked for again, and lies where it was moved to."""

    job_id: int
    path: str  # as it was dropped, relative to the inbox
    size: int
    mtime_ns: int
    lies_at: str  # absolute
    wish: Wish
    state: State
    attempts: int


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a picture that was cut before."""

    outputs: tuple[str, ...]  # the paths of its outputs, relative to the outbox
    begun_at: float


_CUT = (
    "inbox = ? AND state = 'done' AND (source != 'keep' OR turn = "
    "(SELECT max(turn) FROM jobs AS j WHERE j.inbox = jobs.inbox AND j.path = jobs.path))"
)


@dataclass(frozen=True, slots=True)
class CutBefore:
    """A picture that was cut, and may have come back."""

    entry: Entry
    content: bytes  # its digest
    plan: str  # the rule's prints, as it was cut by
    disposal: str  # what that rule did with the source: keep, move or delete

    def is_under(self, rule: Rule) -> bool:
        """Whether this rule makes the same of it, and does the same with it."""
        return is_look_of(self.plan, rule) and self.disposal == rule.source


class Recuts:
    """The second thoughts in a journal. The methods may be called from any thread."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def ask(self, entry: Entry, wish: Wish | None, *, lies_at: str = "") -> bool:
        """Ask for a picture again, with this wish, or (None) the one that it has.

        False where it is in hand at this moment, so that what is asked would come too late.
        """
        with self._file.transaction("ask"):
            (row,) = self._file.rows("id = ?", entry.id)
            if row["state"] in {"begun", "published"}:
                return False
            if wish is not None:
                self._file.update(entry.id, wish=wish.to_json())
            self._file.update(
                entry.id,
                state="again",
                attempts=0,
                reason="",
                set_aside="[]",
                judged="",
                lies_at=os.fsencode(lies_at),
            )
            self._file.forget()
        return True

    def elsewhere(self, inbox: Path) -> list[Elsewhere]:
        """Return the pictures of an inbox that are to be cut where they were moved to."""
        rows = self._file.rows(
            "inbox = ? AND lies_at != x'' AND state NOT IN ('done', 'failed') ORDER BY id",
            os.fsencode(inbox),
        )
        return [
            Elsewhere(
                job_id=row["id"],
                path=os.fsdecode(row["path"]),
                size=row["size"],
                mtime_ns=row["mtime_ns"],
                lies_at=os.fsdecode(row["lies_at"]),
                wish=wish_of(row["wish"]),
                state=row["state"],
                attempts=row["attempts"],
            )
            for row in rows
        ]

    def give_up(self, job_id: int) -> None:
        """Cut a picture no more; what had come of it before stays as it is."""
        with self._file.transaction("give_up") as db:
            if self._file.rows("id = ? AND lies_at != x''", job_id):  # else it came back meanwhile
                strike_out(db, "id = ?", job_id)
            self._file.forget()

    def ask_for_all_moved(self, inbox: Path) -> None:
        """Ask again for every picture of an inbox that was moved when it was cut."""
        with self._file.transaction("ask") as db:
            rows = self._file.rows(
                "inbox = ? AND state = 'done' AND source = 'move' AND moved_to != x''",
                os.fsencode(inbox),
            )
            db.executemany(
                "UPDATE jobs SET state = 'again', judged = '', lies_at = ? WHERE id = ?",
                [
                    (os.fsencode(entry.moved_to), entry.id)
                    for entry in map(entry_of, rows)
                    if not entry.swept_at("processed")
                ],
            )
            self._file.forget()

    def before(self, inbox: Path, source: Sighting) -> Before | None:
        """Return what came of this version of a picture before, if anything did."""
        rows = self._file.rows(
            "inbox = ? AND path = ? AND size = ? AND mtime_ns = ? AND published != '[]'",
            os.fsencode(inbox),
            os.fsencode(source.path),
            *source.version,
        )
        if not rows:
            return None
        return Before(tuple(json.loads(rows[0]["outputs"])), rows[0]["begun_at"])

    # --- a picture is its content ----------------------------------------------------------------

    def done_under_this_name(self, inbox: Path, source: Sighting) -> list[CutBefore]:
        """Return what was cut of a path, of the same size, and is no longer there as it was."""
        rows = self._file.rows(
            "inbox = ? AND path = ? AND size = ? AND content != x''"
            " AND (state = 'done' OR state = 'again' AND lies_at != x'') ORDER BY turn DESC",
            os.fsencode(inbox),
            os.fsencode(source.path),
            source.size,
        )
        return [
            CutBefore(entry_of(row), bytes(row["content"]), row["plan"], row["source"])
            for row in rows
            if is_removed(row) or (row["size"], row["mtime_ns"]) != source.version
        ]

    def content(self, job_id: int) -> bytes:
        """Return the digest of a picture's content; b"" where it is not known."""
        rows = self._file.rows("id = ?", job_id)
        return bytes(rows[0]["content"]) if rows else b""

    def come_back(self, entry: Entry, source: Sighting, *, is_out: bool) -> bool:
        """Know a picture that was cut by its new time; its outputs are out, or it is cut again.

        False where another job has that version of the path.
        """
        with self._file.transaction("come_back"):
            mine = os.fsencode(entry.inbox), os.fsencode(entry.path)
            others = self._file.rows(
                "inbox = ? AND path = ? AND size = ? AND mtime_ns = ? AND id != ?",
                *mine,
                *source.version,
                entry.id,
            )
            if others:
                return False
            self._file.update(
                entry.id,
                mtime_ns=source.mtime_ns,
                inode=source.inode,
                ctime_ns=source.ctime_ns,
                state="published" if is_out else "again",
                attempts=0,
                lies_at=b"",
            )
            self._file.forget()
        return True

    # --- what is no longer made -------------------------------------------------------------------

    def superseded(self, job_id: int) -> tuple[str, ...]:
        """Return the outputs of before that a job has not put out anew.

        Also what an earlier version of the picture was about to put out when it was cut short and
        replaced; never its source, which may have been set aside by then. A later version may be in
        hand while this one is cut where it was moved to: what comes out of that is not touched.
        """
        with self._file.locked("read") as db:
            (row,) = self._file.rows("id = ?", job_id)
            cut_short = db.execute(
                "SELECT place, set_aside FROM stamps JOIN jobs ON job = id"
                " WHERE inbox = ? AND path = ? AND id != ?"
                " AND state IN ('begun', 'held') AND lies_at = x'' AND temporary != x''"
                " AND turn < ?",
                (row["inbox"], row["path"], job_id, row["turn"]),
            ).fetchall()
        left = {os.fsdecode(r["place"]) for r in cut_short}
        left = left.difference(*(json.loads(r["set_aside"]) for r in cut_short))
        # What was accepted meanwhile may have taken the place of an earlier one.
        kept = json.loads(row["published"])
        return tuple(sorted({*json.loads(row["superseded"]), *left}.difference(kept)))

    # --- what may be asked for ------------------------------------------------------------------

    def states(self, jobs: Sequence[int]) -> Counter[str]:
        """Count these jobs by state."""
        with self._file.locked("read") as db:
            rows = db.execute(
                "SELECT state FROM jobs WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(jobs)),),
            ).fetchall()
        return Counter(row["state"] for row in rows)

    def stale(self, inbox: Path, rules: Sequence[Rule]) -> set[int]:
        """Return the jobs of an inbox that were cut by a rule which has changed since."""
        with self._file.locked("read") as db:
            rows = db.execute(
                f"SELECT id, path, plan, wish FROM jobs WHERE {_CUT}",  # noqa: S608 - our own condition
                (os.fsencode(inbox),),
            ).fetchall()
        seen: dict[tuple[str, str, int], bool] = {}  # most were cut by the same few rules
        stale = set[int]()
        for row in rows:
            rule = choose(rules, os.fsdecode(row["path"]))
            if rule is None or rule.skip:
                continue
            case = row["plan"], row["wish"], id(rule)
            if case not in seen:
                seen[case] = not is_look_of(row["plan"], wish_of(row["wish"]).over(rule))
            if seen[case]:
                stale.add(row["id"])
        return stale

    def cut(self, inbox: Path) -> list[Entry]:
        """Return every picture of an inbox that was cut; of one that was replaced, the latest."""
        rows = self._file.rows(f"{_CUT} ORDER BY turn", os.fsencode(inbox))
        return [entry_of(row) for row in rows]


def strike_out(db: sqlite3.Connection, where: str, *values: Value) -> None:
    """End jobs that will not be cut: as what they were before or, of nothing, as if never begun.

    Within a transaction of the journal.
    """
    db.execute(
        "UPDATE jobs SET state = 'done', attempts = 0, reason = '', lies_at = x'',"  # noqa: S608 - our own conditions
        f" superseded = '[]' WHERE published != '[]' AND {where}",
        values,
    )
    db.execute(f"DELETE FROM jobs WHERE published = '[]' AND {where}", values)  # noqa: S608 - the same


def superseded_by(row: sqlite3.Row, published: Sequence[str] = ()) -> str:
    """Return the column `superseded` when a picture is begun again, or its outputs are out."""
    before = {*json.loads(row["superseded"]), *json.loads(row["published"])}
    return json.dumps(sorted(before.difference(published)))

"""What the page shows of the job journal: every picture once, page by page, and how many.

A picture is known by its inbox and path; of several versions the one that was begun last counts.
Pages go by `id`, from the latest: it never changes, whatever becomes of a row meanwhile, so that
while pictures are cut none is missed and none comes twice. (`turn` grows when one is cut again.)

First it is asked by an index alone which rows may be meant, then these are read, so many at once.
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scissorsd.core.file_names import name_key
from scissorsd.core.rules import REVIEW_FOLDER
from scissorsd.core.settling import Sighting
from scissorsd.records.journal_file import JournalFile
from scissorsd.records.journal_rows import Entry, Value, entry_of, is_removed, key, late
from scissorsd.records.stamps import Stamps

# Of a file in an inbox: no job has it; one has, and goes on; one had, and nothing comes of it now.
KnownAs = Literal["new", "in hand", "ended"]

UNENDED = ("begun", "published", "again", "held")
EVERY_STATE = (*UNENDED, "done", "failed")
_CHUNK = 400  # rows that are read at once
_IS_LATEST = (
    "NOT EXISTS (SELECT 1 FROM jobs AS later WHERE later.inbox = jobs.inbox"
    " AND later.path = jobs.path AND later.turn > jobs.turn)"
)
_ENDED_OF_BATCHES = "inbox = ? AND state IN ('done', 'failed') AND instr(path, ?)"
_IN_REVIEW = f"instr(published, '/{REVIEW_FOLDER}/')"  # as the index has it


@dataclass(frozen=True, slots=True)
class Scope:
    """Which pictures are meant."""

    inboxes: tuple[Path, ...]  # as the journal has their paths
    is_all: bool = True  # that there are
    batch: str = ""  # in the second folder of this name: a gesture on the quick desk
    text: str = ""  # somewhere in the path; case does not count

    def holds(self, path: str) -> bool:
        """Whether a path in one of the inboxes is meant."""
        if self.batch and path.split("/")[1:-1][:1] != [self.batch]:
            return False
        return not self.text or name_key(self.text) in name_key(path)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A job, and when its picture came, by the clock of its file system."""

    entry: Entry
    ctime_ns: int


class PicturesView:
    """The pictures of a journal, to be shown. The methods may be called from any thread."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._stamps = Stamps(file)

    @contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """Let all that is asked meanwhile be answered of one moment."""
        with self._file.locked("read") as db:
            db.execute("BEGIN")
            try:
                yield
            finally:
                db.execute("ROLLBACK")

    def ended_of_batches(self, inbox: Path, prefix: str) -> list[Entry]:
        """Return the jobs that are done or failed in batches whose names begin so."""
        mine = os.fsencode(inbox), os.fsencode(f"/{prefix}")
        return [entry_of(row) for row in self._file.rows(_ENDED_OF_BATCHES, *mine)]

    def last_turn(self) -> int:
        """Return the turn of the job that was begun last."""
        with self._file.locked("read") as db:
            return int(db.execute("SELECT ifnull(max(turn), 0) FROM jobs").fetchone()[0])

    def taken_since(self, turn: int) -> set[tuple[str, str, int, int]]:
        """Return inbox, path and version of what was begun after a turn."""
        with self._file.locked("read") as db:
            rows = db.execute(
                "SELECT inbox, path, size, mtime_ns FROM jobs WHERE turn > ?", (turn,)
            ).fetchall()
        return {(os.fsdecode(row[0]), os.fsdecode(row[1]), row[2], row[3]) for row in rows}

    def last_id(self) -> int:
        """Return the highest number of a job."""
        with self._file.locked("read") as db:
            return int(db.execute("SELECT ifnull(max(id), 0) FROM jobs").fetchone()[0])

    def before(
        self, scope: Scope, job: int, states: Collection[str] = EVERY_STATE
    ) -> Iterator[Entry]:
        """Yield the pictures in these states with a number below `job`, the latest first."""
        where, values = _where(scope, by_index=False)
        marks = _marks(states)
        meant = f"+state IN ({marks}) AND {where} AND {_IS_LATEST}"
        while ids := self._candidates(scope, job, states):
            rows = self._rows(
                scope, f"id IN ({_marks(ids)}) AND {meant} ORDER BY id DESC", *ids, *states, *values
            )
            yield from map(entry_of, rows)
            job = ids[-1]

    def _candidates(self, scope: Scope, job: int, states: Collection[str]) -> list[int]:
        """Return the next numbers among which are all that are meant, by the shortest index."""
        where, values = "1", list[Value]()
        if "done" not in states:
            where, values = f"state IN ({_marks(states)})", [*states]
        elif not scope.is_all or scope.batch or scope.text:
            where, values = _where(scope)
        with self._file.locked("read") as db:
            _know_text(db, scope)
            rows = db.execute(
                f"SELECT id FROM jobs WHERE {where} AND id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608 - our own conditions
                (*values, job, _CHUNK),
            ).fetchall()
        return [row["id"] for row in rows]

    def begun_since(self, scope: Scope, job: int) -> list[Arrived]:
        """Return the pictures that were begun first after the one with this number."""
        where, values = _where(scope, by_index=False)
        rows = self._rows(scope, f"id > ? AND {where} AND {_IS_LATEST}", job, *values)
        return [Arrived(entry_of(row), late(row, "ctime_ns", 0) or 0) for row in rows]

    def in_review(self, scope: Scope) -> list[Entry]:
        """Return the pictures whose outputs wait in review/ for a person."""
        where, values = _where(scope)
        rows = self._rows(
            scope, f"{_IN_REVIEW} AND {where} AND +state IN ('done', 'published')", *values
        )
        return [entry for entry in map(entry_of, rows) if self.waits_in_review(entry)]

    def waits_in_review(self, entry: Entry) -> bool:
        """Whether the outputs of a job wait in review/, and their names are still its own."""
        if not entry.in_review:
            return False
        with self._file.locked("read") as db:
            mine = key(Path(), entry.published[0]), entry.id
            found = db.execute("SELECT 1 FROM names WHERE key = ? AND job = ?", mine).fetchone()
        return found is not None

    def of(self, inbox: Path, path: str) -> Entry | None:
        """Return what is recorded of a picture; of several versions the latest."""
        rows = self._file.rows(
            "inbox = ? AND path = ? ORDER BY turn DESC LIMIT 1",
            os.fsencode(inbox),
            os.fsencode(path),
        )
        return entry_of(rows[0]) if rows else None

    # --- how many ------------------------------------------------------------------------------

    def count(self, scope: Scope) -> int:
        """Count the pictures."""
        total = 0
        for inbox in scope.inboxes:
            one = Scope((inbox,), scope.is_all, scope.batch, scope.text)
            where, values = _where(one)
            with self._file.locked("read") as db:
                _know_text(db, scope)
                (found,) = db.execute(
                    f"SELECT count(DISTINCT path) FROM jobs WHERE {where}",  # noqa: S608 - our own conditions
                    values,
                ).fetchone()
            total += found
        return total

    def rows(self) -> int:
        """Count the jobs of all inboxes, every version by itself."""
        with self._file.locked("read") as db:
            return int(db.execute("SELECT count(*) FROM jobs").fetchone()[0])

    def new_since(self, scope: Scope, job: int) -> tuple[int, int]:
        """Count the jobs of all inboxes after a number, and the pictures that are meant and new."""
        where, values = _where(scope, by_index=False)
        with self._file.locked("read") as db:
            _know_text(db, scope)
            (rows,) = db.execute("SELECT count(*) FROM jobs WHERE id > ?", (job,)).fetchone()
            (pictures,) = db.execute(
                "SELECT count(*) FROM (SELECT DISTINCT inbox, path FROM jobs"  # noqa: S608 - our own conditions
                f" WHERE id > ? AND {where} AND NOT EXISTS (SELECT 1 FROM jobs AS earlier"
                " WHERE earlier.inbox = jobs.inbox AND earlier.path = jobs.path"
                " AND earlier.id <= ?))",
                (job, *values, job),
            ).fetchone()
        return rows, pictures

    def unended(self, scope: Scope) -> Counter[tuple[str, bool]]:
        """Count the pictures that are not done, by state and whether there is a reason."""
        where, values = _where(scope, by_index=False)
        states = (*UNENDED, "failed")
        with self._file.locked("read") as db:
            _know_text(db, scope)
            rows = db.execute(
                "SELECT state, reason != '' AS is_told, count(*) AS n FROM jobs"  # noqa: S608 - our own conditions
                f" WHERE state IN ({_marks(states)}) AND {where} AND {_IS_LATEST}"
                " GROUP BY state, is_told",
                (*states, *values),
            ).fetchall()
        return Counter({(row["state"], bool(row["is_told"])): row["n"] for row in rows})

    def failed(self, scope: Scope, jobs: Collection[int]) -> list[Entry]:
        """Return those of some jobs that are pictures which failed."""
        if not jobs:
            return []
        where, values = _where(scope, by_index=False)
        meant = f"id IN ({_marks(jobs)}) AND state = 'failed' AND {where} AND {_IS_LATEST}"
        return list(map(entry_of, self._rows(scope, meant, *jobs, *values)))

    # --- what lies in an inbox -------------------------------------------------------------------

    def known_as(self, inbox: Path, sighting: Sighting) -> KnownAs:
        """Say what the journal knows of a sighted file."""
        rows = self._file.rows(
            "inbox = ? AND path = ? AND size = ? AND mtime_ns = ?",
            os.fsencode(inbox),
            os.fsencode(sighting.path),
            *sighting.version,
        )
        if not rows:
            return "ended" if self._stamps.own_file(inbox, sighting) else "new"
        if not is_removed(rows[0]):
            return "ended" if rows[0]["state"] in {"done", "failed"} else "in hand"
        # It was moved away when it was cut, so that this is another; or it was seen before that.
        inode, ctime_ns = (late(rows[0], name, 0) for name in ("inode", "ctime_ns"))
        is_same = (inode, ctime_ns) == (sighting.inode, sighting.ctime_ns)
        return "in hand" if is_same else "new"

    def _rows(self, scope: Scope, where: str, *values: Value) -> list[sqlite3.Row]:
        with self._file.locked("read") as db:
            _know_text(db, scope)
            return self._file.rows(where, *values)


def _where(scope: Scope, *, by_index: bool = True) -> tuple[str, list[Value]]:
    """Return the condition that a picture is meant; `by_index` of the inboxes, or by another."""
    where = f"{'' if by_index else '+'}inbox IN ({_marks(scope.inboxes)})"
    values: list[Value] = [os.fsencode(inbox) for inbox in scope.inboxes]
    if scope.batch:
        where += " AND CAST(path AS TEXT) LIKE ?"
        values.append(f"_%/{scope.batch}/_%")
    if scope.text.isascii() and scope.text:
        where += " AND CAST(path AS TEXT) LIKE ? ESCAPE '\\'"
        values.append(f"%{_literally(scope.text)}%")
    elif scope.text:
        where += " AND is_in(?, path)"
        values.append(name_key(scope.text))
    return where, values


def _literally(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def _know_text(db: sqlite3.Connection, scope: Scope) -> None:
    """Teach SQLite in which case letters beyond ASCII are one, where that is asked."""
    if not scope.text.isascii():
        db.create_function("is_in", 2, _is_in, deterministic=True)


def _is_in(wanted: str, path: bytes) -> bool:
    return wanted in name_key(os.fsdecode(path))


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))

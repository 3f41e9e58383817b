"""The job journal: the durable record of jobs, in SQLite on a local disk.

A row of `jobs` is one version (size, mtime_ns) of one picture. Its state goes

    begun → (published →) done      published: the outputs are out, the source still in place
          → failed                  until the file changes, or a person asks for it again
          → held                    tried again after a pause
    failed, done → again            a person asked for it

A row of `names` is a path that belongs to a job. Both are written in the transaction that begins
the job, so that a job repeated after a crash finds its own names and no other job takes them.

A row of `stamps` is a file that a job is about to put into its place, or has put there. It is
written before the file gets its name, so that after a crash our own file is told from another's
that has taken the place meanwhile.

Transactions are synced: what was journalled is still there after a power cut.
"""

import json
import os
import re
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Literal

from scissorsd import failpoints
from scissorsd.core.rules import (
    FAILED_FOLDER,
    REVIEW_FOLDER,
    Job,
    PlannedOutput,
    Rule,
    in_review,
    name_key,
)
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.errors import JournalDamagedError, JournalError, JournalVersionError
from scissorsd.records import wal

State = Literal["begun", "published", "done", "failed", "held", "again"]
Folder = Literal["inbox", "outbox"]

_ENDED = ("done", "failed")
_LIKE = "stamps.size = ? AND stamps.mtime_ns = ?"
_DIED = "scissorsd ended while it worked on this picture; it is taken again, alone"
STARVED = (
    "the kernel ended scissorsd for want of memory while it worked on this picture; it is taken "
    "again, alone"
)
Value = str | bytes | int | float

FILE = "jobs.sqlite"
LOST = f"{FILE}.lost"  # stands from when a journal was set aside until all is known again
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    inbox BLOB NOT NULL,          -- the watched folder, absolute
    path BLOB NOT NULL,           -- relative to it; bytes as the file system has them
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,    -- times begun without an orderly end
    rule TEXT NOT NULL,
    plan TEXT NOT NULL,           -- the whole rule, to know whether the plan below still holds
    outbox BLOB NOT NULL,
    outputs TEXT NOT NULL,        -- JSON: the planned path of each output, in the rule's order
    moved_to BLOB NOT NULL,       -- where the source goes; empty: nowhere
    source TEXT NOT NULL,         -- what becomes of the source: keep, move or delete
    verdict TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    set_aside TEXT NOT NULL DEFAULT '[]',  -- JSON: files written when it failed
    provider TEXT NOT NULL DEFAULT '',
    published TEXT NOT NULL DEFAULT '[]',  -- JSON: where the outputs really are
    turn INTEGER NOT NULL,        -- jobs count up as they begin: a clock may be set back
    begun_at REAL NOT NULL,       -- seconds since the epoch, for people only
    ended_at REAL NOT NULL DEFAULT 0,
    UNIQUE (inbox, path, size, mtime_ns)
);
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_turn ON jobs (turn);
CREATE INDEX jobs_by_end ON jobs (ended_at);
CREATE TABLE names (
    key BLOB PRIMARY KEY,         -- an absolute path, folded so that twins are one
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX names_by_job ON names (job);
"""
# Came later; versions without it pass over it. A job without `inode` was begun by one of those.
_ADDED = """
ALTER TABLE jobs ADD COLUMN inode INTEGER;  -- the source's number; 0 where none is kept
ALTER TABLE jobs ADD COLUMN ctime_ns INTEGER;  -- when it or its attributes last changed
CREATE TABLE stamps (
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    place BLOB NOT NULL,          -- an absolute path
    digest BLOB NOT NULL,         -- of the file's content
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    temporary BLOB NOT NULL       -- its name until it is in its place; empty: it was seen there
);
CREATE INDEX stamps_by_place ON stamps (place);
CREATE INDEX stamps_by_version ON stamps (size, mtime_ns);
CREATE INDEX stamps_by_job ON stamps (job);
CREATE TABLE about (
    id TEXT NOT NULL              -- of this journal, in the names of its unfinished files
);
INSERT INTO about VALUES (lower(hex(randomblob(4))));
"""

_SPELLING = {
    "inbox": "SELECT 1 FROM jobs WHERE inbox = ? LIMIT 1",
    "outbox": "SELECT 1 FROM jobs WHERE outbox = ? LIMIT 1",
}
_SPELLINGS = {
    "inbox": "SELECT DISTINCT inbox FROM jobs",
    "outbox": "SELECT DISTINCT outbox FROM jobs",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal last knew of a path in an inbox."""

    version: tuple[int, int]
    state: State
    removed: bool  # ended, and its source moved or deleted: a file there now is a new one
    inode: int = 0  # of the source; 0: not known
    ctime_ns: int = 0  # of the source, as it was cut


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the journal, for telling people."""

    id: int
    inbox: str
    path: str
    size: int
    mtime_ns: int
    state: State
    attempts: int
    rule: str
    outbox: str
    verdict: str
    reason: str
    set_aside: tuple[str, ...]
    provider: str
    published: tuple[str, ...]
    kinds: tuple[str, ...]  # of what is published, in that order; what follows is no picture
    moved_to: str  # where the source went or is to go, absolute; empty: nowhere
    begun_at: float
    ended_at: float

    @property
    def source(self) -> str:
        """The picture's path as it was dropped."""
        return str(Path(self.inbox) / self.path)


class Journal:
    """The journal of one state folder. Its methods may be called from any thread."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.path = folder / FILE
        self._lock = threading.RLock()
        self._known: dict[str, dict[str, Known]] = {}
        self.damaged: JournalDamagedError | None = None  # found while it was in use
        try:
            self._db = self._open(read_only=read_only)
            self._is_old = not _has_stamps(
                self._db
            )  # and only read: it is asked no more than it knows
            self.id = "" if self._is_old else self._db.execute("SELECT id FROM about").fetchone()[0]
        except (sqlite3.Error, OSError) as error:
            if _is_damage(error):
                raise JournalDamagedError(
                    f"the job journal {self.path} is damaged: {error}"
                ) from error
            raise JournalError(
                f"the job journal {self.path} cannot be used: {error}",
                "Look at the disk and the permissions of the state folder.",
            ) from error

    def _open(self, *, read_only: bool) -> sqlite3.Connection:
        if not read_only and self.path.exists() and not self.path.stat().st_size:
            raise sqlite3.DatabaseError("it is empty")  # SQLite would take it for a new one
        if not read_only and wal.is_damaged(self.path.with_name(f"{FILE}-wal")):
            raise sqlite3.DatabaseError("its last transactions are lost")
        mode = "ro" if read_only else "rwc"
        db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=10,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _check_version(db, self.path)
            _prepare(db, read_only=read_only)
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Close the file; nothing else may follow."""
        with self._lock:
            self._db.close()

    # --- what is known of a path -------------------------------------------------------------

    def known(self, inbox: Path, path: str) -> Known | None:
        """Tell what is known of a path, from memory: a scan asks this of every picture."""
        known = self._known.get(str(inbox))
        if known is None:
            with self._locked("read"):
                known = self._known_in(str(inbox))
        return known.get(path)

    def reload(self) -> None:
        """Forget what is held in memory: another process wrote (`scissorsd retry`)."""
        with self._lock:
            self._known.clear()

    def changed_elsewhere(self) -> int:
        """Return a number that changes when another process has written."""
        with self._locked("read") as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0])

    def _known_in(self, inbox: str) -> dict[str, Known]:
        if inbox not in self._known:
            rows = self._db.execute(
                "SELECT path, size, mtime_ns, state, source, set_aside, inode, ctime_ns"
                " FROM jobs WHERE inbox = ? ORDER BY turn",
                (os.fsencode(inbox),),
            )
            self._known[inbox] = {os.fsdecode(row["path"]): _known(row) for row in rows}
        return self._known[inbox]

    def _recall(self, inbox: str, path: str) -> None:
        """Know of a path what an earlier version left, its latest being struck out."""
        row = self._db.execute(
            "SELECT * FROM jobs WHERE inbox = ? AND path = ? ORDER BY turn DESC LIMIT 1",
            (os.fsencode(inbox), os.fsencode(path)),
        ).fetchone()
        if row is None:
            self._known_in(inbox).pop(path, None)
        else:
            self._known_in(inbox)[path] = _known(row)

    # --- the life of a job -------------------------------------------------------------------

    def planned(self, inbox: Path, outbox: Path, source: Sighting, rule: Rule) -> Job | None:
        """Return the job as it was planned before, if this version was begun under this same rule.

        One whose outputs are out is given under any rule: only its source is left to dispose of.
        """
        with self._locked("read"):
            row = self._row(inbox, source)
        if row is None:
            return None
        if row["state"] == "published":
            rule = replace(rule, outputs=(), source=row["source"])
        elif row["plan"] != repr(rule) or row["outbox"] != os.fsencode(outbox):
            return None
        paths = json.loads(row["outputs"])
        return Job(
            inbox=str(inbox),
            source=source,
            rule=rule,
            outputs=tuple(map(PlannedOutput, rule.outputs, paths)),
            moved_to=os.fsdecode(row["moved_to"]),
            id=row["id"],
        )

    def outputs_of(self, inbox: Path, source: Sighting) -> tuple[str, ...]:
        """Return where the outputs of this version of a picture were put, if it was cut."""
        with self._locked("read"):
            row = self._row(inbox, source)
        return tuple(json.loads(row["published"])) if row is not None else ()

    def owner(self, outbox: Path, name: str) -> tuple[str, str] | None:
        """Return the (inbox, path) of the picture to which a name in the outbox belongs.

        None when it is nobody's. The name of a picture whose source was moved or deleted belongs
        to that version for ever: ("", "") stands for it.
        """
        with self._locked("read") as db:
            row = db.execute(
                "SELECT inbox, path, source, state, set_aside FROM jobs JOIN names ON job = id"
                " WHERE key = ?",
                (_key(outbox, name),),
            ).fetchone()
        if row is None:
            return None
        if _removed(row):
            return "", ""
        return os.fsdecode(row["inbox"]), os.fsdecode(row["path"])

    def begin(self, inbox: Path, outbox: Path, job: Job) -> Job | None:
        """Record the job and its names, before any work; none if a name was just taken."""
        with self._transaction("begin") as db:
            row = self._row(inbox, job.source)
            attempts = 1 + (row["attempts"] if row is not None else 0)
            (turn,) = db.execute("SELECT 1 + ifnull(max(turn), 0) FROM jobs").fetchone()
            values: dict[str, Value] = {
                "state": "begun",
                "attempts": attempts,
                "rule": job.rule.name,
                "plan": repr(job.rule),
                "outbox": os.fsencode(outbox),
                "outputs": json.dumps([planned.path for planned in job.outputs]),
                "moved_to": os.fsencode(job.moved_to),
                "source": job.rule.source,
                "turn": turn,
                "begun_at": time.time(),
                "inode": job.source.inode,
                "ctime_ns": job.source.ctime_ns,
            }
            if row is None:
                values |= {
                    "inbox": os.fsencode(inbox),
                    "path": os.fsencode(job.source.path),
                    "size": job.source.size,
                    "mtime_ns": job.source.mtime_ns,
                }
                marks = ", ".join("?" * len(values))
                cursor = db.execute(
                    f"INSERT INTO jobs ({', '.join(values)}) VALUES ({marks})",  # noqa: S608 - our own column names
                    tuple(values.values()),
                )
                job = replace(job, id=cursor.lastrowid or 0)
            else:
                job = replace(job, id=row["id"])
                self._update(job.id, **values)
            if not self._claim(db, outbox, job):
                db.execute("ROLLBACK")
                return None
            self._remember(inbox, job, "begun")
        return job

    def replan(self, inbox: Path, outbox: Path, job: Job) -> bool:
        """Record other names for a job that was begun; false if one of them was just taken."""
        with self._transaction("replan") as db:
            self._update(
                job.id,
                outputs=json.dumps([planned.path for planned in job.outputs]),
                moved_to=os.fsencode(job.moved_to),
            )
            if not self._claim(db, outbox, replace(job, inbox=str(inbox))):
                db.execute("ROLLBACK")
                return False
        return True

    def redirect(self, job: Job, moved_to: str) -> bool:
        """Record another place for a published picture's source; false if that is taken."""
        with self._transaction("redirect") as db:
            (outbox,) = db.execute("SELECT outbox FROM jobs WHERE id = ?", (job.id,)).fetchone()
            key = _key(Path(os.fsdecode(outbox)), moved_to)
            if db.execute(
                "SELECT 1 FROM names WHERE key = ? AND job != ?", (key, job.id)
            ).fetchone():
                return False
            db.execute("INSERT OR REPLACE INTO names (key, job) VALUES (?, ?)", (key, job.id))
            self._update(job.id, moved_to=os.fsencode(moved_to))
        return True

    def _claim(self, db: sqlite3.Connection, outbox: Path, job: Job) -> bool:
        for name in job.names:
            owner = self.owner(outbox, name)
            if owner is not None and owner != (job.inbox, job.source.path):
                mine = db.execute(
                    "SELECT 1 FROM names WHERE key = ? AND job = ?", (_key(outbox, name), job.id)
                ).fetchone()
                if mine is None:
                    return False
        db.execute("DELETE FROM names WHERE job = ?", (job.id,))
        # What an earlier version has published stays its own until this one has published too:
        # if this one fails or is withdrawn, the picture must not lose its names.
        db.executemany(
            "INSERT INTO names (key, job) VALUES (?, ?) ON CONFLICT (key) DO UPDATE"
            " SET job = excluded.job WHERE (SELECT state FROM jobs WHERE id = job) != 'done'",
            [(_key(outbox, name), job.id) for name in job.names],
        )
        return True

    def published(
        self,
        inbox: Path,
        job: Job,
        paths: Sequence[str],
        *,
        verdict: str,
        provider: str,
        stamps: Sequence[Stamp] = (),
    ) -> None:
        """Record that all outputs are out, at these absolute paths; the source still stands."""
        with self._transaction("published") as db:
            for stamp in stamps:
                place = os.fsencode(stamp.place)
                db.execute(
                    "DELETE FROM stamps WHERE place = ? AND temporary != ?",
                    (place, os.fsencode(stamp.temporary)),
                )
                db.execute("UPDATE stamps SET temporary = x'' WHERE place = ?", (place,))
            (outbox,) = db.execute("SELECT outbox FROM jobs WHERE id = ?", (job.id,)).fetchone()
            db.executemany(
                "INSERT OR REPLACE INTO names (key, job) VALUES (?, ?)",
                [(_key(Path(os.fsdecode(outbox)), name), job.id) for name in job.names],
            )
            self._update(
                job.id,
                state="published",
                published=json.dumps(list(paths)),
                verdict=verdict,
                provider=provider,
                reason="",
            )
            self._remember(inbox, job, "published")

    def finish(
        self, inbox: Path, job: Job, *, moved: Stamp | None = None, stays: bool = False
    ) -> None:
        """Record that nothing is left to do; an earlier version that failed no longer counts.

        `moved` is the source where it is now; it `stays` where no place for it could be had.
        """
        with self._transaction("finish") as db:
            self._update(job.id, state="done", attempts=0, reason="", ended_at=time.time())
            if stays:
                self._update(job.id, source="keep", moved_to=b"")
            if moved is not None:
                place = os.fsencode(moved.place)
                db.execute("DELETE FROM stamps WHERE place = ?", (place,))
                self._insert_stamp(job, moved)
            db.execute(
                "DELETE FROM jobs WHERE inbox = ? AND path = ? AND id != ?"
                " AND (source = 'keep' AND state != 'done' OR state IN ('begun', 'held'))",
                (os.fsencode(inbox), os.fsencode(job.source.path), job.id),
            )
            removed = job.rule.source != "keep" and not stays
            self._remember(inbox, job, "done", removed=removed)

    def fail(
        self, inbox: Path, job: Job, reason: str, set_aside: Sequence[str], *, verdict: str = ""
    ) -> None:
        """Record why the picture failed, and the files that tell of it.

        Its names are free, unless something of it was published.
        """
        with self._transaction("fail") as db:
            db.execute(
                "DELETE FROM names WHERE job = ?"
                " AND (SELECT published FROM jobs WHERE id = job) = '[]'",
                (job.id,),
            )
            self._update(
                job.id,
                state="failed",
                attempts=0,
                reason=_storable(reason),
                verdict=verdict,
                set_aside=json.dumps(list(set_aside)),
                ended_at=time.time(),
            )
            # A file that is replaced again and again by what cannot be cut is one failure.
            db.execute(
                "DELETE FROM jobs WHERE inbox = ? AND path = ? AND id != ? AND state = 'failed'"
                " AND source = 'keep' AND published = '[]' AND set_aside = ?",
                (
                    os.fsencode(inbox),
                    os.fsencode(job.source.path),
                    job.id,
                    json.dumps(list(set_aside)),
                ),
            )
            removed = job.rule.source != "keep" and len(set_aside) > 1
            self._remember(inbox, job, "failed", removed=removed)

    def setting_aside(self, job: Job, reason: str, places: Sequence[str]) -> bool:
        """Record, before it is done, where a failed picture is set aside; false if others go there.

        A repeated job finds the same places again.
        """
        with self._transaction("setting_aside") as db:
            elsewhere = db.execute(
                "SELECT set_aside FROM jobs WHERE state IN ('begun', 'held') AND id != ?"
                " AND set_aside != '[]'",
                (job.id,),
            ).fetchall()
            if any(not set(places).isdisjoint(json.loads(row[0])) for row in elsewhere):
                return False
            self._update(job.id, reason=_storable(reason), set_aside=json.dumps(list(places)))
        return True

    def set_aside_at(self, job: Job) -> tuple[str, ...]:
        """Return where the failed picture is, or is being, set aside; nothing if it is not."""
        with self._locked("read") as db:
            row = db.execute("SELECT set_aside FROM jobs WHERE id = ?", (job.id,)).fetchone()
        return tuple(json.loads(row["set_aside"]))

    def reason(self, job: Job) -> str:
        """Return why a job is held, failed or is being set aside."""
        with self._locked("read") as db:
            row = db.execute("SELECT reason FROM jobs WHERE id = ?", (job.id,)).fetchone()
        return str(row["reason"])

    def hold(self, inbox: Path, job: Job, reason: str) -> None:
        """Record why the job waits; a job whose outputs are out stays published."""
        with self._transaction("hold"):
            row = self._row(inbox, job.source)
            state: State = "held"
            if row is not None and row["state"] == "published":
                state = "published"
            self._update(job.id, state=state, attempts=0, reason=_storable(reason))
            self._remember(inbox, job, state)

    def blame(self, points: int, why: str = _DIED) -> None:
        """Hold the pictures that were in hand when the last run died, as suspects.

        Its death counts for `points` more than the one time that they were begun. What is held is
        not in hand: a suspect that is not begun again has no part in the next death.
        """
        with self._transaction("blame") as db:
            db.execute(
                "UPDATE jobs SET state = 'held', attempts = attempts + ?,"
                " reason = CASE WHEN set_aside = '[]' THEN ? ELSE reason END WHERE state = 'begun'",
                (points, why),
            )
            self._known.clear()

    def cut_short(self) -> list[tuple[int, list[Path]]]:
        """Return the jobs that were cut short, and the folders where each may have left files."""
        with self._locked("read") as db:
            rows = db.execute(
                "SELECT * FROM jobs WHERE state IN ('begun', 'published', 'held') AND attempts > 0"
            ).fetchall()
        return [(row["id"], _folders_of(row)) for row in rows]

    def withdraw(self, inbox: Path, job: Job) -> None:
        """Forget a job whose picture was replaced or taken away before anything was published."""
        with self._transaction("withdraw") as db:
            db.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
            self._recall(str(inbox), job.source.path)

    def close_unfinished(self, entry: Entry, *, replaced: bool = False) -> None:
        """End a job whose picture is no longer there: its outputs are out, or it never was.

        Where its picture was `replaced` and its outputs may be out, it stays until the new one is
        done, which takes them over.
        """
        with self._transaction("close_unfinished") as db:
            if replaced and entry.state != "published" and self.unplaced(entry.id):
                return
            if entry.state == "published":
                self._update(entry.id, state="done", attempts=0, ended_at=time.time())
            elif len(entry.set_aside) > 1:  # it was being set aside, and is there now
                self._update(entry.id, state="failed", attempts=0, ended_at=time.time())
            else:
                db.execute("DELETE FROM jobs WHERE id = ?", (entry.id,))
            self._recall(entry.inbox, entry.path)

    def _remember(self, inbox: Path, job: Job, state: State, *, removed: bool = False) -> None:
        source = job.source
        known = Known(source.version, state, removed, source.inode, source.ctime_ns)
        self._known_in(str(inbox))[job.source.path] = known

    # --- stamps ------------------------------------------------------------------------------

    def stamp(self, job: Job, staged: Sequence[Stamp]) -> None:
        """Record files that are about to be put into their places."""
        with self._transaction("stamp"):
            for stamp in staged:
                self._insert_stamp(job, stamp)

    def _insert_stamp(self, job: Job, stamp: Stamp) -> None:
        self._db.execute(
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

    def unstamp(self, stamps: Sequence[Stamp]) -> None:
        """Forget files that are not, or no longer, in their places."""
        if not stamps:
            return
        with self._transaction("unstamp") as db:
            db.executemany(
                "DELETE FROM stamps WHERE temporary = ? AND place = ?",
                [(os.fsencode(stamp.temporary), os.fsencode(stamp.place)) for stamp in stamps],
            )

    def stamps_at(self, place: Path, inbox: Path, path: str) -> list[Stamp]:
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

    def stamps_like(self, source: Sighting, inbox: Path) -> list[Stamp]:
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
            self._rows(
                "inbox = ? AND path = ? AND instr(published, ?)", *mine, json.dumps(str(place))
            )
        )

    def is_of_older_version(self, job: Job) -> bool:
        """Whether a job was cut short by a version that left no stamps."""
        return bool(self._rows("id = ? AND inode IS NULL AND attempts > 0", job.id))

    def _stamps(self, where: str, *values: Value) -> list[Stamp]:
        return [stamp for stamp, _ in self._stamped(where, *values)]

    def _stamped(self, where: str, *values: Value) -> list[tuple[Stamp, sqlite3.Row]]:
        if self._is_old:
            return []
        with self._locked("read") as db:
            rows = db.execute(
                "SELECT stamps.*, inbox, jobs.size AS job_size, jobs.mtime_ns AS job_mtime_ns"  # noqa: S608 - our own conditions
                f" FROM stamps JOIN jobs ON job = id WHERE {where}",
                values,
            ).fetchall()
        return [(_stamp(row), row) for row in rows]

    # --- for people --------------------------------------------------------------------------

    def unfinished(self) -> list[Entry]:
        """Return the jobs that a crash or a stop left begun, published or held."""
        return self._entries("state IN ('begun', 'published', 'held') ORDER BY turn")

    def failures(self) -> list[Entry]:
        """Return the failed jobs, the latest last."""
        return self._entries("state = 'failed' ORDER BY ended_at, id")

    def latest(self, count: int) -> list[Entry]:
        """Return the jobs that ended last, the latest first."""
        return self._entries("ended_at > 0 ORDER BY ended_at DESC, id DESC LIMIT ?", count)

    def of_source(self, inbox: Path, path: str) -> list[Entry]:
        """Return what is recorded of a path in an inbox, the latest first."""
        return self._entries(
            "inbox = ? AND path = ? ORDER BY turn DESC",
            os.fsencode(inbox),
            os.fsencode(path),
        )

    def of_output(self, path: str) -> list[Entry]:
        """Return the jobs to which a file in an outbox belongs."""
        return self._entries(
            "id IN (SELECT job FROM names WHERE key = ?)", _key(Path(), path)
        ) or self._entries("instr(set_aside, ?)", json.dumps(path))

    def with_outputs_in(self, folder: Path) -> Iterator[Entry]:
        """Yield the jobs whose outputs went into a folder or below, the latest first."""
        begins = json.dumps(str(folder / "_"))[:-2]
        turn = sys.maxsize
        while True:
            found = self._rows(
                "state IN ('done', 'published') AND instr(published, ?) AND turn < ?"
                " ORDER BY turn DESC LIMIT 500",
                begins,
                turn,
            )
            yield from map(_entry, found)
            if not found:
                return
            turn = found[-1]["turn"]

    def counts(self, inbox: Path) -> dict[str, int]:
        """Count the jobs of an inbox by state."""
        with self._locked("read") as db:
            rows = db.execute(
                "SELECT state, count(*) AS n FROM jobs WHERE inbox = ? GROUP BY state",
                (os.fsencode(inbox),),
            ).fetchall()
        return {row["state"]: row["n"] for row in rows}

    def verdicts(self, inbox: Path) -> dict[str, int]:
        """Count the jobs of an inbox that were cut by verdict; and `review`: what went there."""
        mine = os.fsencode(inbox)
        counts: dict[str, int] = {}
        with self._locked("read") as db:
            rows = db.execute(
                "SELECT verdict, count(*) AS n FROM jobs WHERE inbox = ? AND verdict != ''"
                " AND state IN ('done', 'published', 'failed') GROUP BY verdict",
                (mine,),
            ).fetchall()
            counts.update({row["verdict"]: row["n"] for row in rows})
            counts["review"] = 0
            outboxes = db.execute("SELECT DISTINCT outbox FROM jobs WHERE inbox = ?", (mine,))
            for (outbox,) in outboxes.fetchall():
                begins = json.dumps([f"{Path(os.fsdecode(outbox)) / REVIEW_FOLDER}/"])[:-2]
                (reviewed,) = db.execute(
                    "SELECT count(*) FROM jobs WHERE inbox = ? AND outbox = ?"
                    " AND state IN ('done', 'published') AND instr(published, ?) = 1",
                    (mine, outbox, begins),
                ).fetchone()
                counts["review"] += reviewed
        return counts

    def ask_again(self, job_id: int) -> None:
        """Mark a failed or finished job to be taken again."""
        with self._transaction("ask_again"):
            self._update(job_id, state="again", attempts=0, reason="", set_aside="[]")
            self._known.clear()

    # --- spellings ---------------------------------------------------------------------------

    def is_spelling(self, column: Folder, folder: Path) -> bool:
        """Whether anything is known of an inbox or outbox by this path."""
        with self._locked("read") as db:
            found = db.execute(_SPELLING[column], (os.fsencode(folder),)).fetchone()
        return found is not None

    def spellings(self, column: Folder) -> set[Path]:
        """Return every path by which an inbox or outbox is known."""
        with self._locked("read") as db:
            return {Path(os.fsdecode(path)) for (path,) in db.execute(_SPELLINGS[column])}

    def respell_inbox(self, old: Path, new: Path) -> None:
        """Know an inbox by another path from now on, by which nothing is known yet."""
        with self._transaction("respell") as db:
            db.execute(
                "UPDATE jobs SET inbox = ? WHERE inbox = ?", (os.fsencode(new), os.fsencode(old))
            )
            self._known.clear()

    def respell_outbox(self, old: Path, new: Path) -> None:
        """Know an outbox by another path from now on, by which nothing is known yet."""
        before, after = f"{old}/".replace("//", "/"), f"{new}/".replace("//", "/")
        with self._transaction("respell") as db:
            rows = db.execute(
                "SELECT key FROM names WHERE job IN (SELECT id FROM jobs WHERE outbox = ?)",
                (os.fsencode(old),),
            ).fetchall()
            keys = [os.fsdecode(key) for (key,) in rows]
            begins = name_key(before)
            db.executemany(
                "UPDATE OR IGNORE names SET key = ? WHERE key = ?",
                [
                    (os.fsencode(name_key(after) + key.removeprefix(begins)), os.fsencode(key))
                    for key in keys
                    if key.startswith(begins)
                ],
            )
            # Within JSON a path begins after a quotation mark, and none stands bare inside one.
            paths = [json.dumps(path)[:-1] for path in (before, after)]
            db.execute(
                "UPDATE jobs SET outbox = ?, published = replace(published, ?, ?),"
                " set_aside = replace(set_aside, ?, ?) WHERE outbox = ?",
                (os.fsencode(new), *paths, *paths, os.fsencode(old)),
            )
            for column in ("place", "temporary"):
                self._respell_stamps(column, os.fsencode(before), os.fsencode(after))
            self._known.clear()

    def _respell_stamps(self, column: str, before: bytes, after: bytes) -> None:
        rows = self._db.execute(f"SELECT rowid, {column} FROM stamps").fetchall()  # noqa: S608 - our own column names
        self._db.executemany(
            f"UPDATE stamps SET {column} = ? WHERE rowid = ?",  # noqa: S608 - the same
            [
                (after + path.removeprefix(before), row)
                for row, path in rows
                if path.startswith(before)
            ],
        )

    # --- SQL ---------------------------------------------------------------------------------

    @contextmanager
    def _locked(self, doing: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except (sqlite3.Error, OSError) as error:
                if _is_damage(error):
                    self.damaged = JournalDamagedError(
                        f"the job journal {self.path} is damaged: {error}",
                        "Start scissorsd again: it sets the file aside and goes on.",
                    )
                    raise self.damaged from error
                raise JournalError(
                    f"the job journal {self.path} cannot be {doing}: {error}",
                    "Look at the disk of the state folder.",
                ) from error

    @contextmanager
    def _transaction(self, step: str) -> Iterator[sqlite3.Connection]:
        with self._locked("written") as db:
            failpoints.at(f"journal.{step}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                if db.in_transaction:
                    db.execute("COMMIT")
            except BaseException:
                self._known.clear()  # it may hold what is now not written
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        failpoints.at(f"journal.{step}.done")

    def _update(self, job_id: int, **values: Value) -> None:
        columns = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(
            f"UPDATE jobs SET {columns} WHERE id = ?",  # noqa: S608 - our own column names
            (*values.values(), job_id),
        )

    def _row(self, inbox: Path, source: Sighting) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM jobs WHERE inbox = ? AND path = ? AND size = ? AND mtime_ns = ?",
            (os.fsencode(inbox), os.fsencode(source.path), source.size, source.mtime_ns),
        ).fetchone()
        return row

    def _entries(self, where: str, *values: Value) -> list[Entry]:
        return [_entry(row) for row in self._rows(where, *values)]

    def _rows(self, where: str, *values: Value) -> list[sqlite3.Row]:
        with self._locked("read") as db:
            return db.execute(f"SELECT * FROM jobs WHERE {where}", values).fetchall()  # noqa: S608 - our own conditions


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    """Raise JournalVersionError for a journal of another version, before anything else is read."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version not in {0, _SCHEMA_VERSION}:
        maker = "a newer" if version > _SCHEMA_VERSION else "another"
        raise JournalVersionError(
            f"the job journal {path} was made by {maker} scissorsd (journal version {version}; "
            f"this one reads version {_SCHEMA_VERSION})",
            "Install that scissorsd again, or give this one a state folder of its own, where it "
            "cuts everything anew. The journal was left as it is.",
        )


def _prepare(db: sqlite3.Connection, *, read_only: bool) -> None:
    db.row_factory = sqlite3.Row
    if not read_only:
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0 and not read_only:
        db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {_SCHEMA_VERSION};COMMIT;")
    elif version == 0:
        raise sqlite3.OperationalError("nothing was ever written to it")
    if not read_only and not _has_stamps(db):
        db.executescript(f"BEGIN;{_ADDED}COMMIT;")


def _has_stamps(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'stamps'").fetchone() is not None


def _known(row: sqlite3.Row) -> Known:
    version = row["size"], row["mtime_ns"]
    inode, ctime_ns = row["inode"] or 0, row["ctime_ns"] or 0
    return Known(version, row["state"], _removed(row), inode, ctime_ns)


def _stamp(row: sqlite3.Row) -> Stamp:
    return Stamp(
        place=os.fsdecode(row["place"]),
        digest=row["digest"],
        size=row["size"],
        mtime_ns=row["mtime_ns"],
        temporary=os.fsdecode(row["temporary"]),
    )


def _storable(text: str) -> str:
    """Make a text that quotes a name which is not UTF-8 fit for a TEXT column."""
    return text.encode("utf-8", "backslashreplace").decode()


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        id=row["id"],
        inbox=os.fsdecode(row["inbox"]),
        path=os.fsdecode(row["path"]),
        size=row["size"],
        mtime_ns=row["mtime_ns"],
        state=row["state"],
        attempts=row["attempts"],
        rule=row["rule"],
        outbox=os.fsdecode(row["outbox"]),
        verdict=row["verdict"],
        reason=row["reason"],
        set_aside=tuple(json.loads(row["set_aside"])),
        provider=row["provider"],
        published=tuple(json.loads(row["published"])),
        kinds=_kinds(row),
        moved_to=os.fsdecode(row["moved_to"])
        and str(Path(os.fsdecode(row["outbox"])) / os.fsdecode(row["moved_to"])),
        begun_at=row["begun_at"],
        ended_at=row["ended_at"],
    )


def _kinds(row: sqlite3.Row) -> tuple[str, ...]:
    """Read off the plan what kind each output is; nothing where that is not certain."""
    kinds = _KIND.findall(row["plan"])
    return tuple(kinds) if len(kinds) == len(json.loads(row["outputs"])) else ()


_KIND = re.compile(r"\bOutput\(kind='(\w+)'")


def _folders_of(row: sqlite3.Row) -> list[Path]:
    outbox = Path(os.fsdecode(row["outbox"]))
    outputs = json.loads(row["outputs"])
    names = [*outputs, *map(in_review, outputs), f"{FAILED_FOLDER}/{os.fsdecode(row['path'])}"]
    if row["moved_to"]:
        names.append(os.fsdecode(row["moved_to"]))
    return [(outbox / name).parent for name in names]


def _key(outbox: Path, name: str) -> bytes:
    return os.fsencode(name_key(str(outbox / name)))


def set_aside(folder: Path) -> Path:
    """Move a damaged journal out of the way, and say where it is now."""
    (folder / LOST).touch()
    names = (f"{FILE}.damaged-{number}" for number in count(1))
    aside = next(folder / name for name in names if not (folder / name).exists())
    for end in ("", "-wal", "-shm"):
        part = folder / f"{FILE}{end}"
        if part.exists():
            part.replace(aside.with_name(f"{aside.name}{end}"))
    return aside


def is_lost(folder: Path) -> bool:
    """Whether a journal was set aside, and what had been there before is not all known again."""
    return (folder / LOST).exists()


def recovered(folder: Path) -> None:
    """Note that all that had been there when the journal was set aside is known again."""
    with suppress(OSError):
        (folder / LOST).unlink(missing_ok=True)


def _is_damage(error: Exception) -> bool:
    """Whether SQLite complains of the file's content, not of the disk or its permissions."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.OperationalError
    )


def _removed(row: sqlite3.Row) -> bool:
    """Whether the source is no longer in the inbox; a failed one may have had to stay."""
    stays = row["state"] == "failed" and len(json.loads(row["set_aside"])) < 2  # noqa: PLR2004 - the reason, and it
    return row["state"] in _ENDED and row["source"] != "keep" and not stays

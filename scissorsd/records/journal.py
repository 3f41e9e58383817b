"""The job journal: the durable record of jobs, in SQLite on a local disk.

A row of `jobs` is one version (size, mtime_ns) of one picture. Its state:

    begun       in hand (a host's: no attempt); names its own   → published, failed, held
    published   its outputs are out, its source is in place     → done, failed
    done        nothing is left to do                           → begun, again, published
    failed      until the file changes, or a person asks        → again
    held        it is tried again after a pause                 → begun
    again       a person asked for it                           → begun

Names of jobs: names.py; files that they have put out: stamps.py; the file itself: journal_file.py.
"""

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from scissorsd.core.rules import Job, PlannedOutput, Rule
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.records import names
from scissorsd.records.entries import Entries
from scissorsd.records.interrupted import Interrupted
from scissorsd.records.journal_file import JournalFile
from scissorsd.records.journal_rows import (
    NO_NUMBERS,
    Entry,
    Known,
    State,
    Value,
    is_plan_of,
    place_of,
    plan_of,
    storable,
    told,
)
from scissorsd.records.recuts import Recuts, strike_out, superseded_by
from scissorsd.records.stamps import Stamps, mark_placed, replace_at


class Journal:
    """The journal of one state folder. Its methods may be called from any thread."""

    def __init__(self, folder: Path, *, read_only: bool = False, traceless: bool = False) -> None:
        self.file = JournalFile(folder, read_only=read_only, traceless=traceless)
        self.id = self.file.id
        self.stamps = Stamps(self.file)
        self.entries = Entries(self.file)
        self.recuts = Recuts(self.file)
        self.interrupted = Interrupted(self.file)
        self._known = self.file.known

    def close(self) -> None:
        """Close the file; nothing else may follow."""
        self.file.close()

    # --- what is known of a path -------------------------------------------------------------

    def known(self, inbox: Path, path: str) -> Known | None:
        """Return what is known of a path, from memory: a scan asks this of every picture."""
        known = self._known.in_memory(str(inbox))
        if known is None:
            with self.file.locked("read") as db:
                known = self._known.of(db, str(inbox))
        return known.get(path)

    def reload(self) -> None:
        """Forget what is held in memory: another process wrote (`scissorsd retry`)."""
        self.file.forget()

    def changed_elsewhere(self) -> int:
        """Return a number that changes when another process has written."""
        with self.file.locked("read") as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0])

    # --- the life of a job -------------------------------------------------------------------

    def planned(self, inbox: Path, outbox: Path, source: Sighting, rule: Rule) -> Job | None:
        """Return the job as it was planned before, if this version was begun under this same rule.

        One whose outputs are out is given under any rule: only its source is left to dispose of.
        """
        row = self._row(inbox, source)
        if row is None:
            return None
        if row["state"] == "published":
            rule = replace(rule, outputs=(), source="keep" if row["lies_at"] else row["source"])
        elif not is_plan_of(row["plan"], rule) or row["outbox"] != os.fsencode(outbox):
            return None
        paths = json.loads(row["outputs"])
        return Job(
            inbox=inbox,
            outbox=Path(os.fsdecode(row["outbox"])),
            source=source,
            rule=rule,
            outputs=tuple(map(PlannedOutput, rule.outputs, paths)),
            moved_to=os.fsdecode(row["moved_to"]),
            id=row["id"],
            lies_at=os.fsdecode(row["lies_at"]),
            turn=row["turn"] if row["state"] == "begun" and not row["attempts"] else 0,
        )

    def outputs_of(self, inbox: Path, source: Sighting) -> tuple[str, ...]:
        """Return where the outputs of this version of a picture were put, if it was cut."""
        row = self._row(inbox, source)
        return tuple(json.loads(row["published"])) if row is not None else ()

    def owner(self, outbox: Path, name: str, job_id: int = 0) -> tuple[str, str] | None:
        """Return the (inbox, path) of the picture to which a name in the outbox belongs.

        None when it is nobody's. The name of a picture whose source was moved or deleted belongs
        to that version for ever: ("", "") stands for it, but for its own job, if `job_id` is that.
        """
        with self.file.locked("read") as db:
            return names.owner(db, outbox, name, job_id)

    def begin(self, job: Job, *, by_host: bool = False) -> Job | None:
        """Record the job and its names, before any work; none if a name was just taken."""
        with self.file.transaction("begin") as db:
            row = self._row(job.inbox, job.source)
            attempts = 0 if by_host else 1 + (row["attempts"] if row is not None else 0)
            values: dict[str, Value] = {
                "state": "begun",
                "attempts": attempts,
                "rule": job.rule.name,
                "plan": plan_of(job.rule),
                "outbox": os.fsencode(job.outbox),
                "outputs": json.dumps([planned.path for planned in job.outputs]),
            }
            if row is not None and row["published"] != "[]":
                values["superseded"] = superseded_by(row)
            else:
                values["begun_at"] = time.time()
            if job.lies_at and row is not None:  # its source stays where it is
                job = replace(job, moved_to=os.fsdecode(row["moved_to"]), turn=row["turn"])
            else:
                (turn,) = db.execute("SELECT 1 + ifnull(max(turn), 0) FROM jobs").fetchone()
                turn += secrets.randbelow(1 << 20) if by_host else 0  # never that of a row now gone
                values |= {
                    "moved_to": os.fsencode(job.moved_to),
                    "source": job.rule.source,
                    "turn": turn,
                    "inode": job.source.inode,
                    "ctime_ns": job.source.ctime_ns,
                    "lies_at": b"",
                }
                job = replace(job, turn=turn)
            if row is None:
                values |= dict(zip(("inbox", "path"), place_of(job), strict=True))
                values |= {"size": job.source.size, "mtime_ns": job.source.mtime_ns}
                columns, marks = ", ".join(values), ", ".join("?" * len(values))
                insert = f"INSERT INTO jobs ({columns}) VALUES ({marks})"  # noqa: S608 - our own column names
                job = replace(job, id=db.execute(insert, tuple(values.values())).lastrowid or 0)
            else:
                job = replace(job, id=row["id"])
                self.file.update(job.id, **values)
            if not names.claim(db, job):
                db.execute("ROLLBACK")
                return None
            self._known.remember(db, job, "begun")
        return job

    def replan(self, job: Job) -> bool:
        """Record other names for a job that was begun; false if one of them was just taken."""
        with self.file.transaction("replan") as db:
            self.file.update(
                job.id,
                outputs=json.dumps([planned.path for planned in job.outputs]),
                moved_to=os.fsencode(job.moved_to),
            )
            if not names.claim(db, job):
                db.execute("ROLLBACK")
                return False
        return True

    def redirect(self, job: Job, moved_to: str) -> bool:
        """Record another place for a published picture's source; false if that is taken."""
        with self.file.transaction("redirect") as db:
            if not names.claim_one(db, _outbox(db, job), job, moved_to):
                return False
            self.file.update(job.id, moved_to=os.fsencode(moved_to))
        return True

    def published(
        self,
        job: Job,
        paths: Sequence[str],
        *,
        verdict: str,
        provider: str,
        model: str = "",
        numbers: Mapping[str, float] = NO_NUMBERS,
        stamps: Sequence[Stamp] = (),
        content: bytes = b"",
    ) -> None:
        """Record that all outputs are out, at these absolute paths; the source still stands."""
        with self.file.transaction("published") as db:
            mark_placed(db, stamps)
            names.take_over(db, _outbox(db, job), job)
            row = db.execute("SELECT * FROM jobs WHERE id = ?", (job.id,)).fetchone()
            self.file.update(
                job.id,
                state="published",
                attempts=max(1, row["attempts"]),  # what is left to do is done here
                content=content or row["content"],
                superseded=superseded_by(row, paths),
                published=json.dumps(list(paths)),
            )
            self.file.update(job.id, verdict=verdict, numbers=told(numbers))
            self.file.update(job.id, provider=provider, model=model, judged="", reason="")
            self._known.remember(db, job, "published")

    def finish(self, job: Job, *, moved: Stamp | None = None, stays: bool = False) -> None:
        """Record that nothing is left to do; an earlier version that failed no longer counts.

        `moved` is the source where it is now; it `stays` where no place for it could be had.
        """
        with self.file.transaction("finish") as db:
            now = time.time()
            self.file.update(job.id, state="done", attempts=0, reason="", lies_at=b"")
            self.file.update(job.id, superseded="[]", ended_at=now)
            if moved is not None or job.rule.source == "delete":
                self.file.update(job.id, disposed_at=now)
            if stays:
                self.file.update(job.id, source="keep", moved_to=b"")
            if moved is not None:
                replace_at(db, job, moved)
            strike_out(
                db,
                "inbox = ? AND path = ? AND id != ? AND lies_at = x'' AND ?"
                " AND (source = 'keep' AND state != 'done' OR state IN ('begun', 'held'))",
                *(*place_of(job), job.id, not job.lies_at),
            )
            removed = job.rule.source != "keep" and not stays
            self._known.remember(db, job, "done", removed=removed)

    def fail(
        self,
        job: Job,
        reason: str,
        set_aside: Sequence[str],
        *,
        verdict: str = "",
        numbers: Mapping[str, float] = NO_NUMBERS,
    ) -> None:
        """Record why the picture failed, and the files that tell of it.

        Its names are free, unless something of it was published.
        """
        with self.file.transaction("fail") as db:
            names.free(db, job)
            self.file.update(
                job.id,
                state="failed",
                attempts=0,
                reason=storable(reason),
                set_aside=json.dumps(list(set_aside)),
                superseded="[]",
                ended_at=time.time(),
            )
            self.file.update(job.id, verdict=verdict, numbers=told(numbers))
            # A file that is replaced again and again by what cannot be cut is one failure.
            db.execute(
                "DELETE FROM jobs WHERE inbox = ? AND path = ? AND id != ? AND state = 'failed'"
                " AND source = 'keep' AND published = '[]' AND set_aside = ?",
                (*place_of(job), job.id, json.dumps(list(set_aside))),
            )
            removed = job.rule.source != "keep" and len(set_aside) > 1
            self._known.remember(db, job, "failed", removed=removed)

    def setting_aside(self, job: Job, reason: str, places: Sequence[str]) -> bool:
        """Record, before it is done, where a failed picture is set aside; false if others go there.

        A repeated job finds the same places again.
        """
        with self.file.transaction("setting_aside") as db:
            elsewhere = db.execute(
                "SELECT set_aside FROM jobs WHERE state IN ('begun', 'held') AND id != ?"
                " AND set_aside != '[]'",
                (job.id,),
            ).fetchall()
            if any(not set(places).isdisjoint(json.loads(row[0])) for row in elsewhere):
                return False
            self.file.update(job.id, reason=storable(reason), set_aside=json.dumps(list(places)))
        return True

    def set_aside_at(self, job: Job) -> tuple[str, ...]:
        """Return where the failed picture is, or is being, set aside; () if it is not."""
        (row,) = self.file.rows("id = ?", job.id)
        return tuple(json.loads(row["set_aside"]))

    def reason(self, job: Job) -> str:
        """Return why a job is held, failed or is being set aside."""
        (row,) = self.file.rows("id = ?", job.id)
        return str(row["reason"])

    def hold(self, job: Job, reason: str) -> None:
        """Record why the job waits; a job whose outputs are out stays published."""
        with self.file.transaction("hold") as db:
            row = self._row(job.inbox, job.source)
            state: State = "held"
            if row is not None and row["state"] == "published":
                state = "published"
            self.file.update(job.id, state=state, attempts=0, reason=storable(reason))
            self._known.remember(db, job, state)

    def withdraw(self, job: Job) -> None:
        """Forget a job whose picture was replaced or taken away before anything was published."""
        with self.file.transaction("withdraw") as db:
            strike_out(db, "id = ?", job.id)
            self._known.recall(db, str(job.inbox), job.source.path)

    def close_unfinished(self, entry: Entry, *, replaced: bool = False) -> None:
        """End a job whose picture is no longer there: its outputs are out, or it never was.

        Where its picture was `replaced` and its outputs may be out, it stays until the new one is
        done, which takes them over.
        """
        with self.file.transaction("close_unfinished") as db:
            if replaced and entry.state != "published" and self.stamps.unplaced(entry.id):
                return
            if entry.state == "published":
                self.file.update(entry.id, state="done", attempts=0, ended_at=time.time())
            elif len(entry.set_aside) > 1:  # it was being set aside, and is there now
                self.file.update(entry.id, state="failed", attempts=0, ended_at=time.time())
            else:
                strike_out(db, "id = ?", entry.id)
            self._known.recall(db, entry.inbox, entry.path)

    def ask_again(self, job_id: int) -> None:
        """Mark a failed or finished job to be taken again."""
        with self.file.transaction("ask_again"):
            self.file.update(job_id, state="again", attempts=0, reason="", set_aside="[]")
            self.file.forget()

    def _row(self, inbox: PurePath, source: Sighting) -> sqlite3.Row | None:
        version = "inbox = ? AND path = ? AND size = ? AND mtime_ns = ?"
        values = os.fsencode(inbox), os.fsencode(source.path), *source.version
        return next(iter(self.file.rows(version, *values)), None)


def _outbox(db: sqlite3.Connection, job: Job) -> Path:
    (outbox,) = db.execute("SELECT outbox FROM jobs WHERE id = ?", (job.id,)).fetchone()
    return Path(os.fsdecode(outbox))

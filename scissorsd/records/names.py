"""The names that jobs have in an outbox: a row of `names` is a path that belongs to a job.

They are written in the transaction that begins the job, so that a job repeated after a crash finds
its own names and no other job takes them. The functions run within a transaction of the journal.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path, PurePath

from scissorsd.core.file_names import Facts, name_key
from scissorsd.core.rules import Job, Rule
from scissorsd.core.settling import Sighting
from scissorsd.errors import HoldError
from scissorsd.records import migrations
from scissorsd.records.journal_file import JournalFile
from scissorsd.records.journal_rows import is_removed, key, place_of

_SINCE = 5  # the version of a journal that knows counters and facts


def owner(
    db: sqlite3.Connection, outbox: PurePath, name: str, job_id: int = 0
) -> tuple[str, str] | None:
    """Return the (inbox, path) of the picture to which a name in the outbox belongs.

    None when it is nobody's. The name of a picture whose source was moved or deleted belongs
    to that version for ever: ("", "") stands for it, but for its own job, if `job_id` is that.
    """
    row = db.execute(
        "SELECT id, inbox, path, source, state, set_aside, lies_at FROM jobs JOIN names ON job = id"
        " WHERE key = ?",
        (key(outbox, name),),
    ).fetchone()
    if row is None:
        return None
    if is_removed(row) and row["id"] != job_id:
        return "", ""
    return os.fsdecode(row["inbox"]), os.fsdecode(row["path"])


def claim(db: sqlite3.Connection, job: Job) -> bool:
    """Give a job its names, in the stead of those that it had; false if another's is among them.

    Raises HoldError while a person's judgement of the same picture is carried out.
    """
    if db.execute(
        "SELECT 1 FROM judging JOIN jobs ON job = id WHERE inbox = ? AND path = ?",
        (os.fsencode(job.inbox), os.fsencode(job.source.path)),
    ).fetchone():
        raise HoldError("what was cut of it is being accepted or rejected at this moment")
    for name in job.names:
        its_owner = owner(db, job.outbox, name)
        if its_owner not in {None, (str(job.inbox), job.source.path)}:
            mine = db.execute(
                "SELECT 1 FROM names WHERE key = ? AND job = ?", (key(job.outbox, name), job.id)
            ).fetchone()
            if mine is None:
                return False
    if job.counter and _is_counted(db, job):
        return False
    db.execute("DELETE FROM names WHERE job = ?", (job.id,))
    # What an earlier version has published stays its own until this one has published too:
    # if this one fails or is withdrawn, the picture must not lose its names.
    db.executemany(
        "INSERT INTO names (key, job) VALUES (?, ?) ON CONFLICT (key) DO UPDATE"
        " SET job = excluded.job WHERE (SELECT state FROM jobs WHERE id = job) != 'done'",
        [(key(job.outbox, name), job.id) for name in job.names],
    )
    if job.counter:
        db.execute("UPDATE jobs SET counter = ? WHERE id = ?", (job.counter, job.id))
    if job.facts is not None:
        facts = json.dumps(dict(job.facts))
        db.execute("UPDATE jobs SET facts = ? WHERE id = ?", (facts, job.id))
    return True


def _is_counted(db: sqlite3.Connection, job: Job) -> bool:
    """Whether another picture of a job's rule has its number."""
    inbox, path = place_of(job)
    return _is_anothers(db, inbox, path, job.rule.name, job.counter)


def _is_anothers(
    db: sqlite3.Connection, inbox: bytes, path: bytes, rule: str, counter: int
) -> bool:
    found = db.execute(
        "SELECT 1 FROM jobs WHERE inbox = ? AND rule = ? AND counter = ? AND counter > 0"
        " AND path != ?",
        (inbox, rule, counter, path),
    ).fetchone()
    return found is not None


def counter_of(file: JournalFile, inbox: Path, source: Sighting, rule: Rule) -> int:
    """Return the number of a picture among those of its rule, which it has or is to have.

    It keeps the one that it had, also when it was replaced where it lies; the next one is given
    to a picture that is new, or comes again under the name of one that was moved or deleted.
    """
    mine = os.fsencode(inbox), os.fsencode(source.path)
    with file.locked("read") as db:
        if not _has_counters(db):
            return 1
        row = db.execute(
            "SELECT counter FROM jobs WHERE inbox = ? AND path = ? AND counter > 0"
            " AND (size = ? AND mtime_ns = ? OR source = 'keep')"
            " ORDER BY size = ? AND mtime_ns = ? DESC, turn DESC",
            (*mine, *source.version, *source.version),
        ).fetchone()
        if row is not None and not _is_anothers(db, *mine, rule.name, row["counter"]):
            return int(row["counter"])
        (most,) = db.execute(
            "SELECT ifnull(max(counter), 0) FROM jobs WHERE inbox = ? AND rule = ? AND counter > 0",
            (mine[0], rule.name),
        ).fetchone()
        return int(most) + 1


def facts_of(file: JournalFile, inbox: Path, source: Sighting) -> Facts | None:
    """Return what names tell of this version of a picture itself; None where it is not known."""
    with file.locked("read") as db:
        if not _has_counters(db):
            return None
    rows = file.rows(
        "inbox = ? AND path = ? AND size = ? AND mtime_ns = ? AND facts != ''",
        *(os.fsencode(inbox), os.fsencode(source.path), *source.version),
    )
    return {str(k): str(v) for k, v in json.loads(rows[0]["facts"]).items()} if rows else None


def _has_counters(db: sqlite3.Connection) -> bool:
    """Whether a journal, which may be an older one and only read, knows of either."""
    return migrations.version_of(db) >= _SINCE


def claim_one(db: sqlite3.Connection, outbox: Path, job: Job, name: str) -> bool:
    """Give a job one more name; false if it is another's."""
    if db.execute(
        "SELECT 1 FROM names WHERE key = ? AND job != ?", (key(outbox, name), job.id)
    ).fetchone():
        return False
    _take(db, outbox, job, [name])
    return True


def take_over(db: sqlite3.Connection, outbox: Path, job: Job) -> None:
    """Give a job that has published its names, also those of an earlier version."""
    _take(db, outbox, job, job.names)


def free(db: sqlite3.Connection, job: Job) -> None:
    """Take a failed job's names from it, unless something of it was published."""
    db.execute(
        "DELETE FROM names WHERE job = ? AND (SELECT published FROM jobs WHERE id = job) = '[]'",
        (job.id,),
    )


def _take(db: sqlite3.Connection, outbox: Path, job: Job, names: Sequence[str]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO names (key, job) VALUES (?, ?)",
        [(key(outbox, name), job.id) for name in names],
    )


def respell(db: sqlite3.Connection, outbox: Path, before: str, after: str) -> None:
    """Let every name in an outbox that begins with `before` begin with `after`."""
    rows = db.execute(
        "SELECT key FROM names WHERE job IN (SELECT id FROM jobs WHERE outbox = ?)",
        (os.fsencode(outbox),),
    ).fetchall()
    old, new = name_key(before), name_key(after)
    keys = [os.fsdecode(name) for (name,) in rows]
    db.executemany(
        "UPDATE OR IGNORE names SET key = ? WHERE key = ?",
        [
            (os.fsencode(new + name.removeprefix(old)), os.fsencode(name))
            for name in keys
            if name.startswith(old)
        ],
    )

"""Pictures that are journalled as cut because their outputs are there: `scissorsd adopt`."""

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from scissorsd.core.rules import Job
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.records.journal_file import JournalFile
from scissorsd.records.journal_rows import Judged, State, Value, entry_of, key, late, plan_of
from scissorsd.records.stamps import insert

# What is journalled otherwise was in hand, and may have come out since.
_SETTLED = {"done", "failed", "published", "again"}


@dataclass(frozen=True, slots=True)
class Adoption:
    """A picture whose outputs are there, as it is to be journalled."""

    job: Job  # under the names that its outputs have; its id is not known yet
    content: bytes  # the digest of the source
    stamps: tuple[Stamp, ...]  # of the outputs, in the order of the rule's, and of a reason
    state: State  # done; published: its source is still to be disposed of
    source: str  # what becomes, or became, of the source: keep, move or delete
    moved: Stamp | None  # the source, where it was moved to
    ended_at: float  # seconds since the epoch
    judged: Judged = ""
    lies_as: str = ""  # the path of the source by the place to which it was moved


@dataclass(frozen=True, slots=True)
class Memory:
    """What a journal knows of an inbox, and of the sources that were moved out of any."""

    versions: set[tuple[str, int, int]] = field(default_factory=set)  # path, size, mtime_ns
    contents: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))  # by path
    moved_to: set[str] = field(default_factory=set)  # absolute

    def knows(self, source: Sighting) -> bool:
        """Whether this version of a picture is journalled as ended."""
        return (source.path, *source.version) in self.versions


def remembered(file: JournalFile, inbox: Path) -> Memory:
    """Return what a journal knows of an inbox."""
    memory = Memory()
    for row in file.rows("state != 'begun' AND state != 'held'"):
        entry = entry_of(row)
        memory.moved_to.update(filter(None, (entry.moved_to, entry.lies_at)))
        if entry.inbox == str(inbox) and entry.state in _SETTLED:
            memory.versions.add((entry.path, entry.size, entry.mtime_ns))
            content = late(row, "content", b"")
            if content:
                memory.contents[entry.path].add(content)
    return memory


def add(file: JournalFile, adoptions: Sequence[Adoption]) -> None:
    """Journal pictures as cut, all of them in one transaction."""
    with file.transaction("adopt") as db:
        (turn,) = db.execute("SELECT ifnull(max(turn), 0) FROM jobs").fetchone()
        for number, adoption in enumerate(adoptions, start=turn + 1):
            _add(db, adoption, number)
        file.forget()


def _names(adoption: Adoption) -> set[bytes]:
    """Return the keys of all names that are a picture's; rejected outputs have other places."""
    names = {key(adoption.job.outbox, name) for name in adoption.job.names}
    rejected = adoption.stamps if adoption.judged == "rejected" else ()
    return names | {key(Path(), stamp.place) for stamp in rejected}


def _is_another(db: sqlite3.Connection, adoption: Adoption) -> bool:
    """Whether a picture of this very name, size and time is known that has other content."""
    inbox, source = adoption.job.inbox, adoption.job.source
    row = db.execute(
        "SELECT content FROM jobs WHERE inbox = ? AND path = ? AND size = ? AND mtime_ns = ?",
        (os.fsencode(inbox), os.fsencode(source.path), *source.version),
    ).fetchone()
    return row is not None and row["content"] not in {b"", adoption.content}


def _add(db: sqlite3.Connection, adoption: Adoption, turn: int) -> None:
    job = adoption.job
    if adoption.lies_as and _is_another(db, adoption):
        job = replace(job, source=replace(job.source, path=adoption.lies_as))
    mine = os.fsencode(job.inbox), os.fsencode(job.source.path)
    values: dict[str, Value] = {
        "inbox": mine[0],
        "path": mine[1],
        "size": job.source.size,
        "mtime_ns": job.source.mtime_ns,
        "state": adoption.state,
        "attempts": 0,
        "rule": job.rule.name,
        "plan": plan_of(job.rule),
        "outbox": os.fsencode(job.outbox),
        "outputs": json.dumps([planned.path for planned in job.outputs]),
        "moved_to": os.fsencode(job.moved_to),
        "source": adoption.source,
        "reason": "",
        "set_aside": "[]",
        "published": json.dumps([stamp.place for stamp in adoption.stamps]),
        "turn": turn,
        "begun_at": adoption.ended_at,
        "ended_at": adoption.ended_at,
        "inode": job.source.inode,
        "ctime_ns": job.source.ctime_ns,
        "content": adoption.content,
        "counter": job.counter,
        "facts": json.dumps(dict(job.facts)) if job.facts is not None else "",
        "judged": adoption.judged,
    }
    new = ", ".join(f"{name} = excluded.{name}" for name in values)
    (job_id,) = db.execute(
        f"INSERT INTO jobs ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"  # noqa: S608 - our own column names
        f" ON CONFLICT (inbox, path, size, mtime_ns) DO UPDATE SET {new} RETURNING id",
        tuple(values.values()),
    ).fetchone()
    db.execute("DELETE FROM names WHERE job = ?", (job_id,))
    db.executemany(
        "INSERT INTO names (key, job) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET"
        " job = excluded.job WHERE job IN (SELECT id FROM jobs WHERE inbox = ? AND path = ?)",
        [(name, job_id, *mine) for name in _names(adoption)],
    )
    for stamp in (*adoption.stamps, *filter(None, [adoption.moved])):
        db.execute("DELETE FROM stamps WHERE place = ?", (os.fsencode(stamp.place),))
        insert(db, replace(job, id=job_id), stamp)

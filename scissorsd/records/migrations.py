"""The versions of the job journal's schema, and the steps from each to the next.

A step is one transaction: a start that is killed in the midst of one finds the journal as it was,
and takes it again. Before the first step a copy is kept beside the journal.

To change the schema, add a step: never change one that was released.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from scissorsd import failpoints
from scissorsd.errors import JournalError
from scissorsd.folders.publishing import sync_folder
from scissorsd.records import copies

# Version 1. What comes below it was added within that version: older programs pass over it.
_BEGINNING = """
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    inbox BLOB NOT NULL,          -- the watched folder, absolute
    path BLOB NOT NULL,           -- relative to it; bytes as the file system has them
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,    -- times begun without an orderly end
    rule TEXT NOT NULL,
    plan TEXT NOT NULL,           -- JSON: the rule's fingerprints, the kinds of its outputs
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
# A job without `inode` was begun by a program that knew no stamps.
_STAMPS = """
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
_SECOND_THOUGHTS = """
ALTER TABLE jobs ADD COLUMN content BLOB NOT NULL DEFAULT x'';  -- the source's digest, if known
ALTER TABLE jobs ADD COLUMN wish TEXT NOT NULL DEFAULT '';      -- JSON: what a person asked of it
ALTER TABLE jobs ADD COLUMN lies_at BLOB NOT NULL DEFAULT x'';  -- to be cut where it was moved to
ALTER TABLE jobs ADD COLUMN superseded TEXT NOT NULL DEFAULT '[]';  -- JSON: outputs to be removed
ALTER TABLE jobs ADD COLUMN judged TEXT NOT NULL DEFAULT '';    -- by a person: accepted, rejected
ALTER TABLE jobs ADD COLUMN swept TEXT NOT NULL DEFAULT '';     -- JSON: what `keep` has removed
ALTER TABLE jobs ADD COLUMN disposed_at REAL NOT NULL DEFAULT 0;  -- moved or deleted by us
CREATE INDEX jobs_lying_elsewhere ON jobs (inbox) WHERE lies_at != x'';
CREATE INDEX jobs_by_content ON jobs (content) WHERE content != x'';
"""
_JUDGEMENTS = """
ALTER TABLE jobs ADD COLUMN judged_at REAL NOT NULL DEFAULT 0;  -- seconds since the epoch
CREATE TABLE judging (            -- what is being accepted or rejected at this moment
    job INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    judged TEXT NOT NULL,
    moves TEXT NOT NULL,          -- JSON: from where to where in the outbox, of each output
    note TEXT NOT NULL            -- JSON: likewise of its reason; to "": it is removed; null: none
);
CREATE INDEX jobs_in_review ON jobs (inbox) WHERE instr(published, '/review/');
"""
_NUMBERS = """
ALTER TABLE jobs ADD COLUMN numbers TEXT NOT NULL DEFAULT '';  -- JSON: what its verdict goes by
ALTER TABLE jobs ADD COLUMN model TEXT NOT NULL DEFAULT '';    -- the network whose mask it is
"""
_NAMES = """
ALTER TABLE jobs ADD COLUMN counter INTEGER NOT NULL DEFAULT 0;  -- of its rule, where names tell it
ALTER TABLE jobs ADD COLUMN facts TEXT NOT NULL DEFAULT '';      -- JSON: what names tell of it else
CREATE INDEX jobs_by_counter ON jobs (inbox, rule, counter) WHERE counter > 0;
"""

_STEPS = {
    1: _BEGINNING + _STAMPS,
    2: _SECOND_THOUGHTS,
    3: _JUDGEMENTS,
    4: _NUMBERS,
    5: _NAMES,
}  # by the version that they lead to
LATEST = max(_STEPS)
_PATIENCE_MS = 120_000  # while another process copies a long journal


def bring_up_to_date(db: sqlite3.Connection, path: Path) -> None:
    """Take every step from the version of a journal to the latest; a new file begins at 0.

    Raises JournalError where no copy can be kept; then nothing was changed.
    """
    if version_of(db) == LATEST:
        return
    (usual,) = db.execute("PRAGMA busy_timeout").fetchone()
    db.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
    if version_of(db):
        _keep_a_copy(db, path)
    for step in range(version_of(db) + 1, LATEST + 1):
        _take(db, step)
    db.execute(f"PRAGMA busy_timeout = {usual}")


def version_of(db: sqlite3.Connection) -> int:
    """Return the version of a journal; 0 where nothing was ever written to it."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def show_as_latest(db: sqlite3.Connection) -> None:
    """Let an older journal that is only read answer as if each step had been taken to its jobs.

    A view of this connection stands before the table: a column that came later has its default.
    """
    if version_of(db) >= LATEST:
        return
    with closing(sqlite3.connect(":memory:")) as new:
        for step in _STEPS.values():
            new.executescript(step)
        wanted = {name: default for _, name, _, _, default, _ in _columns(new)}
    for _, name, *_ in _columns(db):
        del wanted[name]
    missing = "".join(f", {default or 'NULL'} AS {name}" for name, default in wanted.items())
    db.execute(f"CREATE TEMP VIEW jobs AS SELECT *{missing} FROM main.jobs")  # noqa: S608 - our own


def _columns(db: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute("PRAGMA main.table_info(jobs)")]


def _take(db: sqlite3.Connection, step: int) -> None:
    failpoints.at(f"migrate.{step}")
    with _alone(db):
        if version_of(db) < step:  # else another process took it meanwhile
            late = _STAMPS if step > 1 and not has_stamps(db) else ""
            for statement in _statements(late + _STEPS[step]):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {step}")
        failpoints.at(f"migrate.{step}.uncommitted")


@contextmanager
def _alone(db: sqlite3.Connection) -> Iterator[None]:
    """Write as one, while nobody else writes or copies."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _statements(sql: str) -> Iterator[str]:
    """Yield each statement: sqlite3's own executescript would commit what was begun."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def has_stamps(db: sqlite3.Connection) -> bool:
    """Whether a journal was made, or opened to be written, by a program that knows stamps."""
    return db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'stamps'").fetchone() is not None


def copy_of(path: Path, version: int) -> Path:
    """Return where the copy of a journal of this version is kept."""
    return path.with_name(f"{path.name}.version-{version}")


def _keep_a_copy(db: sqlite3.Connection, path: Path) -> None:
    with _alone(db):
        version = version_of(db)
        if version == LATEST:  # another process brought it up to date meanwhile
            return
        copy = copy_of(path, version)
        draft = copy.with_name(f"{copy.name}.part")
        try:
            copies.remove(draft)  # which a killed start may have left
            with copies.opened_to_read(path) as reader:
                copies.write(reader, draft)
            draft.replace(copy)
        except (sqlite3.OperationalError, OSError) as error:
            raise JournalError(
                f"the job journal {path} is of version {version}, and is to be brought to version "
                f"{LATEST}; the copy {copy} that is kept before could not be written: {error}",
                "Make room on the disk of the state folder, and start again. The journal was left "
                "as it is.",
            ) from error
        sync_folder(path.parent)

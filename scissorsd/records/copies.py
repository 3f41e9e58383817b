"""Copies of a job journal: whole, synced and checked, also while a daemon writes to it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from scissorsd import failpoints

_PAGES = 256  # that are copied between two places where a test may kill
_BESIDE = ("", "-journal", "-wal", "-shm")  # what SQLite may have of a file


@contextmanager
def opened_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file of a journal by a connection of its own, through which nothing is written."""
    with closing(
        sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10, isolation_level=None
        )
    ) as db:
        yield db


def write(db: sqlite3.Connection, draft: Path) -> None:
    """Copy a journal as it is at this moment into a new file that needs no other beside it.

    Raises sqlite3.Error or OSError; then nothing is left of the draft.
    """
    # A draft is its process's alone, so that it takes no locks: some shares have none.
    new = f"{draft.absolute().as_uri()}?vfs=unix-none"
    try:
        with closing(sqlite3.connect(new, uri=True, isolation_level=None)) as target:
            target.execute("PRAGMA locking_mode = EXCLUSIVE")
            target.execute("PRAGMA journal_mode = OFF")  # it is thrown away if it is not finished
            target.execute("PRAGMA synchronous = OFF")
            with _as_it_is_now(db):
                db.backup(target, pages=_PAGES, progress=_copied)
            target.execute("PRAGMA journal_mode = DELETE")  # no log is looked for beside it
            refuse_damaged(target)
        with draft.open("rb") as written:
            failpoints.at("copy.unsynced")
            os.fsync(written.fileno())
    except BaseException:
        remove(draft)
        raise


def refuse_damaged(db: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError where a file is not what was written to it."""
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


@contextmanager
def _as_it_is_now(db: sqlite3.Connection) -> Iterator[None]:
    """Read one and the same state, whatever others commit meanwhile: else it would begin anew."""
    db.execute("BEGIN")
    try:
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield
    finally:
        db.execute("ROLLBACK")


def _copied(_status: int, _remaining: int, _total: int) -> None:
    failpoints.at("copy.written")


def remove(draft: Path) -> None:
    """Remove a copy that is not finished, and what SQLite may have left beside it."""
    for end in _BESIDE:
        with suppress(FileNotFoundError):
            draft.with_name(draft.name + end).unlink()

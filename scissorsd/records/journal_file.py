"""The file of the job journal: opened, checked, locked, and set aside where it is damaged.

A transaction is synced: what was journalled is still there after a power cut.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from scissorsd import failpoints
from scissorsd.errors import JournalDamagedError, JournalError, JournalVersionError
from scissorsd.records import copies, migrations, wal
from scissorsd.records.journal_rows import Value
from scissorsd.records.known_paths import KnownPaths

FILE = "jobs.sqlite"
LOST = f"{FILE}.lost"  # stands from when a journal was set aside until all is known again


class JournalFile:
    """The journal of one state folder as a file. Any thread may use it; one at a time does.

    SQLite makes files of its own beside one that it only reads; not so with `traceless`, for who
    reads it once and soon: what a daemon that starts meanwhile writes is not seen.
    """

    def __init__(self, folder: Path, *, read_only: bool = False, traceless: bool = False) -> None:
        self.path = folder / FILE
        self.known = KnownPaths()
        self.damaged: JournalDamagedError | None = None  # found while it was in use
        self._lock = threading.RLock()
        try:
            self.db = self._open(read_only=read_only, traceless=traceless)
            # Of an older version, and only read: it is asked no more than it knows.
            self.is_old = not migrations.has_stamps(self.db)
            self.id = "" if self.is_old else self.db.execute("SELECT id FROM about").fetchone()[0]
        except (sqlite3.Error, OSError) as error:
            if _is_damage(error):
                raise JournalDamagedError(
                    f"the job journal {self.path} is damaged: {error}"
                ) from error
            raise JournalError(
                f"the job journal {self.path} cannot be used: {error}",
                "Look at the disk and the permissions of the state folder.",
            ) from error

    def _open(self, *, read_only: bool, traceless: bool) -> sqlite3.Connection:
        if not read_only and self.path.exists() and not self.path.stat().st_size:
            raise sqlite3.DatabaseError("it is empty")  # SQLite would take it for a new one
        if not read_only and wal.is_damaged(self.path.with_name(f"{FILE}-wal")):
            raise sqlite3.DatabaseError("its last transactions are lost")
        mode = "ro" if read_only else "rwc"
        if traceless and not self.path.with_name(f"{FILE}-wal").exists():
            mode += "&immutable=1"
        db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=10,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            check_version(db, self.path)
            _prepare(db, self.path, read_only=read_only)
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Close the file; nothing else may follow."""
        with self._lock:
            self.db.close()

    def forget(self) -> None:
        """Forget what is held in memory."""
        with self._lock:
            self.known.clear()

    @contextmanager
    def locked(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Hold the file for this thread. What fails is that it cannot be `doing`, in a word."""
        with self._lock:
            try:
                yield self.db
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
    def transaction(self, step: str) -> Iterator[sqlite3.Connection]:
        """Write as one; `step` names the failpoints before and after it."""
        with self.locked("written") as db:
            failpoints.at(f"journal.{step}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                if db.in_transaction:
                    db.execute("COMMIT")
            except BaseException:
                self.known.clear()  # it may hold what is now not written
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        failpoints.at(f"journal.{step}.done")

    def update(self, job_id: int, **values: Value) -> None:
        """Set columns of a job."""
        columns = ", ".join(f"{name} = ?" for name in values)
        self.db.execute(
            f"UPDATE jobs SET {columns} WHERE id = ?",  # noqa: S608 - our own column names
            (*values.values(), job_id),
        )

    def rows(self, where: str, *values: Value) -> list[sqlite3.Row]:
        """Return the jobs that a condition selects."""
        with self.locked("read") as db:
            return db.execute(f"SELECT * FROM jobs WHERE {where}", values).fetchall()  # noqa: S608 - our own conditions


def check_version(db: sqlite3.Connection, path: Path) -> None:
    """Raise JournalVersionError for a journal of another version, before anything else is read."""
    version = migrations.version_of(db)
    if not 0 <= version <= migrations.LATEST:
        maker = "a newer" if version > migrations.LATEST else "another"
        kept = migrations.copy_of(path, migrations.LATEST)
        back = f" Or go back to what was known before: 'scissorsd restore {kept}'."
        raise JournalVersionError(
            f"the job journal {path} was made by {maker} scissorsd (journal version {version}; "
            f"this one reads version {migrations.LATEST})",
            "Install that scissorsd again, or give this one a state folder of its own, where it "
            "cuts everything anew. The journal was left as it is."
            + (back if kept.exists() else ""),
        )


def _prepare(db: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    """Check the content, and bring the tables up to date."""
    db.row_factory = sqlite3.Row
    if not read_only:
        copies.refuse_damaged(db)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
    if not read_only:
        migrations.bring_up_to_date(db, path)
    elif not migrations.version_of(db):
        raise sqlite3.OperationalError("nothing was ever written to it")
    else:
        migrations.show_as_latest(db)


def set_aside(folder: Path) -> Path:
    """Move a damaged journal out of the way; return where it is now."""
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
    """Whether SQLite complains of the file's content: not of the disk, permissions, or our use."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, (sqlite3.OperationalError, sqlite3.ProgrammingError)
    )

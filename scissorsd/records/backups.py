"""Backups of the job journal: made while a daemon works, put back while none does."""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from scissorsd import atomic, failpoints
from scissorsd.errors import JournalError, ScissorsError, UsageError
from scissorsd.folders import no_replace
from scissorsd.folders.publishing import sync_folder
from scissorsd.records import copies, journal_file, migrations
from scissorsd.records.journal_file import FILE, JournalFile

_TAG = "backup"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds."""

    pictures: int
    version: int
    latest: float  # when the last job ended or began; seconds since the epoch, 0: there is none


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and where the journal that was there before is kept; None: none was."""

    backup: Backup
    kept: Path | None


def back_up(state: Path, target: Path, *, overwrite: bool = False) -> Backup:
    """Write the journal of a state folder, as it is now, to a file; checked and synced.

    Raises UsageError where something is there that is not to be overwritten.
    """
    journal = JournalFile(state, read_only=True)
    try:
        _refuse_place(state, target, overwrite=overwrite)
        with _draft(target) as draft:
            copies.write(journal.db, draft)
            with copies.opened_to_read(draft) as copy:
                backup = _described(copy)
            failpoints.at("backup.draft")
            if overwrite:
                draft.replace(target)
            else:
                no_replace.rename(draft, target)
        sync_folder(target.parent)
    except FileExistsError as error:
        raise _is_there(target) from error
    except (sqlite3.Error, OSError) as error:
        raise ScissorsError(
            f"the job journal {journal.path} could not be backed up to {target}: {error}",
            "Nothing was changed; look at the disks of both.",
        ) from error
    finally:
        journal.close()
    return backup


def _refuse_place(state: Path, target: Path, *, overwrite: bool) -> None:
    if target.is_dir():
        raise UsageError(f"{target} is a folder", f"Name the file, as in {target / FILE}.")
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent}", "Make it first.")
    if target.parent.samefile(state) and target.name.startswith(FILE):
        raise UsageError(
            f"{target} is a name of scissorsd's own", "Keep backups in another folder, or disk."
        )
    if not overwrite and os.path.lexists(target):
        raise _is_there(target)


def _is_there(target: Path) -> UsageError:
    return UsageError(f"{target} is there already", "Choose another name, or give --overwrite.")


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Give a new file beside a place, and remove what killed commands left under such names."""
    for left in atomic.temporaries(target.parent, _TAG):
        with suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # else its process is at work
            left.unlink()
    draft = atomic.temporary(target.parent, _TAG)
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with suppress(OSError):  # a share without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield draft
    finally:
        copies.remove(draft)
        os.close(handle)


def _described(db: sqlite3.Connection) -> Backup:
    row = db.execute("SELECT count(*), ifnull(max(max(begun_at, ended_at)), 0) FROM jobs")
    pictures, latest = row.fetchone()
    return Backup(pictures, migrations.version_of(db), latest)


def restore(state: Path, backup: Path) -> Restored:
    """Put a backup into the place of the journal; whoever calls holds the state folder's lock.

    The journal that was there is kept beside it. What was cut since the backup is unknown to it:
    as after a lost journal, a daemon that starts then looks whether a picture's outputs are there.
    Raises JournalError where the backup is damaged, or no journal, and JournalVersionError where
    a newer scissorsd made it; then nothing is changed.
    """
    journal, draft = state / FILE, state / f"{FILE}.restoring"
    if backup.exists() and journal.exists() and backup.samefile(journal):
        raise UsageError(f"{backup} is the job journal that is in use", "Name a backup of it.")
    copies.remove(draft)
    described = _checked_copy(backup, draft)
    kept = None
    try:
        if journal.exists():
            kept = _keep(journal)
        failpoints.at("restore.kept")
        (state / journal_file.LOST).touch()
        draft.replace(journal)
    except BaseException:
        copies.remove(draft)
        raise
    failpoints.at("restore.done")
    sync_folder(state)
    return Restored(described, kept)


def _checked_copy(backup: Path, draft: Path) -> Backup:
    if not backup.is_file():
        raise UsageError(f"there is no file {backup}")
    try:
        with copies.opened_to_read(backup) as db:
            journal_file.check_version(db, backup)
            tables = db.execute("SELECT name FROM sqlite_schema WHERE name IN ('jobs', 'names')")
            if len(tables.fetchall()) < 2 or not migrations.version_of(db):  # noqa: PLR2004 - both
                raise _is_no_backup(backup, "it holds no jobs")
            copies.refuse_damaged(db)
            copies.write(db, draft)
            return _described(db)
    except sqlite3.Error as error:
        raise _is_no_backup(backup, str(error)) from error
    except OSError as error:
        raise JournalError(
            f"{backup} could not be copied into the state folder: {error.strerror or error}",
            "Make room there. Nothing was changed.",
        ) from error


def _is_no_backup(backup: Path, why: str) -> JournalError:
    return JournalError(
        f"{backup} is no backup of a job journal, or is damaged: {why}",
        "Nothing was changed. Name another backup.",
    )


def _keep(journal: Path) -> Path:
    """Keep the journal under another name as well; a damaged one is moved there."""
    names = (f"{FILE}.before-restore-{number}" for number in count(1))
    kept = next(path for name in names if not (path := journal.with_name(name)).exists())
    try:
        _bring_to_rest(journal)
    except sqlite3.OperationalError as error:
        raise JournalError(
            f"the job journal {journal} is in use: {error}",
            "Wait until the other command has ended, and run this again. Nothing was changed.",
        ) from error
    except sqlite3.DatabaseError:  # as it is, with its log
        (journal.parent / journal_file.LOST).touch()
        for end in ("-wal", "-shm", ""):
            part = journal.with_name(journal.name + end)
            if part.exists():
                part.replace(kept.with_name(kept.name + end))
        return kept
    try:
        os.link(journal, kept)
    except OSError:  # a file system without links
        part = kept.with_name(f"{kept.name}.part")
        shutil.copy2(journal, part)
        part.replace(kept)
    return kept


def _bring_to_rest(journal: Path) -> None:
    """Write a journal's log into its file, so that none is left for another file of that name."""
    with closing(sqlite3.connect(journal, timeout=10, isolation_level=None)) as db:
        (mode,) = db.execute("PRAGMA journal_mode = DELETE").fetchone()
        if mode != "delete":
            raise sqlite3.OperationalError("its log cannot be closed")

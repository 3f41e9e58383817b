"""A folder that is called otherwise from now on: all that the journal knows by its path follows."""

import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scissorsd.core.file_names import name_key
from scissorsd.errors import UsageError
from scissorsd.records import respelling, stamps
from scissorsd.records.journal_file import JournalFile

_AT_ONCE = 1000  # rows
# Columns: JSON, of absolute paths; among those of `outputs` are such as lie outside of the outbox.
_LISTS = ("outputs", "published", "set_aside", "superseded")


@dataclass(frozen=True, slots=True)
class Moved:
    """What is called otherwise now; each folder with its new path."""

    inboxes: tuple[tuple[Path, Path], ...]
    outboxes: tuple[tuple[Path, Path], ...]
    pictures: int  # of which something is


@dataclass(frozen=True, slots=True)
class Renaming:
    """One folder and its new path, both absolute; what lies below goes with it."""

    old: Path
    new: Path

    def covers(self, path: Path) -> bool:
        """Whether a path is the folder, or below it."""
        return path.is_relative_to(self.old)

    def of(self, path: str) -> str:
        """Return the new path of what is the folder or below it, and any other as it is."""
        if path == str(self.old):
            return str(self.new)
        if path.startswith(f"{self.old}/"):
            return str(self.new) + path.removeprefix(str(self.old))
        return path

    def of_bytes(self, path: bytes) -> bytes:
        """Return the same for a path as the journal has it."""
        return os.fsencode(self.of(os.fsdecode(path)))

    def of_list(self, paths: str) -> str:
        """Return the same for all paths of a list in JSON."""
        before = json.loads(paths)
        after = [self.of(path) for path in before]
        return paths if after == before else json.dumps(after)


def is_known(file: JournalFile, folder: Path) -> bool:
    """Whether an inbox, an outbox, or an archive of sources is a folder or lies below it."""
    known = respelling.spellings(file, "inbox") | respelling.spellings(file, "outbox")
    with file.locked("read") as db:
        return any(path.is_relative_to(folder) for path in known) or _archived(db, folder)


def move(file: JournalFile, renaming: Renaming) -> Moved | None:
    """Know a folder by its new path; None where nothing is known under its old one.

    Raises UsageError where only a part of an inbox or outbox would be called otherwise, and where
    something is known under the new path already.
    """
    with file.transaction("move") as db:
        inboxes = _folders(file, "inbox", renaming)
        outboxes = _folders(file, "outbox", renaming)
        if not inboxes and not outboxes:
            _refuse_part(file, renaming)
            if not _archived(db, renaming.old):
                return None
        _refuse_known(file, db, renaming)
        _move_names(db, renaming)
        pictures = _move_jobs(db, renaming)
        # Without two of one path in between: what is longer afterwards is renamed from its end.
        longest = len(str(renaming.new)) > len(str(renaming.old))
        for column, moved in (("inbox", inboxes), ("outbox", outboxes)):
            for old, new in sorted(moved, key=lambda pair: len(str(pair[0])), reverse=longest):
                db.execute(
                    f"UPDATE jobs SET {column} = ? WHERE {column} = ?",  # noqa: S608 - our own column names
                    (os.fsencode(new), os.fsencode(old)),
                )
        before, after = (os.fsencode(f"{path}/") for path in (renaming.old, renaming.new))
        stamps.respell(db, before, after)
        file.forget()
    return Moved(tuple(inboxes), tuple(outboxes), pictures)


def _folders(
    file: JournalFile, column: respelling.Folder, renaming: Renaming
) -> list[tuple[Path, Path]]:
    known = sorted(respelling.spellings(file, column))
    return [(path, Path(renaming.of(str(path)))) for path in known if renaming.covers(path)]


def _archived(db: sqlite3.Connection, folder: Path) -> bool:
    """Whether a source or an output went, or is to go, into a folder that a rule names."""
    begins = os.fsencode(f"{folder}/")
    output = json.dumps(f"{folder}/")[:-1]  # within JSON a path begins after a quotation mark
    row = db.execute(
        "SELECT 1 FROM jobs WHERE substr(moved_to, 1, ?) = ? OR instr(outputs, ?) LIMIT 1",
        (len(begins), begins, output),
    ).fetchone()
    return row is not None


def _refuse_part(file: JournalFile, renaming: Renaming) -> None:
    known = respelling.spellings(file, "inbox") | respelling.spellings(file, "outbox")
    around = [folder for folder in known if folder in renaming.old.parents]
    if around:
        raise UsageError(
            f"{renaming.old} lies in {max(around)}, which is known as a whole",
            "Only an inbox, an outbox, or a folder above them can be moved.",
        )


def _refuse_known(file: JournalFile, db: sqlite3.Connection, renaming: Renaming) -> None:
    known = respelling.spellings(file, "inbox") | respelling.spellings(file, "outbox")
    others = [path for path in known if not renaming.covers(path)]
    taken = [path for path in others if path.is_relative_to(renaming.new)]
    is_below = renaming.new.is_relative_to(renaming.old)  # what is there goes further down
    if taken or (not is_below and _archived(db, renaming.new)):
        raise UsageError(
            f"other pictures are known under {min(taken, default=renaming.new)} already",
            "Two folders cannot become one: choose another path, or move that one first.",
        )


def _move_names(db: sqlite3.Connection, renaming: Renaming) -> None:
    before, after = (name_key(f"{path}/") for path in (renaming.old, renaming.new))
    rows = db.execute(
        "SELECT key, job, outbox, moved_to, outputs FROM names JOIN jobs ON job = jobs.id"
    ).fetchall()
    moved = [
        (row["key"], row["job"])
        for row in rows
        if os.fsdecode(row["key"]).startswith(before) and any(map(renaming.covers, _places(row)))
    ]
    db.executemany("DELETE FROM names WHERE key = ?", [(key,) for key, _ in moved])
    db.executemany(
        "INSERT OR IGNORE INTO names (key, job) VALUES (?, ?)",
        [(os.fsencode(after + os.fsdecode(key).removeprefix(before)), job) for key, job in moved],
    )


def _places(row: sqlite3.Row) -> Iterator[Path]:
    """Yield what a job's names may lie below: the outbox, and what lies outside of it."""
    yield from (Path(os.fsdecode(row[column])) for column in ("outbox", "moved_to"))
    yield from map(Path, json.loads(row["outputs"]))


def _move_jobs(db: sqlite3.Connection, renaming: Renaming) -> int:
    """Rename what the rows of `jobs` name beside their folders; count those that name anything."""
    pictures = 0
    for rows in _batches(db):
        changed = []
        for row in rows:
            paths = (renaming.of_bytes(row["moved_to"]), renaming.of_bytes(row["lies_at"]))
            lists = tuple(renaming.of_list(row[column]) for column in _LISTS)
            before = (row["moved_to"], row["lies_at"], *(row[column] for column in _LISTS))
            if (*paths, *lists) != before:
                changed.append((*paths, *lists, row["id"]))
            folders = (Path(os.fsdecode(row[column])) for column in ("inbox", "outbox"))
            pictures += (*paths, *lists) != before or any(map(renaming.covers, folders))
        db.executemany(
            "UPDATE jobs SET moved_to = ?, lies_at = ?, outputs = ?, published = ?, set_aside = ?,"
            " superseded = ? WHERE id = ?",
            changed,
        )
    return pictures


def _batches(db: sqlite3.Connection) -> Iterator[list[sqlite3.Row]]:
    last = 0
    while rows := db.execute(
        "SELECT id, inbox, outbox, moved_to, lies_at, outputs, published, set_aside, superseded"
        " FROM jobs WHERE id > ? ORDER BY id LIMIT ?",
        (last, _AT_ONCE),
    ).fetchall():
        yield rows
        last = rows[-1]["id"]

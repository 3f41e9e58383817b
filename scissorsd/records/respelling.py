"""One folder, one history: the job journal knows folders by their spelling, and follows it.

Where a configuration says `/srv/shop` and the journal knows the same folder as `/mnt/shop`, by a
link or by another mount, its pictures are known all the same.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

from scissorsd.folders import real_paths
from scissorsd.records import names, stamps
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import JournalFile
from scissorsd.settings import Inbox

Folder = Literal["inbox", "outbox"]

_SPELLING = {
    "inbox": "SELECT 1 FROM jobs WHERE inbox = ? LIMIT 1",
    "outbox": "SELECT 1 FROM jobs WHERE outbox = ? LIMIT 1",
}
_SPELLINGS = {
    "inbox": "SELECT DISTINCT inbox FROM jobs",
    "outbox": "SELECT DISTINCT outbox FROM jobs",
}


def recorded(journal: Journal, inbox: Inbox) -> Inbox:
    """Return an inbox under the paths by which its journal knows its folders.

    Only where the journal does not know a path are the folders looked at, and with patience.
    """
    return replace(
        inbox,
        path=_recorded(journal.file, "inbox", inbox.path),
        outbox=_recorded(journal.file, "outbox", inbox.outbox),
    )


def _recorded(file: JournalFile, column: Folder, folder: Path) -> Path:
    if is_spelling(file, column, folder):
        return folder
    known = spellings(file, column)
    real = real_paths.locate({folder, *known}) if known else {}
    return next((path for path in sorted(known) if real[path].same_as(real[folder])), folder)


def follow(journal: Journal, inbox: Inbox) -> list[tuple[Path, Path]]:
    """Let the journal know an inbox and its outbox by their paths as they are spelled now.

    Returns the paths that were spelled otherwise, each with what it is now.
    """
    known = recorded(journal, inbox)
    if known.path != inbox.path:
        respell_inbox(journal.file, known.path, inbox.path)
    if known.outbox != inbox.outbox:
        respell_outbox(journal.file, known.outbox, inbox.outbox)
    pairs = ((known.path, inbox.path), (known.outbox, inbox.outbox))
    return [(old, new) for old, new in pairs if old != new]


def is_spelling(file: JournalFile, column: Folder, folder: Path) -> bool:
    """Whether anything is known of an inbox or outbox by this path."""
    with file.locked("read") as db:
        row = db.execute(_SPELLING[column], (os.fsencode(folder),)).fetchone()
    return row is not None


def spellings(file: JournalFile, column: Folder) -> set[Path]:
    """Return every path by which an inbox or outbox is known."""
    with file.locked("read") as db:
        return {Path(os.fsdecode(path)) for (path,) in db.execute(_SPELLINGS[column])}


def respell_inbox(file: JournalFile, old: Path, new: Path) -> None:
    """Know an inbox by another path from now on, by which nothing is known yet."""
    with file.transaction("respell") as db:
        db.execute(
            "UPDATE jobs SET inbox = ? WHERE inbox = ?", (os.fsencode(new), os.fsencode(old))
        )
        file.forget()


def respell_outbox(file: JournalFile, old: Path, new: Path) -> None:
    """Know an outbox by another path from now on, by which nothing is known yet."""
    before, after = f"{old}/".replace("//", "/"), f"{new}/".replace("//", "/")
    with file.transaction("respell") as db:
        names.respell(db, old, before, after)
        # Within JSON a path begins after a quotation mark, and none stands bare inside one.
        paths = [json.dumps(path)[:-1] for path in (before, after)]
        db.execute(
            "UPDATE jobs SET outbox = ?, published = replace(published, ?, ?),"
            " set_aside = replace(set_aside, ?, ?), superseded = replace(superseded, ?, ?)"
            " WHERE outbox = ?",
            (os.fsencode(new), *paths, *paths, *paths, os.fsencode(old)),
        )
        begins = os.fsencode(before)
        db.execute(
            "UPDATE jobs SET lies_at = CAST(? || substr(lies_at, ?) AS BLOB)"
            " WHERE substr(lies_at, 1, ?) = ?",
            (os.fsencode(after), len(begins) + 1, len(begins), begins),
        )
        stamps.respell(db, os.fsencode(before), os.fsencode(after))
        file.forget()

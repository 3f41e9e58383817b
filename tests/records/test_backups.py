import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scissorsd.core.rules import Rule, plan
from scissorsd.core.settling import Sighting
from scissorsd.errors import JournalError, JournalVersionError, ScissorsError, UsageError
from scissorsd.records import migrations
from scissorsd.records.backups import back_up, restore
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE, LOST

INBOX, OUTBOX = Path("/srv/inbox"), Path("/srv/outbox")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Make a state folder."""
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def journal(state: Path) -> Iterator[Journal]:
    """Open a journal, which stays open as a daemon's does."""
    opened = Journal(state)
    yield opened
    opened.close()


def cut(journal: Journal, *names: str) -> None:
    """Take pictures all the way."""
    for name in names:
        source = Sighting(name, size=1, mtime_ns=1, inode=1, device=1)
        job = journal.begin(
            plan(
                INBOX,
                OUTBOX,
                source,
                Rule("all"),
                inbox_name="shop",
                date="",
                taken=lambda _: False,
            )
        )
        assert job is not None
        journal.published(job, [str(OUTBOX / job.outputs[0].path)], verdict="ok", provider="cpu")
        journal.finish(job)


def known(state: Path) -> list[str]:
    """Return the pictures that a journal knows, and see that it is sound."""
    with closing(sqlite3.connect(state / FILE)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [os.fsdecode(path) for (path,) in db.execute("SELECT path FROM jobs ORDER BY path")]


def others(folder: Path) -> set[str]:
    """Return what lies in a state folder beside the journal itself."""
    mine = {FILE, f"{FILE}-wal", f"{FILE}-shm"}
    return {path.name for path in folder.iterdir()} - mine


def test_backed_up_while_it_is_written(journal: Journal, state: Path, tmp_path: Path) -> None:
    """A backup is one file that holds what was journalled by then, though a daemon goes on."""
    cut(journal, "a.jpg", "b.jpg")
    folder = tmp_path / "backups"
    folder.mkdir()
    backup = back_up(state, folder / "monday")
    assert (backup.pictures, backup.version) == (2, migrations.LATEST)
    assert backup.latest > 0
    cut(journal, "c.jpg")
    assert [path.name for path in folder.iterdir()] == ["monday"]
    (folder / "monday").rename(folder / FILE)
    assert known(folder) == ["a.jpg", "b.jpg"]
    assert known(state) == ["a.jpg", "b.jpg", "c.jpg"]


def test_nothing_is_overwritten(journal: Journal, state: Path, tmp_path: Path) -> None:
    """What is there is left, unless it is to be overwritten; never is anything of the journal."""
    cut(journal, "a.jpg")
    target = tmp_path / "backup"
    target.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        back_up(state, target)
    assert target.read_text() == "mine"
    back_up(state, target, overwrite=True)
    assert target.read_bytes().startswith(b"SQLite")
    for place in (state / FILE, state / f"{FILE}-wal", tmp_path, tmp_path / "no" / "backup"):
        with pytest.raises(UsageError):
            back_up(state, place, overwrite=True)
    assert known(state) == ["a.jpg"]


def test_a_damaged_journal_is_not_backed_up(journal: Journal, state: Path, tmp_path: Path) -> None:
    """Of a damaged journal no backup is made, and an older one stays."""
    cut(journal, *(f"{number}.jpg" for number in range(200)))
    journal.close()
    back_up(state, tmp_path / "backup")
    before = (tmp_path / "backup").read_bytes()
    content = bytearray((state / FILE).read_bytes())
    content[8192:] = bytes(len(content) - 8192)
    (state / FILE).write_bytes(content)
    with pytest.raises(ScissorsError, match="is damaged"):
        back_up(state, tmp_path / "backup", overwrite=True)
    assert (tmp_path / "backup").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"state", "backup"}


def test_there_and_back(journal: Journal, state: Path, tmp_path: Path) -> None:
    """A backup is put back, the journal of until then is kept, and can be put back as well."""
    cut(journal, "a.jpg")
    back_up(state, tmp_path / "backup")
    cut(journal, "b.jpg")
    journal.close()
    restored = restore(state, tmp_path / "backup")
    assert restored.backup.pictures == 1
    assert restored.kept == state / f"{FILE}.before-restore-1"
    assert known(state) == ["a.jpg"]
    assert (state / LOST).exists()  # until all that was cut since is known again
    again = Journal(state)
    assert again.id == journal.id
    cut(again, "c.jpg")
    again.close()
    kept = restore(state, restored.kept).kept
    assert kept == state / f"{FILE}.before-restore-2"
    assert known(state) == ["a.jpg", "b.jpg"]
    assert others(state) == {LOST, *(f"{FILE}.before-restore-{n}" for n in (1, 2))}


def test_into_an_empty_folder(journal: Journal, state: Path, tmp_path: Path) -> None:
    """A backup is put back where nothing is left."""
    cut(journal, "a.jpg")
    back_up(state, tmp_path / "backup")
    (tmp_path / "other").mkdir()
    assert restore(tmp_path / "other", tmp_path / "backup").kept is None
    assert known(tmp_path / "other") == ["a.jpg"]


def test_in_the_place_of_a_damaged_one(journal: Journal, state: Path, tmp_path: Path) -> None:
    """A journal that is damaged is kept as it is, with its log, and gives way to the backup."""
    cut(journal, "a.jpg")
    back_up(state, tmp_path / "backup")
    journal.close()
    (state / FILE).write_bytes(b"This is my shopping list.\n" * 400)
    (state / f"{FILE}-wal").write_bytes(b"and this")
    kept = restore(state, tmp_path / "backup").kept
    assert kept is not None
    assert kept.read_bytes().startswith(b"This is my")
    assert known(state) == ["a.jpg"]


@pytest.mark.parametrize("kind", ["text", "other", "empty", "cut short", "newer", "itself", "none"])
def test_what_is_refused(journal: Journal, state: Path, tmp_path: Path, kind: str) -> None:
    """What is no whole backup, or a newer scissorsd's, is refused in words; nothing is changed."""
    cut(journal, *(f"{number}.jpg" for number in range(200)))
    backup = tmp_path / "backup"
    back_up(state, backup)
    journal.close()
    before, error = known(state), JournalError
    match kind:
        case "text":
            backup.write_text("This is my shopping list.\n" * 400)
        case "other":
            backup.unlink()
            with closing(sqlite3.connect(backup)) as db:
                db.execute("CREATE TABLE photos (id)")
        case "empty":
            backup.write_bytes(b"")
        case "cut short":
            os.truncate(backup, backup.stat().st_size // 2)
        case "newer":
            error = JournalVersionError
            with closing(sqlite3.connect(backup)) as db:
                db.execute("PRAGMA user_version = 99")
        case "itself":
            backup = state / FILE
        case "none":
            backup.unlink()
    content = backup.read_bytes() if backup.exists() else b""
    with pytest.raises((error, UsageError)) as caught:
        restore(state, backup)
    if kind == "newer":
        assert "made by a newer scissorsd" in caught.value.what
    assert known(state) == before
    assert others(state) == set()
    assert (backup.read_bytes() if backup.exists() else b"") == content


RESTORE = """
import pathlib, sys
from scissorsd.records.backups import back_up, restore
{"back_up": back_up, "restore": restore}[sys.argv[1]](*map(pathlib.Path, sys.argv[2:]))
"""


def killed(place: str, *arguments: str | Path) -> None:
    """Run a command until it is killed at a place."""
    ended = subprocess.run(
        [sys.executable, "-c", RESTORE, *map(str, arguments)],
        env={**os.environ, "SCISSORSD_FAULTS": f"{place}=kill"},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize("place", ["copy.written", "copy.unsynced", "restore.kept", "restore.done"])
def test_killed_while_it_is_restored(
    journal: Journal, state: Path, tmp_path: Path, place: str
) -> None:
    """Killed at any moment there is a whole journal, of before or after; run again, it is done."""
    cut(journal, "a.jpg")
    back_up(state, tmp_path / "backup")
    cut(journal, "b.jpg")
    journal.close()
    killed(place, "restore", state, tmp_path / "backup")
    assert known(state) == (["a.jpg"] if place == "restore.done" else ["a.jpg", "b.jpg"])
    restore(state, tmp_path / "backup")
    assert known(state) == ["a.jpg"]
    kept = state / f"{FILE}.before-restore-1"
    assert kept.exists()
    assert not list(state.glob("*.restoring*"))
    with closing(sqlite3.connect(kept)) as db:
        assert db.execute("SELECT count(*) FROM jobs").fetchone() == (2,)


@pytest.mark.parametrize("place", ["copy.written", "copy.unsynced", "backup.draft"])
def test_killed_while_it_is_backed_up(
    journal: Journal, state: Path, tmp_path: Path, place: str
) -> None:
    """Killed at any moment there is no backup, and the next one removes what was left."""
    cut(journal, "a.jpg")
    folder = tmp_path / "backups"
    folder.mkdir()
    killed(place, "back_up", state, folder / "backup")
    assert not (folder / "backup").exists()
    assert len(list(folder.iterdir())) == 1
    back_up(state, folder / "backup")
    assert [path.name for path in folder.iterdir()] == ["backup"]

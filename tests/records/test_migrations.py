import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from scissorsd.errors import EXIT_BAD_CONFIG, JournalError, JournalVersionError
from scissorsd.records import copies, migrations
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE

RECORDED = Path(__file__).parent.parent / "end_to_end" / "recorded"
WITHOUT_STAMPS, WITH_STAMPS = "5774e5b", "422c0a2"
WITHOUT_NUMBERS = "fa68075"  # of version 3
WITHOUT_COUNTERS = "6fd76a1"  # of version 4
BOTH = pytest.mark.parametrize("journal", [WITHOUT_STAMPS, WITH_STAMPS], indirect=True)
OPEN = """
import pathlib, sys
from scissorsd.records.journal import Journal
journal = Journal(pathlib.Path(sys.argv[1]))
print(journal.id)
journal.close()
"""

Rows = dict[str, list[tuple[object, ...]]]


@pytest.fixture
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Lay the journal of a version that was killed at work, with its log, into a folder."""
    wanted = (f"state/{FILE}", f"state/{FILE}-wal")
    with tarfile.open(RECORDED / f"{request.param}.tar.xz") as tar:
        for member in tar.getmembers():
            if member.name in wanted:
                tar.extract(member, tmp_path, filter="data")
    return tmp_path / "state" / FILE


def rows_of(path: Path) -> Rows:
    """Return all the rows of a journal, but for the columns that later versions have added."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE sql > ''")]
        found: Rows = {}
        for table in {"jobs", "names", "stamps"}.intersection(tables):
            names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            late = {"content", "wish", "lies_at", "superseded", "judged", "judged_at"}
            late |= {"swept", "disposed_at", "numbers", "model", "counter", "facts"}
            kept = ", ".join(name for name in names if name not in late)
            found[table] = db.execute(f"SELECT {kept} FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608 - names of tables
        return found


def version_of(path: Path) -> int:
    """Return the version of a journal, which is only read."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return migrations.version_of(db)


def is_same(before: Rows, after: Rows) -> bool:
    """Whether nothing is lost; a journal without stamps has got what tells of them."""
    if "stamps" not in before:
        assert after.pop("stamps") == []
        assert {row[-2:] for row in after["jobs"]} == {(None, None)}
        after["jobs"] = [row[:-2] for row in after["jobs"]]
    return before == after


def brought_up_to_date(path: Path, before: Rows) -> None:
    """See that a journal is of the latest version, whole, and that nothing of it is lost."""
    assert version_of(path) == migrations.LATEST
    assert is_same(before, rows_of(path))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        new = Journal(path.parent / "new")
        with new.file.locked("read") as other:
            for table in ("jobs", "names", "stamps", "about"):
                columns = f"SELECT name, type, dflt_value FROM pragma_table_info('{table}')"  # noqa: S608 - of ours
                assert db.execute(columns).fetchall() == [*map(tuple, other.execute(columns))]
            indexes = "SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY name"
            assert db.execute(indexes).fetchall() == [*map(tuple, other.execute(indexes))]
        new.close()


def run_and_open(path: Path, faults: str = "") -> "subprocess.CompletedProcess[str]":
    """Open a journal to write in a process of its own, in which a fault may happen."""
    return subprocess.run(
        [sys.executable, "-c", OPEN, str(path.parent)],
        env={**os.environ, "SCISSORSD_FAULTS": faults},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(autouse=True)
def _new_folder(tmp_path: Path) -> None:
    (tmp_path / "state" / "new").mkdir(parents=True)


@BOTH
def test_every_row_is_kept(journal: Path) -> None:
    """A journal of version 1, with and without stamps, is brought up to date with all it knew."""
    before = rows_of(journal)
    assert len(before["jobs"]) == 13
    assert version_of(journal) == 1
    Journal(journal.parent).close()
    brought_up_to_date(journal, before)


@BOTH
def test_the_copy_has_everything(journal: Path, tmp_path: Path) -> None:
    """The copy beside it is the journal as it was: in a place of its own it opens, and goes on."""
    before = rows_of(journal)
    Journal(journal.parent).close()
    copy = migrations.copy_of(journal, 1)
    assert sorted(path.name for path in journal.parent.iterdir() if path.is_file()) == [
        *(FILE, copy.name)
    ]
    copy.chmod(0o400)
    assert version_of(copy) == 1
    assert rows_of(copy) == before
    back = tmp_path / "back"
    (back / "new").mkdir(parents=True)
    copy.rename(back / FILE).chmod(0o600)
    reader = Journal(back, read_only=True)
    assert len(reader.entries.latest(20)) == 8
    reader.close()
    Journal(back).close()
    brought_up_to_date(back / FILE, before)


def test_the_latest_version_is_left(tmp_path: Path) -> None:
    """A journal that is new, or up to date, is copied nowhere."""
    for _ in range(2):
        Journal(tmp_path / "state").close()
    assert [path.name for path in (tmp_path / "state").iterdir() if path.is_file()] == [FILE]


@BOTH
@pytest.mark.parametrize(
    "place",
    ["copy.written", "copy.unsynced", "migrate.2", "migrate.2.uncommitted"],
)
def test_killed_and_opened_again(journal: Path, place: str) -> None:
    """Killed while the copy is written, or within a step, the next start has it whole."""
    before = rows_of(journal)
    assert run_and_open(journal, f"{place}=kill").returncode == -signal.SIGKILL
    assert version_of(journal) == 1
    assert rows_of(journal) == before
    again = run_and_open(journal)
    assert again.returncode == 0, again.stderr
    brought_up_to_date(journal, before)
    copy = migrations.copy_of(journal, 1)
    assert rows_of(copy) == before
    left = sorted(path.name for path in journal.parent.iterdir() if path.is_file())
    assert left == [FILE, copy.name]


def jobs_of(path: Path) -> list[dict[str, object]]:
    """Return the jobs of a journal with all their columns."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM jobs ORDER BY id")]


@pytest.mark.parametrize(
    ("journal", "version"), [(WITHOUT_NUMBERS, 3), (WITHOUT_COUNTERS, 4)], indirect=["journal"]
)
@pytest.mark.parametrize("place", ["copy.written", "migrate.{}", "migrate.{}.uncommitted"])
def test_killed_on_the_way_from_one_version(journal: Path, version: int, place: str) -> None:
    """A journal keeps all it knew; of what was cut before, what is new in its next is unknown."""
    before, jobs = rows_of(journal), jobs_of(journal)
    assert len(jobs) == 13
    fault = f"{place.format(version + 1)}=kill"
    assert run_and_open(journal, fault).returncode == -signal.SIGKILL
    assert (version_of(journal), jobs_of(journal)) == (version, jobs)
    again = run_and_open(journal)
    assert again.returncode == 0, again.stderr
    brought_up_to_date(journal, before)
    unknown = {"numbers": "", "model": "", "counter": 0, "facts": ""}
    assert jobs_of(journal) == [unknown | job for job in jobs]
    copy = migrations.copy_of(journal, version)
    assert (version_of(copy), jobs_of(copy)) == (version, jobs)


@pytest.mark.parametrize("journal", [WITH_STAMPS], indirect=True)
def test_two_processes_at_once(journal: Path) -> None:
    """Of processes that open an old journal at once one brings it up to date, and all go on."""
    before = rows_of(journal)
    script = OPEN.replace("journal = ", "sys.stdin.readline()\njournal = ", 1)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(journal.parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    assert len({out for out, _ in said}) == 1
    brought_up_to_date(journal, before)
    copy = migrations.copy_of(journal, 1)
    assert (version_of(copy), rows_of(copy)) == (1, before)


@pytest.mark.parametrize("journal", [WITH_STAMPS], indirect=True)
@pytest.mark.parametrize("place", ["copy.written", "copy.unsynced"])
def test_no_room_for_the_copy(journal: Path, place: str) -> None:
    """Where no copy can be kept nothing is changed, and it is said what to do."""
    before = rows_of(journal)
    refused = run_and_open(journal, f"{place}=ENOSPC")
    assert "JournalError" in refused.stderr
    assert "No space left on device" in refused.stderr
    assert "Make room on the disk of the state folder" in refused.stderr
    assert (version_of(journal), rows_of(journal)) == (1, before)
    assert not list(journal.parent.glob("*.version-*"))
    assert run_and_open(journal).returncode == 0
    brought_up_to_date(journal, before)


@pytest.mark.parametrize("journal", [WITH_STAMPS], indirect=True)
def test_a_fault_within_a_step(journal: Path) -> None:
    """A step that fails is undone as a whole, and taken another time."""
    before = rows_of(journal)
    assert "Input/output error" in run_and_open(journal, "migrate.2.uncommitted=EIO").stderr
    assert (version_of(journal), rows_of(journal)) == (1, before)
    assert run_and_open(journal).returncode == 0
    brought_up_to_date(journal, before)


@BOTH
def test_reading_changes_nothing(journal: Path) -> None:
    """What only reads an old journal is answered, and leaves it as it is."""
    before = rows_of(journal)
    reader = Journal(journal.parent, read_only=True)
    (inbox,) = {Path(entry.inbox) for entry in reader.entries.latest(20)}
    assert reader.entries.counts(inbox) == {
        "done": 5, "failed": 3, "held": 1, "begun": 2, "published": 2
    }  # fmt: skip
    (entry,) = reader.entries.of_source(inbox, "keep/done.jpg")
    assert (entry.wish, entry.judged, entry.lies_at) == ("", "", "")
    reader.close()
    assert (version_of(journal), rows_of(journal)) == (1, before)
    assert not list(journal.parent.glob("*.version-*"))


def test_the_way_back_is_told(tmp_path: Path) -> None:
    """A journal of a newer scissorsd is refused; a copy of before its coming is named."""
    folder = tmp_path / "state"
    Journal(folder).close()
    with closing(sqlite3.connect(folder / FILE)) as db:
        db.execute(f"PRAGMA user_version = {migrations.LATEST + 1}")
    with pytest.raises(JournalVersionError, match="made by a newer") as refused:
        Journal(folder)
    assert refused.value.exit_code == EXIT_BAD_CONFIG
    assert "restore" not in refused.value.advice
    copy = migrations.copy_of(folder / FILE, migrations.LATEST)
    copy.touch()
    with pytest.raises(JournalVersionError) as refused:
        Journal(folder)
    assert f"scissorsd restore {copy}" in refused.value.advice


def test_a_copy_is_of_one_moment(tmp_path: Path) -> None:
    """What is written while a copy is made is not in it, and does not let it begin anew."""
    folder = tmp_path / "state"
    journal = Journal(folder)
    with journal.file.transaction("many") as db:
        db.execute("CREATE TABLE filling AS SELECT randomblob(4000000) AS filling")
    pages = 0

    def write_more(*_: object) -> None:
        nonlocal pages
        pages += 1
        with journal.file.transaction("more") as db:
            db.execute(f"CREATE TABLE later{pages} (id INTEGER)")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(copies, "_copied", write_more)
        with copies.opened_to_read(folder / FILE) as reader:
            copies.write(reader, tmp_path / "copy")
    journal.close()
    assert pages > 1
    with closing(sqlite3.connect(tmp_path / "copy")) as db:
        later = db.execute("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'later%'")
        assert later.fetchone() == (0,)


@pytest.mark.parametrize("journal", [WITH_STAMPS], indirect=True)
def test_a_journal_that_is_damaged(journal: Path) -> None:
    """Of a damaged journal no copy is kept: that it is damaged is said as ever."""
    with closing(sqlite3.connect(journal)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(journal.read_bytes())
    content[8192:] = b"x" * (len(content) - 8192)
    journal.write_bytes(content)
    with pytest.raises(JournalError, match="is damaged"):
        Journal(journal.parent)
    assert not list(journal.parent.glob("*.version-*"))

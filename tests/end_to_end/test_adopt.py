"""`scissorsd adopt`: the state folder is lost or old, and what is out is taken for done."""

import io
import os
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from families import one_of_each_kind
from PIL import Image

from scissorsd.records.journal import Journal

from .deaths import finished, repaired
from .driver import Workplace
from .scenes import drawn

RULES = (
    {
        "name": "moved",
        "match": "moved/**",
        "source": "move",
        "outputs": [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}],
    },
    {"name": "deleted", "match": "deleted/**", "source": "delete"},
    {"name": "cropped", "match": "cropped/**", "outputs": [{"kind": "cutout", "crop": "subject"}]},
    {
        "name": "dated",
        "match": "dated/**",
        "outputs": [{"kind": "cutout", "name": "{date}/{stem}"}],
    },
    {"name": "kept"},
)
NOT_UTF8 = os.fsdecode(b"kept/caf\xe9.jpg")


def lost(place: Workplace) -> None:
    """Lose the state folder."""
    shutil.rmtree(place.state)


def known(place: Workplace) -> dict[str, str]:
    """Return the state of each picture in the journal."""
    return {entry.path: entry.state for entry in place.entries()}


def cut_anew(place: Workplace, *, jobs: int) -> list[str]:
    """Run a daemon until all is done; return what it cut."""
    return sorted(finished(repaired(place, jobs=jobs)))


def test_nothing_is_cut_again(place: Workplace) -> None:
    """After the state is lost all that came out is adopted, and a daemon cuts the rest."""
    place.configure(*RULES)
    names = [
        *("kept/a.jpg", "kept/a.png", "kept/b.jpg", NOT_UTF8, "cropped/a.jpg", "dated/a.jpg"),
        *("moved/a.jpg", "moved/x/b.jpg"),
    ]
    for number, name in enumerate(names):
        place.put(name, drawn(number, Path(name).suffix))
    repaired(place, jobs=len(names))
    place.put("moved/a.jpg", drawn(20))  # a second one of that name
    repaired(place, jobs=len(names) + 1)
    before = {name: (place.outbox / name).stat().st_mtime_ns for name in place.files()}
    lost(place)
    place.put("kept/new.jpg", drawn(30))

    tried = place.ask("adopt", "--dry-run")
    assert "shop: 9 adopted, 0 known already, 1 to be cut, 0 doubtful" in tried
    assert "Nothing was written" in tried
    assert not place.state.exists()
    said = place.ask("adopt")
    assert "shop: 9 adopted, 0 known already, 1 to be cut, 0 doubtful" in said
    assert "is cut when scissorsd runs" in said
    assert "0 adopted, 9 known already, 1 to be cut" in place.ask("adopt")
    assert set(known(place).values()) == {"done"}

    journal = Journal(place.state, read_only=True)
    with journal.file.locked("read") as db:
        (stamped,) = db.execute("SELECT count(*) FROM stamps").fetchone()
        (hashed,) = db.execute("SELECT count(*) FROM jobs WHERE length(content) = 16").fetchone()
        ended = db.execute("SELECT min(ended_at), max(ended_at) FROM jobs").fetchone()
    assert (stamped, hashed) == (len(before), 9)
    assert min(before.values()) / 1e9 <= ended[0] <= ended[1] <= max(before.values()) / 1e9
    (entry,) = journal.entries.of_output(str(place.outbox / "moved/a-jpg.png"))
    assert entry.moved_to == str(place.outbox / "processed/moved/a-jpg.jpg")
    assert entry.path == "moved/a.jpg"  # as it was dropped
    journal.close()
    place.put("moved/a.jpg", drawn(20))  # the same bytes once more: they are known

    assert cut_anew(place, jobs=10) == ["kept/new.jpg"]
    after = {name: (place.outbox / name).stat().st_mtime_ns for name in place.files()}
    assert after.pop("kept/new.png")
    assert after == before
    assert place.files(place.inbox / "moved") == []
    assert "It was cut on" in place.ask("why", place.inbox / "kept/a.png")
    place.put("kept/a.png", drawn(40, ".png"))  # goes into its own names again
    assert cut_anew(place, jobs=11) == ["kept/a.png"]
    assert place.files() == sorted([*before, "kept/new.png"])


@pytest.mark.full
def test_a_restored_backup(place: Workplace) -> None:
    """What was cut after the backup is adopted, and what was cut before is known."""
    place.configure(*RULES)
    place.put("kept/a.jpg", drawn(1))
    place.put("moved/a.jpg", drawn(2))
    repaired(place, jobs=2)
    backup = place.folder / "backup"
    place.ask("backup", backup)
    place.put("kept/b.jpg", drawn(3))
    place.put("kept/a.jpg", drawn(4))  # another version
    place.put("moved/b.jpg", drawn(5))
    repaired(place, jobs=5)
    files = place.files()
    place.ask("restore", backup)
    assert "shop: 3 adopted, 1 known already, 0 to be cut, 0 doubtful" in place.ask("adopt")
    assert not (place.state / "jobs.sqlite.lost").exists()
    assert cut_anew(place, jobs=5) == []
    assert place.files() == files
    assert sorted(known(place).items()) == [
        ("kept/a.jpg", "done"),
        ("kept/b.jpg", "done"),
        ("moved/a.jpg", "done"),
        ("moved/b.jpg", "done"),
    ]


@pytest.mark.full
def test_in_hand_when_it_was_backed_up(place: Workplace) -> None:
    """A picture that was in hand at the backup and came out since is adopted in its own row."""
    place.put("a.jpg", drawn(1))
    repaired(place)
    journal = Journal(place.state)
    with journal.file.transaction("as it was"):
        journal.file.update(1, state="begun", attempts=1, published="[]", ended_at=0.0)
    journal.close()
    assert "1 adopted" in place.ask("adopt")
    assert [(entry.id, entry.state, entry.attempts) for entry in place.entries()] == [
        (1, "done", 0)
    ]
    assert cut_anew(place, jobs=1) == []


@pytest.mark.full
def test_doubtful_ones(place: Workplace) -> None:
    """What is not surely a picture's own is named with its reason, and cut anew."""
    two = {"name": "all", "outputs": [{"kind": "cutout"}, {"kind": "mask"}]}
    place.configure(two)
    names = ["half.jpg", "older.jpg", "size.jpg", "empty.jpg", "text.jpg", "jpeg.jpg", "good.jpg"]
    for number, name in enumerate(names):
        place.put(name, drawn(number))
    repaired(place, jobs=len(names))
    (place.outbox / "half-mask.png").unlink()
    future = (place.inbox / "older.jpg").stat().st_mtime_ns + 10**12
    os.utime(place.inbox / "older.jpg", ns=(future, future))
    (place.outbox / "size.png").write_bytes(drawn(9, ".png"))
    (place.outbox / "empty.png").write_bytes(b"")
    (place.outbox / "text.png").write_bytes(b"not a picture")
    (place.outbox / "jpeg.png").write_bytes(drawn(5))
    there = {name: (place.outbox / name).read_bytes() for name in place.files()}
    lost(place)
    said = place.ask("adopt")
    assert "shop: 1 adopted, 0 known already, 0 to be cut, 6 doubtful" in said
    for line in (
        "half.jpg: half.png is there, and half-mask.png is not",
        "older.jpg: older.png is older than the picture",
        "size.jpg: size.png has 49 × 48 pixels, and the picture 42 × 48",
        "empty.jpg: empty.png is empty",
        "text.jpg: text.png cannot be read",
        "jpeg.jpg: jpeg.png is no PNG",
    ):
        assert f"  doubtful: {place.inbox}/{line}" in said
    assert cut_anew(place, jobs=7) == sorted(set(names) - {"good.jpg"})
    assert {name: (place.outbox / name).read_bytes() for name in there} == there
    assert len(place.files()) == len(there) + 12


@pytest.mark.full
def test_whose_cannot_be_told(place: Workplace) -> None:
    """Of two pictures of one size that may both have an output, neither is said to have it."""
    place.put("a.jpg", drawn(1))
    repaired(place)
    lost(place)
    picture = place.put("a.webp", drawn(1, ".webp"))
    past = (place.inbox / "a.jpg").stat().st_mtime_ns - 10**12
    os.utime(picture, ns=(past, past))
    said = place.ask("adopt")
    assert "0 adopted, 0 known already, 0 to be cut, 2 doubtful" in said
    assert "a.jpg: a.png may be its, or that of a.webp" in said
    picture.write_bytes(drawn(2, ".webp"))  # of another size
    os.utime(picture, ns=(past, past))
    said = place.ask("adopt")
    assert "1 adopted, 0 known already, 0 to be cut, 1 doubtful" in said
    assert "a.webp: a.png has 41 × 48 pixels, and the picture 42 × 48" in said


@pytest.mark.full
def test_reviewed_and_rejected(place: Workplace) -> None:
    """Outputs in review/ and in rejected/ count as out, where they lie."""
    place.configure({"name": "all", "when_no_subject": "review"})
    blank = io.BytesIO()
    Image.new("RGB", (60, 48), "white").save(blank, "JPEG")
    place.put("blank.jpg", blank.getvalue())
    place.put("bad.jpg", drawn(1))
    repaired(place, jobs=2)
    (place.outbox / "rejected").mkdir()
    (place.outbox / "bad.png").rename(place.outbox / "rejected/bad.png")
    lost(place)
    assert "shop: 2 adopted" in place.ask("adopt")
    entries = {entry.path: entry for entry in place.entries()}
    assert entries["blank.jpg"].published == tuple(
        str(place.outbox / "review" / name) for name in ("blank.png", "blank.png.txt")
    )
    assert entries["bad.jpg"].published == (str(place.outbox / "rejected/bad.png"),)
    assert entries["bad.jpg"].judged == "rejected"
    assert "bad.jpg" in place.ask("why", place.outbox / "rejected/bad.png")
    assert cut_anew(place, jobs=2) == []


@pytest.mark.full
def test_sources_that_were_to_go(place: Workplace) -> None:
    """A source that was to be moved is moved by the next daemon; none is deleted on its names."""
    place.configure({"name": "kept"})
    for number, name in enumerate(("moved/a.jpg", "deleted/a.jpg")):
        place.put(name, drawn(number))
    repaired(place, jobs=2)
    lost(place)
    rules = [{**rule, "outputs": [{"kind": "cutout"}]} for rule in RULES[:2]]
    place.configure(*rules)
    said = place.ask("adopt")
    assert "2 adopted" in said
    assert "1 of the adopted lie in the inbox, though their rule deletes sources" in said
    assert known(place) == {"moved/a.jpg": "published", "deleted/a.jpg": "done"}
    assert cut_anew(place, jobs=2) in ([], ["moved/a.jpg"])
    assert place.files(place.inbox) == ["deleted/a.jpg"]
    assert place.files() == ["deleted/a.png", "moved/a.png", "processed/moved/a.jpg"]


@pytest.mark.full
def test_not_while_a_daemon_runs(place: Workplace) -> None:
    """Beside a daemon on the state folder, or on the same folders, nothing is adopted."""
    place.put("a.jpg", drawn(1))
    daemon = place.start()
    daemon.finished("a.jpg")
    refused = place.run("adopt", "-c", place.config)
    assert refused.returncode == 1
    assert "another scissorsd" in refused.stderr
    place.change_config(state="other")
    refused = place.run("adopt", "-c", place.config)
    assert refused.returncode == 1
    assert "another scissorsd" in refused.stderr
    daemon.stop()


@pytest.mark.full
def test_an_inbox_that_is_away(place: Workplace) -> None:
    """Of an inbox that is not there nothing is said to be missing; it is named, and tried again."""
    place.put("a.jpg", drawn(1))
    repaired(place)
    lost(place)
    place.inbox.rename(place.folder / "aside")
    away = place.run("adopt", "-c", place.config)
    assert away.returncode == 1
    assert "shop: away, so nothing of it was adopted" in away.stdout
    (place.folder / "aside").rename(place.inbox)
    assert "1 adopted" in place.ask("adopt")


@pytest.mark.full
def test_a_damaged_journal(place: Workplace) -> None:
    """A journal that is damaged is set aside, and what is out is adopted into a new one."""
    place.put("a.jpg", drawn(1))
    repaired(place)
    (place.state / "jobs.sqlite").write_bytes(b"This is my shopping list.\n" * 400)
    said = place.ask("adopt")
    assert "The job journal was damaged; it lies at" in said
    assert "1 adopted" in said
    assert cut_anew(place, jobs=1) == []


@pytest.mark.parametrize(
    "fault", one_of_each_kind(["journal.adopt", "adopt.batch"], kept=["adopt.batch"])
)
def test_killed_and_run_again(place: Workplace, fault: str) -> None:
    """Killed half-way, what is journalled stays, and the next run goes on with the rest."""
    place.configure(*RULES)
    for number, name in enumerate(("kept/a.jpg", "kept/a.png", "moved/a.jpg", "moved/b.jpg")):
        place.put(name, drawn(number, Path(name).suffix))
    repaired(place, jobs=4)
    lost(place)
    doomed = place.start(
        "adopt", "-c", str(place.config), variables={"SCISSORSD_FAULTS": f"{fault}=kill@2"}
    )
    assert doomed.exit_code() == -signal.SIGKILL
    assert 0 < len(place.entries()) <= 4
    left = 4 - len(place.entries())
    assert f"{left} adopted, {4 - left} known already, 0 to be cut" in place.ask("adopt")
    assert cut_anew(place, jobs=4) == []


@pytest.mark.full
def test_the_same_bytes_with_another_time(place: Workplace) -> None:
    """A picture whose content is known under its path is left, whatever its time is now."""
    place.put("a.jpg", drawn(1))
    repaired(place)
    lost(place)
    place.ask("adopt")
    os.utime(place.inbox / "a.jpg", ns=(10**18, 10**18))
    assert "0 adopted, 1 known already, 0 to be cut, 0 doubtful" in place.ask("adopt")


@pytest.mark.full
def test_archives_and_a_shared_outbox(place: Workplace) -> None:
    """Sources in an archive elsewhere are found, and those of two inboxes that share an outbox."""
    archive, other = place.folder / "archive", place.folder / "other"
    other.mkdir()
    rule = {"name": "all", "model": "darkness", "source": "move"}
    common = {"outbox": "outbox", "settle": "300ms"}
    inboxes = {
        "shop": {**common, "path": "inbox", "rules": [{**rule, "move_to": str(archive)}]},
        "other": {**common, "path": "other", "rules": [{**rule, "move_to": "done"}]},
    }
    place.write_config(**inboxes)
    place.put("x/a.jpg", drawn(1))
    place.put("b.jpg", drawn(2))
    repaired(place, jobs=2)
    (other / "b.jpg").write_bytes(drawn(3))
    daemon = place.start()
    daemon.finished("b.jpg")
    daemon.stop()
    files = place.files()
    assert files == ["b-jpg.png", "b.png", "done/b-jpg.jpg", "x/a.png"]
    lost(place)
    said = place.ask("adopt")
    assert "shop: 2 adopted" in said
    assert "other: 1 adopted" in said
    places = {entry.moved_to for entry in place.entries()}
    assert places == {
        *(str(archive / name) for name in ("x/a.jpg", "b.jpg")),
        str(place.outbox / "done/b-jpg.jpg"),
    }
    daemon = place.start()
    daemon.wait("inbox.scanned", times=2)  # of each inbox
    daemon.stop()
    assert not finished(daemon)
    assert place.files() == files


@pytest.mark.full
def test_a_trial_on_an_old_journal(place: Workplace) -> None:
    """A trial writes nothing, neither in a journal of the version before nor beside it."""
    place.put("a.jpg", drawn(1))
    repaired(place)
    with closing(sqlite3.connect(place.state / "jobs.sqlite")) as db:
        db.execute("DROP TABLE judging")
        indexes = ("jobs_lying_elsewhere", "jobs_by_content", "jobs_in_review", "jobs_by_counter")
        for name in indexes:
            db.execute(f"DROP INDEX {name}")
        late = (
            "counter",
            "facts",
            "content",
            "wish",
            "lies_at",
            "superseded",
            "judged",
            "numbers",
            "model",
        )
        for name in (*late, "swept", "disposed_at", "judged_at"):
            db.execute(f"ALTER TABLE jobs DROP COLUMN {name}")
        db.execute("PRAGMA user_version = 1")
    place.put("b.jpg", drawn(2))
    said = place.ask("adopt", "--dry-run")
    assert "shop: 0 adopted, 1 known already, 1 to be cut, 0 doubtful" in said
    with closing(sqlite3.connect(place.state / "jobs.sqlite")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert not list(place.state.glob("*.version-*"))
    assert "1 known already" in place.ask("adopt")
    assert len(list(place.state.glob("*.version-1"))) == 1

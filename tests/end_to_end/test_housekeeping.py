"""House-keeping by real daemons: what was kept for long enough goes, and nothing else does."""

import io
import json
import os
import signal
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from families import one_of_each_kind
from PIL import Image

from scissorsd.records.house_file import FILE as HOUSE_FILE
from scissorsd.records.journal_file import FILE

from .deaths import doomed, fault
from .driver import SIZE, Daemon, Workplace, picture
from .scenes import all_ended

DAY = 86400.0
KEEP: Mapping[str, object] = {"name": "all", "outputs": [{"kind": "cutout"}, {"kind": "mask"}]}
MOVE = {**KEEP, "source": "move"}
AT_ONCE: Mapping[str, str] = {"SCISSORSD_SECONDS": "HOUSEKEEPING=0.2,EMPTIED_REST=0.01"}
ALL_OLD = {
    "failed/broken.jpg",
    "failed/broken.jpg.txt",
    "processed/a.jpg",
    "processed/blank.jpg",
    "review/blank-mask.png",
    "review/blank.png",
    "review/blank.png.txt",
}
# Every step of a run that removes these, each time that it is taken.
STEPS = (
    *("keep", "journal.keep", "journal.keep@2", "journal.keep.done", "journal.keep.done@3"),
    *("keep.begun", "keep.begun@2", "keep.begun@4", "keep.synced", "keep.synced@3"),
    *("remove:a.jpg", "remove.done:a.jpg", "remove.done:blank.png", "remove.done:broken.jpg"),
    *("remove:broken.jpg.txt", "remove.done:broken.jpg.txt", "remove:blank.png.txt"),
    *("journal.kept", "journal.kept@3", "journal.kept.done", "journal.kept.done@4"),
)


def blank() -> bytes:
    """Draw a picture in which there is no subject."""
    buffer = io.BytesIO()
    Image.new("RGB", SIZE, "white").save(buffer, "JPEG")
    return buffer.getvalue()


def age(place: Workplace, days: float) -> None:
    """Let all that is journalled have happened so many days earlier."""
    with closing(sqlite3.connect(place.state / FILE)) as db:
        for column in ("begun_at", "ended_at", "disposed_at"):
            db.execute(
                f"UPDATE jobs SET {column} = {column} - ? WHERE {column} > 0",  # noqa: S608 - our own names
                (days * DAY,),
            )
        db.commit()


def cut(place: Workplace, **pictures: bytes) -> None:
    """Let a daemon come to an end with pictures."""
    jobs = len(place.entries()) if place.state.exists() else 0
    for name, content in pictures.items():
        place.put(f"{name}.jpg", content)
    daemon = place.start()
    all_ended(place, jobs + len(pictures))
    daemon.stop()


def three_ends(place: Workplace, rule: Mapping[str, object] = MOVE) -> None:
    """Let pictures come to each of their ends a hundred days ago, and one today."""
    place.configure(rule)
    cut(place, a=picture(), broken=b"no picture at all", blank=blank())
    age(place, 100)
    cut(place, today=picture(number=1))


def kept_house(place: Workplace, *, times: int = 1, **inbox: object) -> Daemon:
    """Let a daemon keep house once, or more often, with `keep: 90d` or what else is said."""
    place.configure(MOVE, **(inbox or {"keep": "90d"}))
    daemon = place.start(variables=AT_ONCE)
    daemon.wait("housekeeping.done", times=times)
    daemon.stop()
    assert daemon.noise == []
    return daemon


def counts(daemon: Daemon) -> dict[str, int]:
    """Add up what the runs of a daemon have told."""
    kinds = ("processed", "failed", "review", "folders", "changed", "left")
    runs = daemon.told("housekeeping.done")
    return {kind: sum(run[kind] for run in runs) for kind in kinds if any(r[kind] for r in runs)}


def test_what_was_kept_for_long_enough_goes_and_is_told_of(place: Workplace) -> None:
    """A reload with `keep` removes what is old, leaves the rest, and every command says so."""
    three_ends(place)
    before = set(place.files())
    assert before >= ALL_OLD
    daemon = place.start(variables=AT_ONCE)
    daemon.wait("inbox.scanned")
    place.configure(MOVE, keep="90d")
    daemon.send(signal.SIGHUP)
    daemon.wait("housekeeping.done")
    assert counts(daemon) == {"processed": 2, "failed": 2, "review": 3}
    assert set(place.files()) == before - ALL_OLD
    moved = place.outbox / "processed" / "a.jpg"
    assert f"moved to {moved}, and removed on" in place.ask("why", place.inbox / "a.jpg")
    assert "What was set aside was removed on" in place.ask("why", place.inbox / "broken.jpg")
    assert "waits for you" not in place.ask("why", place.inbox / "blank.jpg")
    answer = place.run("recut", place.inbox / "a.jpg", "-c", place.config).stdout
    assert "and removed on" in answer
    assert "Nothing is cut again." in answer
    assert "and removed on" in place.run("retry", "--failed", "-c", place.config).stdout
    assert "removed on" in place.run("accept", place.inbox / "blank.jpg", "-c", place.config).stderr
    # The same bytes dropped again are no stranger, and what is out stays out.
    place.put("a.jpg")
    daemon.wait("job.closed", source="a.jpg")
    assert set(place.files()) == before - ALL_OLD | {"processed/a.jpg"}
    daemon.stop()
    assert "review.rejected" not in {line["event"] for line in daemon.lines}


@pytest.mark.full
def test_each_kind_has_its_own_time(place: Workplace) -> None:
    """What is not named is kept for ever."""
    three_ends(place)
    before = set(place.files())
    daemon = kept_house(place, keep={"processed": "200d", "failed": "100d"})
    assert counts(daemon) == {"failed": 2}
    assert set(place.files()) == before - {"failed/broken.jpg", "failed/broken.jpg.txt"}


def test_nothing_goes_that_somebody_has_touched(place: Workplace) -> None:
    """One file of a picture that was changed keeps the others, too; links and strangers stay."""
    three_ends(place)
    before = set(place.files())
    processed, review = place.outbox / "processed", place.outbox / "review"
    status = (processed / "a.jpg").stat()
    (processed / "a.jpg").write_bytes(picture(number=9).ljust(status.st_size, b"\0"))
    os.utime(processed / "a.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))
    (review / "blank.png").write_bytes(picture("a.png"))
    (place.outbox / "failed" / "broken.jpg.txt").write_text("I shall look into this. Jo")
    (processed / "blank.jpg").rename(place.folder / "blank.jpg")
    (processed / "blank.jpg").symlink_to(place.folder / "blank.jpg")
    strangers = {"processed/mine.jpg", "review/mine.png", "failed/mine.txt", "rejected/mine.png"}
    for name in strangers:
        (place.outbox / name).parent.mkdir(exist_ok=True)
        (place.outbox / name).write_bytes(b"mine")
        os.utime(place.outbox / name, (1, 1))
    daemon = kept_house(place)
    assert set(place.files()) == before | strangers
    assert (place.folder / "blank.jpg").exists()
    assert counts(daemon)["changed"] >= 4
    assert counts(daemon).keys() == {"changed"}


@pytest.mark.full
def test_a_source_that_was_not_moved_stays(place: Workplace) -> None:
    """With `source: keep` the reason goes from failed/, and no picture from anywhere."""
    three_ends(place, KEEP)
    pictures = place.files(place.inbox)
    daemon = kept_house(place)
    assert counts(daemon) == {"failed": 1, "review": 3}
    assert place.files(place.inbox) == pictures
    assert len(pictures) == 4


@pytest.mark.full
def test_what_is_asked_for_again_stays_and_its_time_begins_anew(place: Workplace) -> None:
    """A picture that is to be cut again where it was moved to is there when its turn comes."""
    three_ends(place)
    assert "when scissorsd runs" in place.ask("recut", place.inbox / "a.jpg", "--threshold", "0.5")
    place.configure(MOVE, keep={"processed": "90d"})
    daemon = place.start(variables=AT_ONCE)
    daemon.finished("a.jpg")
    daemon.wait("housekeeping.done", times=len(daemon.told("housekeeping.done")) + 2)
    daemon.stop()
    assert "processed/a.jpg" in place.files()
    assert "processed/blank.jpg" not in place.files()


@pytest.mark.full
def test_what_was_rejected_goes_too(place: Workplace) -> None:
    """It is kept for as long as what waits in review/, from when it was rejected on."""
    three_ends(place)
    place.ask("reject", place.inbox / "blank.jpg")
    assert "rejected/blank.png" in place.files()
    assert counts(kept_house(place, keep={"review": "90d"})) == {}
    with closing(sqlite3.connect(place.state / FILE)) as db:
        db.execute("UPDATE jobs SET judged_at = judged_at - ? WHERE judged_at > 0", (100 * DAY,))
        db.commit()
    assert counts(kept_house(place, keep={"review": "90d"})) == {"review": 3}
    assert [n for n in place.files() if n.startswith(("review", "rejected"))] == []
    answer = place.ask("why", place.inbox / "blank.jpg")
    assert "(removed on" in answer
    assert "takes it back" not in answer
    answer = place.run("accept", place.inbox / "blank.jpg", "-c", place.config).stderr
    assert "removed on" in answer


@pytest.mark.parametrize("step", one_of_each_kind(STEPS, kept=["remove.done:blank.png"]))
def test_killed_at_each_step(place: Workplace, step: str) -> None:
    """A run that dies is carried on by the next one, and every removal is known afterwards."""
    three_ends(place)
    before = set(place.files())
    place.configure(MOVE, keep="90d")
    doomed(place, fault(step))
    assert set(place.files()) <= before
    kept_house(place)
    assert set(place.files()) == before - ALL_OLD
    swept = {entry.path: {kind for kind, _ in entry.swept} for entry in place.entries()}
    assert swept == {
        "a.jpg": {"processed"},
        "blank.jpg": {"processed", "review"},
        "broken.jpg": {"failed"},
        "today.jpg": set(),
    }


@pytest.mark.full
def test_a_clock_that_has_leapt_removes_nothing(place: Workplace) -> None:
    """Where scissorsd last saw another year it says so, and waits."""
    three_ends(place)
    before = place.files()
    believed = {"clock": {"believed": time.time() - 4000 * DAY}}
    (place.state / HOUSE_FILE).write_text(json.dumps(believed))
    place.configure(MOVE, keep="90d", remove_emptied=True)
    daemon = place.start(variables=AT_ONCE)
    assert "4000 days ahead of" in daemon.wait("housekeeping.waits")["why"]
    place.put("later.jpg", number=2)
    daemon.finished("later.jpg")
    daemon.stop()
    assert daemon.told("housekeeping.done") == []
    assert set(before) < set(place.files())


@pytest.mark.full
def test_a_share_that_hangs_holds_up_nothing(place: Workplace) -> None:
    """While the house-keeping hangs, pictures are cut, and a stop comes to its end."""
    three_ends(place)
    place.configure(MOVE, keep="90d")
    hangs = {"SCISSORSD_FAULTS": "remove:a.jpg=hang"}
    daemon = place.start(variables={**AT_ONCE, **hangs})
    place.put("later.jpg", number=2)
    daemon.finished("later.jpg")
    daemon.stop()
    assert daemon.told("housekeeping.done") == []
    kept_house(place)
    assert ALL_OLD.isdisjoint(place.files())


@pytest.mark.full
def test_what_cannot_be_removed_is_told_once_and_tried_again(place: Workplace) -> None:
    """The other files go all the same."""
    three_ends(place)
    place.configure(MOVE, keep="90d")
    denied = {"SCISSORSD_FAULTS": "remove:a.jpg=EACCES*2"}
    daemon = place.start(variables={**AT_ONCE, **denied})
    daemon.wait("housekeeping.done", processed=1, left=0)
    daemon.wait("housekeeping.done", processed=1, left=1)
    daemon.wait("housekeeping.done", times=4)
    daemon.stop()
    assert len(daemon.told("housekeeping.left")) == 1
    assert ALL_OLD.isdisjoint(place.files())


# --- emptied folders ----------------------------------------------------------------------------


def folders(place: Workplace) -> list[str]:
    """Return every folder of the inbox."""
    found = (path for path in place.inbox.rglob("*") if path.is_dir())
    return sorted(str(path.relative_to(place.inbox)) for path in found)


def emptied(place: Workplace) -> None:
    """Let a daemon move the pictures out of folders, of which some hold something else."""
    place.configure(MOVE)
    cut(place, **{"2026/11/a": picture(), "2026/12/b": picture(number=1), "c/d/e": picture()})
    (place.inbox / "2026/12/.DS_Store").touch()
    (place.inbox / "never").mkdir()
    assert folders(place) == ["2026", "2026/11", "2026/12", "c", "c/d", "never"]


@pytest.mark.full
def test_emptied_folders_go_where_that_is_asked_for(place: Workplace) -> None:
    """Those alone that scissorsd has emptied; with litter, or never used, they stay."""
    emptied(place)
    assert kept_house(place, keep="90d").told("housekeeping.removed") == []
    assert len(folders(place)) == 6
    assert counts(kept_house(place, remove_emptied=True)) == {"folders": 3}
    assert folders(place) == ["2026", "2026/12", "never"]
    assert place.inbox.is_dir()


@pytest.mark.full
def test_folders_rest_for_an_hour(place: Workplace) -> None:
    """Just after the last picture went none goes: the next one may be under way."""
    emptied(place)
    place.configure(MOVE, remove_emptied=True)
    daemon = place.start(variables={"SCISSORSD_SECONDS": "HOUSEKEEPING=0.2"})
    daemon.wait("housekeeping.done", times=2)
    daemon.stop()
    assert len(folders(place)) == 6


@pytest.mark.full
def test_a_folder_that_somebody_touched_later_stays(place: Workplace) -> None:
    """It was changed long after our own last change: by a copy, say, that has made it anew."""
    emptied(place)
    age(place, 1)
    daemon = kept_house(place, remove_emptied=True)
    assert counts(daemon) == {}
    assert len(folders(place)) == 6


@pytest.mark.full
def test_killed_between_two_folders(place: Workplace) -> None:
    """The folder above is known to be changed by us when the next daemon looks at it."""
    emptied(place)
    place.configure(MOVE, remove_emptied=True)
    kill = {"SCISSORSD_FAULTS": fault("keep.folder@2"), **AT_ONCE}
    daemon = place.start("--debug", "run", "-c", str(place.config), variables=kill)
    assert daemon.exit_code() == -signal.SIGKILL
    assert folders(place) == ["2026", "2026/12", "c", "never"]
    age(place, 0.001)  # longer than our clock and the file system's may differ
    kept_house(place, remove_emptied=True)
    assert folders(place) == ["2026", "2026/12", "never"]
    assert Path(place.inbox).is_dir()

"""Second thoughts: pictures that were cut are cut again, in place, wherever they lie now."""

import json
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from families import one_of_each_kind

from .deaths import doomed, fault, finished, repaired
from .driver import Workplace, picture, wait_for
from .scenes import all_ended, unsure

CUTOUT: Mapping[str, object] = {"kind": "cutout"}
MASK: Mapping[str, object] = {"kind": "mask", "folder": "masks"}
NARROW: Mapping[str, object] = {"kind": "cutout", "crop": "subject"}
MOVED = {"name": "white", "match": "white/**", "source": "move", "outputs": [CUTOUT, MASK]}
KEPT = {"name": "all", "outputs": [CUTOUT]}
# Every step of a picture that is cut again where it was moved to, with one output less than before.
STEPS = (
    "journal.begin",
    "journal.begin.done",
    "read:a.jpg",
    "infer.cpu",
    "write:a.png",
    "journal.stamp.done",
    "publish:a.png",
    "publish.done:a.png",
    "journal.published",
    "journal.published.done",
    "remove:a-mask.png",
    "remove.done:a-mask.png",
    "journal.finish",
    "journal.finish.done",
)


def contents(place: Workplace, *, but: str = "processed") -> dict[str, bytes]:
    """Return every file of the outbox but the sources."""
    names = (name for name in place.files() if not name.startswith(but))
    return {name: (place.outbox / name).read_bytes() for name in names}


def recut(place: Workplace, *arguments: str | Path) -> str:
    """Ask for pictures again, and wait until a daemon has done it."""
    return place.ask("recut", "--wait", *arguments)


def test_a_photographers_second_thoughts(place: Workplace) -> None:
    """From the first drop to a changed margin, a wish and originals that come back: all in place.

    Nothing has another name at the end than at the beginning, and nothing is cut without need.
    """
    place.configure(MOVED)
    for number in range(4):
        place.put(f"white/{number}.jpg", number=number)
    daemon = place.start()
    all_ended(place, 4)
    first = contents(place)
    assert len(first) == 8
    # A rule that has changed: the reload says how, and how many pictures are stale by it.
    place.configure({**MOVED, "outputs": [NARROW]})
    daemon.send(signal.SIGHUP)
    changes = daemon.wait("rule.changed", rule="white")["changes"]
    assert changes == ["outputs: cutout, mask → cutout", "outputs 1 crop: none → subject"]
    assert daemon.wait("rules.stale")["pictures"] == 4
    assert recut(place, "--stale") == "4 pictures are cut again now.\n4 cut again\n"
    second = contents(place)
    assert second.keys() == {f"white/{number}.png" for number in range(4)}
    assert all(second[name] != first[name] for name in second)
    assert "Nothing is cut again." in recut(place, "--stale")
    # A wish for one picture, by the place where it is now.
    moved = place.outbox / "processed" / "white" / "2.jpg"
    assert "1 cut again" in recut(place, moved, "--threshold", "0.5")
    third = contents(place)
    assert {name for name in third if third[name] != second[name]} == {"white/2.png"}
    assert "threshold 0.5" in place.ask("why", place.inbox / "white/2.jpg")
    # Originals that come back: by hand, and from a backup that kept no times.
    (place.outbox / "processed/white/0.jpg").rename(place.inbox / "white/0.jpg")
    daemon.wait("job.closed", source="white/0.jpg")
    shutil.copy(place.outbox / "processed/white/2.jpg", place.inbox / "white/2.jpg")
    daemon.wait("job.closed", source="white/2.jpg")
    assert contents(place) == third
    assert place.files(place.inbox) == []
    assert [n for n in place.files() if n.startswith("processed")] == [
        f"processed/white/{number}.jpg" for number in range(4)
    ]
    # It is stale as little as the others, and as ruled it is again what they are.
    assert "Nothing is cut again." in recut(place, "--stale")
    assert "1 cut again" in recut(place, place.outbox / "white/2.png", "--as-ruled")
    assert contents(place) == second
    daemon.stop()
    assert finished(daemon) == {
        "white/0.jpg": 2,
        "white/1.jpg": 2,
        "white/2.jpg": 4,
        "white/3.jpg": 2,
    }


@pytest.mark.parametrize("step", one_of_each_kind(STEPS, kept=["publish.done:a.png"]))
def test_killed_at_each_step(place: Workplace, step: str) -> None:
    """A picture that is cut again when the program dies is cut once more, under its own names."""
    place.configure({**MOVED, "match": "*"})
    place.put("a.jpg")
    repaired(place)
    before = contents(place)
    place.configure({**MOVED, "match": "*", "outputs": [NARROW]})
    assert "when scissorsd runs" in place.ask("recut", "--stale")
    doomed(place, fault(step))
    repaired(place)
    after = contents(place)
    assert after.keys() == {"a.png"}
    assert after["a.png"] != before["a.png"]
    assert (place.outbox / "processed/a.jpg").read_bytes() == picture()
    (entry,) = place.entries()
    assert (entry.state, entry.lies_at) == ("done", "")
    assert entry.published == (str(place.outbox / "a.png"),)


@pytest.mark.full
def test_another_of_that_name_meanwhile(place: Workplace) -> None:
    """While a moved picture waits to be cut again, another of its name gets names of its own."""
    place.configure({**MOVED, "match": "*"})
    place.put("a.jpg", number=1)
    repaired(place)
    before = contents(place)
    place.ask("recut", "--all")
    place.put("a.jpg", number=2)
    daemon = repaired(place, jobs=2)
    assert finished(daemon) == {"a.jpg": 2}
    after = contents(place)
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {"a-jpg.png", "masks/a-jpg-mask.png"}
    assert (place.outbox / "processed/a.jpg").read_bytes() == picture(number=1)
    assert (place.outbox / "processed/a-jpg.jpg").read_bytes() == picture(number=2)


@pytest.mark.full
def test_another_of_that_name_after_a_death(place: Workplace) -> None:
    """What a recut had put out when the program died is not taken away for another of its name."""
    place.configure({**MOVED, "match": "*"})
    place.put("a.jpg", number=1)
    repaired(place)
    before = contents(place)
    place.configure({**MOVED, "match": "*", "outputs": [{**NARROW, "margin": "5%"}, MASK]})
    place.ask("recut", "--all")
    doomed(place, fault("publish.done:a.png"))
    place.put("a.jpg", number=2)
    repaired(place, jobs=2)
    after = contents(place)
    assert after.keys() - before.keys() == {"a-jpg.png", "masks/a-jpg-mask.png"}
    assert before.keys() <= after.keys()
    assert after["a.png"] != before["a.png"]


@pytest.mark.full
def test_a_picture_that_stays_in_its_inbox(place: Workplace) -> None:
    """A kept picture is cut again in place; its wish holds until the file changes."""
    place.configure(KEPT, rescan="1s")  # a new time alone is no event
    place.put("a.jpg")
    daemon = place.start()
    all_ended(place, 1)
    first = contents(place)
    recut(place, place.inbox / "a.jpg", "--threshold", "0.5")
    second = contents(place)
    assert second.keys() == first.keys() == {"a.png"}
    assert second != first
    recut(place, place.inbox / "a.jpg", "--keep", "largest")
    assert json.loads(place.entries()[0].wish) == {"keep": "largest", "threshold": 0.5}
    os.utime(place.inbox / "a.jpg", (1, 1))
    daemon.wait("job.closed", source="a.jpg")
    assert contents(place) == second
    assert place.entries()[0].wish
    place.put("a.jpg", number=7)
    daemon.finished("a.jpg")
    wait_for(lambda: place.entries()[-1].state == "done" and len(place.entries()) > 1)
    assert place.entries()[-1].wish == ""
    daemon.stop()


@pytest.mark.full
def test_by_what_is_doubtful_now(place: Workplace) -> None:
    """Another `above` makes nothing stale; --doubtful takes what is above it now, or was judged so.

    What is cut again goes the way of the changed rule, and can be accepted there.
    """
    place.configure(KEPT)
    for name, columns in (("sure.png", 0), ("some.png", 4), ("most.png", 20)):
        place.put(name, unsure(columns))
    assert place.run("once", "-c", place.config).returncode == 0
    doubts = {entry.path: entry.doubt for entry in place.entries()}
    assert doubts["sure.png"] < 0.03 < doubts["some.png"] < 0.1 < doubts["most.png"]  # type: ignore[operator]
    assert {entry.path: entry.verdict for entry in place.entries()}["some.png"] == "ok"
    place.configure({**KEPT, "when_doubtful": {"above": 0.03, "then": "review"}})
    assert "Nothing is cut again." in place.run("recut", "--stale", "-c", place.config).stdout
    assert "2 pictures are cut again" in place.ask("recut", "--doubtful")
    assert place.run("once", "-c", place.config).returncode == 0
    assert place.files() == [
        *("review/most.png", "review/most.png.txt"),
        *("review/some.png", "review/some.png.txt", "sure.png"),
    ]
    note = (place.outbox / "review/some.png.txt").read_text()
    assert "of the subject, more than 3% (doubt " in note
    entries = {entry.path: entry for entry in place.entries()}
    assert {path: entry.doubt for path, entry in entries.items()} == doubts
    assert entries["some.png"].verdict == "doubtful"
    said = place.ask("why", place.inbox / "some.png")
    assert "verdict doubtful" in said
    assert "The network is unsure about" in said
    place.ask("accept", place.outbox / "review/some.png")
    assert "some.png" in place.files()
    assert "1 picture is cut again" in place.ask("recut", "--doubtful")  # but what was accepted


@pytest.mark.full
def test_what_cannot_be_cut_again(place: Workplace) -> None:
    """A deleted picture is named beforehand; one that vanishes when it was asked for stays done."""
    place.configure({**KEPT, "match": "gone/*", "source": "delete"}, {**MOVED, "match": "*"})
    place.put("gone/a.jpg")
    place.put("b.jpg")
    repaired(place, jobs=2)
    before = contents(place)
    said = place.ask("recut", "--all")
    assert "1 cannot be cut again:" in said
    assert "gone/a.jpg was deleted when it was cut" in said
    assert "1 picture is cut again when scissorsd runs" in said
    (place.outbox / "processed/b.jpg").unlink()
    daemon = place.start()
    assert "not there any more" in daemon.wait("job.withdrawn", source="b.jpg")["why"]
    daemon.stop()
    assert {entry.state for entry in place.entries()} == {"done"}
    assert contents(place) == before
    answer = place.run("recut", place.outbox / "b.png", "-c", place.config)
    assert answer.returncode == 1
    assert "no longer there, nor where it was moved to" in answer.stdout


@pytest.mark.full
def test_once_again(place: Workplace) -> None:
    """`once --again` cuts moved pictures, too, where they lie."""
    place.configure(MOVED)
    place.put("white/a.jpg")
    repaired(place)
    before = place.files()
    done = place.run("once", "--again", "-c", place.config)
    assert "1 cut, 0 not" in done.stderr
    assert place.files() == before

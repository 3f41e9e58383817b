"""A failed picture of an awkward name keeps its whole reason, wherever the daemon is killed."""

import os
from pathlib import Path

import pytest
from families import one_of_each_kind

from .deaths import doomed, fault, repaired
from .driver import Workplace, picture
from .scenes import drop

NOT_UTF_8 = os.fsdecode(b"caf\xe9 \xff")
NAMES = {
    "not UTF-8": NOT_UTF_8,
    "lines": "two\nlines\r\n\n and a\ttab",
    "quotes": "'it''s' \"all\" `here`\\n\\xe9",
    "like a note": f"x\n\nPicture: {NOT_UTF_8}",
    "143 bytes": "é" * 69 + "x.jpg",
    "143 bytes, not UTF-8": os.fsdecode(b"\xe9" * 139 + b".jpg"),
    "255 bytes": "n" * 251 + ".jpg",
    "255 bytes, not UTF-8": os.fsdecode(b"\xff" * 251 + b".jpg"),
}
# Each step from the failure on. Before it, one file is read, the source; one folder is refused; the
# first `move` only asks whether it is done.
STEPS = (
    "make",
    "journal.setting_aside",
    "journal.setting_aside.done",
    "read@2",
    "read.done@2",
    "make@2",
    "make.done",
    "write",
    "write.unsynced",
    "write.done",
    "publish",
    "publish.done",
    "move",
    "move.done",
    "move@2",
    "move.unsynced",
    "move.done@2",
    "journal.fail",
    "journal.fail.done",
)
TO_ANOTHER_DISK = ("move.unverified", "move.copied", "move.unsynced", "move.done@2", "journal.fail")
IN_BETWEEN = ("move.unsynced", "move.done@2", "journal.fail")  # moved, and not journalled


def fail_for_its_name(place: Workplace, name: str, source: str = "move") -> str:
    """Put in a picture whose failure quotes its folder's name; give its path in the inbox."""
    place.configure({"name": "all", "source": source}, settle="100ms", outbox=str(place.outbox))
    place.outbox.mkdir(exist_ok=True)
    (place.outbox / name).write_bytes(b"in the way of a folder of this name")
    path = f"{name}/{name if name.endswith('.jpg') else name + '.jpg'}"
    drop(place, path, picture())
    return path


def is_set_aside(place: Workplace, path: str) -> None:
    """Assert that the picture failed once, lies in failed/, and that all its reason is known."""
    (entry,) = place.entries()
    assert (entry.path, entry.state, entry.attempts) == (path, "failed", 0)
    note, kept = map(Path, entry.set_aside)
    assert kept.read_bytes() == picture()
    assert place.files(place.inbox) == []
    assert len(place.files()) == 3  # with what is in the way
    reason, _, names = note.read_bytes().rpartition(b"\n\nPicture: ")
    assert os.fsencode(place.outbox / path.rpartition("/")[0]) in reason
    assert reason.endswith(b"or say another `folder:` or `outbox:`.")
    assert names.count(b"\n") == 2
    # What is not UTF-8 stands in the journal as \udce9, in a note as it is.
    whole = os.fsdecode(reason).encode("utf-8", "backslashreplace").decode()
    assert entry.reason == whole
    assert place.ask("why", place.inbox / path).startswith("It failed on ")


@pytest.mark.parametrize("step", one_of_each_kind(STEPS, kept=["move.done@2"]))
def test_killed_at_each_step(place: Workplace, step: str) -> None:
    """Killed at any step of setting a picture aside, its reason, which is not UTF-8, is whole."""
    path = fail_for_its_name(place, NOT_UTF_8)
    doomed(place, fault(step))
    repaired(place)
    is_set_aside(place, path)


@pytest.mark.full
@pytest.mark.parametrize("step", one_of_each_kind(TO_ANOTHER_DISK, kept=["move.copied"]))
def test_killed_on_the_way_to_another_disk(place: Workplace, other_disk: Path, step: str) -> None:
    """So it is where the picture is copied to another file system first."""
    place.outbox = other_disk / "outbox"
    path = fail_for_its_name(place, NOT_UTF_8)
    doomed(place, fault(step))
    repaired(place)
    is_set_aside(place, path)


@pytest.mark.parametrize("kind", one_of_each_kind(NAMES, kept=["not UTF-8"]))
def test_names_that_a_reason_quotes(place: Workplace, kind: str) -> None:
    """Killed when the picture is moved and not journalled, its reason is whole, with any name."""
    path = fail_for_its_name(place, NAMES[kind], "delete")
    doomed(place, fault("journal.fail"))
    repaired(place)
    is_set_aside(place, path)


@pytest.mark.full
@pytest.mark.parametrize("step", [step for step in STEPS if step != "journal.fail"])
@pytest.mark.parametrize("kind", [kind for kind in NAMES if kind != "not UTF-8"])
def test_every_name_at_each_step(place: Workplace, kind: str, step: str) -> None:
    """Killed at any step, whatever name the reason quotes, it is whole."""
    path = fail_for_its_name(place, NAMES[kind])
    doomed(place, fault(step))
    repaired(place)
    is_set_aside(place, path)


@pytest.mark.parametrize("kind", one_of_each_kind(NAMES, kept=["not UTF-8"]))
def test_a_journal_that_cannot_be_written_then(place: Workplace, kind: str) -> None:
    """If the journal's disk fails when the picture is moved, its reason is journalled later."""
    path = fail_for_its_name(place, NAMES[kind])
    faults = {"SCISSORSD_FAULTS": "journal.fail=EIO*2", "SCISSORSD_SECONDS": "FIRST_PAUSE=0.05"}
    daemon = place.start(variables=faults)
    daemon.wait("job.held")
    daemon.wait("job.failed", source=logged(path))
    daemon.stop()
    is_set_aside(place, path)
    assert not daemon.told("job.unforeseen")


def logged(path: str) -> str:
    """Return a path as log lines have it."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@pytest.mark.full
def test_a_picture_that_was_set_aside_outlives_the_next_of_its_name(
    place: Workplace, other_disk: Path
) -> None:
    """Killed before the failure was journalled, its copy in failed/ is the only one there is."""
    place.configure({"name": "all", "source": "move"}, outbox=str(other_disk / "outbox"))
    place.put("a.jpg", b"no picture, and the only copy")
    doomed(place, fault("journal.fail"))
    place.put("a.jpg", picture())
    daemon = place.start()
    daemon.finished("a.jpg")
    daemon.stop()
    aside = other_disk / "outbox" / "failed" / "a.jpg"
    assert aside.read_bytes() == b"no picture, and the only copy"

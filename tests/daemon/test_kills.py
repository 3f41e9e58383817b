"""Killed exactly before and after each step, a daemon still does everything exactly once."""

import json
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

import pytest
from PIL import Image

from .driver import DEADLINE, SIZE, Daemon, Workplace, wait_for

OUTPUTS = ({"kind": "cutout"}, {"kind": "mask", "folder": "masks"})
ENDED = {"done", "failed"}

# Every step of a job's line up to the record that its outputs are out, in order. `look`, `make`,
# `write`, … are the verbs of folders.held; NAME after the colon is the file that it is about.
UP_TO_PUBLISHED = (
    "journal.begin",
    "journal.begin.done",
    "read:a.jpg",
    "read.done:a.jpg",
    "decode:a.jpg",
    "infer.cpu",
    "look:a.jpg",
    "look.done:a.jpg",
    "make:outbox",
    "make.done:outbox",
    "write:a.png",
    "write.unsynced",
    "write.done:a.png",
    "write:a-mask.png",
    "write.unsynced@2",
    "write.done:a-mask.png",
    "publish:a.png",
    "publish.done:a.png",
    "publish:a-mask.png",
    "publish.done:a-mask.png",
    "journal.published",
)
LAST = ("journal.finish", "journal.finish.done")
# What then becomes of the source, step by step. The first `move` only asks whether it is done; and
# where sources are moved, the first `look` is at the place that one is to have.
DISPOSING = {
    "keep": ("journal.published.done", *LAST),
    "delete": (
        "journal.published.done",
        "look:a.jpg@2",
        "look.done:a.jpg@2",
        "delete:a.jpg",
        "delete.done:a.jpg",
        *LAST,
    ),
    "move": (
        "journal.published.done",
        "move:a.jpg",
        "move.done:a.jpg",
        "look:a.jpg@3",
        "look.done:a.jpg@3",
        "move:a.jpg@2",
        "move.unsynced",
        "move.done:a.jpg@2",
        *LAST,
    ),
}
TO_ANOTHER_DISK = (
    "move:a.jpg@2",
    "move.unverified",
    "look:a.jpg@4",
    "move.copied",
    "move.unsynced",
    "move.done:a.jpg@2",
    *LAST,
)
SETTING_ASIDE = {
    "keep": (
        "journal.setting_aside",
        "journal.setting_aside.done",
        "write:a.jpg.txt",
        "write.unsynced",
        "write.done:a.jpg.txt",
        "publish:a.jpg.txt",
        "publish.done:a.jpg.txt",
        "journal.fail",
        "journal.fail.done",
    ),
    "move": (
        "journal.setting_aside.done",
        "write.done:a.jpg.txt",
        "publish.done:a.jpg.txt",
        "move:a.jpg@2",
        "move.unsynced",
        "move.done:a.jpg@2",
        "journal.fail",
        "journal.fail.done",
    ),
}


def fault(place: str, what: str = "kill") -> str:
    """Write a fault for SCISSORSD_FAULTS; the place may end in @N."""
    place, at, number = place.partition("@")
    return f"{place}={what}{at}{number}"


def doomed(place: Workplace, fault: str, number: signal.Signals = signal.SIGKILL) -> Daemon:
    """Run a daemon until the fault ends it, which leaves it no time to tidy up."""
    daemon = place.start(
        *("--debug", "run", "-c", str(place.config)), variables={"SCISSORSD_FAULTS": fault}
    )
    assert daemon.exit_code() == -number, daemon.transcript()
    return daemon


def repaired(place: Workplace, *, jobs: int = 1) -> Daemon:
    """Run a daemon until all that was begun has ended; stop it in good order."""
    daemon = place.start()
    daemon.wait("inbox.scanned")
    wait_for(lambda: [entry.state in ENDED for entry in place.entries()] == [True] * jobs)
    daemon.stop()
    assert daemon.noise == []
    return daemon


def finished(*daemons: Daemon) -> Counter[str]:
    """Count how often each picture was said to be cut."""
    return Counter(line["source"] for d in daemons for line in d.told("job.finished"))


def whole(path: Path) -> bool:
    """Whether an output is a whole picture; a part of one raises."""
    with Image.open(path) as image:
        image.load()
        return image.format == "PNG" and image.size == SIZE


def left_in_state(place: Workplace) -> list[str]:
    """Give the names in the state folder."""
    return sorted(path.name for path in place.state.iterdir())


@pytest.fixture
def other_disk() -> Iterator[Path]:
    """Give an empty folder on another file system than that of the inbox."""
    shared_memory = Path("/dev/shm")  # noqa: S108 - it is a file system of its own
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == Path.cwd().stat().st_dev:
        pytest.skip("there is no second file system here")
    folder = Path(mkdtemp(dir=shared_memory))
    yield folder
    shutil.rmtree(folder)


# --- placed exactly --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "step"),
    [
        # So far a job's line is the same whatever becomes of the source.
        *(("move", step) for step in (*UP_TO_PUBLISHED, "look:a.jpg@2")),
        *(
            pytest.param(source, step, marks=pytest.mark.slow)
            for source in ("keep", "delete")
            for step in UP_TO_PUBLISHED
        ),
        *((source, step) for source, steps in DISPOSING.items() for step in steps),
    ],
)
def test_killed_at_each_step(place: Workplace, source: str, step: str) -> None:
    """Killed at any step, both outputs come out whole and once, and the source goes once."""
    place.configure({"name": "all", "source": source, "outputs": OUTPUTS}, settle="100ms")
    content = place.put("a.jpg").read_bytes()
    first = doomed(place, fault(step))
    second = repaired(place)
    processed = ["processed/a.jpg"] if source == "move" else []
    assert place.files() == ["a.png", "masks/a-mask.png", *processed]
    assert place.files(place.inbox) == (["a.jpg"] if source == "keep" else [])
    assert whole(place.outbox / "a.png")
    assert whole(place.outbox / "masks/a-mask.png")
    for path in processed:
        assert (place.outbox / path).read_bytes() == content
    (entry,) = place.entries()
    assert (entry.state, entry.attempts) == ("done", 0)
    assert finished(first, second)["a.jpg"] == (step not in DISPOSING[source])


@pytest.mark.parametrize("step", TO_ANOTHER_DISK)
def test_killed_while_moving_to_another_disk(
    place: Workplace, other_disk: Path, step: str
) -> None:
    """Killed while a source is copied to another file system, it ends there once, and only there."""
    place.configure({"name": "all", "source": "move", "move_to": str(other_disk)}, settle="100ms")
    content = place.put("a.jpg").read_bytes()
    doomed(place, fault(step))
    repaired(place)
    assert place.files() == ["a.png"]
    assert place.files(place.inbox) == []
    assert place.files(other_disk) == ["a.jpg"]
    assert (other_disk / "a.jpg").read_bytes() == content
    assert [entry.state for entry in place.entries()] == ["done"]


@pytest.mark.parametrize(
    ("source", "step"), [(source, step) for source, steps in SETTING_ASIDE.items() for step in steps]
)
def test_killed_while_setting_aside(place: Workplace, source: str, step: str) -> None:
    """Killed while a bad picture is set aside, it is so once, with one reason, and known as failed."""
    place.configure({"name": "all", "source": source}, settle="100ms")
    place.put("a.jpg", b"not a picture")
    doomed(place, fault(step))
    repaired(place)
    moved = source == "move"
    assert place.files() == [*["failed/a.jpg"] * moved, "failed/a.jpg.txt"]
    assert place.files(place.inbox) == [] if moved else ["a.jpg"]
    (entry,) = place.entries()
    assert entry.state == "failed"
    assert "not a picture" in entry.reason
    assert [Path(path).name for path in entry.set_aside] == ["a.jpg.txt", *["a.jpg"] * moved]

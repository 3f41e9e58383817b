"""Killed exactly before and after each step, a daemon still does everything exactly once."""

import json
import random
import signal
import time
from pathlib import Path

import pytest
from families import one_of_each_kind

from .deaths import OUTPUTS, doomed, fault, finished, repaired, whole
from .driver import Workplace, wait_for

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
    "journal.stamp",
    "journal.stamp.done",
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


# --- placed exactly --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "step"),
    one_of_each_kind(
        [
            # So far a job's line is the same whatever becomes of the source.
            *(("move", step) for step in (*UP_TO_PUBLISHED, "look:a.jpg@2")),
            *((source, step) for source, steps in DISPOSING.items() for step in steps),
        ],
        kept=[
            ("move", "journal.begin.done"),
            ("move", "write.unsynced"),
            ("move", "publish:a-mask.png"),
            ("keep", "journal.published.done"),
            ("move", "move.unsynced"),
            ("delete", "delete.done:a.jpg"),
        ],
    ),
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


@pytest.mark.full
@pytest.mark.parametrize("step", one_of_each_kind(TO_ANOTHER_DISK, kept=["move.copied"]))
def test_killed_while_moving_to_another_disk(place: Workplace, other_disk: Path, step: str) -> None:
    """Killed while a source is copied to another file system, it ends there once, and only so."""
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
    ("source", "step"),
    one_of_each_kind(
        [(source, step) for source, steps in SETTING_ASIDE.items() for step in steps],
        kept=[("move", "move.unsynced")],
    ),
)
def test_killed_while_setting_aside(place: Workplace, source: str, step: str) -> None:
    """Killed while a bad picture is set aside, it is so once, with one reason, and known."""
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


@pytest.mark.parametrize("then", one_of_each_kind(["taken away", "replaced"], kept=["replaced"]))
def test_litter_of_a_picture_that_is_gone(place: Workplace, then: str) -> None:
    """A killed job's temporaries go at the next start, whatever has become of its picture."""
    place.configure({"name": "all", "outputs": OUTPUTS}, settle="100ms")
    source = place.put("a.jpg")
    doomed(place, fault("publish:a.png"))
    assert [path for path in place.files() if ".scissorsd-" in path]
    source.unlink()
    if then == "replaced":
        place.put("a.jpg", number=20)
    repaired(place, jobs=1 if then == "replaced" else 0)
    assert not [path for path in place.files() if ".scissorsd-" in path]
    if then == "replaced":
        assert place.files() == ["a.png", "masks/a-mask.png"]


# --- at random moments -----------------------------------------------------------------------

KILLS = 200


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_kills(place: Workplace) -> None:
    """Killed 200 times at random moments, 200 pictures come out exactly once and none fails."""
    chance = random.Random(200)  # noqa: S311 - to be repeatable, not secret
    rules = [
        {"name": source, "match": f"{source}/**", "source": source, "outputs": OUTPUTS}
        for source in ("keep", "move", "delete")
    ]
    place.configure(*rules, settle="100ms")
    names = [f"{('keep', 'move', 'delete')[index % 3]}/{index}.jpg" for index in range(KILLS)]
    runs = []
    in_hand = 0
    for kill in range(KILLS):
        place.put(names[kill], number=kill)  # so that there is one to settle, on any machine
        daemon = place.start("--debug", "run", "-c", str(place.config))
        if kill % 8:
            daemon.wait("picture.settled")
            pause = chance.uniform(0, 0.12)
        else:
            pause = chance.uniform(0, 1)  # while it starts, as often as not
        time.sleep(pause)  # the moment is what this test is about
        daemon.kill()
        runs.append(daemon)
        if (place.state / "jobs.sqlite").exists() and kill % 8:
            in_hand += any(entry.state in {"begun", "published"} for entry in place.entries())
    last = repaired(place, jobs=KILLS)
    stems = [name.removesuffix(".jpg") for name in names]
    kept, moved = (
        [name for name in names if name.startswith(source)] for source in ("keep", "move")
    )
    assert place.files() == sorted(
        [f"{stem}.png" for stem in stems]
        + [f"masks/{stem}-mask.png" for stem in stems]
        + [f"processed/{name}" for name in moved]
    )
    assert place.files(place.inbox) == sorted(kept)
    assert all(whole(place.outbox / path) for path in place.files() if path.endswith(".png"))
    assert [entry.state for entry in place.entries()] == ["done"] * KILLS
    assert max(finished(*runs, last).values()) == 1
    assert not [line for daemon in [*runs, last] for line in daemon.told("job.failed")]
    assert in_hand >= KILLS // 10, in_hand
    (shop,) = json.loads(place.ask("status", "--json"))["inboxes"]
    assert (shop["done"], shop["failed"], shop["held"]) == (KILLS, 0, 0)


# --- whom to blame ---------------------------------------------------------------------------


@pytest.mark.full
def test_kills_alone_never_blame_a_picture(place: Workplace) -> None:
    """However often the program is killed while it has a picture in hand, the picture comes out."""
    place.configure(settle="100ms")
    place.put("a.jpg")
    for _ in range(12):
        doomed(place, fault("decode:a.jpg"))
    assert [entry.attempts for entry in place.entries()] == [12]
    repaired(place)
    assert place.files() == ["a.png"]


def test_a_picture_that_crashes_the_program(place: Workplace) -> None:
    """A picture that crashes the program fails after three crashes; all the others come out."""
    place.configure(settle="100ms")
    crash = fault("decode:bad.jpg", "segv") + "*"
    command = ("--debug", "run", "-c", str(place.config))
    first = place.start(*command, variables={"SCISSORSD_FAULTS": f"{crash},decode:a.jpg=hang"})
    first.wait("daemon.ready")
    place.put("a.jpg")
    wait_for(lambda: len(place.entries()) == 1)
    place.put("bad.jpg")  # so that both are in hand
    assert first.exit_code() == -signal.SIGSEGV, first.transcript()
    for name in ("b.jpg", "c.jpg"):
        place.put(name)
    second = doomed(place, crash, signal.SIGSEGV)
    assert set(finished(second)) >= {"b.jpg", "c.jpg"}  # a suspect goes last
    third = doomed(place, crash, signal.SIGSEGV)
    last = place.start(variables={"SCISSORSD_FAULTS": crash})
    last.wait("job.failed", source="bad.jpg")
    place.put("d.jpg")
    last.finished("d.jpg")
    last.stop()
    assert place.files() == ["a.png", "b.png", "c.png", "d.png", "failed/bad.jpg.txt"]
    assert "died again and again" in (place.outbox / "failed/bad.jpg.txt").read_text()
    assert finished(first, second, third, last) == dict.fromkeys(
        ("a.jpg", "b.jpg", "c.jpg", "d.jpg"), 1
    )
    assert (place.state / "crash.txt.last").read_text().startswith("Fatal Python error")


# --- told to stop ----------------------------------------------------------------------------


def test_stop_leaves_what_hangs(place: Workplace) -> None:
    """Told to stop while a picture hangs, it ends in good order at its limit, leaving nothing."""
    place.configure(settle="100ms")
    place.put("a.jpg")
    daemon = place.start(
        variables={"SCISSORSD_FAULTS": "decode:a.jpg=hang", "SCISSORSD_SECONDS": "STOP_LIMIT=0.5"}
    )
    daemon.wait("picture.settled")
    wait_for(lambda: [entry.state for entry in place.entries()] == ["begun"])
    daemon.stop()
    daemon.wait("job.left", source="a.jpg")
    assert place.files() == []
    repaired(place)
    assert place.files() == ["a.png"]


@pytest.mark.parametrize(
    ("step", "reached"),
    one_of_each_kind(
        [
            ("write.unsynced@2", "masks"),
            ("publish:a-mask.png", "a.png"),
            ("move:a.jpg@2", "masks/a-mask.png"),
            ("move.unsynced", "processed/a.jpg"),
        ],
        kept=[("publish:a-mask.png", "a.png")],
    ),
)
def test_twice_told_is_as_safe_as_killed(place: Workplace, step: str, reached: str) -> None:
    """A second signal ends a stop that waits, at any step; the next start repairs all."""
    place.configure({"name": "all", "source": "move", "outputs": OUTPUTS}, settle="100ms")
    place.put("a.jpg")
    daemon = place.start(variables={"SCISSORSD_FAULTS": fault(step, "hang")})
    wait_for((place.outbox / reached).exists)
    daemon.send(signal.SIGTERM)
    daemon.wait("daemon.stopping", in_hand=1)

    def ended() -> bool:
        daemon.send(signal.SIGTERM)  # one that comes at once is taken for the first, passed on
        return daemon.process.poll() is not None

    wait_for(ended)
    assert daemon.exit_code() == 128 + signal.SIGTERM
    repaired(place)
    assert place.files() == ["a.png", "masks/a-mask.png", "processed/a.jpg"]
    assert place.files(place.inbox) == []

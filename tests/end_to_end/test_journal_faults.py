"""The job journal damaged, its disk full or read-only; two daemons; and what is told in the end."""

import json
import os
import random
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from families import one_of_each_kind

from scissorsd.records.migrations import LATEST

from .deaths import OUTPUTS, doomed, fault, finished, repaired
from .driver import Workplace, wait_for

PAGE = 4096


def noise(size: int) -> bytes:
    """Return bytes that are nothing, the same ones each time."""
    return random.Random(size).randbytes(size)  # noqa: S311 - to be repeatable, not secret


def overwrite(path: Path, start: int, content: bytes) -> None:
    """Write over a part of a file, in place."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


def middle(journal: Path) -> None:
    """Put noise over all but the first and the last page."""
    overwrite(journal, PAGE, noise(journal.stat().st_size - 2 * PAGE))


def half(journal: Path) -> None:
    """Cut off the second half."""
    os.truncate(journal, journal.stat().st_size // 2)


def empty(journal: Path) -> None:
    """Leave nothing of it."""
    os.truncate(journal, 0)


def text(journal: Path) -> None:
    """Put something else in its place."""
    journal.write_text("This is my shopping list.\n" * 400)


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount a file system of 8 MiB in memory."""
    folder.mkdir(exist_ok=True)
    wanted = ",".join(("size=8m", *options))
    command = ["mount", "-t", "tmpfs", "-o", wanted, "scissorsd-test", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount, and not everywhere")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607


def times(place: Workplace) -> dict[str, int]:
    """Return when each file in the outbox was written."""
    return {path: (place.outbox / path).stat().st_mtime_ns for path in place.files()}


def three_done(place: Workplace) -> dict[str, int]:
    """Let a daemon cut three pictures that are kept; give when each output was written."""
    place.configure({"name": "all", "outputs": OUTPUTS}, settle="100ms")
    for number in range(3):
        place.put(f"{number}.jpg", number=number)
    daemon = place.start()
    daemon.finished("0.jpg", "1.jpg", "2.jpg")
    daemon.stop()
    return times(place)


# --- damaged ---------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", one_of_each_kind([middle, half, empty, text], kept=[half]))
def test_a_damaged_journal(place: Workplace, damage: Callable[[Path], None]) -> None:
    """A damaged journal is said to be so and kept; what is visibly done is not done again."""
    before = three_done(place)
    journal = place.state / "jobs.sqlite"
    damage(journal)
    damaged = journal.read_bytes()
    told = place.run("status", "-c", place.config)
    place.put("new.jpg")
    daemon = repaired(place, jobs=4)
    daemon.wait("journal.set_aside", now=str(place.state / "jobs.sqlite.damaged-1"))
    assert finished(daemon) == {"new.jpg": 1}
    assert len(daemon.told("job.closed")) == 3
    after = times(place)
    assert {path: after[path] for path in before} == before
    assert sorted(after.keys() - before.keys()) == ["masks/new-mask.png", "new.png"]
    assert (place.state / "jobs.sqlite.damaged-1").read_bytes() == damaged
    assert told.returncode == 1
    assert told.stderr.startswith("scissorsd: the job journal")
    assert "Traceback" not in told.stderr
    again = repaired(place, jobs=4)  # and from now on it is a journal like any other
    assert not again.told("job.closed")
    assert not again.told("journal.set_aside")
    assert not (place.state / "jobs.sqlite.lost").exists()


@pytest.mark.full
def test_a_journal_of_a_newer_version(place: Workplace) -> None:
    """Every command says whose the journal is, ends with 78 and leaves it as it is."""
    place.put("a.jpg")
    place.start().stop()
    journal = place.state / "jobs.sqlite"
    with closing(sqlite3.connect(journal)) as db:
        db.execute(f"PRAGMA user_version = {LATEST + 1}")
    before = journal.read_bytes()
    options = ("-c", place.config)
    for command in (
        ("run", *options),
        ("once", *options),
        ("status", *options),
        ("status", "--json", *options),
        ("why", place.inbox / "a.jpg", *options),
        ("retry", "--failed", *options),
    ):
        answer = place.run(*command)
        assert answer.returncode == 78, answer.stderr
        assert f"was made by a newer scissorsd (journal version {LATEST + 1}" in answer.stderr
    assert journal.read_bytes() == before
    assert not list(place.state.glob("*.damaged*"))
    with closing(sqlite3.connect(journal)) as db:
        db.execute(f"PRAGMA user_version = {LATEST}")
    repaired(place)


@pytest.mark.full
def test_what_is_not_visibly_done_after_damage(place: Workplace) -> None:
    """After the journal was lost, a picture that lacks an output or is younger is cut again."""
    before = three_done(place)
    (place.outbox / "masks/0-mask.png").unlink()
    place.put("1.jpg", number=30)
    text(place.state / "jobs.sqlite")
    daemon = repaired(place, jobs=3)
    assert finished(daemon) == {"0.jpg": 1, "1.jpg": 1}
    after = times(place)
    assert before.items() - after.items() == {("masks/0-mask.png", before["masks/0-mask.png"])}
    assert sorted(after.keys() - before.keys()) == [
        *("0-jpg.png", "1-jpg.png"),  # 0.png and 1.png may be anybody's now
        *("masks/0-jpg-mask.png", "masks/1-jpg-mask.png"),
    ]


@pytest.mark.full
@pytest.mark.parametrize(
    "step",
    one_of_each_kind(
        ["journal.begin", "journal.begin.done", "journal.published"], kept=["journal.published"]
    ),
)
def test_killed_while_it_recovers(place: Workplace, step: str) -> None:
    """Killed before all is known again after damage, it still does nothing again."""
    before = three_done(place)
    text(place.state / "jobs.sqlite")
    doomed(place, fault(step))
    repaired(place, jobs=3)
    assert times(place) == before
    assert not (place.state / "jobs.sqlite.lost").exists()


@pytest.mark.full
def test_a_damaged_log_after_a_kill(place: Workplace) -> None:
    """The journal's write-ahead log damaged while no daemon runs is noticed, not quietly lost."""
    place.configure({"name": "all", "outputs": OUTPUTS}, settle="100ms")
    for number in range(3):
        place.put(f"{number}.jpg", number=number)
    daemon = place.start()
    daemon.finished("0.jpg", "1.jpg", "2.jpg")
    daemon.kill()
    before = times(place)
    log = place.state / "jobs.sqlite-wal"
    overwrite(log, log.stat().st_size // 2, noise(64))
    second = repaired(place, jobs=3)
    second.wait("journal.set_aside")
    assert not finished(second)
    assert times(place) == before
    assert (place.state / "jobs.sqlite.damaged-1").exists()


@pytest.mark.full
def test_damaged_while_it_runs(place: Workplace) -> None:
    """A daemon that meets damage ends with 1 and says so plainly; the next start goes on."""
    place.configure({"name": "all", "outputs": OUTPUTS}, settle="100ms")
    place.put("0.jpg")
    daemon = place.start("run", "-c", str(place.config))
    daemon.finished("0.jpg")
    wait_for(lambda: [entry.state for entry in place.entries()] == ["done"])
    before = times(place)
    journal = place.state / "jobs.sqlite"
    with closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("UPDATE jobs SET reason = reason || '.'")
        for path in (journal, journal.with_name("jobs.sqlite-wal")):
            overwrite(path, 0, noise(path.stat().st_size))
        # As `scissorsd retry` would, so that the daemon reads again what it holds in memory.
        other.execute("UPDATE jobs SET reason = reason || '.'")
        assert daemon.exit_code() == 1, daemon.transcript()
    (said, advice) = daemon.noise
    assert said.startswith(f"scissorsd: the job journal {journal} is damaged: ")
    assert "Start scissorsd again" in advice
    place.put("new.jpg")
    again = repaired(place, jobs=2)
    again.wait("journal.set_aside")
    assert finished(again) == {"new.jpg": 1}
    after = times(place)
    assert {path: after[path] for path in before} == before


# --- its disk --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    one_of_each_kind(
        ["begin", "published", "finish", "setting_aside", "fail", "hold"], kept=["published"]
    ),
)
def test_the_journal_cannot_be_written(place: Workplace, step: str) -> None:
    """A journal that cannot be written holds the picture; it ends once when it can be again."""
    place.configure({"name": "all", "source": "move", "outputs": OUTPUTS}, settle="100ms")
    place.put("a.jpg")
    place.put("bad.jpg", b"not a picture")
    daemon = place.start(
        variables={
            "SCISSORSD_FAULTS": f"journal.{step}=ENOSPC*4,read:a.jpg=EBUSY",
            "SCISSORSD_SECONDS": "FIRST_PAUSE=0.05",
        }
    )
    daemon.wait("job.failed", source="bad.jpg")
    wait_for(lambda: {entry.state for entry in place.entries()} == {"done", "failed"})
    daemon.stop()
    assert place.files() == [
        *("a.png", "failed/bad.jpg", "failed/bad.jpg.txt"),
        *("masks/a-mask.png", "processed/a.jpg"),
    ]
    assert place.files(place.inbox) == []
    assert not daemon.told("job.failed", source="a.jpg")


@pytest.mark.full
def test_the_state_folder_is_full(place: Workplace) -> None:
    """With the state folder's disk full pictures wait; they come out when there is room again."""
    place.configure({"name": "all", "outputs": OUTPUTS}, settle="100ms")
    with mounted(place.state):
        daemon = place.start(variables={"SCISSORSD_SECONDS": "FIRST_PAUSE=0.1,LONGEST_PAUSE=0.5"})
        place.put("a.jpg")
        daemon.finished("a.jpg")
        filler = place.state / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(PAGE)):
                pass  # until there is no room left
        for number in range(30):  # more than still fits into the room that the journal has
            place.put(f"{number}.jpg", number=number)
        daemon.wait("job.held")
        daemon.wait("status.unwritten")
        filler.unlink()
        daemon.finished(*(f"{number}.jpg" for number in range(30)))
        daemon.stop()
        assert not daemon.told("job.failed")
        outputs = [path for path in place.files() if not path.endswith(".txt")]  # else: for review
        assert len(outputs) == 62
        assert {entry.state for entry in place.entries()} == {"done"}


def test_the_state_folder_is_read_only(place: Workplace) -> None:
    """On a state folder that cannot be written the daemon does not start, and says what to do."""
    with mounted(place.state, "ro"):
        answer = place.run("run", "-c", place.config)
        assert answer.returncode == 1
        assert f"the state folder {place.state} cannot be used: Read-only" in answer.stderr
        assert "write access" in answer.stderr
        assert "Traceback" not in answer.stderr


# --- two daemons -----------------------------------------------------------------------------


@pytest.mark.full
def test_two_daemons(place: Workplace) -> None:
    """A second daemon on the same state folder does not start; it names the first's process."""
    first = place.start()
    second = place.run("run", "-c", place.config)
    assert second.returncode == 1
    assert f"(process {first.process.pid})" in second.stderr
    assert str(place.state) in second.stderr
    place.put("a.jpg")
    first.finished("a.jpg")
    first.stop()


@pytest.mark.full
def test_a_stale_lock(place: Workplace) -> None:
    """The lock of a daemon that was killed is no obstacle, even if its number lives on."""
    first = place.start()
    first.kill()
    (place.state / "daemon.lock").write_text(f"{os.getpid()}\n")
    place.put("a.jpg")
    second = place.start()
    second.finished("a.jpg")
    second.stop()
    assert finished(first, second) == {"a.jpg": 1}


# --- in the end ------------------------------------------------------------------------------


@pytest.mark.full
def test_the_counts_agree_with_the_folders(place: Workplace) -> None:
    """After kills, a crash, a failure and a stop, status counts what lies in the folders."""
    place.configure({"name": "all", "source": "move", "outputs": OUTPUTS}, settle="100ms")
    place.put("a.jpg")
    place.put("bad.jpg", b"not a picture")
    doomed(place, fault("publish:a.png"))
    doomed(place, fault("move:a.jpg@2"))
    place.put("b.jpg")
    doomed(place, fault("infer.cpu", "segv"), signal.SIGSEGV)
    last = repaired(place, jobs=3)
    assert not last.told("job.failed", source="b.jpg")
    (shop,) = json.loads(place.ask("status", "--json"))["inboxes"]
    files = place.files()
    assert shop["done"] == len([path for path in files if path.startswith("processed/")]) == 2
    assert shop["failed"] == len([path for path in files if path.startswith("failed/")]) / 2 == 1
    assert [shop[key] for key in ("settling", "settled", "working", "held")] == [0, 0, 0, 0]
    assert len(files) == 2 * 2 + 2 + 2

"""What talks may fail without a picture caring: a full disk, a reader that is gone or asleep."""

import os
import subprocess
from pathlib import Path

import pytest

from .deaths import whole
from .driver import DEADLINE, Workplace, wait_for

FULL = Path("/dev/full")


def shell(
    place: Workplace, script: str, *arguments: "str | Path"
) -> "subprocess.CompletedProcess[str]":
    """Run a command by a line of bash, in which "$@" stands for it."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *place._command(arguments)],
        capture_output=True,
        text=True,
        env=place._environment,
        cwd=place.folder,
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.parametrize(
    "script",
    [
        '"$@" 2>/dev/full',
        '"$@" 2>&-',
        '"$@" <&- >&- 2>&-',
        '"$@" 2>&1 >/dev/null | true; exit "${PIPESTATUS[0]}"',
    ],
)
def test_once(place: Workplace, script: str) -> None:
    """`once` that can say nothing makes whole pictures, and its code tells of them alone."""
    place.put("a.jpg")
    place.put("b.jpg", number=1)
    done = shell(place, script, "--debug", "once", "-c", place.config)
    assert done.returncode == 0, done.stderr
    assert place.files() == ["a.png", "b.png"]
    assert all(whole(place.outbox / name) for name in place.files())
    assert [entry.state for entry in place.entries()] == ["done", "done"]


def test_a_daemon_whose_reader_is_gone(place: Workplace) -> None:
    """A daemon goes on when the reader of its log is gone, and still stops in good order."""
    daemon = place.start()
    assert daemon.process.stderr is not None
    reader = daemon.process.stderr.fileno()
    with FULL.open() as other:
        os.dup2(other.fileno(), reader)  # the last reading end of the pipe is closed by this
    for number in range(3):
        place.put(f"{number}.jpg", number=number)
    wait_for(lambda: place.files() == ["0.png", "1.png", "2.png"])
    daemon.process.terminate()
    assert daemon.process.wait(DEADLINE) == 0


def test_a_reader_that_is_asleep(place: Workplace) -> None:
    """A full pipe that nobody reads holds nothing up; how many lines it cost is told later."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while True:
        try:
            os.write(writer, b" " * 4095 + b"\n")
        except BlockingIOError:
            break
    os.set_blocking(writer, True)
    process = subprocess.Popen(
        place._command(("run", "-c", str(place.config))),
        stderr=writer,
        env=place._environment,
        cwd=place.folder,
    )
    try:
        os.close(writer)
        place.put("a.jpg")
        wait_for(lambda: place.files() == ["a.png"])
        with os.fdopen(reader, encoding="utf-8") as log:
            process.terminate()
            said = [line for line in log if line.strip()]
        assert process.wait(DEADLINE) == 0
        assert any('"log.lost"' in line for line in said), said
    finally:
        process.kill()
        process.wait()


def test_standard_output(place: Workplace) -> None:
    """What cannot be written to standard output is a plain error, after all work is done."""
    place.put("a.jpg")
    for script in ('"$@" >/dev/full', '"$@" | true; exit "${PIPESTATUS[0]}"'):
        for arguments in (("--help",), ("status", "-c", place.config)):
            done = shell(place, script, *arguments)
            assert done.returncode == 1
            (line,) = done.stderr.splitlines()
            assert line.startswith("scissorsd: standard output could not be written: ")
    pictures = [place.inbox / "a.jpg", place.put("b.jpg")]
    cut = ("cut", *pictures, "-o", place.outbox, "--model", "u2netp")
    done = shell(place, '"$@" >/dev/full', *cut)
    assert done.returncode == 1
    assert place.files() == ["a.png", "b.png"]

"""What talks may fail without a picture caring: a full disk, a reader that is gone or asleep."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from families import one_of_each_kind

from .deaths import whole
from .driver import DEADLINE, Workplace, wait_for


def shell(
    place: Workplace, script: str, *arguments: str | Path
) -> "subprocess.CompletedProcess[str]":
    """Run a command by a line of bash, in which "$@" stands for it."""
    return subprocess.run(
        ["/bin/bash", "-c", script, "bash", *place._command(arguments)],
        capture_output=True,
        text=True,
        env=place._environment,
        cwd=place.folder,
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.parametrize(
    "script",
    one_of_each_kind(
        [
            '"$@" 2>/dev/full',
            '"$@" 2>&-',
            '"$@" <&- >&- 2>&-',
            '"$@" 2>&1 >/dev/null | true; exit "${PIPESTATUS[0]}"',
        ],
        kept=['"$@" 2>&-'],
    ),
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


@contextmanager
def talking_to(place: Workplace, stderr: int) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a daemon whose standard error is this descriptor, which is then closed here."""
    command = place._command(("run", "-c", str(place.config)))
    process = subprocess.Popen(command, stderr=stderr, env=place._environment, cwd=place.folder)
    os.close(stderr)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_daemon_whose_reader_is_gone(place: Workplace) -> None:
    """A daemon goes on when the reader of its log is gone, and still stops in good order."""
    reader, writer = os.pipe()
    with talking_to(place, writer) as process:
        assert os.read(reader, 1)
        os.close(reader)
        for number in range(3):
            place.put(f"{number}.jpg", number=number)
        wait_for(lambda: place.files() == ["0.png", "1.png", "2.png"])
        process.terminate()
        assert process.wait(DEADLINE) == 0


@pytest.mark.full
def test_a_daemon_whose_terminal_is_gone(place: Workplace) -> None:
    """A daemon goes on when its terminal was closed, bar and all."""
    ours, theirs = os.openpty()
    with talking_to(place, theirs) as process:
        assert os.read(ours, 1)
        os.close(ours)
        for number in range(3):
            place.put(f"{number}.jpg", number=number)
        wait_for(lambda: place.files() == ["0.png", "1.png", "2.png"])
        process.terminate()
        assert process.wait(DEADLINE) == 0


@pytest.mark.full
def test_a_reader_that_is_asleep(place: Workplace) -> None:
    """A full pipe that nobody reads holds nothing up; that it cost lines is told later."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"\n" * 4096)
    os.set_blocking(writer, True)
    with talking_to(place, writer) as process:
        place.put("a.jpg")
        wait_for(lambda: place.files() == ["a.png"])
        with os.fdopen(reader, encoding="utf-8") as log:
            process.terminate()
            assert any('"log.lost"' in line for line in log)
        assert process.wait(DEADLINE) == 0


@pytest.mark.full
def test_standard_output(place: Workplace) -> None:
    """What cannot be written to standard output is a plain error, after all work is done."""
    place.put("a.jpg")
    for script in ('"$@" >/dev/full', '"$@" | true; exit "${PIPESTATUS[0]}"'):
        for arguments in ("--help", "models"):
            done = shell(place, script, arguments)
            assert done.returncode == 1
            (line,) = done.stderr.splitlines()
            assert line.startswith("scissorsd: standard output could not be written: ")
    pictures = [place.inbox / "a.jpg", place.put("b.jpg")]
    options = ("-o", place.outbox, "--model", "u2netp")
    done = shell(place, '"$@" >/dev/full', "cut", *pictures, *options)
    assert done.returncode == 1
    assert place.files() == ["a.png", "b.png"]

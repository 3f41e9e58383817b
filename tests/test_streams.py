import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from scissorsd import logs, streams


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_lost_lines_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a log can be written again it tells how many lines were lost, each line being whole."""
    reader, writer = os.pipe()
    raw = streams.Patient(writer, 0.01)
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, write_through=True))  # type: ignore[type-var] # as guard() does
    logs.set_up()
    log = structlog.get_logger()
    filled = b"\n" * (1 << 16)
    assert os.write(writer, filled) == len(filled)
    for _ in range(3):
        log.info("lost")
    assert os.read(reader, 1 << 16) == filled
    log.info("come.out")
    said = [json.loads(line) for line in os.read(reader, 1 << 16).decode().splitlines()]
    assert [line["event"] for line in said] == ["come.out", "log.lost"]
    assert said[1]["lines"] == 3
    os.close(reader)
    log.info("nobody.reads")
    assert raw.failure is not None
    assert raw.failure.errno is not None
    os.close(writer)


def test_a_torn_line_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a line of which a part came out, the next one begins on a line of its own."""
    came, room = bytearray(), 4

    def write(_: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(28, "No space left on device")
        taken = data[:room]
        room -= len(taken)
        came.extend(taken)
        return len(taken)

    monkeypatch.setattr(os, "write", write)
    reader, writer = os.pipe()
    raw = streams.Patient(writer)
    assert raw.write(b"torn apart\n") == 11
    assert (raw.lost, raw.take_lost()) == (1, 0)
    room = 100
    assert raw.write(b"whole\n") == 6
    assert bytes(came) == b"torn\nwhole\n"
    assert raw.take_lost() == 1
    os.close(reader)
    os.close(writer)


def test_a_library_in_a_program_without_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a program has closed its standard error, or has none, a log line is nothing."""
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        monkeypatch.setattr(sys, "stderr", stream)
        logs.set_up()
        structlog.get_logger().warning("nothing")


_NOISY = """
import os
import subprocess
from scissorsd import streams
streams.guard()
with streams.output_of_bytes() as write:
    os.write(1, b"a library\\n")
    print("a word")
    write(b"picture\\n" * 100_000)
print("after")
"""


def test_output_of_bytes() -> None:
    """While standard output is for bytes, all that others write there is on standard error."""
    done = subprocess.run([sys.executable, "-c", _NOISY], capture_output=True, check=True)
    assert done.stdout == b"picture\n" * 100_000 + b"after\n"
    assert done.stderr == b"a library\na word\n"

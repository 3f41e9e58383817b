import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from scissorsd import logs, streams

UNDECODABLE = os.fsdecode(b"caf\xe9.jpg")


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


Stderr = pytest.CaptureFixture[str]


def told(capsys: Stderr) -> list[dict[str, object]]:
    """Read what was logged since it was last read: one JSON object to a line."""
    said = capsys.readouterr().err
    said.encode("utf-8")  # whatever is logged can be written to any UTF-8 stream
    return [json.loads(line) for line in said.splitlines()]


def test_json_lines(capsys: Stderr) -> None:
    """Away from a terminal a log line is one JSON object with event, level, UTC time and keys."""
    logs.set_up()
    structlog.get_logger().info("job.finished", source="a.jpg", outputs=("a.png",), total_s=0.5)
    (line,) = told(capsys)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "job.finished",
        "level": "info",
        "source": "a.jpg",
        "outputs": ["a.png"],
        "total_s": 0.5,
    }


def test_lines_for_the_journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where systemd's journal reads standard error, a line begins with its priority."""
    with (tmp_path / "stream").open("w+") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        status = os.fstat(stream.fileno())
        for inode in (status.st_ino, status.st_ino + 1):
            monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{inode}")
            logs.set_up()
            log = structlog.get_logger()
            log.info("job.finished")
            log.warning("job.held")
            log.error("job.failed")
            stream.write(streams.marked_as_error("{no configuration}\n"))
        stream.seek(0)
        begins = [line.partition("{")[0] for line in stream]
    assert begins == ["<6>", "<4>", "<3>", "<3>", *[""] * 4]


def test_names_keep_their_letters(capsys: Stderr) -> None:
    """Names in any script stay readable, and a line break in a name does not break the line."""
    logs.set_up()
    structlog.get_logger().info("picture.settled", source="Äpfel 🍏\n.jpg")
    said = capsys.readouterr().err
    assert "Äpfel 🍏" in said
    assert [json.loads(line)["source"] for line in said.splitlines()] == ["Äpfel 🍏\n.jpg"]


def test_undecodable_names(capsys: Stderr) -> None:
    """Bytes that are not UTF-8 are shown escaped, also in lists."""
    logs.set_up()
    structlog.get_logger().info("job.finished", source=UNDECODABLE, outputs=[UNDECODABLE])
    (line,) = told(capsys)
    assert line["source"] == r"caf\xe9.jpg"
    assert line["outputs"] == [r"caf\xe9.jpg"]


def test_exceptions_stay_on_the_line(capsys: Stderr) -> None:
    """A traceback is part of its JSON line."""
    logs.set_up()
    try:
        int(UNDECODABLE)
    except ValueError:
        structlog.get_logger().exception("it.broke")
    (line,) = told(capsys)
    assert "ValueError" in str(line["exception"])


@pytest.mark.parametrize(
    ("debug", "quiet", "events"),
    [
        (False, False, ["two", "three", "four"]),
        (True, False, ["one", "two", "three", "four"]),
        (False, True, ["three", "four"]),
    ],
)
def test_levels(capsys: Stderr, *, debug: bool, quiet: bool, events: list[str]) -> None:
    """Debug logs more, quiet only what is wrong."""
    logs.set_up(debug=debug, quiet=quiet)
    log = structlog.get_logger()
    log.debug("one")
    log.info("two")
    log.warning("three")
    log.error("four")
    assert [line["event"] for line in told(capsys)] == events


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let standard error be a terminal.

    No fixture: pytest puts its own standard error in place between a fixture and its test.
    """
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a line is in words, and no name does anything there but to be shown."""
    terminal = on_terminal(monkeypatch)
    logs.set_up()
    log = structlog.get_logger()
    log.warning("inbox.away", inbox="shop", path="/srv/in", why=UNDECODABLE)
    log.info("job.finished", source="a\nb\x1b[2J.jpg", outputs=["c\x9b.png"], total_s=0.5)
    said = terminal.getvalue()
    said.encode("utf-8")
    assert r"shop: /srv/in is away: caf\xe9.jpg." in said
    assert r"a\nb\x1b[2J.jpg → c\x9b.png  0.5 s" in said
    assert "inbox.away" not in said


@pytest.mark.parametrize("form", ["keys", "json"])
def test_another_form_is_had_by_its_name(monkeypatch: pytest.MonkeyPatch, form: logs.Form) -> None:
    """On a terminal, too, a log can be events with their keys, or JSON."""
    terminal = on_terminal(monkeypatch)
    logs.set_up(form=form)
    structlog.get_logger().warning("inbox.away", inbox="shop", why=UNDECODABLE)
    said = terminal.getvalue()
    said.encode("utf-8")
    assert "inbox.away" in said
    assert said.startswith("{") is (form == "json")
    assert logs.is_for_programs() is (form == "json")
    assert r"caf\xe9" in said.replace(r"\\", "\\")


def test_what_is_quiet_is_told_to_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    """What everybody expects is not told on a terminal, unless a person wants to debug."""
    terminal = on_terminal(monkeypatch)
    for debug in (False, True):
        logs.set_up(debug=debug)
        structlog.get_logger().info("int8.failed", model="u2net", reason="it is too slow")
        assert ("too slow" in terminal.getvalue()) is debug


def test_a_fault_on_a_terminal_has_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw comes out with its traceback, line by line."""
    terminal = on_terminal(monkeypatch)
    logs.set_up()
    try:
        int(UNDECODABLE)
    except ValueError:
        structlog.get_logger().exception("page.failed", method="GET", path="/")
    said = terminal.getvalue()
    assert "the page could not answer GET /. Please report it." in said
    assert "\n           Traceback (most recent call last):\n" in said


def test_lines_of_c_libraries_stay_whole() -> None:
    """What a C library writes in pieces comes out as one line, also the last one at the end."""
    script = (
        "import ctypes, os; from scissorsd import logs; logs.line_buffer_c_stderr(); "
        "libc = ctypes.CDLL(None); "
        "stderr = ctypes.c_void_p.in_dll(libc, 'stderr'); libc.fprintf(stderr, b'a.tif: '); "
        "os.write(2, b'ours\\n'); libc.fprintf(stderr, b'broken.\\n'); "
        "os.write(2, b'then\\n'); libc.fprintf(stderr, b'last words')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stderr == b"ours\na.tif: broken.\nthen\nlast words"

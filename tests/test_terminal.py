"""Lines and a bar on a terminal: never torn, whoever writes."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from screens import Screen

import scissorsd
from scissorsd import terminal


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Say so."""
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let standard error be a terminal of 80 columns, with a cursor.

    No fixture: pytest puts its own standard error in place between a fixture and its test.
    """
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(terminal, "_screen", terminal._Screen())
    monkeypatch.setattr(terminal, "_REDRAWN", 0.0)
    monkeypatch.setattr(terminal, "width", lambda: 80)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return stream


def seen(stream: Terminal, width: int = 80) -> list[str]:
    """Return what a person sees."""
    screen = Screen(width)
    screen.feed(stream.getvalue())
    return screen.lines()


def test_a_line_comes_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar stays last; once it is gone nothing is left of it."""
    stderr = on_terminal(monkeypatch)
    terminal.show(lambda width: "#" * (width // 2))
    terminal.say("a picture")
    terminal.say("another one\nof two lines")
    assert seen(stderr) == ["a picture", "another one", "of two lines", "#" * 39]
    terminal.show(lambda _: "###")
    assert seen(stderr)[-1] == "###"
    terminal.show(None)
    assert seen(stderr) == ["a picture", "another one", "of two lines"]


def test_threads_do_not_tear_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of several threads, with a bar drawn again and again between them, all stay whole."""
    stderr = on_terminal(monkeypatch)

    def work(name: str) -> None:
        for number in range(200):
            terminal.show(lambda width: name * width)
            terminal.say(f"{name} {number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    terminal.show(None)
    assert sorted(seen(stderr)) == sorted(f"{n} {i}" for n in "abcd" for i in range(200))


def test_a_terminal_made_narrower(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar that the terminal itself has broken into two lines goes away whole."""
    stderr = on_terminal(monkeypatch)
    terminal.show(lambda width: "#" * width)
    screen = Screen(80)
    screen.feed(stderr.getvalue())
    screen.width = 50  # the terminal breaks it; its cursor stays at the beginning of the bar
    screen.rows = [["#"] * 50, ["#"] * 29]
    monkeypatch.setattr(terminal, "width", lambda: 50)
    stderr.truncate(0)
    stderr.seek(0)
    terminal.say("a picture")
    terminal.show(None)
    screen.feed(stderr.getvalue())
    assert screen.lines() == ["a picture"]


def test_no_bar_among_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are for programs come alone."""
    stderr = on_terminal(monkeypatch)
    terminal.take_bars(wanted=False)
    terminal.show(lambda width: "#" * width)
    terminal.say("{}")
    assert stderr.getvalue() == "{}\n"


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_dumb_terminal_has_no_bar(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    """Where no cursor can be moved there are lines only, without colour."""
    stderr = on_terminal(monkeypatch)
    monkeypatch.setenv("TERM", term)
    terminal.show(lambda width: "#" * width)
    terminal.say("a picture")
    terminal.show(None)
    assert stderr.getvalue() == "a picture\n"
    assert not terminal.has_colour()


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes the colour, and nothing else."""
    stderr = on_terminal(monkeypatch)
    assert terminal.is_terminal()
    assert terminal.has_colour()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.has_colour()
    assert terminal.has_cursor()
    assert not stderr.getvalue()


def test_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal shows what its encoding has; Linux's own has few letters."""
    stderr = on_terminal(monkeypatch)
    assert terminal.can_show("✓ →")
    monkeypatch.setattr(stderr, "encoding", "ascii", raising=False)
    assert not terminal.can_show("✓")
    monkeypatch.setattr(stderr, "encoding", "utf-8", raising=False)
    monkeypatch.setenv("TERM", "linux")
    assert not terminal.can_show("✓")


def test_columns_of_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe no line is broken, unless it is said how wide lines are."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.delenv("COLUMNS", raising=False)
    assert terminal.width() == terminal.ENDLESS
    monkeypatch.setenv("COLUMNS", "60")
    assert terminal.width() == 60


OTHERS = """
import ctypes, os, subprocess, sys
from scissorsd import logs, streams, terminal
streams.guard()
logs.set_up(form="text")
import structlog
log = structlog.get_logger()
with terminal.others_retold(logs.retell):
    os.write(2, b"a library: \\x1b[2Jodd\\n")
    subprocess.run([sys.executable, "-c", '''import sys
sys.stderr.write('{"event": "page.kept_out", "level": "warning", "client": "a"}\\\\n')
sys.stderr.write('{"event": "page.stopped", "level": "info"}\\\\n')
sys.stderr.write("[1]\\\\n")'''], check=True)
    log.info("picture.renamed", source="a.jpg")
    print("of our own", file=sys.stderr)
    os.write(2, b"no end of line")
print("after it", file=sys.stderr)
"""


def test_what_others_write_is_retold(tmp_path: Path) -> None:
    """Words of a C library come out harmless, events of another process as ours; all of them."""
    done = subprocess.run(
        [sys.executable, "-c", OTHERS],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(scissorsd.__file__).parent.parent)},
    )
    *said, last = done.stderr.splitlines()
    assert last == "after it"
    assert r"a library: \x1b[2Jodd" in said
    assert {"[1]", "no end of line", "of our own"} <= {*said}
    assert [line[20:] for line in said if "kept out" in line] == ["! page: kept out (client: a)"]
    assert [line[20:] for line in said if "renamed" in line] == [
        "  picture: renamed (source: a.jpg)"
    ]
    assert not [line for line in said if "has ended" in line]

"""A real daemon on a real terminal: lines for people, and for programs where they are asked for."""

import json
import re
import signal

import pytest

from .driver import Workplace, picture, wait_for
from .scenes import Gate
from .terminals import on_terminal

AT = re.compile(r"\d\d:\d\d:\d\d ")
ODD = "odd\x1b[2J\nname \udce9.jpg"


def run(place: Workplace) -> tuple[str, ...]:
    """Return the command that runs the daemon on the configuration."""
    return ("run", "-c", str(place.config))


@pytest.mark.parametrize(
    "width",
    [80, pytest.param(60, marks=pytest.mark.full), pytest.param(120, marks=pytest.mark.full)],
)
def test_a_line_for_each_picture(place: Workplace, width: int) -> None:
    """It says where to drop pictures, then tells of each in a line, and what is wrong in words."""
    with on_terminal(place, *run(place), width=width) as seen:
        seen.wait("ready: drop pictures into")
        place.put("girl.jpg")
        place.put("a name that is so long that it fits into no line of any terminal, 0042.jpg")
        place.put("bad.jpg", b"not a picture")
        place.put(ODD)
        seen.wait("✓", times=3)
        seen.wait("✗")
        assert seen.stop() == 0
    lines = seen.lines()
    (girl,) = [line for line in lines if "girl.jpg" in line]
    assert re.fullmatch(r"\d\d:\d\d:\d\d ✓ girl\.jpg → girl\.png  \d+\.\d s", girl)
    assert sum("✓" in line for line in lines) == 3
    assert all(len(line) <= width for line in lines if "✓" in line)
    (bad,) = [line for line in lines if "✗" in line]
    assert "bad.jpg: " in bad
    if width >= 80:
        assert any(r"odd\x1b[2J\nname \xe9.jpg → " in line for line in lines)
    assert "stopped: 3 cut, 1 failed" in lines[-1]
    assert "cuda" not in seen.text
    assert '{"' not in seen.text


def test_the_bar_below(place: Workplace) -> None:
    """A backlog has a bar below the lines, which goes with it, also where the window changes."""
    gate = Gate(place)
    place.configure({"outputs": [{"kind": "cutout"}, gate.flat]})
    place.change_config(workers=1)
    with on_terminal(place, *run(place)) as seen:
        seen.wait("ready")
        gate.shut()
        for number in range(6):
            place.put(f"{number}.jpg", picture(number=number))
        gate.wait()
        seen.wait("cutting ")
        seen.resize(50)
        gate.open()
        seen.wait("✓", times=6)
        seen.stop()
    lines = seen.lines()
    assert sum("✓" in line for line in lines) == 6
    assert not [line for line in lines if "━" in line or "─" in line or "cutting" in line]
    assert all(AT.match(line) for line in lines if line[:1].strip())


@pytest.mark.full
def test_once_tells_of_each(place: Workplace) -> None:
    """`once` tells of each picture in a line, above the bar, and sums them up at the end."""
    for number in range(5):
        place.put(f"{number}.jpg", picture(number=number))
    with on_terminal(place, "once", "-c", str(place.config)) as seen:
        assert seen.ended() == 0
    lines = seen.lines()
    assert sum("✓" in line for line in lines) == 5
    assert lines[-1] == "5 cut, 0 not"
    assert "ready" not in seen.text
    assert "stopped" not in seen.text


@pytest.mark.full
def test_the_page_alone_says_its_address_once(place: Workplace) -> None:
    """On a terminal that is the log's line; into a file it is said on standard output, as ever."""
    command = ("page", "--listen", "127.0.0.1:0", "--state", "alone")
    with on_terminal(place, *command) as seen:
        seen.wait("http://127.0.0.1:")
        seen.wait("ready: drop pictures on the page")
        assert seen.stop() == 0
    assert seen.text.count("http://127.0.0.1:") == 1


@pytest.mark.parametrize(
    ("variables", "coloured", "fine"),
    [
        ({}, True, True),
        ({"NO_COLOR": "1"}, False, True),
        pytest.param({"TERM": "dumb"}, False, True, marks=pytest.mark.full),
        pytest.param({"TERM": "linux"}, True, False, marks=pytest.mark.full),
        pytest.param({"PYTHONIOENCODING": "ascii"}, True, False, marks=pytest.mark.full),
    ],
)
def test_colour_where_it_is_wanted(
    place: Workplace, variables: dict[str, str], *, coloured: bool, fine: bool
) -> None:
    """Colour can be declined, and letters that a terminal lacks are not asked of it."""
    with on_terminal(place, *run(place), variables=variables) as seen:
        seen.wait("ready")
        place.put("a.jpg")
        seen.wait("a.png")
        seen.stop()
    assert ("\x1b[" in seen.text) is coloured
    assert ("✓" in seen.text, "→" in seen.text) == (fine, fine)
    assert ("+" in seen.text) is not fine


def test_programs_may_ask_for_json(place: Workplace) -> None:
    """With `--log json` a terminal gets what a file gets; with `keys` events and their keys."""
    with on_terminal(place, "--log", "json", *run(place), width=1000) as seen:
        seen.wait("daemon.ready")
        seen.stop()
    events = [json.loads(line)["event"] for line in seen.text.splitlines()]
    assert {"daemon.ready", "session.opened", "daemon.stopped"} <= {*events}
    with on_terminal(place, "--log", "keys", *run(place), variables={"NO_COLOR": "1"}) as seen:
        seen.wait("daemon.ready")
        seen.stop()
    assert re.search(r"\[info *\] daemon.ready +version=", seen.text)


def test_words_in_a_file(place: Workplace) -> None:
    """With `--log text` a file gets words, with the date, in lines that are not broken."""
    daemon = place.start("--log", "text", *run(place))
    wait_for(lambda: any("ready: drop" in line for line in daemon.noise))
    place.put("a.jpg")
    wait_for(lambda: any("a.jpg → a.png" in line for line in daemon.noise))
    daemon.send(signal.SIGTERM)
    assert daemon.exit_code() == 0
    assert not daemon.lines
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in daemon.noise)


@pytest.mark.full
def test_the_page_tells_through_the_daemon(place: Workplace) -> None:
    """What the page's own process logs is told in words too, and never into the bar."""
    place.change_config(page={"listen": "127.0.0.1:0"})
    with on_terminal(place, "--debug", *run(place)) as seen:
        seen.wait("the page: http://127.0.0.1:")
        seen.stop()
    assert "the page has ended" in seen.text
    assert '{"' not in seen.text

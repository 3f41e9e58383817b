"""Lines for people: pure, from events and a look."""

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import scissorsd
from scissorsd.core.columns import columns
from scissorsd.core.telling import PLAIN, Look, lines
from scissorsd.core.told import TOLD

WIDE = Look(80, outboxes=("/srv/out",))
AT = "12:01:26"
GIRL = {
    "event": "job.finished",
    "level": "info",
    "timestamp": AT,
    "inbox": "shop",
    "source": "girl.avif",
    "outputs": ("/srv/out/girl.png", "/srv/out/girl-mask.png"),
    "verdict": "ok",
    "total_s": 1.234,
}
LONG = {
    **GIRL,
    "source": "autumn/a very long name of a picture that somebody took 2024-10-03 (0042).jpg",
    "outputs": (
        "/srv/out/autumn/a very long name of a picture that somebody took 2024-10-03 (0042).png",
    ),
}
FAR_EAST = {
    **GIRL,
    "source": "秋の写真/" * 9 + "🍁.jpg",
    "outputs": [f"/srv/out/{'秋の写真/' * 9}🍁.png"],
}


def told(name: str, look: Look = WIDE, level: str = "info", **keys: object) -> list[str]:
    """Return the lines of an event."""
    return lines({"event": name, "level": level, "timestamp": AT, **keys}, look)


def test_a_picture_is_a_line() -> None:
    """Time, what came of it, both names, and how long it took."""
    assert lines(GIRL, WIDE) == ["12:01:26 ✓ girl.avif → girl.png, girl-mask.png  1.2 s"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("event", [GIRL, LONG, FAR_EAST])
def test_it_fits_into_the_line(event: dict[str, Any], width: int) -> None:
    """However long the names are, a picture is one line, and tells both and its time."""
    (line,) = lines(event, replace(WIDE, width=width))
    assert columns(line) <= width
    assert "→" in line
    assert line.endswith("  1.2 s")


def test_names_keep_their_ends() -> None:
    """Names are shortened in the middle, where they differ least."""
    (line,) = lines(LONG, WIDE)
    before, after = line.removesuffix("  1.2 s").split(" → ")
    assert before.startswith(f"{AT} ✓ autumn/a very")
    assert before.endswith(".jpg")
    assert after == "….png"
    other = {**LONG, "outputs": ("/srv/out/masks/" + "a very long name " * 5 + ".png",)}
    before, after = lines(other, WIDE)[0].removesuffix("  1.2 s").split(" → ")
    assert after.startswith("masks/a very")
    assert after.endswith(".png")


def test_more_outputs_than_room() -> None:
    """Of many outputs the first is named, and how many more there are."""
    (line,) = lines({**GIRL, "outputs": [f"/srv/out/folder/girl-{n}.png" for n in range(5)]}, WIDE)
    assert line == f"{AT} ✓ girl.avif → folder/girl-0.png +4  1.2 s"


def test_a_doubtful_one_says_so() -> None:
    """What a person should look at has another mark, and the verdict in words."""
    (line,) = lines(
        {**GIRL, "outputs": ("/srv/out/review/girl.png",), "verdict": "no_subject"}, WIDE
    )
    assert line == f"{AT} ? girl.avif → review/girl.png  no subject  1.2 s"


def test_with_several_inboxes_each_is_named() -> None:
    """A picture has the name of its inbox where there is more than one."""
    (line,) = lines(GIRL, replace(WIDE, outboxes=("/srv/phone", "/srv/out/")))
    assert line.startswith(f"{AT} ✓ shop: girl.avif → girl.png, ")


def test_warnings_are_sentences() -> None:
    """What is wrong comes whole, broken between words, with what to do."""
    said = told(
        "job.held", level="warning", source="mug.jpg", why="the disk of the outbox is full", held=3
    )
    assert said[0].startswith(f"{AT} ! mug.jpg waits: the disk of the outbox is full.")
    assert all(line.startswith(" " * 11) for line in said[1:])
    assert all(columns(line) <= 80 for line in said)
    assert " ".join(" ".join(said).split()).endswith("at once: scissorsd retry --held.")


def test_where_to_drop() -> None:
    """The line that says that it is ready says what one may do."""
    folders, outboxes = ["/home/me/inbox"], ["/home/me/outbox"]
    look = Look(200)
    assert told("daemon.ready", look, inboxes=["i"], folders=folders, outboxes=outboxes) == [
        f"{AT}   ready: drop pictures into /home/me/inbox; cutouts appear in /home/me/outbox"
    ]
    assert told("daemon.ready", inboxes=["quick"], folders=[], outboxes=[]) == [
        f"{AT}   ready: drop pictures on the page"
    ]


def test_expected_fall_backs_are_quiet() -> None:
    """A GPU that nobody has is not told of, unless it is missed, or a person wants to debug."""

    def fell_back(look: Look, level: str = "info") -> str:
        keys = {"model": "u2net", "asked": "cuda", "provider": "openvino", "reason": "no driver"}
        event = {"event": "session.fell_back", "level": level, "timestamp": AT, **keys}
        return " ".join(" ".join(lines(event, look)).split())

    assert fell_back(WIDE) == ""
    assert fell_back(replace(WIDE, debug=True)) != ""
    missed = fell_back(WIDE, "warning")
    assert "u2net does not run on cuda: no driver." in missed
    assert "scissorsd doctor" in missed


def test_an_unknown_event() -> None:
    """What the table does not have comes out as words with its keys."""
    assert told("moon.has_risen", phase="full", nights=3, names=["a", "b"]) == [
        f"{AT}   moon: has risen (phase: full, nights: 3, names: a, b)"
    ]


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("level", ["warning", "error"])
def test_nothing_wrong_is_kept_back(name: str, level: str) -> None:
    """No warning or error is ever without words, even with none of the keys it should have."""
    assert told(name, level=level, path="/srv/in")
    assert told(name, level=level)


def test_a_trace_is_told_below() -> None:
    """Where an unforeseen fault was comes out line by line."""
    said = told(
        "job.unforeseen", level="error", source="a.jpg", trace="Traceback\n  File x\nOops\n"
    )
    assert [line.strip() for line in said[1:]] == ["Traceback", "File x", "Oops"]


def test_letters_that_any_terminal_has() -> None:
    """Where only ASCII comes out there are no other letters in what is ours."""
    look = replace(WIDE, marks=PLAIN)
    for event in (
        GIRL,
        LONG,
        {**GIRL, "level": "warning", "event": "job.held", "why": "it is busy"},
    ):
        assert all(line.isascii() for line in lines(event, look))


def test_colour_takes_no_room() -> None:
    """Colour is in the mark and the time alone, and changes no letter."""
    for event in (
        GIRL,
        LONG,
        {**GIRL, "event": "job.failed", "level": "error", "why": "no picture"},
    ):
        plain, coloured = lines(event, WIDE), lines(event, replace(WIDE, colour=True))
        assert "\x1b[" in coloured[0]
        assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured] == plain


# --- the table -------------------------------------------------------------------------------


@cache
def events() -> list[tuple[str, set[str]]]:
    """Return every event that the program logs by a name, with the keys that stand there."""
    found = []
    methods = {"debug", "info", "warning", "error", "exception", "tell"}
    for path in Path(scissorsd.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            function, first = call.func, call.args[0]
            name = getattr(function, "attr", getattr(function, "id", ""))
            if name in methods and isinstance(first, ast.Constant) and "." in str(first.value):
                keys = {keyword.arg or "**" for keyword in call.keywords}
                found.append((str(first.value), keys))
    return found


def test_every_event_has_its_words() -> None:
    """No event of the program is missing in the table, and none of the table in the program."""
    named = {name for name, _ in events()}
    assert named - TOLD.keys() == set()
    assert TOLD.keys() - named == {"review.accepted", "review.rejected"}  # named elsewhere


BOUND = {"inbox", "rule", "source", "path"}  # by `bind`, in front of some


def test_the_words_name_keys_that_there_are() -> None:
    """Every key in the words of an event is one that the program gives it somewhere."""
    for name, entry in TOLD.items():
        given = [keys for event, keys in events() if event == name]
        if not given or any("**" in keys for keys in given) or not isinstance(entry.words, str):
            continue
        wanted = set(re.findall(r"\{(\w+)", entry.words))
        assert wanted <= set().union(*given, BOUND), name


def test_once_is_neither_ready_nor_stopped() -> None:
    """`once` takes no more pictures, and sums up by itself; a daemon says both."""
    for once in (False, True):
        assert bool(told("daemon.ready", once=once, folders=["/in"], outboxes=["/out"])) is not once
        assert bool(told("daemon.stopped", once=once, done=3)) is not once

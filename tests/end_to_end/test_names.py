"""Names that break programs: each picture comes out under a name of its own, once."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from families import one_of_each_kind
from PIL import Image

from scissorsd.records.journal_rows import Entry

from .driver import Workplace, wait_for
from .scenes import drawn, drop, number_of

NAMES = [
    "line\nbreak.jpg",
    "tab\tand\rreturn.jpg",
    "bell\a and \x1b[31mred\x1b[0m.jpg",
    "'single' \"double\" `back`.jpg",
    "$(touch x) ${HOME} %s %n.jpg",
    "semi;colon | pipe & and > out < in !.jpg",
    "-rf.jpg",
    "--help.jpg",
    "{stem} {ext} {0} {.jpg",
    "*.jpg",
    "[abc]?.jpg",
    "[bold]rich[/bold] [/].jpg",
    "back\\slash\\x41.jpg",
    " .jpg",
    "  spaces  .jpg",
    "dots...in..it.jpg",
    "no suffix but.JPG",
    os.fsdecode(b"caf\xe9 \xff\xfe.jpg"),
    os.fsdecode(b"\xff" * 251 + b".jpg"),
    os.fsdecode(b"latin \xe9/in a f\xf6lder/\xfc.jpg"),
    "n" * 251 + ".jpg",
    "n" * 250 + ".jpeg",
    "é" * 125 + "x.jpg",
    "🐈" * 62 + "abc.jpg",
    "u\N{COMBINING DIAERESIS}" * 83 + "xy.jpg",
    "👩‍👩‍👧 🇪🇺.jpg",
    "ﷺ﷽ right-to-left \N{RIGHT-TO-LEFT OVERRIDE}gpj.jpg",
    "\N{ZERO WIDTH SPACE}.jpg",
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg",
    "cafe\N{COMBINING ACUTE ACCENT}.jpg",
    "stra\N{LATIN SMALL LETTER SHARP S}e.jpg",
    "STRASSE.jpg",
    "a.jpg",
    "A.jpg",
    "a.JPG",
    "a.png",
    "a.jpg.jpg",
    "a-jpg.jpg",
    "a-png.jpg",
    "a-2.jpg",
    "a-mask.jpg",
    "x/a.jpg",
    "X/a.jpg",
    "x/a.png",
    "failed/a.jpg",
    "review/a.jpg",
    "processed/a.jpg",
    "a.jpg.d/a.jpg",
    "CON.jpg",
    "nul.jpg",
    "n/" * 60 + "deep.jpg",
    ("d" * 255 + "/") * 4 + "d" * 251 + ".jpg",
]


def published(place: Workplace) -> dict[str, Entry]:
    """Return the one entry of each picture; all are done."""
    entries = place.entries()
    assert {entry.state for entry in entries} == {"done"}
    assert max(Counter(entry.path for entry in entries).values()) == 1
    return {entry.path: entry for entry in entries}


def all_files(place: Workplace) -> set[str]:
    """Return every file of the outbox, absolute."""
    return {str(place.outbox / path) for path in place.files()}


@pytest.mark.parametrize("source", one_of_each_kind(["keep", "move"], kept=["move"]))
def test_awkward_names(place: Workplace, source: str) -> None:
    """Every name comes out as cutout and mask of its own picture, none lost and none shared."""
    outputs = [{"kind": "cutout"}, {"kind": "mask"}]
    place.configure({"name": "all", "outputs": outputs, "source": source}, settle="500ms")
    suffixes = [".png" if name.endswith("png") else ".jpg" for name in NAMES]
    contents = {name: drawn(n, suffixes[n]) for n, name in enumerate(NAMES)}
    for name in NAMES[: len(NAMES) // 2]:
        drop(place, name, contents[name])
    daemon = place.start()
    for name in NAMES[len(NAMES) // 2 :]:
        drop(place, name, contents[name])
    wait_for(lambda: len(daemon.told("job.finished")) > len(NAMES) // 2)
    daemon.wait("job.finished", times=len(NAMES))
    daemon.stop()
    entries = published(place)
    assert entries.keys() == set(NAMES)
    expected = {path for entry in entries.values() for path in entry.published}
    assert len(expected) == 2 * len(NAMES)
    for number, name in enumerate(NAMES):
        entry = entries[name]
        assert [number_of(Path(path)) for path in entry.published] == [number, number]
        assert not any("/../" in path for path in entry.published)
        if source == "move":
            assert Path(entry.moved_to).read_bytes() == contents[name]
            expected.add(entry.moved_to)
        else:
            assert (place.inbox / name).read_bytes() == contents[name]
    assert all_files(place) == expected
    assert len(expected) == (3 if source == "move" else 2) * len(NAMES)
    assert daemon.noise == []
    assert not daemon.told("job.held")


@pytest.mark.full
def test_asking_about_awkward_names(place: Workplace) -> None:
    """`why`, `status` and `retry` work on names of every kind and print no control characters."""
    names = [NAMES[n] for n in (0, 2, 3, 6, 8, 11, 17, 18, 20, 25, 26)]
    place.configure({"name": "all", "match": ["**"]})
    for number, name in enumerate(names):
        drop(place, name, drawn(number) if number % 2 else b"not a picture")
    daemon = place.start()
    daemon.wait("job.finished", times=len(names) // 2)
    daemon.wait("job.failed", times=len(names) - len(names) // 2)
    said = [place.ask("status"), place.ask("status", "--json")]
    jobs = json.loads(said.pop())["jobs"]
    assert len(jobs) == 10
    for number, name in enumerate(names):
        answer = place.ask("why", place.inbox / name)
        assert ("It was cut on" if number % 2 else "It failed on") in answer
        assert len(answer.splitlines()) == 1
        said.append(answer)
    said.append(place.ask("retry", place.inbox / names[0], place.inbox / names[6]))
    daemon.wait("job.failed", times=len(names) - len(names) // 2 + 2)
    daemon.stop()
    for answer in said:
        assert not [letter for letter in answer if letter < " " and letter != "\n"]
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in answer


@pytest.mark.full
@pytest.mark.parametrize("source", one_of_each_kind(["keep", "move", "delete"], kept=["move"]))
def test_long_names_that_fail(place: Workplace, source: str) -> None:
    """Long names that fail twice leave each a reason of its own, and the pictures set aside."""
    names = ["n" * 251 + ".jpg", "n" * 250 + "m.jpg", "é" * 125 + "x.jpg", "n" * 248 + ".jpg"]
    rule: dict[str, object] = {"name": "all", "source": source}
    place.configure(rule)
    daemon = place.start()
    for turn in (1, 2):
        for name in names:
            drop(place, name, f"{name} is no picture, {turn}".encode())
        daemon.wait("job.failed", times=turn * len(names))
    wait_for(lambda: {entry.state for entry in place.entries()} == {"failed"})
    daemon.stop()
    failed = place.outbox / "failed"
    notes = [path for path in failed.iterdir() if path.suffix == ".txt"]
    aside = [path for path in failed.iterdir() if path.suffix == ".jpg"]
    turns = 1 if source == "keep" else 2
    assert len(notes) == turns * len(names)
    assert len(aside) == (0 if source == "keep" else 2 * len(names))
    if source != "keep":
        contents = {path.read_bytes() for path in aside}
        assert contents == {f"{n} is no picture, {t}".encode() for n in names for t in (1, 2)}
    assert not daemon.told("job.held")


@pytest.mark.full
def test_names_of_dots(place: Workplace) -> None:
    """Names that are only dots before their suffix are hidden files, and stay alone."""
    dots = [".jpg", "..jpg", "...jpg", "....", ".a.jpg", "...a.png", "x/..jpg"]
    for name in dots:
        drop(place, name, drawn(1))
    drop(place, "...x/a.jpg", drawn(2))
    drop(place, "x/real.jpg", drawn(3))
    drop(place, "x./y../z. .jpg", drawn(4))
    daemon = place.start()
    daemon.finished("x/real.jpg", "x./y../z. .jpg")
    daemon.stop()
    assert place.files() == ["x./y../z. .png", "x/real.png"]
    assert "begins with a dot" in place.ask("why", place.inbox / "...jpg")


def make_deep(root: Path, length: int, letter: str) -> str:
    """Make folders below the root so that the path of a picture in them has so many bytes."""
    relative = ""
    name = "/a.jpg"
    room = length - len(os.fsencode(root)) - len(name)
    while room:
        part = letter * (room - 1 if room <= 201 else min(200, room - 3))
        relative += f"/{part}"
        room -= len(part) + 1
    handle = os.open(root, os.O_RDONLY)
    for part in relative[1:].split("/"):
        try:
            os.mkdir(part, dir_fd=handle)
            below = os.open(part, os.O_RDONLY, dir_fd=handle)
        finally:
            os.close(handle)
        handle = below
    try:
        picture = os.open("a.jpg.part", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=handle)
        os.write(picture, drawn(len(relative) % 200))
        os.close(picture)
        os.rename("a.jpg.part", "a.jpg", src_dir_fd=handle, dst_dir_fd=handle)
    finally:
        os.close(handle)
    return relative[1:] + name


@pytest.mark.full
@pytest.mark.parametrize("source", one_of_each_kind(["keep", "move"], kept=["move"]))
def test_paths_as_long_as_paths_can_be(place: Workplace, source: str) -> None:
    """What can be seen is cut, in shorter folders where need be; what not is told; none stops."""
    place.configure({"name": "all", "source": source})
    fits = make_deep(place.inbox, 4000, "d")
    too_long = make_deep(place.inbox, 4093, "e")
    make_deep(place.inbox, 5000, "f")
    daemon = place.start()
    daemon.finished(fits)
    daemon.finished(too_long)
    assert "too long" in daemon.wait("inbox.unseen")["why"]
    drop(place, "after.jpg", drawn(1))
    daemon.finished("after.jpg")
    if source == "keep":
        assert "It was cut on" in place.ask("why", place.inbox / too_long)
    daemon.stop()
    assert (place.outbox / fits).with_suffix(".png").stat().st_size
    assert (place.inbox / too_long).exists() == (source == "keep")
    (shorter,) = (entry for entry in place.entries() if entry.path == too_long)
    assert all(len(part) <= 143 for part in Path(shorter.published[0]).parts)
    assert Path(shorter.published[0]).stat().st_size
    assert not daemon.told("job.held") + daemon.told("job.failed")


@pytest.mark.full
@pytest.mark.parametrize("source", one_of_each_kind(["move", "delete"], kept=["move"]))
def test_scanner_that_uses_a_name_again(place: Workplace, source: str) -> None:
    """A scanner that calls every picture SCN_0001.jpg loses none: all outputs stay, distinct."""
    place.configure({"name": "all", "source": source, "outputs": [{}, {"kind": "mask"}]})
    daemon = place.start()
    for number in range(5):
        drop(place, "SCN_0001.jpg", drawn(number))
        daemon.wait("job.finished", times=number + 1)
        wait_for(lambda: not place.files(place.inbox))
    daemon.stop()
    entries = place.entries()
    assert [entry.state for entry in entries] == ["done"] * 5
    numbers = [[number_of(Path(path)) for path in entry.published] for entry in entries]
    assert numbers == [[number, number] for number in range(5)]
    expected = {path for entry in entries for path in entry.published}
    if source == "move":
        moved = [Path(entry.moved_to).read_bytes() for entry in entries]
        assert moved == [drawn(number) for number in range(5)]
        expected |= {entry.moved_to for entry in entries}
    assert all_files(place) == expected
    assert len(expected) == (15 if source == "move" else 10)


def test_scanner_that_writes_over_its_picture(place: Workplace) -> None:
    """With source: keep a picture that is written over is cut again, over its own outputs only."""
    drop(place, "SCN_0001.png", drawn(100, ".png"))
    daemon = place.start()
    daemon.finished("SCN_0001.png")
    for number in range(3):
        drop(place, "SCN_0001.jpg", drawn(number))
        daemon.wait("job.finished", times=1 + number + 1)
        assert number_of(place.outbox / "SCN_0001-jpg.png") == number
    daemon.stop()
    assert place.files() == ["SCN_0001-jpg.png", "SCN_0001.png"]
    assert number_of(place.outbox / "SCN_0001.png") == 100


def test_names_of_others_in_the_outbox(place: Workplace) -> None:
    """A file, a folder or a dangling link of somebody else's in the outbox is never touched."""
    place.outbox.mkdir()
    (place.outbox / "a.png").write_bytes(b"somebody's")
    (place.outbox / "b.png").mkdir()
    (place.outbox / "c.png").symlink_to(place.folder / "nowhere")
    for number, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        drop(place, name, drawn(number))
    daemon = place.start()
    daemon.finished("a.jpg", "b.jpg", "c.jpg")
    daemon.stop()
    for number, name in enumerate(("a", "b", "c")):
        assert number_of(place.outbox / f"{name}-jpg.png") == number
    assert (place.outbox / "a.png").read_bytes() == b"somebody's"
    assert not list((place.outbox / "b.png").iterdir())
    assert not (place.folder / "nowhere").exists()


def test_templates_with_awkward_names(place: Workplace) -> None:
    """Names put into a template stay inside the outbox, whatever the picture is called."""
    output = {"kind": "cutout", "name": "{rule}/{stem}/{ext}"}
    place.configure({"name": "../up", "outputs": [output]})
    names = ["a.jpg", "a...jpg", "x/..y.jpg", "~.jpg", "%2e%2e.jpg", "..\\..\\b.jpg", "c:.jpg"]
    names = [name for name in names if not name.rpartition("/")[2].startswith(".")]
    for number, name in enumerate(names):
        drop(place, name, drawn(number))
    daemon = place.start()
    daemon.finished(*names)
    daemon.stop()
    entries = published(place)
    for number, name in enumerate(names):
        (path,) = entries[name].published
        assert Path(path).resolve().is_relative_to(place.outbox)
        with Image.open(path) as cutout:
            assert cutout.mode == "RGBA"
        assert number_of(Path(path)) == number
    assert {path.name for path in place.folder.iterdir()} >= {"inbox", "outbox"}
    assert not (place.folder / "up").exists()

"""Zips: whole, in the tree of the outbox, streamed, and honest about what is missing."""

import io
import json
import os
import shutil
import subprocess
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from end_to_end.driver import Workplace

from scissorsd.page.outputs.zip_stream import LEFT_OUT, Item, Names, zipped

from .served import Served

NAMES = ["a.jpg", "one/Grün.jpg", "one/two/🐈 猫.jpg", "one/a.jpg"]


def cut(place: Workplace) -> None:
    """Cut all that is in the inbox."""
    answer = place.run("once", "-c", place.config)
    assert answer.returncode == 0, answer.stderr


def opened(data: bytes) -> zipfile.ZipFile:
    """Open a zip, of which every entry is whole."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


def test_a_zip_is_the_outbox(place: Workplace, page: Served) -> None:
    """A zip holds the outputs as they lie in the outbox, under names of any letters."""
    for number, name in enumerate(NAMES):
        place.put(name, number=number)
    cut(place)
    answer = page.zip(*NAMES)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="scissorsd-')
    archive = opened(answer.body)
    assert sorted(archive.namelist()) == place.files()
    for name in archive.namelist():
        assert archive.read(name) == (place.outbox / name).read_bytes()
        assert archive.getinfo(name).compress_type == zipfile.ZIP_STORED
    assert archive.getinfo("one/Grün.png").flag_bits & 0x800


@pytest.mark.full
def test_unzip_takes_it(place: Workplace, page: Served, tmp_path: Path) -> None:
    """The usual program finds nothing wrong with a zip."""
    unzip = shutil.which("unzip")
    if unzip is None:
        pytest.skip("there is no unzip here")
    for number, name in enumerate(NAMES):
        place.put(name, number=number)
    cut(place)
    (tmp_path / "all.zip").write_bytes(page.zip(*NAMES).body)
    said = subprocess.run([unzip, "-t", tmp_path / "all.zip"], capture_output=True, check=False)
    assert said.returncode == 0, said.stdout


@pytest.mark.full
def test_all_or_the_first(place: Workplace, page: Served) -> None:
    """All outputs of a picture go into a zip, or the first of each."""
    place.configure({"name": "all", "outputs": [{"kind": "cutout"}, {"kind": "mask"}]})
    place.put("a.jpg")
    cut(place)
    assert opened(page.zip("a.jpg").body).namelist() == ["a.png", "a-mask.png"]
    assert opened(page.zip("a.jpg", outputs="first").body).namelist() == ["a.png"]


@pytest.mark.full
def test_what_waits_for_review(place: Workplace, page: Served) -> None:
    """What lies in review/ goes into a zip under the name that it is to have, without its note."""
    place.configure({"name": "all", "when_no_subject": "review"})
    place.put("one/a.jpg", blank())
    cut(place)
    assert place.files() == ["review/one/a.png", "review/one/a.png.txt"]
    assert opened(page.zip("one/a.jpg").body).namelist() == ["one/a.png"]


def blank() -> bytes:
    """Draw a picture of nothing."""
    from PIL import Image  # noqa: PLC0415 - only here

    buffer = io.BytesIO()
    Image.new("RGB", (96, 72), "white").save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.full
def test_what_is_gone_is_told_of(place: Workplace, page: Served) -> None:
    """A file that is gone meanwhile is left out, and the last entry of the zip names it."""
    for name in ("a.jpg", "b.jpg"):
        place.put(name)
    cut(place)
    ticket = page.ticket({"pictures": [{"inbox": "shop", "path": n} for n in ("a.jpg", "b.jpg")]})
    told = json.loads(ticket.body)
    assert told["count"] == 2
    (place.outbox / "a.png").unlink()
    archive = opened(page.ask(f"/api/v1/zips/{told['id']}").body)
    assert archive.namelist() == ["b.png", LEFT_OUT]
    assert archive.read(LEFT_OUT) == b"a.png: is no longer there\n"


@pytest.mark.full
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"pictures": [{"inbox": "shop", "path": "never.jpg"}]}, 409),
        ({"pictures": [{"inbox": "nosuch", "path": "a.jpg"}]}, 404),
        ({"pictures": []}, 409),
        ({"pictures": [{"inbox": "shop"}]}, 400),
        ({"pictures": [{"inbox": "shop", "path": 7}]}, 400),
        ({"pictures": [{"inbox": "shop", "path": "\ud800"}]}, 400),
        ({"pictures": [{"inbox": "shop", "path": "a.jpg"}], "outputs": "some"}, 400),
        ([], 400),
        ("words", 400),
    ],
)
def test_what_makes_no_zip(place: Workplace, page: Served, body: object, status: int) -> None:
    """What makes no zip is refused in words."""
    place.put("a.jpg")
    cut(place)
    answer = page.ticket(body)
    assert answer.status == status
    assert answer.error["what"].endswith(".")


@pytest.mark.full
def test_no_such_ticket(place: Workplace, page: Served) -> None:
    """A ticket that there is not, or no longer, is told of."""
    assert place.config.exists()
    assert page.ask("/api/v1/zips/nothing").error["code"] == "no_zip"


@pytest.mark.full
def test_a_name_that_is_not_utf8(place: Workplace, page: Served) -> None:
    """A picture whose name is not UTF-8 goes into a zip under one that is."""
    name = os.fsdecode(b"caf\xe9.jpg")
    place.put(name)
    cut(place)
    assert opened(page.zip(name).body).namelist() == ["caf\ufffd.png"]


@pytest.mark.full
def test_twins_get_numbers() -> None:
    """Of names that some file system takes for one, the later ones get a number."""
    names = Names()
    given = [
        names.free(n) for n in ("a.png", "A.png", "a.png", "one/a.png", "u\u0308.png", "ü.png")
    ]
    assert given == ["a.png", "A-2.png", "a-3.png", "one/a.png", "ü.png", "ü-2.png"]


@pytest.mark.full
def test_memory_stays_flat(tmp_path: Path) -> None:
    """A zip is never in memory: that of 100 MB takes less than 4 MB."""
    files = []
    for number in range(10):
        path = tmp_path / f"{number}.png"
        with path.open("wb") as file:
            file.truncate(10_000_000)
        files.append(Item(path, path.name))
    tracemalloc.start()
    try:
        size = sum(map(len, zipped(files)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 100_000_000
    assert peak < 4_000_000


@pytest.mark.full
def test_more_than_a_plain_zip_holds(tmp_path: Path) -> None:
    """A file of more than 4 GiB goes into a zip, too."""
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate((1 << 32) + 7)
    with (tmp_path / "all.zip").open("wb") as out:
        for piece in zipped([Item(path, "large.png")]):
            out.write(piece) if piece.strip(b"\0") else out.seek(len(piece), os.SEEK_CUR)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.getinfo("large.png").file_size == (1 << 32) + 7

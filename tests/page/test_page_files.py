"""The files that the page hands out: which, from where, under which headers."""

import os
from pathlib import Path

import pytest
from end_to_end.driver import Workplace, picture, wait_for

from .served import Served


def cut(place: Workplace, *, failures: bool = False) -> None:
    """Cut all that is in the inbox."""
    answer = place.run("once", "-c", place.config)
    assert answer.returncode == (3 if failures else 0), answer.stderr


@pytest.mark.full
def test_bytes_are_those_of_the_files(place: Workplace, page: Served) -> None:
    """The picture and its output are sent as they lie on the disk, as pictures, in a sandbox."""
    place.put("one/a.jpg")
    cut(place)
    before, after = page.picture("one/a.jpg", "before"), page.picture("one/a.jpg", "outputs/0")
    assert before.body == (place.inbox / "one/a.jpg").read_bytes()
    assert after.body == (place.outbox / "one/a.png").read_bytes()
    assert (before.headers["content-type"], after.headers["content-type"]) == (
        "image/jpeg",
        "image/png",
    )
    for answer in (before, after):
        assert answer.status == 200
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.full
def test_the_same_is_not_sent_twice(place: Workplace, page: Served) -> None:
    """A browser that has a file is told that it is right, until another is there."""
    path = place.put("a.jpg")
    cut(place)
    tag = page.picture("a.jpg", "before").headers["etag"]
    again = page.picture("a.jpg", "before", headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status, again.body) == (304, b"")
    os.utime(path, ns=(1, 1))
    changed = page.picture("a.jpg", "before", headers={"If-None-Match": tag})
    assert changed.status == 200
    assert changed.headers["etag"] != tag


@pytest.mark.full
def test_a_part_of_a_file(place: Workplace, page: Served) -> None:
    """A part of a file is sent where a part is asked for."""
    content = place.put("a.jpg").read_bytes()
    cut(place)
    answer = page.picture("a.jpg", "before", headers={"Range": "bytes=10-19"})
    assert (answer.status, answer.body) == (206, content[10:20])
    assert answer.headers["content-range"] == f"bytes 10-19/{len(content)}"


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.jpg", 'filename="a.jpg"'),
        ('Ü "é" 猫.jpg', "filename*=UTF-8''%C3%9C%20%22%C3%A9%22%20%E7%8C%AB.jpg"),
        ("a\u202egpj.jpg", 'filename="a_gpj.jpg"'),
    ],
)
def test_names_of_any_letters(place: Workplace, page: Served, name: str, told: str) -> None:
    """A download has the name of its file, whatever letters that has, and none that deceives."""
    place.put(name)
    cut(place)
    answer = page.picture(name, "before", download=1)
    said = answer.headers["content-disposition"]
    assert said.startswith("attachment; filename=")
    assert told in said
    assert said.isascii()
    assert page.picture(name, "before").headers["content-disposition"].startswith("inline")


@pytest.mark.full
def test_names_that_are_not_utf8(place: Workplace, page: Served) -> None:
    """A picture whose name is not UTF-8 is asked for by its bytes."""
    place.put(os.fsdecode(b"caf\xe9.jpg"))
    cut(place)
    answer = page.picture(b"caf\xe9.jpg", "outputs/0", download=1)
    assert answer.status == 200
    assert (
        answer.body == Path(os.fsdecode(os.fsencode(place.outbox) + b"/caf\xe9.png")).read_bytes()
    )


@pytest.mark.full
@pytest.mark.parametrize("source", ["move", "delete"])
def test_a_picture_that_is_moved_or_deleted(place: Workplace, page: Served, source: str) -> None:
    """The picture is found where its rule has moved it; one that was deleted is told of."""
    place.configure({"name": "all", "source": source})
    content = place.put("one/a.jpg").read_bytes()
    cut(place)
    answer = page.picture("one/a.jpg", "before")
    if source == "move":
        assert answer.body == content
    else:
        assert answer.status == 404
        assert "no longer there" in answer.error["what"]


@pytest.mark.full
def test_a_picture_that_was_set_aside(place: Workplace, page: Served) -> None:
    """The picture is found in failed/, too."""
    place.configure({"name": "all", "source": "move"})
    content = picture("a.png")[:-40]
    place.put("a.png", content)
    cut(place, failures=True)
    assert not (place.inbox / "a.png").exists()
    assert page.picture("a.png", "before").body == content


@pytest.mark.full
def test_a_newer_picture_under_its_name(place: Workplace, page: Served) -> None:
    """Of two pictures of one name the one that was cut is shown, where it was moved to."""
    place.configure({"name": "all", "source": "move"})
    first = place.put("a.jpg").read_bytes()
    cut(place)
    place.put("a.jpg", number=5)
    assert page.picture("a.jpg", "before").body == first


def test_links_are_not_followed(place: Workplace, page: Served, tmp_path: Path) -> None:
    """A link in the place of a picture, of its folder or of an output leads nowhere."""
    place.put("a.jpg")
    place.put("one/b.jpg")
    cut(place)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "b.jpg").write_bytes(picture())
    for path in (place.inbox / "a.jpg", place.outbox / "a.png"):
        path.unlink()
        path.symlink_to(secret / "b.jpg")
    (place.inbox / "one/b.jpg").unlink()
    (place.inbox / "one").rmdir()
    (place.inbox / "one").symlink_to(secret)
    for name, what in (("a.jpg", "before"), ("a.jpg", "outputs/0"), ("one/b.jpg", "before")):
        assert page.picture(name, what).status == 404


@pytest.mark.parametrize(
    "address",
    [
        "shop/a.jpg/outputs/7",
        "shop/b.jpg/before",
        "nosuch/a.jpg/before",
        "shop/../shop/a.jpg/before",
        "shop/..%2f..%2fscissorsd.yaml/before",
        "shop//before",
        "shop/%00/before",
        "shop/%2fetc%2fpasswd/before",
    ],
)
def test_no_address_is_a_path(place: Workplace, page: Served, address: str) -> None:
    """Only what the journal knows is found, by its own name; all else is told of in words."""
    place.put("a.jpg")
    place.put("one/b.jpg")
    cut(place)
    answer = page.ask(f"/api/v1/pictures/{address}")
    assert answer.status == 404
    assert answer.error["what"].endswith(".")


@pytest.mark.full
def test_an_output_that_is_gone(place: Workplace, page: Served) -> None:
    """An output that somebody took away is told of, and an outbox that is not there otherwise."""
    place.put("a.jpg")
    cut(place)
    (place.outbox / "a.png").unlink()
    gone = page.picture("a.jpg", "outputs/0")
    assert (gone.status, gone.error["code"]) == (404, "gone")
    place.outbox.rename(place.folder / "elsewhere")
    away = page.picture("a.jpg", "outputs/0")
    assert (away.status, away.error["code"]) == (503, "away")
    assert str(place.outbox) in away.error["what"]


@pytest.mark.full
def test_an_inbox_that_is_away(place: Workplace, page: Served) -> None:
    """While an inbox is away its pictures are told to be so, as the daemon tells it."""
    place.put("a.jpg")
    daemon = place.start()
    daemon.finished("a.jpg")
    place.inbox.rename(place.folder / "elsewhere")
    wait_for(lambda: page.picture("a.jpg", "before").status == 503)
    answer = page.picture("a.jpg", "before")
    assert answer.error["code"] == "away"
    assert "is away" in answer.error["what"]
    assert page.picture("a.jpg", "outputs/0").status == 200


@pytest.mark.full
@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (b"only words\n", "text"),
        (b"<!doctype html><html><script>alert(1)</script>", "a web page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "an SVG drawing"),
        (b"%PDF-1.7\n", "a PDF document"),
    ],
)
def test_only_pictures_are_sent(place: Workplace, page: Served, content: bytes, looks: str) -> None:
    """What only has a picture's name is not handed out, but named for what it looks like."""
    place.put("a.jpg", content)
    cut(place, failures=True)
    answer = page.picture("a.jpg", "before")
    assert (answer.status, answer.error["code"]) == (415, "no_picture")
    assert looks in answer.error["what"]
    assert page.picture("a.jpg", "before", width=320).status == 415

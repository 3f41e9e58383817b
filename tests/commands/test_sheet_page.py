import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from scissorsd.commands import sheet
from scissorsd.commands.sheet_page import shell_word
from scissorsd.config import from_values
from scissorsd.core.html_sheet import ACTIONS
from scissorsd.core.rules import Rule, in_review, plan
from scissorsd.core.settling import Sighting
from scissorsd.errors import UsageError
from scissorsd.records.journal import Journal
from scissorsd.records.state_folders import StateFolder

# Names that try to be something else: HTML, an attribute, a shell's command, a terminal's.
HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    '" onmouseover="alert(1)" x=".png',
    "</title><script>alert(1)</script>.png".replace("/", "\N{FRACTION SLASH}"),
    "$(touch pwned); `touch pwned` ! 'x' \\.png",
    "two\nlines\tand \x1b[31mred.png",
    "\u202egnp.gpj.png",
    os.fsdecode(b"caf\xe9 \xff.png"),
    "&amp;lt;.png",
    "-rf.png",
)


class Shop:
    """An outbox, and a journal of what was cut into it."""

    def __init__(self, folder: Path) -> None:
        self.inbox, self.outbox, state = (folder / name for name in ("inbox", "outbox", "state"))
        for made in (self.inbox, self.outbox, state):
            made.mkdir()
        values = {"path": "inbox", "outbox": "outbox", "rules": [{"name": "all"}]}
        config = from_values({"state": "state", "inboxes": {"shop": values}}, base=folder).config
        self.state = StateFolder(state, config)
        self._journal = Journal(state)

    def cut(self, name: str, verdict: str = "ok", *, review: bool = False) -> Path:
        """Journal a picture as cut, and write its cutout."""
        source = Sighting(name, size=1, mtime_ns=1, inode=1, device=1)
        job = plan(
            self.inbox,
            self.outbox,
            source,
            Rule("all"),
            inbox_name="shop",
            date="",
            taken=lambda _: False,
        )
        begun = self._journal.begin(job)
        assert begun is not None
        path = job.outputs[0].path
        place = self.outbox / (in_review(path) if review else path)
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGBA", (600, 400), (0, 0, 120, 128)).save(place, "PNG")
        self._journal.published(begun, [str(place)], verdict=verdict, provider="cpu")
        self._journal.finish(begun)
        return place


class Page(HTMLParser):
    """A page as a browser reads it: its elements with their attributes, and its texts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_bytes().decode()  # strictly: it is UTF-8
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note a text."""
        if data.strip():
            self.texts.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element of a kind."""
        return [attributes for found, attributes in self.elements if found == tag]

    def values(self, action: str) -> list[str]:
        """Return the words of a shell that the boxes of an action stand for."""
        boxes = [box for box in self.all("input") if box.get("name") == action]
        return [str(box["value"]) for box in boxes]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Open a shop; the current folder is a place beside it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return Shop(tmp_path)


def page(shop: Shop, *given: str, count: int = 400, columns: int | None = None) -> Page:
    """Write the sheet as a page, and read it."""
    known = [shop.state]
    out = Path("sheet.html")
    said = sheet.write(shop.outbox, known, out=out, count=count, columns=columns, given=given)
    first, *_ = said
    return Page(Path(first))


def shell(line: str) -> list[bytes]:
    """Let bash take a line apart; give its words."""
    script = f"words=({line}); printf '%s\\0' \"${{words[@]}}\""
    told = subprocess.run(
        ["bash", "-c", script],  # noqa: S607 - wherever it is
        capture_output=True,
        check=True,
    )
    assert not told.stderr
    return told.stdout.split(b"\0")[:-1]


# --- what is on it ---------------------------------------------------------------------------


def test_a_page(shop: Shop) -> None:
    """The cutouts stand in the order of the drawn sheet, with name, verdict, folder and note."""
    shop.cut("one.jpg")
    shop.cut("products/two.jpg", "doubtful")
    shop.cut("three.jpg", "no_subject", review=True)
    found = page(shop)
    classes = [card["class"] for card in found.all("article")]
    assert classes == ["doubtful", "no_subject", "ok"]
    labels = [card["aria-label"] for card in found.all("article")]
    assert labels == ["two.png, doubtful", "three.png, no subject, in review/", "one.png, ok"]
    assert "products" in found.texts
    assert f"{shop.outbox}" in found.texts
    assert any(text.startswith("3 cutouts: 1 doubtful, 1 no subject") for text in found.texts)


def test_it_needs_nothing_else(shop: Shop) -> None:
    """Nothing is fetched from anywhere, and the policy lets in no script but the page's own."""
    shop.cut("one.jpg")
    found = page(shop)
    assert all(
        str(image["src"]).startswith("data:image/webp;base64,") for image in found.all("img")
    )
    assert not found.all("link") + found.all("iframe") + found.all("form")
    (script,) = found.all("script")
    assert script == {}
    (policy,) = [m["content"] for m in found.all("meta") if "http-equiv" in m]
    assert str(policy).startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in str(policy)
    assert not [name for _, attributes in found.elements for name in attributes if name[:2] == "on"]
    assert not [attributes for _, attributes in found.elements if "style" in attributes]
    (link,) = found.all("a")
    assert link["href"] == (shop.outbox / "one.png").as_uri()


def test_pictures_are_finer_than_they_are_shown(shop: Shop) -> None:
    """A picture is shown as large as on the drawn sheet, from half as many pixels more."""
    shop.cut("one.jpg")
    (image,) = page(shop).all("img")
    assert (image["width"], image["height"]) == ("240", "160")


def test_so_many_columns(shop: Shop) -> None:
    """As many columns as were asked for; else as fit the window."""
    shop.cut("one.jpg")
    assert "repeat(auto-fill," in page(shop).source
    assert "repeat(3," in page(shop, columns=3).source


# --- the commands ----------------------------------------------------------------------------


def test_what_can_be_done_with_each(shop: Shop) -> None:
    """What is in review can be accepted and rejected, and all can be cut again, by its source."""
    out = shop.cut("one.jpg")
    reviewed = shop.cut("two.jpg", "no_subject", review=True)
    found = page(shop)
    assert found.values("accept") == [str(reviewed)]
    assert found.values("reject") == [str(reviewed)]
    assert found.values("recut") == [f"{shop.inbox}/two.jpg", f"{shop.inbox}/one.jpg"]
    assert str(out) not in found.values("accept")
    assert len([box for box in found.all("input") if "disabled" in box]) == 2


def test_the_commands_name_the_state(shop: Shop) -> None:
    """Each command begins as it must, with the configuration or state that was given, quoted."""
    shop.cut("one.jpg")
    (field,) = page(shop, "-c", "/etc/my shop.yaml").all("textarea")
    assert [field[f"data-{action}"] for action in ACTIONS] == [
        "scissorsd accept -c '/etc/my shop.yaml'",
        "scissorsd recut -c '/etc/my shop.yaml' --edges best",
        "scissorsd reject -c '/etc/my shop.yaml'",
    ]
    (field,) = page(shop).all("textarea")
    assert field["data-recut"] == "scissorsd recut --edges best"


def test_without_a_journal(shop: Shop, tmp_path: Path) -> None:
    """Cutouts of which no journal tells can be looked at, not marked."""
    shop.cut("one.jpg")
    out = tmp_path / "here" / "sheet.html"
    list(sheet.write(shop.outbox, [], out=out, count=9, columns=None))
    found = Page(out)
    assert len(found.all("article")) == 1
    assert not found.all("input") + found.all("textarea")
    assert any(text.startswith("No job journal tells") for text in found.texts)


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE, ids=map(ascii, HOSTILE))
def test_hostile_names(shop: Shop, name: str) -> None:
    """Whatever a file is called, the page has the elements of any other, and the shell the file."""
    harmless = Shop(shop.inbox.parent / "here")
    harmless.cut("one.png", review=True)
    expected = page(harmless)
    Path("sheet.html").unlink()
    place = shop.cut(name, review=True)
    found = page(shop)
    assert [tag for tag, _ in found.elements] == [tag for tag, _ in expected.elements]
    assert [list(attributes) for _, attributes in found.elements] == [
        list(attributes) for _, attributes in expected.elements
    ]
    (word,) = found.values("accept")
    assert word.isprintable()  # no line break, nothing that turns the direction of writing
    assert shell(word) == [os.fsencode(place)]
    assert shell(found.values("recut")[0]) == [os.fsencode(shop.inbox / name)]
    assert not Path("pwned").exists()
    labels = [str(card["aria-label"]) for card in found.all("article")]
    assert all(label.isprintable() for label in labels)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("plain.jpg", "plain.jpg"),
        ("it's mine.jpg", "'it'\"'\"'s mine.jpg'"),
        ("Grüße.jpg", "'Grüße.jpg'"),
        (os.fsdecode(b"caf\xe9.jpg"), r"$'caf\351.jpg'"),
        ("a\n'b\\!.jpg", r"$'a\012\047b\134\041.jpg'"),
    ],
)
def test_words_of_a_shell(text: str, word: str) -> None:
    """A word is quoted as usual; what cannot be shown or pasted is written by its bytes."""
    assert shell_word(text) == word
    assert shell(word) == [os.fsencode(text)]


# --- where it goes ---------------------------------------------------------------------------


def test_an_earlier_page_is_replaced(shop: Shop) -> None:
    """A page takes the place of an earlier one, and of no other file of that name."""
    shop.cut("one.jpg")
    page(shop)
    shop.cut("two.jpg")
    assert len(page(shop).all("article")) == 2
    Path("sheet.html").write_text("<p>somebody's own")
    with pytest.raises(UsageError, match="is no contact sheet"):
        page(shop)
    assert Path("sheet.html").read_text() == "<p>somebody's own"


def test_several_pages(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too much for one page goes to the next."""
    monkeypatch.setattr("scissorsd.commands.sheet_page.ON_A_PAGE", 2)
    for number in range(3):
        shop.cut(f"{number}.jpg")
    first = page(shop)
    second = Page(Path("sheet-2.html"))
    assert [len(found.all("article")) for found in (first, second)] == [2, 1]
    assert re.search("page 2 of 2", second.source)

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFont

from scissorsd.commands import lettering, sheet
from scissorsd.config import from_values
from scissorsd.core import contact_sheet
from scissorsd.core.contact_sheet import SIDE
from scissorsd.core.rules import Output, Rule, in_review, plan
from scissorsd.core.settling import Sighting
from scissorsd.errors import UsageError
from scissorsd.pictures import thumbnails
from scissorsd.records import state_folders
from scissorsd.records.journal import Journal
from scissorsd.records.state_folders import StateFolder

CUTOUT = (Output(),)


class Shop:
    """An inbox, its outbox, and a journal of what was cut."""

    def __init__(self, folder: Path, name: str = "shop") -> None:
        self.outbox = folder / "outbox"
        state = folder / f"state of {name}"
        state.mkdir()
        inbox = folder / name
        inbox.mkdir()
        values = {"path": str(inbox), "outbox": str(self.outbox), "rules": [{"name": "all"}]}
        config = from_values({"state": str(state), "inboxes": {name: values}}, base=folder)
        self.state = StateFolder(state, config.config)
        self.inbox = inbox
        self._journal = Journal(state)

    def cut(
        self,
        name: str,
        verdict: str = "ok",
        *,
        outputs: tuple[Output, ...] = CUTOUT,
        review: bool = False,
        colour: str = "navy",
        doubt: float | None = None,
    ) -> list[Path]:
        """Journal a job and write its outputs."""
        source = Sighting(name, size=1, mtime_ns=1, inode=1, device=1)
        rule = Rule("all", outputs=outputs)
        job = plan(
            self.inbox, self.outbox, source, rule, inbox_name="shop", date="", taken=lambda _: False
        )
        begun = self._journal.begin(job)
        assert begun is not None
        paths = [self.outbox / (in_review(o.path) if review else o.path) for o in job.outputs]
        for path, planned in zip(paths, job.outputs, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            mode = {"cutout": "RGBA", "mask": "L"}.get(planned.output.kind, "RGB")
            Image.new(mode, (60, 40), colour).save(path)
        notes = [str(paths[0].with_name(paths[0].name + ".txt"))] if review else []
        told = [*map(str, paths), *notes]
        numbers = {} if doubt is None else {"doubt": doubt}
        self._journal.published(begun, told, verdict=verdict, provider="cpu", numbers=numbers)
        self._journal.finish(begun)
        return paths


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Open a shop; the current folder is a place beside it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))
    return Shop(tmp_path)


def written(
    outbox: Path,
    *known: StateFolder,
    out: Path | None = None,
    count: int = 400,
    columns: int | None = None,
) -> list[str]:
    """Write a sheet; give what is said."""
    return list(sheet.write(outbox, known, out=out, count=count, columns=columns))


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> list[contact_sheet.Cell]:
    """Note every cell that is drawn."""
    drawn: list[contact_sheet.Cell] = []
    really: Callable[..., Image.Image] = contact_sheet.page

    def page(shown: Iterable[contact_sheet.Cell], *args: object, **options: object) -> Image.Image:
        drawn.extend(shown)
        return really(shown, *args, **options)

    monkeypatch.setattr(contact_sheet, "page", page)
    return drawn


# --- what is on it ---------------------------------------------------------------------------


def test_a_sheet(shop: Shop, cells: list[contact_sheet.Cell]) -> None:
    """The cutouts stand with names and verdicts, those to look at first, else the latest first."""
    shop.cut("one.jpg")
    shop.cut("products/two.jpg", "doubtful")
    shop.cut("three.jpg", "no_subject", review=True)
    shop.cut("four.jpg")
    said = written(shop.outbox, shop.state)
    path = Path.cwd() / "sheet.jpg"
    assert said == [
        str(path),
        "4 cutouts: 1 doubtful, 1 no subject, 2 ok (1 in review/)",
    ]
    told = [(cell.name, cell.folder, cell.verdict, cell.note) for cell in cells]
    assert told == [
        ("two.png", "products", "doubtful", ""),
        ("three.png", "", "no_subject", "in review/"),
        ("four.png", "", "ok", ""),
        ("one.png", "", "ok", ""),
    ]
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")


def test_the_greatest_doubt_first(shop: Shop, cells: list[contact_sheet.Cell]) -> None:
    """Of equal verdicts the greatest doubt stands first; what an older version cut is behind."""
    shop.cut("sure.jpg", doubt=0.01)
    shop.cut("unsure.jpg", "doubtful", doubt=0.12)
    shop.cut("old.jpg", "doubtful")
    shop.cut("worst.jpg", "doubtful", doubt=0.31)
    shop.cut("less-sure.jpg", doubt=0.09)
    written(shop.outbox, shop.state)
    assert [(cell.name, cell.doubt) for cell in cells] == [
        ("worst.png", 0.31),
        ("unsure.png", 0.12),
        ("old.png", None),
        ("less-sure.png", 0.09),
        ("sure.png", 0.01),
    ]
    said = [contact_sheet.said(cell.verdict, cell.doubt) for cell in cells]
    assert said[::2] == ["doubtful: 31.0%", "doubtful", "ok, doubt 1.0%"]


def test_the_cutout_of_several_outputs(shop: Shop, cells: list[contact_sheet.Cell]) -> None:
    """Of a job's outputs the cutout is shown, wherever it stands; else the flat, else the mask."""
    mask, flat = Output("mask", folder="masks"), Output("flat", "jpeg")
    shop.cut("a.jpg", outputs=(mask, flat, Output("cutout")))
    shop.cut("b.jpg", outputs=(mask, flat))
    shop.cut("c.jpg", outputs=(mask,))
    written(shop.outbox, shop.state)
    assert [cell.name for cell in cells] == ["c-mask.png", "b-flat.jpg", "a.png"]


def test_the_latest(shop: Shop, cells: list[contact_sheet.Cell]) -> None:
    """Of many cutouts the latest are shown; a picture that was cut twice is there once."""
    for number in range(6):
        shop.cut(f"{number}.jpg")
    shop.cut("1.jpg")
    written(shop.outbox, shop.state, count=3)
    assert [cell.name for cell in cells] == ["1.png", "5.png", "4.png"]


def test_a_folder_of_the_outbox(shop: Shop, cells: list[contact_sheet.Cell]) -> None:
    """A folder of the outbox has a sheet of its own; so has its review folder."""
    shop.cut("products/a.jpg")
    shop.cut("products/b.jpg", "no_subject", review=True)
    shop.cut("product/c.jpg")
    written(shop.outbox / "products", shop.state)
    written(shop.outbox / "review", shop.state)
    assert [cell.name for cell in cells] == ["a.png", "b.png"]


def test_an_outbox_by_another_way(
    shop: Shop, tmp_path: Path, cells: list[contact_sheet.Cell]
) -> None:
    """An outbox that is named through a link is known all the same."""
    shop.cut("a.jpg", "doubtful")
    link = tmp_path / "link"
    link.symlink_to(shop.outbox)
    assert "1 doubtful" in written(link, shop.state)[-1]
    assert [cell.folder for cell in cells] == [""]


def test_two_daemons_on_one_outbox(
    shop: Shop, tmp_path: Path, cells: list[contact_sheet.Cell]
) -> None:
    """What several daemons put into one outbox is on one sheet, by time."""
    other = Shop(tmp_path, "other")
    shop.cut("a.jpg")
    other.cut("b.jpg")
    shop.cut("c.jpg")
    written(shop.outbox, shop.state, other.state)
    assert [cell.name for cell in cells] == ["c.png", "b.png", "a.png"]


def test_broken_and_gone(shop: Shop, cells: list[contact_sheet.Cell]) -> None:
    """A cutout that cannot be read, or is no longer there, is an empty cell that says so."""
    shop.cut("whole.jpg")
    (broken,) = shop.cut("broken.jpg", "doubtful")
    (gone,) = shop.cut("gone.jpg")
    (pipe,) = shop.cut("pipe.jpg")
    shop.cut("also whole.jpg")
    broken.write_bytes(broken.read_bytes()[:60])
    gone.unlink()
    pipe.unlink()
    os.mkfifo(pipe)
    said = written(shop.outbox, shop.state)
    assert said[-1] == "5 cutouts: 1 doubtful, 4 ok; 1 cannot be read; 2 no longer there"
    told = {cell.name: cell.note for cell in cells if cell.picture is None}
    assert told == {
        "broken.png": "cannot be read",
        "gone.png": "no longer there",
        "pipe.png": "no longer there",
    }


def test_an_emptied_outbox(shop: Shop) -> None:
    """Where nothing is left there is no sheet of empty cells, but a word."""
    (path,) = shop.cut("a.jpg")
    path.unlink()
    with pytest.raises(UsageError, match="no cutouts in"):
        written(shop.outbox, shop.state)


def test_names_of_any_kind(shop: Shop) -> None:
    """Names that are not UTF-8, very long, or of other letters do not stop the sheet."""
    for name in (
        os.fsdecode(b"caf\xe9.jpg"),
        "猫の写真.jpg",
        "صورة.jpg",
        f"{'x' * 240}.jpg",
        "ü\n.jpg",
    ):
        shop.cut(name)
    assert written(shop.outbox, shop.state)[-1] == "5 cutouts: 5 ok"


# --- without a journal -----------------------------------------------------------------------


def test_without_a_journal(shop: Shop, tmp_path: Path, cells: list[contact_sheet.Cell]) -> None:
    """Of a folder that no journal knows, the cutouts are found by their alpha channel."""
    folder = tmp_path / "cut by hand"
    (folder / "processed").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.webp", "mask.png", "processed/source.png")):
        path = folder / name
        Image.new("L" if "mask" in name else "RGBA", (9, 9)).save(path)
        os.utime(path, (number, number))
    (folder / "notes.png").write_text("no picture")
    said = written(folder, shop.state)
    assert said[-1] == "2 cutouts; no job journal tells of verdicts"
    assert [(cell.name, cell.verdict) for cell in cells] == [("b.webp", ""), ("a.png", "")]


def test_masks_without_a_journal(
    tmp_path: Path, shop: Shop, cells: list[contact_sheet.Cell]
) -> None:
    """A folder without any cutout shows what it has."""
    folder = tmp_path / "masks"
    folder.mkdir()
    Image.new("L", (9, 9)).save(folder / "a.png")
    written(folder, shop.state)
    assert [cell.name for cell in cells] == ["a.png"]


def test_nothing_to_show(shop: Shop, tmp_path: Path) -> None:
    """An empty folder, and one that is not there, are a mistake of usage."""
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(UsageError, match=folder.name):
            written(folder, shop.state)


def test_states_are_found(shop: Shop, tmp_path: Path) -> None:
    """What `watch` and `once` keep is found without being told; what cannot be read is left out."""
    values = {
        "state": str(shop.state.folder),
        "inboxes": {
            "inbox": {"path": str(shop.inbox), "outbox": str(shop.outbox), "rules": [{"name": "a"}]}
        },
    }
    state_folders.remember(tmp_path / "states" / "scissorsd" / "one", values)
    broken = tmp_path / "states" / "scissorsd" / "two" / "command-line.json"
    broken.parent.mkdir()
    broken.write_text("{")
    (found,) = state_folders.everyone(None, None)
    assert found.config.inboxes[0].outbox == shop.outbox
    with pytest.raises(UsageError):
        state_folders.everyone(None, broken.parent)


# --- where it goes ---------------------------------------------------------------------------


def test_pages(shop: Shop) -> None:
    """What does not fit on one page goes on to numbered ones; each is told of."""
    for number in range(23):
        shop.cut(f"{number}.jpg")
    out = Path.cwd() / "monday.png"
    said = written(shop.outbox, shop.state, out=out, columns=2)
    assert said[:-1] == [str(out), str(out.with_name("monday-2.png"))]
    with Image.open(said[0]) as first, Image.open(said[1]) as second:
        assert first.height > second.height
        assert first.width == second.width


def test_a_sheet_replaces_only_a_sheet(shop: Shop) -> None:
    """A sheet takes the place of an earlier one, as JPEG or PNG, and of no other file."""
    shop.cut("a.jpg")
    for name in ("sheet.jpg", "sheet.png"):
        path = Path.cwd() / name
        first = written(shop.outbox, shop.state, out=path)
        assert written(shop.outbox, shop.state, out=path) == first
        Image.new("RGB", (9, 9)).save(path)
        mine = path.read_bytes()
        with pytest.raises(UsageError, match="no contact sheet"):
            written(shop.outbox, shop.state, out=path)
        assert path.read_bytes() == mine


def test_a_sheet_is_no_picture_to_cut(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet is not put into an inbox or an outbox, be it because one stands there."""
    shop.cut("a.jpg")
    for folder in (shop.inbox, shop.outbox, shop.outbox / "review"):
        folder.mkdir(exist_ok=True)
        with pytest.raises(UsageError, match="among the pictures"):
            written(shop.outbox, shop.state, out=folder / "sheet.jpg")
        with pytest.raises(UsageError, match="among the pictures"):
            written(shop.outbox, shop.state, out=folder)
        monkeypatch.chdir(folder)
        with pytest.raises(UsageError, match="among the pictures"):
            written(shop.outbox, shop.state)


def test_a_folder_to_put_it_in(shop: Shop, tmp_path: Path) -> None:
    """`-o FOLDER` puts it there under its usual name; an ending of no picture is refused."""
    shop.cut("a.jpg")
    assert written(shop.outbox, shop.state, out=tmp_path)[0] == str(tmp_path / "sheet.jpg")
    with pytest.raises(UsageError, match=r"sheet\.jpg"):
        written(shop.outbox, shop.state, out=tmp_path / "sheet.pdf")


# --- a thumbnail -----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "avif"])
def test_thumbnails_keep_their_colour(tmp_path: Path, suffix: str) -> None:
    """A cutout of any format is shrunk without a dark rim: on black it is its colour by alpha."""
    alpha = np.zeros((600, 900), np.uint8)
    alpha[100:500, 203:707] = 255
    colour = np.array((200, 120, 40))
    pixels = np.where(alpha[..., None] > 0, colour, 0).astype(np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.dstack([pixels, alpha])).save(path, lossless=True, quality=100)
    small = np.asarray(thumbnails.thumbnail(path)).astype(float)
    assert small.shape == (160, 240, 4)
    seen, cover = small[..., :3], small[..., 3:] / 255
    assert ((cover > 0.1) & (cover < 0.9)).any()
    assert np.abs(cover * seen - cover * colour).max() <= 16


def test_thumbnails_are_in_srgb(tmp_path: Path) -> None:
    """A cutout with a profile of its own is shown in the colours that it means."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"-XYZ").replace(b"bXYZ", b"rXYZ").replace(b"-XYZ", b"bXYZ")
    path = tmp_path / "a.png"
    Image.new("RGBA", (9, 9), (220, 40, 10, 255)).save(path, icc_profile=swapped)
    red, green, blue, alpha = np.array(thumbnails.thumbnail(path).getpixel((4, 4)))
    assert alpha == 255
    assert blue > 200
    assert max(red, green) < 60


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "I;16", "RGB"])
def test_thumbnails_of_any_mode(tmp_path: Path, mode: str) -> None:
    """Masks and flats, and whatever else lies there, are shown as RGB or RGBA."""
    path = tmp_path / "a.png"
    Image.new(mode, (1000, 10)).save(path)
    small = thumbnails.thumbnail(path)
    assert small.mode == ("RGBA" if mode == "LA" else "RGB")
    assert small.size == (SIDE, 2)


def test_deep_masks_are_not_clipped(tmp_path: Path) -> None:
    """A mask of 16 bits is shown as bright as it is."""
    path = tmp_path / "a.png"
    Image.fromarray(np.full((9, 9), 32768, np.uint16)).save(path)
    value = thumbnails.thumbnail(path).getpixel((4, 4))
    assert isinstance(value, tuple)
    assert abs(value[0] - 128) <= 1


# --- letters ---------------------------------------------------------------------------------


def test_fonts() -> None:
    """Plain names are in Pillow's own font; a letter that no font has becomes a question mark."""
    assert lettering.lettering("IMG_1234.png", 15) == (lettering._own_font(15), "IMG_1234.png")
    assert lettering.lettering("a\U0010fffeb", 15)[1] == "a?b"


def test_without_freetype(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a Pillow that has only its bitmap font, other letters become question marks."""
    monkeypatch.setattr(lettering, "_own_font", lambda _: ImageFont.load_default_imagefont())
    assert lettering.lettering("größe 猫…", 15)[1] == "größe ?..."


# --- where it goes when nobody says ----------------------------------------------------------


def test_of_an_inbox(shop: Shop, tmp_path: Path) -> None:
    """The sheet of an inbox is refused, and its outbox named; not of one that is an outbox too."""
    shop.cut("one.jpg")
    Image.new("RGB", (60, 40)).save(shop.inbox / "one.jpg")
    (shop.inbox / "below").mkdir()
    link = tmp_path / "link"
    link.symlink_to(shop.inbox)
    for folder in (shop.inbox, shop.inbox / "below", link):
        with pytest.raises(UsageError, match="is an inbox") as refused:
            written(folder, shop.state)
        assert f"scissorsd sheet {shop.outbox}" in refused.value.advice
    values = {"path": str(shop.outbox), "outbox": str(tmp_path / "next")}
    config = from_values({"state": "state", "inboxes": {"next": values}}, base=tmp_path)
    assert written(shop.outbox, shop.state, StateFolder(tmp_path / "state", config.config))


@pytest.mark.parametrize("why", ["gone", "nobody's"])
def test_where_the_working_folder_cannot_be_written(
    shop: Shop, tmp_path: Path, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the sheet goes to the home folder, and without one to that for temporary files."""
    shop.cut("one.jpg")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    if why == "gone":
        (tmp_path / "here").rmdir()
    else:
        monkeypatch.chdir("/proc")  # nobody makes a file there, root neither
    assert written(shop.outbox, shop.state)[0] == str(home / "sheet.jpg")
    home.rename(tmp_path / "moved")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "moved"))
    assert written(shop.outbox, shop.state)[0] == str(tmp_path / "moved" / "sheet.jpg")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="can be written"):
        written(shop.outbox, shop.state)

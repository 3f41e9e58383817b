"""Pictures that are dropped and pasted in a real browser, and what came of them."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from end_to_end.driver import Workplace, picture, wait_for
from end_to_end.pages import begun, temporaries, with_page
from PIL import Image
from playwright.sync_api import expect

from .browser import Tabs, address_in_the_network, card, downloaded, drop, opened, source, states
from .wire import DROP, wired

LARGE = 16 << 20  # bytes: more than sockets hold


def test_a_dropped_picture_is_seen_cut_and_its_download_is_the_outbox_s_file(
    place: Workplace, tabs: Tabs
) -> None:
    """The printed address opens; a JPEG is dropped; what is downloaded is the outbox's, by u2netp.

    Every request goes to the page's own origin, here and in all other tests (see `Tabs.check`).
    """
    place.configure({"name": "all", "model": "u2netp"})
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    expect(page.get_by_role("heading", name="Drop photographs or folders")).to_be_visible()
    drop(page, source(place, "mug.jpg"))
    expect(card(page, "mug.jpg")).to_have_attribute("data-state", "done")
    assert len(daemon.told("job.finished", source="mug.jpg")) == 1
    opened(page, "mug.jpg")
    name, content = downloaded(page, "Download mug.png")
    assert name == "mug.png"
    wanted = hashlib.sha256((place.outbox / "mug.png").read_bytes()).hexdigest()
    assert hashlib.sha256(content).hexdigest() == wanted
    assert not [line for line in daemon.lines if line["level"] in {"warning", "error"}]
    daemon.stop()


@pytest.mark.full
def test_a_folder_arrives_whole_with_its_tree(place: Workplace, tabs: Tabs) -> None:
    """All of 250 pictures in folders of folders arrive: a browser gives a hundred at once."""
    tree = [f"shop/{f}/{n}.jpg" for f in ("a", "a/b", "c ü") for n in range(10)]
    tree += [f"shop/many/{n}.jpg" for n in range(220)]
    for number, name in enumerate(tree):
        source(place, name, number=number)
    source(place, "shop/a/notes.txt", b"no picture")
    source(place, "shop/.git/hidden.jpg")
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    drop(page, place.folder / "pictures" / "shop")
    expect(page.locator("#note")).to_contain_text("1 file was left out")
    expect(page.locator("#summary")).to_have_text("250 done")
    wanted = sorted(name.removesuffix(".jpg") + ".png" for name in tree)
    assert place.files() == wanted
    with page.expect_download() as told:
        page.get_by_role("button", name="Zip all").click()
    assert names_in(Path(told.value.path())) == wanted
    daemon.stop()
    assert len(daemon.told("job.finished")) == len(tree)


def names_in(path: Path) -> list[str]:
    """Return the names of a zip's files, all of which are whole."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return sorted(archive.namelist())


@pytest.mark.full
def test_an_upload_that_is_cut_leaves_nothing_and_goes_again(place: Workplace, tabs: Tabs) -> None:
    """Off the network at half of it, or with the browser closed, no file and no temporary stays."""
    daemon, at = with_page(place, quick=False)
    large = source(place, "large.jpg", picture() + bytes(LARGE))
    with wired(at.address) as wire:
        page = tabs.open(wire.address)
        wire.stuck = DROP
        drop(page, large)
        begun(place.inbox)
        expect(card(page, "large.jpg").locator(".state")).to_contain_text("sending")
        assert not (place.inbox / "large.jpg").exists()
        wire.snap()
        states(page, "refused", "large.jpg")
        expect(card(page, "large.jpg")).to_contain_text("nothing of it was kept")
        wait_for(lambda: not temporaries(place.inbox))
        assert not place.files(place.inbox)
        wire.mend()
        card(page, "large.jpg").get_by_role("button", name="Retry").click()
        states(page, "done", "large.jpg")
        assert (place.inbox / "large.jpg").read_bytes() == large.read_bytes()

        wire.cut()
        expect(page.locator("#banner")).to_contain_text("server does not answer")
        drop(page, source(place, "later.jpg", number=1))
        states(page, "refused", "later.jpg")
        wire.mend()  # it goes by itself once the server is heard again
        states(page, "done", "later.jpg")

        wire.stuck = DROP
        drop(page, source(place, "other.jpg", picture(number=2) + bytes(LARGE)))
        begun(place.inbox)
        page.close()
        wait_for(lambda: not temporaries(place.inbox))
        assert place.files(place.inbox) == ["large.jpg", "later.jpg"]
    daemon.stop()
    assert len(daemon.told("job.finished")) == 2


@pytest.mark.full
def test_pictures_are_chosen_on_the_empty_page(place: Workplace, tabs: Tabs) -> None:
    """A click on the empty page, as on its button, asks for files; what is chosen is cut."""
    _, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    expect(page.locator("#into select")).to_be_visible()
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Drop photographs or folders").click()
    chooser.value.set_files(source(place, "chosen.jpg"))
    states(page, "done", "chosen.jpg")


@pytest.mark.full
@pytest.mark.parametrize("where", ["this machine", "the network"])
def test_a_picture_is_pasted(place: Workplace, tabs: Tabs, where: str) -> None:
    """What is in the clipboard is sent under a name of its own, and is cut.

    Also where the page has come by plain http from a network: no secure context, no clipboard API.
    """
    listen = "0.0.0.0:0" if where == "the network" else "127.0.0.1:0"
    daemon, at = with_page(place, quick=False, listen=listen, auth="none")
    here = at.address.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    tabs.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=here)
    page = tabs.open(here)
    page.evaluate(
        """async (bytes) => {
            const blob = new Blob([new Uint8Array(bytes)], { type: "image/png" });
            await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }""",
        list(picture("a.png")),
    )
    if where == "the network":
        page = tabs.open(here.replace("127.0.0.1", address_in_the_network()))
        assert not page.evaluate("isSecureContext")
    expect(page.locator("#into select")).to_be_visible()
    page.keyboard.press("Control+v")
    expect(page.locator("#summary")).to_have_text("1 done")
    (name,) = place.files(place.inbox)
    assert name.startswith("pasted-")
    with Image.open(io.BytesIO(picture("a.png"))) as one, Image.open(place.inbox / name) as other:
        assert one.convert("RGB").tobytes() == other.convert("RGB").tobytes()
    daemon.stop()

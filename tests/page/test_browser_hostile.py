"""What no page should choke on, in a real browser: no pictures, bombs, awkward names."""

import glob
import json

import pytest
from end_to_end.driver import Workplace, picture
from end_to_end.pages import with_page
from playwright.sync_api import expect

from .browser import Tabs, card, downloaded, drop, opened, source, states
from .test_previews import bomb

MARKUP = "<img src=x onerror=document.title='taken'>.png"
QUOTED = "\"; x='1.png"
CLIMBING = "x..%2f..%2fx.jpg"  # as it stands, no code for anything
RESERVED = "CON.png"
LONGEST = "ä" * 125 + "x.jpg"  # 255 bytes
TURNED = "invoice-\u202egnp.jpg"  # is shown as invoice-gpj.png
DECOMPOSED = "Kaffeeka\u0308nnchen.png"
FOLDER = "<i>taken"
SHOWN = {  # under these names they lie in the inbox
    MARKUP: MARKUP,
    QUOTED: QUOTED,
    CLIMBING: CLIMBING,
    RESERVED: "CON_.png",
    LONGEST: "ä" * 93 + "~48ca8067.jpg",
    TURNED: "invoice-gnp.jpg",
    DECOMPOSED: "Kaffeekännchen.png",
}
# Puts a picture to an address as it is written here, and gives the status.
PUT = """async ([address, bytes]) => {
    const body = new Uint8Array(bytes);
    return (await fetch(address, { method: "PUT", body })).status;
}"""


@pytest.mark.full
def test_what_is_no_picture_gets_a_sentence(place: Workplace, tabs: Tabs) -> None:
    """Text named .jpg, empty, half, a bomb, over the limit: a sentence each; both processes live.

    Of what failed the card says what the journal, and so NAME.txt, says.
    """
    daemon, at = with_page(place, quick=False, limits={"file": "1536KiB"})
    page = tabs.open(at.address)
    drop(
        page,
        source(place, "text.jpg", b"Dear Sir or Madam"),
        source(place, "empty.png", b""),
        source(place, "large.jpg", picture() + bytes(2 << 20)),
        source(place, "half.png", picture("half.png")[:300]),
        source(place, "bomb.jpg", bomb()),
    )
    states(page, "refused", "text.jpg", "empty.png", "large.jpg")
    for name, words in (
        ("text.jpg", "text.jpg is no picture"),
        ("empty.png", "empty.png is empty."),
        ("large.jpg", "It is larger than 1.5 MiB"),
    ):
        expect(card(page, name).locator(".reason")).to_contain_text(words)
        expect(card(page, name).get_by_role("button", name="Retry")).to_be_hidden()
    states(page, "failed", "half.png", "bomb.jpg")
    failed = {entry.path: entry.reason for entry in place.entries()}
    assert failed.keys() == {"half.png", "bomb.jpg"}
    assert "megapixels" in failed["bomb.jpg"]
    for name, reason in failed.items():
        for sentence in reason.splitlines():
            expect(card(page, name).locator(".reason")).to_contain_text(sentence)
        (told,) = place.outbox.rglob(f"{name}.txt")
        assert reason.splitlines()[0] in told.read_text()
        card(page, name).locator(".open").click()  # there is no picture of it to be seen
        expect(page.locator("#v-state")).to_contain_text(reason.splitlines()[0])
        page.keyboard.press("Escape")
    drop(page, source(place, "good.jpg"))
    states(page, "done", "good.jpg")
    assert place.files(place.inbox) == ["bomb.jpg", "good.jpg", "half.png"]
    assert not daemon.told("page.died")
    assert not at.is_gone()
    daemon.stop()


@pytest.mark.full
def test_awkward_names_are_text(place: Workplace, tabs: Tabs) -> None:
    """Markup in a name is shown and not done; each lies in the inbox, by a name that harms nobody.

    Nothing is reported against the content policy, here as in all tests (see `Tabs.check`).
    """
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    drop(page, *(source(place, sent, picture(f"a{sent[-4:]}")) for sent in SHOWN))
    source(place, f"{FOLDER}/plain.jpg", picture(number=1))
    drop(page, place.folder / "pictures" / FOLDER)
    names = [*SHOWN.values(), "plain.jpg"]
    states(page, "done", *names)
    assert place.files(place.inbox) == sorted([*SHOWN.values(), f"{FOLDER}/plain.jpg"])
    for name in names:
        opened(page, name)
        expect(page).to_have_title("scissorsd")
        expect(page.locator("img[src=x]")).to_have_count(0)
        expect(page.locator("i", has_text="taken")).to_have_count(0)
        (cutout,) = place.outbox.rglob(f"{glob.escape(name.rpartition('.')[0])}.png")
        assert downloaded(page)[1] == cutout.read_bytes()
        page.keyboard.press("Escape")
    assert json.loads(place.ask("status", "--json"))["page"]["address"] == at.address
    daemon.stop()


@pytest.mark.full
def test_no_address_leads_out_of_the_inbox(place: Workplace, tabs: Tabs) -> None:
    """What a script of the page could ask for: dots and encoded slashes stay in the inbox."""
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    before = everything(place)
    for address, status in (
        ("api/v1/drops/shop/..%2f..%2fa.jpg", 201),
        ("api/v1/drops/shop/..%5c..%5cb.jpg", 201),
        ("api/v1/drops/shop/deep/%2e%2e/%2e%2e/%2e%2e/c.jpg", 404),  # the browser takes these away
        ("api/v1/drops/..%2f..%2fstate/d.jpg", 404),
        ("api/v1/drops/%2e%2e/e.jpg", 404),
        ("api/v1/drops/shop/%00.jpg", 400),
    ):
        assert page.evaluate(PUT, [address, list(picture())]) == status, address
    daemon.finished("a.jpg", "b.jpg")
    assert everything(place) - before <= {"inbox/a.jpg", "inbox/b.jpg"}
    daemon.stop()


def everything(place: Workplace) -> set[str]:
    """Return every picture below the workplace, but the cutouts."""
    return {path for path in place.files(place.folder) if path.endswith(".jpg")}

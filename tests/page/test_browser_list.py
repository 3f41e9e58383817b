"""The list in a real browser stays true, whatever dies beside it."""

import http.client
import json
from collections import Counter
from urllib.parse import urlsplit

import pytest
from end_to_end.driver import Workplace, picture, wait_for
from end_to_end.pages import page_of, temporaries, with_page
from end_to_end.scenes import Gate
from PIL import Image
from playwright.sync_api import Page, expect

from .browser import Tabs, drop, free_port, states
from .wire import EVENTS, wired

COUNT = 40
AT_ONCE = {"SCISSORSD_SECONDS": "PAGE_FIRST_PAUSE=0.05,PAGE_LONGEST_PAUSE=0.1"}


def listed(address: str) -> Counter[tuple[str, str]]:
    """Ask the page for every picture and its state."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=300)
    connection.request("GET", "/api/v1/pictures?limit=200")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return Counter((card["path"], card["state"]) for card in answer["pictures"])


def ended(page: Page) -> None:
    """Wait until a tab tells that all are done."""
    expect(page.locator("#summary")).to_have_text(f"{COUNT} done")


@pytest.mark.full
def test_the_list_ends_the_same_whatever_dies(place: Workplace, tabs: Tabs) -> None:
    """Reload in the middle, a second tab, page killed, daemon killed: all done, none twice."""
    gate = Gate(place)
    place.configure({"name": "all", "outputs": [{"kind": "cutout"}, gate.flat]})
    listen = f"127.0.0.1:{free_port()}"
    first, at = with_page(place, variables=AT_ONCE, quick=False, listen=listen)
    gate.shut()
    folder = place.folder / "pictures"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number}.jpg").write_bytes(picture(number=number))
    one = tabs.open(at.address)
    drop(one, folder)
    middle = f"0 done · {COUNT} to go"
    expect(one.locator("#summary")).to_contain_text(middle)
    gate.wait()  # a worker has the first in hand
    wait_for(lambda: len(place.files(place.inbox)) == COUNT and not temporaries(place.inbox))
    expect(one.locator("#list")).not_to_contain_text("sending")
    one.on("dialog", lambda dialog: dialog.accept())
    one.reload()
    two = tabs.open(at.address)
    for page in (one, two):
        expect(page.locator("#summary")).to_contain_text(middle)
    at.kill()
    page_of(first, times=2)
    for page in (one, two):
        expect(page.locator("#summary")).to_contain_text(middle)
    first.kill()
    expect(one.locator("#banner")).to_be_visible()
    Image.new("RGB", (8, 8), "navy").save(gate.path.with_name("again.png"))
    gate.path.with_name("again.png").replace(gate.path)
    daemon = place.start(variables=AT_ONCE)
    for page in (one, two):
        ended(page)
        expect(page.locator("#banner")).to_be_hidden()
    wanted = Counter({(f"pictures/{number}.jpg", "done"): 1 for number in range(COUNT)})
    assert listed(at.address) == wanted
    daemon.stop()
    assert len(place.entries()) == COUNT
    assert len([path for path in place.files() if path.endswith(".png")]) == COUNT


@pytest.mark.full
def test_states_move_without_events(place: Workplace, tabs: Tabs) -> None:
    """Where a proxy holds events back for ever, what is dropped elsewhere is seen all the same."""
    daemon, at = with_page(place, quick=False)
    with wired(at.address) as wire:
        wire.deaf = EVENTS
        page = tabs.open(wire.address)
        expect(page.get_by_role("heading", name="Drop photographs or folders")).to_be_visible()
        place.put("share.jpg")
        states(page, "done", "share.jpg")
        (place.folder / "mug.jpg").write_bytes(picture(number=1))
        drop(page, place.folder / "mug.jpg")
        states(page, "done", "mug.jpg")
        (place.inbox / "half.png").write_bytes(picture("half.png")[:300])
        states(page, "failed", "half.png")
        expect(page.locator("#n-failed")).to_have_text("1")
    daemon.stop()

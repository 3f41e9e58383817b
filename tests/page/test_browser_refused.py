"""Drops that cannot be taken now, in a real browser: what is said, and that they go on later."""

import pytest
from end_to_end.driver import Workplace, picture, wait_for
from end_to_end.mounts import Mounts, needs_mounts
from end_to_end.pages import with_page
from playwright.sync_api import Page, expect

from .browser import Tabs, card, drop, source, states

LARGE = 16 << 20  # bytes: more than sockets hold

pytestmark = pytest.mark.full


def refused(page: Page, name: str, *sentences: str) -> None:
    """Wait until a drop is refused, in these words."""
    states(page, "refused", name)
    for sentence in sentences:
        expect(card(page, name).locator(".reason")).to_contain_text(sentence)


def again(page: Page, name: str) -> None:
    """Send a drop again, and wait until it is cut."""
    card(page, name).get_by_role("button", name="Retry").click()
    states(page, "done", name)


def test_a_folder_that_is_skipped_takes_no_drops(place: Workplace, tabs: Tabs) -> None:
    """What a rule skips is no place to drop on; a folder of that name is refused in words.

    Nothing is written, however large it is; what lies beside it is cut.
    """
    place.configure({"name": "drafts", "match": "drafts/**", "skip": True}, {"name": "all"})
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    closed = page.get_by_label("Where drops go").locator("option:disabled")
    expect(closed).to_have_text(["shop / drafts"])
    source(place, "drafts/small.jpg")
    source(place, "drafts/large.jpg", picture() + bytes(LARGE))
    drop(page, place.folder / "pictures" / "drafts", source(place, "good.jpg"))
    for name in ("small.jpg", "large.jpg"):
        refused(page, name, f"drafts/{name}: ", "skip", "Nothing was sent.")
    states(page, "done", "good.jpg")
    assert place.files(place.inbox) == ["good.jpg"]
    daemon.stop()


@needs_mounts
def test_an_inbox_that_is_away_takes_drops_once_it_is_back(
    place: Workplace, tabs: Tabs, mounts: Mounts
) -> None:
    """Its mount is gone: the card says so and nothing is put beneath; back, the same drop works."""
    share = place.folder / "share"
    share.mkdir()
    mounts.bind(share, place.inbox)
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    expect(page.get_by_label("Where drops go")).to_be_visible()
    mounts.unmount(place.inbox)
    daemon.wait("inbox.away", inbox="shop")
    drop(page, source(place, "mug.jpg"))
    refused(page, "mug.jpg", "is away", "gone", "Try again once it is back")
    expect(page.locator("#banner")).to_contain_text("gone")
    assert place.files(place.inbox) == place.files(share) == []
    mounts.bind(share, place.inbox)
    daemon.wait("inbox.back")
    expect(page.locator("#banner")).to_be_hidden()  # the page has heard of it, too
    again(page, "mug.jpg")
    assert place.files(share) == ["mug.jpg"]
    daemon.stop()


@needs_mounts
def test_a_disk_without_room_takes_drops_once_there_is_some(
    place: Workplace, tabs: Tabs, mounts: Mounts
) -> None:
    """The disk of the inbox is full: the card says so; with room again the same drop works."""
    mounts.tmpfs(place.inbox, size="8m")
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    drop(page, source(place, "mug.jpg"))
    refused(page, "mug.jpg", "The disk of the inbox", "Make room")
    assert place.files(place.inbox) == []
    mounts.remount(place.inbox, "size=2g")
    again(page, "mug.jpg")
    daemon.stop()


def test_a_disk_that_fills_up_in_the_midst_of_a_drop(place: Workplace, tabs: Tabs) -> None:
    """There was room when it began: it is said, nothing of it stays, and the same drop works."""
    fault = {"SCISSORSD_FAULTS": "drop.write=ENOSPC@3"}
    daemon, at = with_page(place, variables=fault, quick=False)
    page = tabs.open(at.address)
    drop(page, source(place, "large.jpg", picture() + bytes(LARGE)))
    refused(page, "large.jpg", "There is no room in the inbox 'shop'", "then send it again")
    wait_for(lambda: not place.files(place.inbox))
    again(page, "large.jpg")
    daemon.stop()

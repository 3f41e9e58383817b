"""Decisions of a review that are taken back by touch, or while the server is away."""

from collections.abc import Iterator

import pytest
from end_to_end.driver import Workplace, wait_for
from end_to_end.pages import with_page
from playwright.sync_api import Browser, Page, expect

from .browser import PHONE, Tabs
from .test_browser_review import nothing
from .wire import wired


@pytest.fixture
def tabs(browser: Browser) -> Iterator[Tabs]:
    """Open tabs on a phone."""
    opened = Tabs(browser, viewport=PHONE, has_touch=True)
    yield opened
    opened.context.close()
    opened.check()


def reviewing(page: Page) -> None:
    """Look at the one picture that waits for review."""
    page.get_by_role("link", name="Review").tap()
    page.get_by_role("button", name="Review one by one").tap()
    expect(page.locator("#v-name")).to_have_text("nothing.png")


def test_the_last_decision_is_taken_back_by_touch(place: Workplace, tabs: Tabs) -> None:
    """After it nothing is left to be reviewed, and no button says so; Undo brings it back."""
    place.configure({"name": "all", "when_no_subject": "review"})
    daemon, at = with_page(place, quick=False)
    place.put("nothing.png", nothing())
    daemon.finished("nothing.png")
    page = tabs.open(at.address)
    reviewing(page)
    page.get_by_role("button", name="Reject").tap()
    expect(page.locator("#none")).to_have_text("Nothing waits for review.")
    expect(page.get_by_role("button", name="Review one by one")).to_have_count(0)
    page.get_by_role("button", name="Undo").tap()
    expect(page.locator("#v-name")).to_have_text("nothing.png")
    page.get_by_role("button", name="Close").first.tap()
    assert not list(place.outbox.rglob("rejected/*"))
    daemon.stop()


@pytest.mark.full
def test_a_decision_while_the_server_is_away_is_sent_later(place: Workplace, tabs: Tabs) -> None:
    """It is told that it waits to be sent; it is, once the server is heard again."""
    place.configure({"name": "all", "when_no_subject": "review"})
    daemon, at = with_page(place, quick=False)
    place.put("nothing.png", nothing())
    daemon.finished("nothing.png")
    with wired(at.address) as wire:
        page = tabs.open(wire.address)
        reviewing(page)
        wire.cut()
        page.get_by_role("button", name="Reject").tap()
        expect(page.locator("#banner")).to_contain_text("1 decision waits to be sent")
        wire.mend()
        wait_for(lambda: list(place.outbox.rglob("rejected/nothing.png")))
        expect(page.locator("#banner")).to_be_hidden()
    daemon.stop()

"""The whole journey without a mouse, in a real browser."""

import pytest
from end_to_end.driver import Workplace, picture
from end_to_end.pages import with_page
from playwright.sync_api import Locator, Page, expect

from .browser import Tabs, looked_at, source, states

MOST = 60  # presses of Tab: more than there are places to stop at


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus."""
    for _ in range(MOST):
        if wanted.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never comes to {wanted}")


@pytest.mark.full
def test_the_whole_journey_without_a_mouse(place: Workplace, tabs: Tabs) -> None:
    """Choose where to, add pictures, go along the cards, compare, download, close, see why."""
    place.configure({"name": "shoes", "match": "shoes/**"}, {"name": "all"})
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    page.on("filechooser", lambda _: None)  # so that Playwright sees the first one, too
    where = page.get_by_label("Where drops go")
    expect(where).to_be_visible()
    tab_to(page, where)
    page.keyboard.press("End")
    expect(where).to_have_value("shop/shoes")
    add = page.get_by_role("button", name="Add pictures")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    tab_to(page, add)
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files([source(place, f"{n}.jpg", picture(number=n)) for n in range(3)])
    names = ["0.jpg", "1.jpg", "2.jpg"]
    states(page, "done", *names)
    assert place.files(place.inbox) == [f"shoes/{name}" for name in names]
    first = page.locator(".card .open").first
    tab_to(page, first)
    page.keyboard.press("End")
    last = page.locator(".card", has=page.locator(":focus")).locator(".name")
    name = last.inner_text()
    page.keyboard.press("Enter")
    looked_at(page, name)
    slider = page.get_by_role("slider", name="Before and after")
    tab_to(page, slider)
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "0 % before")
    with page.expect_download() as told:
        page.keyboard.press("d")
    assert told.value.suggested_filename == name.replace(".jpg", ".png")
    why = page.get_by_text("How it came about")
    tab_to(page, why)
    page.keyboard.press("Enter")
    expect(page.locator("#v-why")).to_contain_text("shoes")
    page.keyboard.press("Escape")
    expect(page.locator(".card .open:focus .name")).to_have_text(name)
    is_first = first.locator(".name").inner_text() == name  # if the order has changed meanwhile
    page.keyboard.press("ArrowRight" if is_first else "ArrowLeft")
    expect(page.locator(".card .open:focus .name")).not_to_have_text(name)
    daemon.stop()

"""Four hundred pictures that are dropped at once, in a real browser."""

from collections.abc import Callable
from typing import Any

import pytest
from end_to_end.driver import Workplace
from end_to_end.pages import with_page
from playwright.sync_api import expect

from .browser import Tabs, drop, source

COUNT = 400
AT_ONCE = 3
# Watches from within: how many uploads are in flight, what the summary tells, how long tasks take.
WATCH = """(() => {
    const seen = (window.seen = { flying: 0, most: 0, odd: [], longest: 0 });
    const { open } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.open = function (...how) {
        seen.most = Math.max(seen.most, ++seen.flying);
        this.addEventListener("loadend", () => seen.flying--);
        return open.apply(this, how);
    };
    const told = /([\\d,]+) (?:done|failed|held|not sent|to go)/g; // to review: is done, too
    const look = () => {
        const words = document.getElementById("summary").textContent;
        const counts = [...words.matchAll(told)].map(([, count]) => Number(count.replace(",", "")));
        const total = counts.reduce((one, other) => one + other, 0);
        if (total !== COUNT && (total || seen.begun)) seen.odd.push(words);
        if (total) seen.begun = true;
    };
    addEventListener("DOMContentLoaded", () => {
        const how = { childList: true, characterData: true, subtree: true };
        new MutationObserver(look).observe(document.getElementById("summary"), how);
    });
    new PerformanceObserver((list) => {
        const took = list.getEntries().map(({ duration }) => duration);
        seen.longest = Math.max(seen.longest, ...took);
    }).observe({ type: "longtask" });
})();""".replace("COUNT", str(COUNT))


@pytest.mark.full
def test_the_counts_add_up_at_every_moment(
    place: Workplace, tabs: Tabs, record_property: Callable[[str, Any], None]
) -> None:
    """Never are more than three on their way, and never is one counted twice, or not at all.

    In the end all are in the list, of which only what is on the screen exists.
    """
    daemon, at = with_page(place, quick=False)
    for number in range(COUNT):
        source(place, f"{number}.jpg", number=number)
    tabs.context.add_init_script(WATCH)
    page = tabs.open(at.address)
    drop(page, place.folder / "pictures")
    expect(page.locator("#summary")).to_have_text(f"{COUNT} done")
    page.locator(".card .open").first.focus()
    for number in range(100, COUNT + 1, 100):  # the list is read on as one comes to its end
        expect(page.locator(".card").first).to_have_attribute("aria-setsize", str(number))
        page.keyboard.press("End")
        expect(page.locator(".card:focus-within")).to_have_attribute("aria-posinset", str(number))
    seen = page.evaluate("seen")
    record_property("longest_task_ms", seen["longest"])  # benchmarks/page_costs.py measures it
    assert sorted(set(seen["odd"])) == []
    assert (seen["flying"], seen["most"]) == (0, AT_ONCE)
    assert len(place.files()) == COUNT
    daemon.stop()
    assert len(daemon.told("job.finished")) == COUNT

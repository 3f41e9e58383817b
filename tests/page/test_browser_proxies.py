"""The page below a path of nginx or Caddy, in a real browser."""

import filecmp
import os
from urllib.parse import urlsplit

import pytest
from end_to_end.driver import Workplace, picture
from end_to_end.pages import with_page
from playwright.sync_api import Browser, expect

from .browser import Tabs, downloaded, drop, opened, source, states
from .proxies import PREFIX, Kind, before

LARGE = 200 << 20  # bytes
KINDS = [
    Kind("nginx", strips=True),
    Kind("nginx", strips=False),
    Kind("caddy", strips=True),
    Kind("caddy", strips=False),
    Kind("caddy", strips=True, https=True),
]
# Gives the first that comes of the events: what is held back comes in large pieces, or never.
FIRST_PIECE = """async () => {
    const answer = await fetch("api/v1/events");
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await reader.read();
    reader.cancel();
    return value;
}"""
LISTEN = """() => {
    const events = new EventSource("api/v1/events");
    const heard = (name) => new Promise((done) => events.addEventListener(name, () => done(true)));
    window.changed = heard("changed");
    return heard("standing");
}"""


def name_of(kind: Kind) -> str:
    """Tell a kind in the name of its test."""
    ways = ["strips" if kind.strips else "leaves", *(["https"] if kind.https else [])]
    return "-".join([kind.program, *ways])


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_the_page_below_a_path_of_a_proxy(place: Workplace, browser: Browser, kind: Kind) -> None:
    """The key, its cookie, events as they happen, a drop of 200 MB, a download: all below a path.

    The proxy is configured as docs/page.md says, with the prefix stripped and not.
    """
    daemon, at = with_page(
        place,
        quick=False,
        auth="key",
        proxies=["127.0.0.1"],
        path=kind.path,
        limits={"file": "256MiB"},
    )
    key = (place.state / "page.key").read_text().strip()
    with before(kind, urlsplit(at.address).netloc, place.folder / "proxy") as origin:
        tabs = Tabs(browser, ignore_https_errors=True)
        here = f"{origin}{PREFIX}/"
        page = tabs.open(f"{here}#key={key}")
        expect(page.get_by_role("heading", name="Drop photographs or folders")).to_be_visible()
        expect(page).to_have_url(here)
        (cookie,) = tabs.context.cookies()
        assert cookie["path"] == PREFIX
        assert cookie["secure"] == kind.https
        first = page.evaluate(FIRST_PIECE)
        assert first.startswith("event: standing")
        assert first.count("event: ") == 1
        assert page.evaluate(LISTEN)
        place.put("share.jpg")
        assert page.evaluate("window.changed")
        states(page, "done", "share.jpg")
        large = source(place, "large.jpg", picture(number=1))
        os.truncate(large, LARGE)
        drop(page, large)
        states(page, "done", "large.jpg")
        assert filecmp.cmp(large, place.inbox / "large.jpg", shallow=False)
        opened(page, "large.jpg")
        assert downloaded(page)[1] == (place.outbox / "large.png").read_bytes()
        page.goto(here.rstrip("/"))
        expect(page).to_have_url(here)
        states(page, "done", "share.jpg")
        tabs.context.close()
        tabs.check()
    daemon.stop()

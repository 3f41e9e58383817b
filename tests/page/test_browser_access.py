"""Who gets in, as a real browser does it: the key in the address, and pages from elsewhere."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from end_to_end.driver import Workplace, picture
from end_to_end.pages import with_page
from playwright.sync_api import expect

from .browser import Tabs, drop, states

EVIL = "127.0.0.2"  # this machine, and for a browser another site
FORM = '<!doctype html><form method="post" action="{}"><button>Win a prize</button></form>'
PICTURE = '<!doctype html><img alt="there" src="{}">'


@contextmanager
def elsewhere(text: str) -> Iterator[str]:
    """Serve a page of another site; give its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer((EVIL, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{EVIL}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_key_in_the_address_opens_the_page_and_leaves_the_address_bar(
    place: Workplace, tabs: Tabs
) -> None:
    """`#key=` becomes a cookie that no script reads, good for other tabs; a wrong key does not."""
    daemon, at = with_page(place, auth="key", quick=False)
    key = (place.state / "page.key").read_text().strip()
    page = tabs.open(at.address)
    expect(page.get_by_role("heading", name="This page asks for its key")).to_be_visible()
    page.get_by_label("Key").fill(key[::-1])
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_contain_text("not the key of this page")
    assert not tabs.context.cookies()
    page.close()
    page = tabs.open(f"{at.address}#key={key}")
    expect(page.get_by_role("heading", name="Drop photographs or folders")).to_be_visible()
    expect(page).to_have_url(at.address)
    (cookie,) = tabs.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert key not in cookie["value"]
    assert page.evaluate("document.cookie") == ""
    (place.folder / "mug.jpg").write_bytes(picture())
    drop(page, place.folder / "mug.jpg")
    states(page, "done", "mug.jpg")
    states(tabs.open(at.address), "done", "mug.jpg")
    assert not [url for url in tabs.asked if key in url.partition("#")[0]]
    daemon.stop()
    assert key not in daemon.transcript()


@pytest.mark.full
def test_a_page_from_elsewhere_can_do_and_see_nothing(place: Workplace, tabs: Tabs) -> None:
    """A form of another site is refused in words, and a picture is not shown to it."""
    daemon, at = with_page(place, quick=False)
    place.put("a.jpg")
    daemon.finished("a.jpg")
    picture_at = f"{at.address}api/v1/pictures/shop/a.jpg"
    tabs.open(at.address).close()  # it is open in this browser
    with elsewhere(FORM.format(f"{picture_at}/redo")) as evil:
        page = tabs.open(evil)
        page.get_by_role("button", name="Win a prize").click()
        expect(page.get_by_role("heading", name="This page may not be opened")).to_be_visible()
        expect(page.locator("main")).to_contain_text("Another page in this browser asked for this")
        expect(page.locator("main")).to_contain_text("Open this page itself and do it there.")
    with elsewhere(PICTURE.format(f"{picture_at}/before")) as evil:
        image = tabs.open(evil).get_by_role("img")
        expect(image).to_have_js_property("complete", value=True)
        expect(image).to_have_js_property("naturalWidth", value=0)
    daemon.stop()
    assert len(daemon.told("job.finished")) == 1

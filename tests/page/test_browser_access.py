"""Who gets in, as a real browser does it: the key in the address, and pages from elsewhere."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from end_to_end.driver import Workplace, picture
from end_to_end.pages import page_of, with_page
from playwright.sync_api import expect

from .browser import EVIL_NAME, Tabs, address_in_the_network, drop, states

EVIL = "127.0.0.2"  # this machine, and for a browser another site
FORM = '<!doctype html><form method="post" action="{}"><button>Win a prize</button></form>'
PICTURE = '<!doctype html><img alt="there" src="{}">'
WRONG_KEYS = 11
# What a page from elsewhere may try: each gives how it ended.
TRIES = """async ([address, bytes]) => {
    const body = new Uint8Array(bytes);
    const tries = [
        [`${address}/drops/shop/evil.jpg`, { method: "PUT", mode: "no-cors", body }],
        [`${address}/drops/shop/evil.jpg`, { method: "PUT", body }],
        [`${address}/pictures/shop/a.jpg/redo`, { method: "POST", mode: "no-cors", body: "{}" }],
        [`${address}/pictures`, {}],
        [`${address}/pictures`, { mode: "no-cors" }],
    ];
    return Promise.all(tries.map(([to, how]) => fetch(to, how).then(
        (answer) => `${answer.type} ${answer.status}`, (fault) => fault.name)));
}"""


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
    expect(page.locator("code")).to_have_text(["scissorsd page key"] * 2)  # and no backtick
    expect(page.locator("main")).not_to_contain_text("`scissorsd")
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
    """A form of another site is refused in words; a picture is not shown to it; it drops none."""
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
        page = tabs.open(evil)
        image = page.get_by_role("img")
        expect(image).to_have_js_property("complete", value=True)
        expect(image).to_have_js_property("naturalWidth", value=0)
        ended = page.evaluate(TRIES, [f"{at.address}api/v1", list(picture(number=1))])
        assert len(ended) == 5
        assert set(ended) <= {"TypeError", "opaque 0"}  # nothing of an answer is seen
    daemon.wait("page.kept_out")
    assert place.files(place.inbox) == ["a.jpg"]
    daemon.stop()
    assert len(daemon.told("job.finished")) == 1


@pytest.mark.full
def test_somebody_s_own_name_for_this_machine_is_told_what_to_do(
    place: Workplace, tabs: Tabs
) -> None:
    """A name that points here is refused with the line that lets it in, and so are its scripts."""
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address.replace("127.0.0.1", EVIL_NAME))
    expect(page.get_by_role("heading", name="This page may not be opened")).to_be_visible()
    expect(page.locator("main")).to_contain_text(f"asked for as {EVIL_NAME}")
    expect(page.locator("main")).to_contain_text(f"hosts: [{EVIL_NAME}]")
    script = "async () => (await fetch('api/v1/pictures')).status"
    assert page.evaluate(script) == 421
    daemon.stop()
    place.change_config(page={"listen": "127.0.0.1:0", "hosts": [EVIL_NAME], "quick": False})
    daemon = place.start()
    at = page_of(daemon)
    page = tabs.open(at.address.replace("127.0.0.1", EVIL_NAME))
    expect(page.get_by_role("heading", name="Drop photographs or folders")).to_be_visible()
    daemon.stop()


@pytest.mark.full
def test_who_guesses_keys_has_to_wait(place: Workplace, tabs: Tabs) -> None:
    """On every address of the machine a key is asked for; after eleven wrong ones, even the right.

    Who is in already stays in.
    """
    daemon, at = with_page(place, quick=False, listen="0.0.0.0:0")
    key = (place.state / "page.key").read_text().strip()
    here = at.address.replace("0.0.0.0", address_in_the_network())  # noqa: S104
    owner = tabs.open(f"{here}#key={key}")
    expect(owner.get_by_role("heading", name="Drop photographs or folders")).to_be_visible()
    expect(owner).to_have_url(here)
    guesser = Tabs(tabs.browser)
    page = guesser.open(here)
    expect(page.get_by_role("heading", name="This page asks for its key")).to_be_visible()
    alert = page.get_by_role("alert")
    for number in range(WRONG_KEYS):
        with page.expect_response("**/login"):
            page.get_by_label("Key").fill(f"wrong {number}")
            page.get_by_role("button", name="Open").click()
    expect(alert).to_contain_text("Too many wrong keys came from your address")
    expect(alert).to_contain_text("Try again in a minute.")
    page.get_by_label("Key").fill(key)
    with page.expect_response("**/login") as told:
        page.get_by_role("button", name="Open").click()
    assert told.value.status == 429
    assert not guesser.context.cookies()
    guesser.context.close()
    guesser.check()
    (place.folder / "mug.jpg").write_bytes(picture())
    drop(owner, place.folder / "mug.jpg")
    states(owner, "done", "mug.jpg")
    daemon.stop()

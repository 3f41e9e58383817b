"""Debian's Chromium at real pages: opens tabs, drops real files, and looks at what is shown.

What Playwright is told to wait for, it waits for; nothing here sleeps.
"""

import json
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from end_to_end.driver import DEADLINE, Workplace, picture
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
LANGUAGE = "en-GB"
LARGE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
EVIL_NAME = "evil.example"  # somebody's own name, which he lets point to this machine
_OWN = ("blob:", "data:")  # of these a page has asked nobody
_FORBIDDEN = ("Content Security Policy", "Trusted Type", "TrustedHTML", "TrustedScript")


def chromium_path() -> str | None:
    """Return where Chromium is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """Start Chromium."""
    expect.set_options(timeout=DEADLINE * 1000)
    arguments = [f"--host-resolver-rules=MAP {EVIL_NAME} 127.0.0.1"]
    arguments += ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class Tabs:
    """The tabs of a test, which share their cookies, and all that they have asked for and said."""

    def __init__(self, browser: Browser, **options: Any) -> None:  # noqa: ANN401 - Playwright's
        self.browser = browser
        self.context: BrowserContext = browser.new_context(
            **{"locale": LANGUAGE, "viewport": LARGE, "color_scheme": "light", **options}
        )
        self.context.set_default_timeout(DEADLINE * 1000)
        self.asked: list[str] = []  # addresses
        self.faults: list[str] = []
        self._origins: set[str] = set()
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.context.on("weberror", lambda fault: self.faults.append(str(fault.error)))
        self.context.on("console", lambda line: self._hear(line.text))

    def _hear(self, text: str) -> None:
        if any(word in text for word in _FORBIDDEN):
            self.faults.append(text)

    def open(self, address: str) -> Page:
        """Open an address in a new tab, as somebody does who has typed it."""
        self._origins.add(_origin(address))
        page = self.context.new_page()
        page.goto(address)
        return page

    def check(self) -> None:
        """See that the pages asked nobody but their own servers, and did nothing forbidden."""
        elsewhere = [url for url in self.asked if not url.startswith(_OWN)]
        elsewhere = [url for url in elsewhere if _origin(url) not in self._origins]
        assert not elsewhere
        assert not self.faults


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def address_in_the_network() -> str:
    """Return an address of this machine that is not for itself alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine is in no network")
        address: str = asked.getsockname()[0]
    return address


# --- dropping --------------------------------------------------------------------------------


def source(place: Workplace, name: str, content: bytes | None = None, *, number: int = 0) -> Path:
    """Write a picture as a person has it, elsewhere."""
    path = place.folder / "pictures" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(name, number=number) if content is None else content)
    return path


def drop(page: Page, *paths: Path, onto: str = "") -> None:
    """Drag files and folders from a file manager to the page, or to one of the tiles it shows."""
    expect(page.locator("#into select").first).to_be_visible()  # it knows where drops go
    devices = page.context.new_cdp_session(page)
    place = {"x": 400, "y": 400}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}

    def move(what: str) -> None:
        devices.send("Input.dispatchDragEvent", {"type": what, **place, "data": data})

    def hover() -> None:
        # Over another element than before, the first of them leaves that one, and the page waits
        # for a word that the drag is still there: a person's browser says so all the time.
        move("dragOver")
        move("dragOver")

    move("dragEnter")
    hover()
    expect(page.locator("#veil")).to_be_visible()
    if onto:
        box = page.locator(".tile", has_text=onto).bounding_box()
        assert box is not None
        place = {"x": int(box["x"] + box["width"] / 2), "y": int(box["y"] + box["height"] / 2)}
        hover()
    move("drop")
    expect(page.locator("#veil")).to_be_hidden()
    devices.detach()


# --- what is shown ---------------------------------------------------------------------------


def card(page: Page, name: str) -> Locator:
    """Return the card of a picture of exactly this name."""
    return page.locator(".card").filter(
        has=page.locator(f".name:text-is({json.dumps(name, ensure_ascii=False)})")
    )


def states(page: Page, state: str, *names: str) -> None:
    """Wait until the cards of these pictures show a state."""
    for name in names:
        expect(card(page, name)).to_have_attribute("data-state", state)


def opened(page: Page, name: str) -> Locator:
    """Open a picture in the viewer, and wait until both sides have been read."""
    card(page, name).locator(".open").click()
    return looked_at(page, name)


def looked_at(page: Page, name: str) -> Locator:
    """Wait until the viewer shows a picture, and both sides have been read; return the stage."""
    expect(page.locator("#v-name")).to_have_text(name)
    for side in ("before", "after"):
        loaded = f".{side} img[src]"
        expect(page.locator(f"#stage {loaded}")).to_have_js_property("complete", value=True)
    return page.locator("#stage")


def downloaded(page: Page, link: str = "Download") -> tuple[str, bytes]:
    """Download by a link of the viewer; return the name that it gets, and the bytes."""
    with page.expect_download() as told:
        page.locator("#v-links").get_by_text(link).first.click()
    return told.value.suggested_filename, Path(told.value.path()).read_bytes()


def pixels(image: Locator, *places: Sequence[float]) -> list[tuple[int, ...]]:
    """Return width and height of a picture as the browser has it, and its RGBA at places (0–1)."""
    found: list[list[int]] = image.evaluate(
        """async (image, places) => {
            await image.decode();
            const { naturalWidth: width, naturalHeight: height } = image;
            const drawn = new OffscreenCanvas(width, height).getContext("2d");
            drawn.drawImage(image, 0, 0);
            const at = ([x, y]) => drawn.getImageData(x * width, y * height, 1, 1).data;
            return [[width, height], ...places.map((place) => [...at(place)])];
        }""",
        [list(place) for place in places],
    )
    return [tuple(each) for each in found]

"""What axe-core finds of barriers on the page, in a real browser."""

import fcntl
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from end_to_end.driver import Workplace, picture
from end_to_end.pages import with_page
from end_to_end.scenes import Gate
from playwright.sync_api import Browser, Page, expect

from .browser import LARGE, PHONE, Tabs, card, looked_at, opened, states
from .test_browser_review import nothing

RELEASE = "4.14.1"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scissorsd-tests"
TALL = {**PHONE, "height": 2400}  # cards that are not on the screen do not exist
# Names what reaches over an edge of the screen, where nobody scrolls to, and words that do not fit.
CUT_OFF = """() => {
    const wide = document.documentElement.clientWidth;
    const root = document.querySelector("dialog[open]") ?? document.body;
    const isSeen = (one) => one.checkVisibility({ visibilityProperty: true })
        && !one.closest("#aloud, #stage, svg, .demo");
    const controls = [...root.querySelectorAll("a, button, select, input, summary, h1, h2, p")];
    const outside = controls.filter(isSeen).filter((one) => {
        const { left, right, width } = one.getBoundingClientRect();
        return width && (left < -1 || right > wide + 1);
    });
    const isCut = (one) => one.scrollWidth > one.clientWidth + 1 && one.matches("a, button");
    const cut = controls.filter(isSeen).filter((one) => isCut(one) && !one.matches(".open"));
    const words = (one) => one.textContent.slice(0, 40);
    const name = (one) => `${one.tagName} ${one.id} ${one.className} ${words(one)}`;
    const scrolled = document.documentElement.scrollWidth > wide + 1 ? ["the page scrolls"] : [];
    return [...scrolled, ...outside.map(name), ...cut.map(name)];
}"""
# Names what moves by itself or would glide from one look to another.
MOVING = """() => [...document.querySelectorAll("*")].filter((one) => {
    const { animationName, transitionDuration, scrollBehavior } = getComputedStyle(one);
    return animationName !== "none" || transitionDuration !== "0s" || scrollBehavior === "smooth";
}).map((one) => one.outerHTML.slice(0, 80)).concat(document.getAnimations().map(String))"""
LOOKS = [(scheme, size) for scheme in ("light", "dark") for size in (LARGE, PHONE)]

pytestmark = pytest.mark.full


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the script of axe-core, which npm fetches once."""
    npm = shutil.which("npm")
    path = CACHE / f"axe-core-{RELEASE}.js"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:  # of several processes one fetches it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            if npm is None:
                pytest.skip("there is no npm here, which fetches axe-core")
            fetch(npm, path)
    return path.read_text(encoding="utf-8")


def fetch(npm: str, path: Path) -> None:
    """Fetch axe-core; skip the test where that cannot be."""
    asked = [npm, "pack", "--silent", f"axe-core@{RELEASE}"]
    answer = subprocess.run(asked, cwd=CACHE, capture_output=True, text=True, check=False)
    archive = CACHE / f"axe-core-{RELEASE}.tgz"
    if answer.returncode or not archive.exists():
        pytest.skip(f"npm cannot fetch axe-core here: {answer.stderr.strip()[-200:]}")
    with tarfile.open(archive) as files:
        member = files.extractfile("package/axe.min.js")
        assert member is not None
        draft = path.with_suffix(".part")
        draft.write_bytes(member.read())
    draft.rename(path)
    archive.unlink()


def check(page: Page, axe: str, where: str) -> None:
    """See that axe-core finds no violation."""
    page.evaluate(axe)
    answer: dict[str, Any] = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    found = [
        f"{where}: {one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:4]]}"
        for one in answer["violations"]
    ]
    assert answer["passes"]  # it has looked
    assert not found


def enlarge(page: Page) -> None:
    """Set the size of text to 200 %, as somebody does in the browser's settings."""
    devices = page.context.new_cdp_session(page)
    devices.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
    expect(page.locator("html")).to_have_css("font-size", "32px")


def check_room(page: Page, where: str) -> None:
    """See that nothing is cut off, or lies beside the screen."""
    cut_off = page.evaluate(CUT_OFF)
    assert not cut_off, (where, cut_off)


Look = Callable[[Page, str], None]


def journey(place: Workplace, page: Page, look: Look) -> None:
    """Go through every state of the page, and look at each."""
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#into select")).to_be_visible()
    look(page, "empty")
    place.put("broken.jpg", b"Dear Sir or Madam")  # each by itself: the newest is on the screen
    states(page, "failed", "broken.jpg")
    place.put("nothing.png", nothing())
    states(page, "review", "nothing.png")
    place.put("good.jpg", picture())
    states(page, "done", "good.jpg")
    expect(card(page, "good.jpg").locator("img")).to_be_visible()
    look(page, "queue")
    opened(page, "good.jpg")
    look(page, "viewer")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Review").click()
    expect(page.locator(".card .name")).to_have_text(["nothing.png"])
    look(page, "list of review")
    page.get_by_role("button", name="Review one by one").click()
    looked_at(page, "nothing.png")
    page.keyboard.press("m")
    look(page, "review")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Failed").click()
    expect(page.locator(".card .name")).to_have_text(["broken.jpg"])
    look(page, "failed")
    page.get_by_role("navigation").get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Inboxes")).to_be_visible()
    look(page, "settings")


@pytest.mark.parametrize(("scheme", "size"), LOOKS, ids=lambda x: x if isinstance(x, str) else "")
def test_there_are_no_barriers(
    place: Workplace, browser: Browser, axe: str, scheme: str, size: dict[str, int]
) -> None:
    """No violation: empty, the queue, the viewer, review, failed, settings; light, dark, small."""
    place.configure({"name": "all", "outputs": [{"kind": "cutout"}, {"kind": "mask"}]})
    daemon, at = with_page(place, quick=False)
    tabs = Tabs(browser, color_scheme=scheme, viewport=size, reduced_motion="reduce")
    journey(place, tabs.open(at.address), lambda page, where: check(page, axe, where))
    tabs.context.close()
    tabs.check()
    daemon.stop()


@pytest.mark.parametrize("size", [LARGE, TALL], ids=["large", "phone"])
def test_text_of_200_percent(
    place: Workplace, browser: Browser, axe: str, size: dict[str, int]
) -> None:
    """In every state nothing is cut off or lies beside the screen, and axe-core finds nothing."""
    daemon, at = with_page(place, quick=False)
    tabs = Tabs(browser, viewport=size, reduced_motion="reduce")
    page = tabs.open(at.address)
    enlarge(page)

    def look(page: Page, where: str) -> None:
        check_room(page, where)
        check(page, axe, where)

    journey(place, page, look)
    tabs.context.close()
    tabs.check()
    daemon.stop()


def test_nothing_moves_for_who_wants_no_motion(place: Workplace, browser: Browser) -> None:
    """Where motion is to be reduced no style has any, while a picture is cut least of all."""
    gate = Gate(place)
    place.configure({"name": "all", "outputs": [{"kind": "cutout"}, gate.flat]})
    daemon, at = with_page(place, quick=False)
    gate.shut()
    place.put("first.jpg")
    gate.wait()  # a worker has it in hand
    moving = {}
    for motion in ("reduce", "no-preference"):
        tabs = Tabs(browser, reduced_motion=motion)
        page = tabs.open(at.address)
        states(page, "cutting", "first.jpg")
        moving[motion] = page.evaluate(MOVING)
        tabs.context.close()
        tabs.check()
    assert moving["reduce"] == []
    assert moving["no-preference"]  # the test sees what moves
    gate.open()
    daemon.finished("first.jpg")
    tabs = Tabs(browser, reduced_motion="reduce")
    page = tabs.open(at.address)
    opened(page, "first.jpg")
    assert page.evaluate(MOVING) == []
    tabs.context.close()
    daemon.stop()

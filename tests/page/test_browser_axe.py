"""What axe-core finds of barriers on the page, in a real browser."""

import fcntl
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from end_to_end.driver import Workplace, picture
from end_to_end.pages import with_page
from playwright.sync_api import Browser, Page, expect

from .browser import LARGE, PHONE, Tabs, card, looked_at, opened, states
from .test_browser_review import nothing

RELEASE = "4.14.1"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scissorsd-tests"
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


@pytest.mark.parametrize(("scheme", "size"), LOOKS, ids=lambda x: x if isinstance(x, str) else "")
def test_there_are_no_barriers(
    place: Workplace, browser: Browser, axe: str, scheme: str, size: dict[str, int]
) -> None:
    """No violation: empty, the queue, the viewer, review, failed, settings; light, dark, small."""
    place.configure({"name": "all", "outputs": [{"kind": "cutout"}, {"kind": "mask"}]})
    daemon, at = with_page(place, quick=False)
    tabs = Tabs(browser, color_scheme=scheme, viewport=size, reduced_motion="reduce")
    page = tabs.open(at.address)
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#into select")).to_be_visible()
    check(page, axe, "empty")
    place.put("good.jpg", picture())
    place.put("nothing.png", nothing())
    place.put("broken.jpg", b"Dear Sir or Madam")
    states(page, "done", "good.jpg")
    states(page, "review", "nothing.png")
    states(page, "failed", "broken.jpg")
    expect(card(page, "good.jpg").locator("img")).to_be_visible()
    check(page, axe, "queue")
    opened(page, "good.jpg")
    check(page, axe, "viewer")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Review").click()
    expect(page.locator(".card .name")).to_have_text(["nothing.png"])
    check(page, axe, "list of review")
    page.get_by_role("button", name="Review one by one").click()
    looked_at(page, "nothing.png")
    page.keyboard.press("m")
    check(page, axe, "review")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Failed").click()
    expect(page.locator(".card .name")).to_have_text(["broken.jpg"])
    check(page, axe, "failed")
    page.get_by_role("navigation").get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Inboxes")).to_be_visible()
    check(page, axe, "settings")
    tabs.context.close()
    tabs.check()
    daemon.stop()

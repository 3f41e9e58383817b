"""Review 100 pictures by keys in a real browser, the daemon killed meanwhile; count what comes out.

A script plays the person: it waits until a picture is seen, thinks for 400 ms, and presses A. At
random moments the daemon is killed (SIGKILL, and the page with it) and started again. In the end
every picture must be accepted, its outputs in their places, every original in its inbox.
"""

import argparse
import random
import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path
from time import monotonic, sleep

from bench import TESTS
from playwright.sync_api import Page, sync_playwright

from scissorsd.inference import weights

sys.path.append(str(TESTS))
from end_to_end.driver import Daemon, Workplace
from end_to_end.test_review import BOTH, nothing

THINKS = 0.4  # seconds
SEEN = """() => {
  const shown = [...document.querySelectorAll("#stage img")];
  const seen = shown.filter((i) => i.complete && i.naturalWidth);
  return document.querySelector('#viewer').open && seen.length > 0;
}"""


class Fate:
    """Kills the daemon so often within so many seconds, and starts it again each time."""

    def __init__(self, place: Workplace, kills: int, within: float) -> None:
        self.daemon: Daemon = place.start()
        self.killed = 0
        self._place = place
        lot = random.Random(7)  # noqa: S311 - no secret
        self._moments = sorted(lot.uniform(2, within) for _ in range(kills))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def begin(self) -> None:
        """Begin to kill."""
        self._thread.start()

    def end(self) -> None:
        """Kill no more."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        began = monotonic()
        for moment in self._moments:
            if self._over.wait(max(0.0, began + moment - monotonic())):
                return
            self.daemon.kill()
            self.daemon = self._place.start()
            self.killed += 1


def main() -> None:
    """Play the person, and count."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--pictures", type=int, default=100)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seconds", type=float, default=100.0, help="in which the kills come")
    arguments = options.parse_args()
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise SystemExit("there is no chromium here")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        place = Workplace(Path(folder), weights.default_folder())
        try:
            address = prepare(place, arguments.pictures)
            fate = Fate(place, arguments.kills, arguments.seconds)
            fate.daemon.wait("page.listening")
            chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            page = chromium.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            fate.begin()
            began = monotonic()
            decisions = review(page, place, arguments.pictures)
            seconds = monotonic() - began
            fate.end()
            chromium.close()
            tell(place, arguments.pictures, decisions, seconds, fate.killed)
        finally:
            place.close()


def prepare(place: Workplace, count: int) -> str:
    """Cut pictures of nothing, which go to review/; return the address that the page will have."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    place.configure({"name": "all", "outputs": BOTH}, rescan="5s")
    place.change_config(page={"listen": f"127.0.0.1:{port}", "quick": False})
    for number in range(count):
        place.put(f"{number:03}.png", nothing(number))
    done = place.run("once", "-c", place.config)
    if done.returncode:
        raise SystemExit(done.stderr)
    return f"http://127.0.0.1:{port}/#review"


def review(page: Page, place: Workplace, count: int) -> int:
    """Press A for every picture until none waits; return how often it was pressed."""
    pressed = 0
    limit = monotonic() + 600
    while monotonic() < limit and accepted(place) < count:
        if not page.evaluate("document.querySelector('#viewer').open"):
            first = page.locator("#list [role=listitem]").first
            if first.count():
                first.click(timeout=5000)
            else:
                sleep(0.5)
            continue
        name = page.locator("#v-name").inner_text()
        page.wait_for_function(SEEN, timeout=180_000)
        sleep(THINKS)
        page.keyboard.press("a")
        pressed += 1
        sleep(0.02)
        if page.evaluate("document.querySelector('#viewer').open") and (
            page.locator("#v-name").inner_text() == name
        ):
            sleep(0.2)  # it was the last one that is known of
    return pressed


def accepted(place: Workplace) -> int:
    """Return how many are accepted by their files."""
    return len(list(place.outbox.glob("*.png")))


def tell(place: Workplace, count: int, decisions: int, seconds: float, killed: int) -> None:
    """Say what came of it; exit with 1 where something is lost."""
    judged = [entry.judged for entry in place.entries()]
    left = list((place.outbox / "review").rglob("*")) if (place.outbox / "review").exists() else []
    left = [path for path in left if path.is_file()]
    masks = len(list((place.outbox / "masks").glob("*.png")))
    originals = len(list(place.inbox.glob("*.png")))
    print(
        f"{count} pictures, {decisions} decisions, {seconds:.0f} s, the daemon killed {killed} "
        f"times; accepted {judged.count('accepted')}, cutouts {accepted(place)}, masks {masks}, "
        f"left in review/ {len(left)}, originals {originals}"
    )
    if {judged.count("accepted"), accepted(place), masks, originals} != {count} or left:
        raise SystemExit("something is lost, or left")


if __name__ == "__main__":
    main()

"""Take a picture of the page: makes docs/page.png for the README, from a real run.

`scissorsd watch --page` cuts photographs that come with scikit-image; Chromium, driven by
Playwright, shows the queue, and one of them before and after.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import skimage
from PIL import Image
from playwright.sync_api import Error, Page, sync_playwright

from scissorsd.inference import weights

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ADDRESS = "127.0.0.1:8765"
PHOTOGRAPHS = ("rocket.jpg", "chelsea.png", "coffee.png", "astronaut.png")
CHOSEN = "astronaut.jpg"
WIDTH, QUEUE, VIEWER = 1100, 480, 560  # pixels
PATIENCE_MS = 300_000.0


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Run a daemon with a page on two folders of its own."""
    home = folder / "home"
    home.mkdir()
    variables = {k: word for k, word in os.environ.items() if not k.startswith("XDG_")}
    variables |= {"HOME": str(home), "U2NET_HOME": str(weights.default_folder())}
    (folder / "inbox").mkdir()
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "scissorsd", "watch", "inbox", "outbox", f"--page={ADDRESS}"],
            cwd=folder,
            env=variables,
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            daemon.terminate()
            daemon.wait()


def cut(page: Page, folder: Path) -> None:
    """Drop the photographs, and wait until all are cut."""
    names = []
    for name in PHOTOGRAPHS:
        path = (folder / name).with_suffix(".jpg")
        with Image.open(Path(skimage.__file__).parent / "data" / name) as image:
            image.convert("RGB").save(path, quality=92)
        names.append(str(path))
    page.get_by_label("Where drops go").select_option("inbox/")
    page.set_input_files("#files", names)
    cutouts = page.locator('.card img[src*="/outputs/"]')
    cutouts.nth(len(names) - 1).wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(2000)  # their previews are drawn


def opened(page: Page) -> None:
    """Open the page, as soon as it is there."""
    until = time.monotonic() + PATIENCE_MS / 1000
    while True:
        try:
            page.goto(f"http://{ADDRESS}/")
        except Error:  # it is not there yet
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


def taken(page: Page) -> Image.Image:
    """Return what the browser shows."""
    with Image.open(io.BytesIO(page.screenshot())) as image:
        return image.convert("RGB")


def main() -> None:
    """Show the queue above, and a picture below."""
    with tempfile.TemporaryDirectory() as name, watched(Path(name)), sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": WIDTH, "height": QUEUE})
        opened(page)
        cut(page, Path(name))
        queue = taken(page)
        page.set_viewport_size({"width": WIDTH, "height": VIEWER})
        page.locator(".card", has_text=CHOSEN).locator(".open").click()
        page.wait_for_timeout(2000)
        views = [queue, taken(page)]
        browser.close()
    both = Image.new("RGB", (WIDTH, QUEUE + VIEWER))
    both.paste(views[0], (0, 0))
    both.paste(views[1], (0, QUEUE))
    target = Path(__file__).with_name("page.png")
    both.save(target, optimize=True)
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()

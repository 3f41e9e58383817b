"""Measure the page: what it weighs, how fast it is, what it costs beside the daemon.

Each part can be asked for by itself: `python benchmarks/page_costs.py weight memory`; page_table.py
writes what was last measured of each into docs/page.md. Chromium is driven through Playwright. A
cutout is *seen* when the browser shows a card whose picture is that of an output. Many drops are
of tiny pictures, into an inbox whose network takes no time. `watched` puts 200 pictures into an
inbox while nobody watches, while a program asks what a tab asks, and while a tab is open here, in
turn. All but `weight` and `memory` want a machine at rest.
"""

import io
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from bench import DARKNESS, Figures, parser, place, write_config
from page_table import PIECE, WATCHERS, table_of
from page_watcher import Watcher
from pictures import lay_out, take
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, sync_playwright
from processes import MIB, TICKS, Daemon

CHROMIUM = "/usr/bin/chromium"
MODEL = "u2netp"
CHEAP = "cheap"  # the inbox of those that are many
AT_ONCE = 400  # that are dropped in one gesture
LOOK_MS = 180_000.0  # to wait for a cutout
# Tells when the newest file was dropped, by the page's own event.
NOTE_DROPS = """
addEventListener("dropped", () => { window.droppedAt = performance.now(); });
window.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((task) => task.duration)))
  .observe({ type: "longtask" });
"""
SINCE_OPENED = """() => {
  const navigation = performance.getEntriesByType("navigation")[0];
  const isThere = document.querySelector(".card .name")?.textContent;
  return isThere && navigation.domContentLoadedEventEnd
    && [navigation.domContentLoadedEventEnd, performance.now()];
}"""
SINCE_DROPPED = """(name) => {
  const cards = [...document.querySelectorAll(".card")];
  const card = cards.find((one) => one.querySelector(".name").textContent === name);
  const image = card?.querySelector("img");
  const isSeen = image?.src.includes("/outputs/") && image.complete && image.naturalWidth;
  return isSeen && performance.now() - window.droppedAt;
}"""


@dataclass(frozen=True, slots=True)
class Served:
    """A daemon with a page, and what the measures work with."""

    daemon: Daemon
    address: str
    pid: int  # of the page's process
    pictures: list[Path]  # of two megapixels
    runs: int
    seconds: float  # of idleness
    drops: int
    inbox: Path
    watched: int  # pictures

    def cpu_s(self) -> float:
        """Return the CPU seconds that the page's process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mib(self) -> float:
        """Return the memory that the page's process holds."""
        status = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        line = next(line for line in status if line.startswith("VmRSS:"))
        return int(line.split()[1]) / MIB


def main() -> None:
    """Measure the parts that are asked for, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("parts", nargs="*", metavar="PART", help=f"of: {', '.join(PARTS)}")
    options.add_argument("--chromium", default=CHROMIUM)
    options.add_argument("--runs", type=int, default=5, help="of which the median is told")
    options.add_argument("--watched", type=int, default=200, help="pictures of a round of that")
    options.add_argument("--seconds", type=float, default=20.0, help="of idleness")
    options.add_argument("--drops", type=int, default=500, help="tiny ones, for the memory")
    arguments = options.parse_args()
    if unknown := set(arguments.parts) - PARTS.keys():
        options.error(f"there is no part {min(unknown)!r}; there are {', '.join(PARTS)}")
    here = place(arguments)
    folder = here.empty("page")
    inbox, outbox = folder / "inbox", folder / "outbox"
    inbox.mkdir()
    config = write_config(folder, here.models, inbox, outbox, rule={"model": MODEL})
    values = yaml.safe_load(config.read_text(encoding="utf-8"))
    values["page"] = {"listen": "127.0.0.1:0", "limits": {"waiting": 2 * arguments.drops + AT_ONCE}}
    _add_cheap(values, folder, here.models)
    config.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    measured: dict[str, Figures] = {}
    with Daemon(config, here.models) as daemon, _browser(arguments.chromium) as browser:
        told = daemon.wait("page.listening")
        served = Served(
            daemon,
            str(told["address"]),
            int(told["pid"]),
            take(here.cache, "2", 2),
            arguments.runs,
            arguments.seconds,
            arguments.drops,
            inbox,
            arguments.watched,
        )
        time.sleep(3.0)  # the start is over
        for name, measure in PARTS.items():
            if not arguments.parts or name in arguments.parts:
                load = os.getloadavg()[0]
                measured[name] = {"load_before": load, **measure(served, browser)}
                here.save(f"page-{name}", measured[name])
    print(table_of(measured))


def _add_cheap(values: dict[str, Any], folder: Path, models: Path) -> None:
    """Add an inbox whose network takes no time."""
    inbox, aside = folder / CHEAP, folder / "aside"
    inbox.mkdir()
    aside.mkdir()
    rule = {"model": DARKNESS}
    config = write_config(aside, models, inbox, folder / "cheap-out", rule=rule)
    cheap = yaml.safe_load(config.read_text(encoding="utf-8"))
    values["inboxes"][CHEAP] = cheap["inboxes"]["bench"]
    values["custom_models"] = cheap["custom_models"]


@contextmanager
def _browser(chromium: str) -> Iterator[Browser]:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


def weight(*_: object) -> Figures:
    """Count the bytes of all that a browser loads before it asks for pictures."""
    sizes = list(_sizes(files("scissorsd.page") / "static"))
    return {"weight_bytes": sum(sizes), "weight_files": len(sizes)}


def _sizes(folder: Traversable) -> Iterator[int]:
    for entry in folder.iterdir():
        yield from _sizes(entry) if entry.is_dir() else [len(entry.read_bytes())]


def memory(served: Served, _: Browser) -> Figures:
    """Drop tiny pictures one after the other, as curl does, and wait until all are cut."""
    before, grown = served.memory_mib(), []
    for number in range(1, served.drops + 1):
        put(served, f"{CHEAP}/tiny/{number:05}.png", _tiny(number))
        if number % PIECE == 0:
            grown.append(round(served.memory_mib(), 1))
    while _cut_in(served.daemon, "tiny/") < served.drops:
        time.sleep(1.0)
    return {
        "memory_before_drops_mib": before,
        "memory_drops_mib": grown,
        "memory_cut_mib": served.memory_mib(),
    }


def _tiny(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (number % 256, number // 256, 90)).save(file, "PNG")
    return file.getvalue()


def _cut_in(daemon: Daemon, folder: str) -> int:
    """Count the pictures of a folder that are cut."""
    return sum(job["source"].startswith(folder) for job in daemon.lines("job.finished"))


def many(served: Served, browser: Browser) -> Figures:
    """Drop a folder of tiny pictures in the browser; tell the longest task until all are cut."""
    page = _fresh(browser, served)
    page.get_by_label("Where drops go").select_option(f"{CHEAP}/")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "many"
        folder.mkdir()
        for number in range(AT_ONCE):
            (folder / f"{number:03}.png").write_bytes(_tiny(number))
        page.set_input_files("#folders", folder)
        while _cut_in(served.daemon, "many/") < AT_ONCE:
            page.wait_for_timeout(500)
    longest = max(page.evaluate("tasks"), default=0.0)
    page.context.close()
    return {"longest_task_ms": longest}


def put(served: Served, path: str, data: bytes) -> None:
    """Drop a file by http."""
    address = f"{served.address}api/v1/drops/{path}"
    request = urllib.request.Request(address, data, method="PUT")  # noqa: S310 - our own page
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - the same
        answer.read()


def opened(served: Served, browser: Browser) -> Figures:
    """Open the page with nothing cached, so many times; there has to be a picture on it."""
    page = _fresh(browser, served)
    _drop(page, served.pictures[0], "first.jpg", "bench/")
    page.context.close()
    times = []
    for _ in range(served.runs):
        page = _fresh(browser, served)
        times.append(_when(page, SINCE_OPENED))
        page.context.close()
    loaded, usable = zip(*times, strict=True)
    return {"loaded_ms": list(loaded), "first_card_ms": list(usable)}


def drop(served: Served, browser: Browser) -> Figures:
    """Drop a picture of 2 megapixels in the browser, and wait until its cutout is seen there."""
    figures: Figures = {}
    page = _fresh(browser, served)
    for target in ("quick", "bench/"):
        times = [
            _drop(page, served.pictures[run % 2], f"{target.strip('/')}-{run}.jpg", target)
            for run in range(served.runs + 1)
        ]
        name = target.strip("/")
        figures[f"seen_{name}_ms"] = times[1:]  # the first opens the network
        figures[f"cut_{name}_ms"] = _cut(served.daemon, name)[1:]
    page.context.close()
    return figures


def _cut(daemon: Daemon, name: str) -> list[float]:
    """Return the milliseconds that the daemon worked on each of those pictures."""
    jobs = daemon.lines("job.finished")
    mine = (job for job in jobs if Path(job["source"]).name.startswith(f"{name}-"))
    return [1000 * job["total_s"] for job in mine]


def watched(served: Served, browser: Browser) -> Figures:
    """See how fast pictures of an inbox are cut while nobody, a program or a tab watches."""
    _round(served, browser, "warm", "nobody", 2)
    rounds: list[Figures] = []
    for run in range(served.runs):
        order = WATCHERS[run % 3 :] + WATCHERS[: run % 3]
        rounds += [_round(served, browser, f"{run}-{who}", who, served.watched) for who in order]
    return {"watched": served.watched, "watched_rounds": rounds}


def _round(served: Served, browser: Browser, folder: str, who: str, count: int) -> Figures:
    """Return how long each picture took, from the first that was cut to the last."""
    draft = served.inbox.parent / f"draft-{folder}"
    draft.mkdir()
    lay_out(served.pictures, draft, count)
    before = len(served.daemon.lines("job.finished"))
    with ExitStack() as stack:
        if who == "program":
            stack.enter_context(Watcher(served.address))
        page = _fresh(browser, served) if who == "tab" else None
        if page is not None:
            stack.callback(page.context.close)
        time.sleep(3.0)  # it is at rest
        page_s, browser_s = served.cpu_s(), _cpu_of("chrom")
        draft.rename(served.inbox / folder)
        while len(jobs := served.daemon.lines("job.finished")[before:]) < count:
            time.sleep(0.2) if page is None else page.wait_for_timeout(200)
        return {
            "who": who,
            "s_each": (jobs[-1]["came"] - jobs[0]["came"]) / (count - 1),
            "page_s_each": (served.cpu_s() - page_s) / count,
            "browser_s_each": (_cpu_of("chrom") - browser_s) / count,
        }


def _cpu_of(program: str) -> float:
    """Return the CPU seconds that all processes of a program have used."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            head, _, rest = stat.read_text().rpartition(")")
            ticks += sum(map(int, rest.split()[11:13])) if f"({program}" in head else 0
    return ticks / TICKS


def idle(served: Served, browser: Browser) -> Figures:
    """Count the CPU of the page's process while nothing happens, without a tab and with one."""
    without = _share(served)
    page = _fresh(browser, served)
    page.wait_for_timeout(15_000)  # it is at rest, too
    watched = _share(served)
    page.context.close()
    return {"idle_percent": without, "idle_tab_percent": watched}


def _share(served: Served) -> float:
    before, began = served.cpu_s(), time.monotonic()
    time.sleep(served.seconds)
    return 100 * (served.cpu_s() - before) / (time.monotonic() - began)


def _fresh(browser: Browser, served: Served) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.add_init_script(NOTE_DROPS)
    page.goto(served.address, wait_until="domcontentloaded")
    return page


def _drop(page: Page, picture: Path, name: str, target: str) -> float:
    """Drop a picture under another name, by the page's own button; return milliseconds."""
    page.get_by_label("Where drops go").select_option(target)
    if target == "quick":
        page.locator("#into").get_by_label("Model").select_option(MODEL)
    content = picture.read_bytes()
    file = FilePayload(name=name, mimeType="image/jpeg", buffer=content)
    page.set_input_files("#files", file)
    return float(_when(page, SINCE_DROPPED, name))


def _when(page: Page, script: str, argument: object = None) -> Any:  # noqa: ANN401 - what JSON holds
    """Ask at every frame until the script has an answer."""
    return page.wait_for_function(script, arg=argument, timeout=LOOK_MS).json_value()


PARTS: dict[str, Callable[[Served, Browser], Figures]] = {
    "weight": weight,
    "idle": idle,
    "open": opened,
    "drop": drop,
    "many": many,
    "watched": watched,
    "memory": memory,
}


if __name__ == "__main__":
    main()

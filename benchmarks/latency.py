"""Measure the latency of the daemon: from the rename into the inbox to the published output.

Idle: one picture at a time, each after the one before has come out. Under a backlog: many at
once. A picture is renamed in from a temporary name that the daemon ignores; when its output was
published is the time at which the file system says that it was renamed (its ctime).
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from bench import Figures, Goal, parser, place, table, write_config
from pictures import NAMES, take
from processes import Daemon

GOAL_S = 0.5  # beyond the settling time
SPREAD_S = 0.37  # between idle pictures, so that they meet the loop's beat at every moment


def main() -> None:
    """Measure both, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--model", default="u2netp")
    options.add_argument("--providers", default="auto")
    options.add_argument("--kind", default="2", choices=NAMES)
    options.add_argument("--settle", type=float, default=2.0, help="seconds")
    options.add_argument("--idle", type=int, default=30, help="pictures, one at a time")
    options.add_argument("--backlog", type=int, default=100, help="pictures at once")
    arguments = options.parse_args()
    here = place(arguments)
    folder = here.empty("latency")
    inbox, outbox = folder / "inbox", folder / "outbox"
    inbox.mkdir()
    config = write_config(
        folder,
        here.models,
        inbox,
        outbox,
        rule={"model": arguments.model},
        providers=arguments.providers,
        settle=f"{arguments.settle}s",
    )
    pictures = take(here.cache, arguments.kind, 12)
    with Daemon(config, here.models) as daemon:
        daemon.wait("daemon.ready")
        latencies(daemon, pictures[:2], inbox, outbox, 0)  # not counted: it warms up
        idle: list[float] = []
        for number in range(arguments.idle):
            chosen = [pictures[number % len(pictures)]]
            idle += latencies(daemon, chosen, inbox, outbox, 2 + number)
            time.sleep(number * SPREAD_S % 1)
        many = [pictures[number % len(pictures)] for number in range(arguments.backlog)]
        backlog = latencies(daemon, many, inbox, outbox, 2 + arguments.idle)
        runs_on = daemon.wait("job.finished")["provider"]
    figures = {
        "model": arguments.model,
        "kind": arguments.kind,
        "settle_s": arguments.settle,
        "runs_on": runs_on,
        "idle_s": idle,
        "backlog_s": backlog,
    }
    here.save("latency", figures)
    print("\n".join(section(figures)))


def latencies(
    daemon: Daemon, pictures: list[Path], inbox: Path, outbox: Path, before: int
) -> list[float]:
    """Rename pictures in at once; give the seconds that each took. `before` came earlier."""
    ready = []
    for number, picture in enumerate(pictures, before):
        ready.append(shutil.copyfile(picture, inbox / f"{number:05}.jpg.part"))
    renamed_at = {}
    for path in ready:
        name = path.with_suffix("")
        renamed_at[name.stem] = time.time()
        path.rename(name)
    daemon.wait("job.finished", before + len(pictures))
    return [
        (outbox / f"{stem}.png").stat().st_ctime - moment for stem, moment in renamed_at.items()
    ]


def goals(figures: Figures) -> Iterator[Goal]:
    """Yield the goal of the latency."""
    work = (
        f"one {NAMES[figures['kind']]} picture renamed in, {figures['model']} warm, settle "
        f"{figures['settle_s']:g} s: published (p95)"
    )
    yield Goal(work, p95(figures["idle_s"]), figures["settle_s"] + GOAL_S, "s")


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    yield "### Latency of the daemon\n"
    yield (
        f"From the rename into the inbox to the rename of the cutout in the outbox (its ctime), "
        f"settle {figures['settle_s']:g} s included; pictures of {NAMES[figures['kind']]}, "
        f"{figures['model']} on {figures['runs_on']}, already warm. Idle: each after the one "
        "before had come out. Backlog: all renamed in at once.\n"
    )
    rows = [
        (what, str(len(seconds)), median(seconds), p95(seconds), max(seconds))
        for what, seconds in (("idle", figures["idle_s"]), ("backlog", figures["backlog_s"]))
    ]
    yield table(("", "pictures", "p50 s", "p95 s", "most s"), rows) + "\n"


def p95(seconds: list[float]) -> float:
    """Return what 95 of 100 stay below."""
    if len(seconds) == 1:
        return seconds[0]
    return quantiles(seconds, n=20, method="inclusive")[-1]


if __name__ == "__main__":
    main()

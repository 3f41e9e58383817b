"""Measure the daemon on a network share: latency of what another machine writes, idle load.

    python benchmarks/share.py --mount /mnt/nas --other /srv/nas

`--mount` is the share as scissorsd has it, `--other` the same folder as its server or another
client has it, through which the pictures come. An inbox on the share holds some thousand known
pictures; the network is one that takes no time, so that the share is what is measured.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from statistics import median

from bench import DARKNESS, Figures, parser, place, table, write_config
from known import fill_journal, make_shell
from latency import SPREAD_S, latencies, p95
from pictures import take
from processes import Daemon

from scissorsd.config import load
from scissorsd.folders.mounts import mount_type

NAME = "scissorsd-bench"


def main() -> None:
    """Fill the inbox, idle, put pictures, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--mount", type=Path, required=True)
    options.add_argument("--other", type=Path, required=True)
    options.add_argument("--known", type=int, default=2000, help="pictures in the inbox before")
    options.add_argument("--scans", type=int, default=20, help="so many are idled over")
    options.add_argument("--idle", type=int, default=20, help="pictures, one at a time")
    arguments = options.parse_args()
    here = place(arguments)
    state = here.empty("share")
    pictures = take(here.cache, "0.5", 5)
    folder, other = arguments.mount / NAME, arguments.other / NAME
    rmtree(other, ignore_errors=True)
    for made in (other / "inbox", other / "outbox"):
        made.mkdir(parents=True)
    for number in range(arguments.known):
        make_shell(other / "inbox", number)
    config = write_config(
        state, here.models, folder / "inbox", folder / "outbox", rule={"model": DARKNESS}
    )
    while not (folder / "inbox").is_dir():
        time.sleep(1)  # a client may remember for some seconds that it was not there
    fill_journal(load(config).config)
    with Daemon(config, here.models) as daemon:
        watched = daemon.wait("inbox.watched")
        first = daemon.wait("inbox.scanned", 2)
        cpu_s = daemon.cpu_s()
        last = daemon.wait("inbox.scanned", 2 + arguments.scans)
        idle_cpu_s = daemon.cpu_s() - cpu_s
        between_s = (last["came"] - first["came"]) / arguments.scans
        found: list[float] = []
        for number in range(arguments.idle):
            time.sleep(number * SPREAD_S % between_s)  # so that it meets the scans at any moment
            chosen = [pictures[number % len(pictures)]]
            found += latencies(daemon, chosen, other / "inbox", other / "outbox", number)
    figures = {
        "kind": mount_type(folder),
        "mode": watched["mode"],
        "known": arguments.known,
        "scans_s": [daemon.wait("inbox.scanned", 3 + n)["seconds"] for n in range(arguments.scans)],
        "idle_s": last["came"] - first["came"],
        "idle_cpu_s": idle_cpu_s,
        "latencies_s": found,
    }
    rmtree(other)
    here.save(f"share-{figures['kind']}", figures)
    print("\n".join(section(figures)))


def section(figures: Figures) -> Iterator[str]:
    """Write what was found."""
    yield f"### {figures['kind']}, {figures['mode']}, {figures['known']:,} known pictures\n"
    idle = 100 * figures["idle_cpu_s"] / figures["idle_s"]
    rows = [
        ("a scan, s", median(figures["scans_s"])),
        ("the longest, s", max(figures["scans_s"])),
        ("from one scan to the next, s", figures["idle_s"] / len(figures["scans_s"])),
        ("idle CPU, % of a core", idle),
        (
            "0.5 MP written by another machine → published, s (settle 2 s), p50",
            median(figures["latencies_s"]),
        ),
        ("the same, p95", p95(figures["latencies_s"])),
    ]
    yield table(("", "measured"), rows) + "\n"


if __name__ == "__main__":
    main()

"""Measure the daemon on an inbox of very many pictures that it knows and keeps.

The pictures are empty shells of a photograph's size (sparse files), in folders of a thousand; a
known picture is never read. The journal is filled through scissorsd's own Journal. Then a daemon
starts, and idles over some rescans.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import Figures, Goal, parser, place, table, write_config
from latency import latencies
from pictures import take
from processes import Daemon

from scissorsd.config import load
from scissorsd.core.rules import plan
from scissorsd.folders.scanning import scan
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.settings import Config

IN_A_FOLDER = 1000
BYTES = 3_000_000
READY_GOAL, IDLE_GOAL = 6.0, 1.0  # seconds; percent of a core


def main() -> None:
    """Make the inbox and the journal, measure, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--model", default="u2net")
    options.add_argument("--pictures", type=int, default=100_000)
    options.add_argument("--rescan", type=int, default=60, help="seconds between two scans")
    options.add_argument("--rescans", type=int, default=3, help="so many are waited for")
    arguments = options.parse_args()
    here = place(arguments)
    folder = here.empty("known")
    inbox, outbox = folder / "inbox", folder / "outbox"
    inbox.mkdir()
    for number in range(arguments.pictures):
        make_shell(inbox, number)
    config = write_config(
        folder,
        here.models,
        inbox,
        outbox,
        rule={"model": arguments.model, "source": "keep"},
        rescan=f"{arguments.rescan}s",
    )
    fill_journal(load(config).config)
    with Daemon(config, here.models) as daemon:
        daemon.ready_s()  # the first start may verify weights
    with Daemon(config, here.models) as daemon:
        ready_s = daemon.ready_s()
        first = daemon.wait("inbox.scanned")
        second = daemon.wait("inbox.scanned", 2)
        cpu_s = daemon.cpu_s()
        last = daemon.wait("inbox.scanned", 2 + arguments.rescans)
        idle_s, idle_cpu_s = last["came"] - second["came"], daemon.cpu_s() - cpu_s
        scans = [daemon.wait("inbox.scanned", 3 + n)["seconds"] for n in range(arguments.rescans)]
        (latency,) = latencies(daemon, take(here.cache, "2", 1), inbox, outbox, 0)
        memory = daemon.memory_mib()
    figures = {
        "model": arguments.model,
        "pictures": arguments.pictures,
        "rescan_s": arguments.rescan,
        "ready_s": ready_s,
        "known_s": first["came"] - daemon.began,
        "first_scan_s": first["seconds"],
        "scans_s": scans,
        "idle_s": idle_s,
        "idle_cpu_s": idle_cpu_s,
        "latency_s": latency,
        "memory_mib": memory,
    }
    shutil.rmtree(folder)
    here.save("known", figures)
    print("\n".join(section(figures)))


def make_shell(inbox: Path, number: int) -> None:
    """Make one file that has a picture's name and size, and takes no room on the disk."""
    folder = inbox / f"{number // IN_A_FOLDER:04}"
    if not number % IN_A_FOLDER:
        folder.mkdir()
    with (folder / f"IMG_{number:06}.jpg").open("wb") as file:
        file.truncate(BYTES + number)


def fill_journal(config: Config) -> None:
    """Record every picture in the inbox as cut; in memory first, since each record is synced."""
    (inbox,) = config.inboxes
    (rule,) = inbox.rules
    shared = Path("/dev/shm")  # noqa: S108 - a disk in memory, where there is one
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        journal = Journal(Path(folder))
        for source in scan(inbox.path, recursive=True, ignore=()):
            job = plan(
                inbox.path,
                inbox.outbox,
                source,
                rule,
                inbox_name=inbox.name,
                date="",
                taken=lambda _: False,
            )
            begun = journal.begin(job)
            if begun is None:
                raise SystemExit(f"{source.path} wants a name that is taken")
            out = [str(inbox.outbox / planned.path) for planned in begun.outputs]
            journal.published(begun, out, verdict="ok", provider="cpu")
            journal.finish(begun)
        journal.close()
        config.state.mkdir(parents=True)
        shutil.copyfile(Path(folder) / FILE, config.state / FILE)


def goals(figures: Figures) -> Iterator[Goal]:
    """Yield the goals of an inbox with many known pictures."""
    work = f"inbox with {figures['pictures']:,} known pictures"
    yield Goal(f"{work}: start to READY, {figures['model']}", figures["ready_s"], READY_GOAL, "s")
    yield Goal(f"{work}: idle CPU", idle_percent(figures), IDLE_GOAL, "% of a core")


def idle_percent(figures: Figures) -> float:
    """Return the CPU that idling takes, in percent of one core."""
    return float(100 * figures["idle_cpu_s"] / figures["idle_s"])


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    yield "### An inbox of many known pictures\n"
    yield (
        f"{figures['pictures']:,} files in folders of {IN_A_FOLDER:,}, all journalled as cut, "
        f"`source: keep`, {figures['model']}. Idle CPU is user and system of the daemon from the "
        f"end of its second scan to the end of the last of {len(figures['scans_s'])} more, a "
        f"rescan being due every {figures['rescan_s']} s: {figures['idle_cpu_s']:.2f} s in "
        f"{figures['idle_s']:.0f} s. The start is the second one on this state folder.\n"
    )
    rows = [
        ("start to READY, s", figures["ready_s"]),
        ("start to the end of the first scan, s", figures["known_s"]),
        ("that scan, s", figures["first_scan_s"]),
        ("a later scan, s (the longest)", max(figures["scans_s"])),
        ("idle CPU, % of a core", idle_percent(figures)),
        ("a 2-MP picture renamed in → published, s (settle 2 s)", figures["latency_s"]),
        ("memory (VmRSS) then, MiB", figures["memory_mib"]),
    ]
    yield table(("", "measured"), rows) + "\n"


if __name__ == "__main__":
    main()

"""Measure the memory of the daemon over some thousand pictures, to see whether it grows.

All are hard links of a few pictures, of web size with a 12-MP one now and then. The cutouts are
removed as they come, to spare the disk. Memory (VmRSS) is read after each picture.
"""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench import Figures, Goal, parser, place, table, write_config
from pictures import lay_out, take
from processes import Daemon

PARTS = 5  # the second is compared with the last
GROWTH_GOAL = 5.0  # percent
CEILING_GOAL = 2048 + 600  # MiB: the default of `memory`, and 600 for the rest


def main() -> None:
    """Cut them all, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--model", default="u2netp")
    options.add_argument("--providers", default="auto")
    options.add_argument("--pictures", type=int, default=5000)
    options.add_argument("--web", type=int, default=40, help="different pictures of web size")
    options.add_argument("--large", type=int, default=1, help="different pictures of 12 MP")
    arguments = options.parse_args()
    here = place(arguments)
    folder = here.empty("memory")
    inbox = folder / "inbox"
    inbox.mkdir()
    different = take(here.cache, "web", arguments.web) + take(here.cache, "12", arguments.large)
    lay_out(different, inbox, arguments.pictures)
    config = write_config(
        folder,
        here.models,
        inbox,
        folder / "outbox",
        rule={"model": arguments.model},
        providers=arguments.providers,
    )
    memory = []
    with Daemon(config, here.models) as daemon:
        for number in range(1, arguments.pictures + 1):
            job = daemon.wait("job.finished", number)
            memory.append(round(daemon.memory_mib(), 1))
            for output in job["outputs"]:
                Path(output).unlink()
        peak = daemon.memory_mib("VmHWM")
    figures = {
        "model": arguments.model,
        "runs_on": job["provider"],
        "memory_mib": memory,
        "peak_mib": peak,
    }
    here.save("memory", figures)
    print("\n".join(section(figures)))


def parts(figures: Figures) -> list[float]:
    """Return the median memory of each fifth of the pictures."""
    memory = figures["memory_mib"]
    size = max(1, len(memory) // PARTS)
    return [median(memory[start : start + size]) for start in range(0, size * PARTS, size)]


def growth_percent(figures: Figures) -> float:
    """Return by how much the last fifth lies above the second."""
    found = parts(figures)
    return 100 * (found[-1] / found[1] - 1)


def goals(figures: Figures) -> Iterator[Goal]:
    """Yield the goals of the memory."""
    count = len(figures["memory_mib"])
    size = count // PARTS
    work = f"memory over {count:,} pictures"
    yield Goal(
        f"{work}: last {size:,} above second {size:,}", growth_percent(figures), GROWTH_GOAL, "%"
    )
    yield Goal(f"{work}: peak", figures["peak_mib"], CEILING_GOAL, "MiB")


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    count = len(figures["memory_mib"])
    yield f"### Memory over {count:,} pictures\n"
    yield (
        f"VmRSS after each picture, the median of each {count // PARTS:,}; {figures['model']} on "
        f"{figures['runs_on']}; pictures of 0.5 and 2 MP, with one of 12 MP now and then, all in "
        "the inbox from the start.\n"
    )
    found = parts(figures)
    size = count // PARTS
    headings = ("pictures", *(f"to {size * (n + 1):,}" for n in range(PARTS)), "peak (VmHWM)")
    yield table(headings, [("MiB", *found, figures["peak_mib"])]) + "\n"
    yield f"The last lies {growth_percent(figures):+.1f} % from the second.\n"


if __name__ == "__main__":
    main()

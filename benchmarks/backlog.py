"""Measure how right the time is that scissorsd says a backlog will still take.

It is what `scissorsd status` tells and the bar of `scissorsd watch` shows, read from the file in
which the daemon puts it down every second. The pictures are hard links of a few of 0.5 MP; the
cutouts are removed as they come.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from bench import Figures, Goal, parser, place, table, write_config
from pictures import lay_out, take
from processes import Daemon

from scissorsd.records import status_file

SHARES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9)  # of the backlog done when it is asked what is left


@dataclass(slots=True)
class Reading:
    """What the daemon said."""

    at: float  # monotonic
    done: int
    left_s: float


def main() -> None:
    """Work a backlog off, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--model", default="u2netp")
    options.add_argument("--providers", default="auto")
    options.add_argument("--pictures", type=int, default=10_000)
    arguments = options.parse_args()
    here = place(arguments)
    folder = here.empty("backlog")
    inbox = folder / "inbox"
    inbox.mkdir()
    lay_out(take(here.cache, "0.5", 20), inbox, arguments.pictures)
    config = write_config(
        folder,
        here.models,
        inbox,
        folder / "outbox",
        rule={"model": arguments.model},
        providers=arguments.providers,
    )
    readings: list[Reading] = []
    with Daemon(config, here.models) as daemon:
        for done in range(1, arguments.pictures + 1):
            job = daemon.wait("job.finished", done)
            said = status_file.read(folder / "state")
            if said is not None and said.seconds_left is not None:
                # The word may be a second old, and counts from then.
                age = monotonic() - said.beat
                readings.append(Reading(job["came"], done, said.seconds_left - age))
            for output in job["outputs"]:
                Path(output).unlink()
        ended = job["came"]
    figures = {
        "model": arguments.model,
        "pictures": arguments.pictures,
        "seconds": ended - readings[0].at,
        "readings": [chosen(readings, share, arguments.pictures, ended) for share in SHARES],
    }
    here.save("backlog", figures)
    print("\n".join(section(figures)))


def chosen(readings: list[Reading], share: float, pictures: int, ended: float) -> Figures:
    """Return what was said when so much was done, and what was true."""
    reading = next((r for r in readings if r.done >= share * pictures), None)
    if reading is None:
        return {"share": share, "said_s": None, "true_s": None}
    return {"share": share, "said_s": reading.left_s, "true_s": ended - reading.at}


def goals(_: Figures) -> Iterator[Goal]:
    """Yield no goal: the design sets none for the estimate."""
    yield from ()


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    yield f"### A backlog of {figures['pictures']:,}\n"
    yield (
        f"Pictures of 0.5 MP, {figures['model']}; what `scissorsd status` and the bar of "
        "`scissorsd watch` said was left, against what was left.\n"
    )
    rows = []
    for reading in figures["readings"]:
        said, true = reading["said_s"], reading["true_s"]
        shown = ("–", "–", "–") if said is None else (said, true, said / true)
        rows.append((f"{reading['share']:.0%}", *shown))
    yield table(("done", "said, s", "true, s", "said ÷ true"), rows) + "\n"


if __name__ == "__main__":
    main()

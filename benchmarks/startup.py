"""Measure how long scissorsd takes to start: until it is ready to cut, and for `--help`."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench import Figures, Goal, Place, parser, place, table, write_config
from processes import SCISSORSD, Daemon, environment, run

READY_GOALS = {"u2net": 2.5, "u2netp": 1.0}
HELP_GOAL = 0.25


def main() -> None:
    """Start it again and again, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--models-to-open", nargs="+", default=["u2net", "u2netp"])
    options.add_argument("--providers", nargs="+", default=["auto", "cpu"])
    options.add_argument("--rounds", type=int, default=7)
    arguments = options.parse_args()
    here = place(arguments)
    rounds = range(arguments.rounds)
    helped = [run([*SCISSORSD, "--help"], environment(here.models)).wall_s for _ in rounds]
    ready = []
    for model in arguments.models_to_open:
        for provider in arguments.providers:
            folder = here.empty("start")
            (folder / "inbox").mkdir()
            start(here, folder, model, provider)  # the first may verify weights and try providers
            seconds = [start(here, folder, model, provider) for _ in rounds]
            ready.append({"model": model, "providers": provider, "seconds": seconds})
    figures = {"rounds": arguments.rounds, "help_s": helped, "ready": ready}
    here.save("startup", figures)
    print("\n".join(section(figures)))


def start(here: Place, folder: Path, model: str, provider: str) -> float:
    """Start a daemon on an empty inbox; give the seconds until it is ready."""
    config = write_config(
        folder,
        here.models,
        folder / "inbox",
        folder / "outbox",
        rule={"model": model},
        providers=provider,
    )
    with Daemon(config, here.models) as daemon:
        return daemon.ready_s()


def goals(figures: Figures) -> Iterator[Goal]:
    """Yield the goals of the start."""
    for ready in figures["ready"]:
        if ready["providers"] == "auto" and ready["model"] in READY_GOALS:
            model = ready["model"]
            work = f"start to READY, {model}"
            yield Goal(work, median(ready["seconds"]), READY_GOALS[model], "s")
    yield Goal("`--help`", median(figures["help_s"]), HELP_GOAL, "s")


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    yield "### Start-up\n"
    yield (
        f"From the start of the process to its log line `daemon.ready`, which goes with `READY=1`, "
        "the weights being on disk and the first start not counted, which may verify them; "
        f"and `--help` from start to exit. {figures['rounds']} rounds.\n"
    )
    rows = [
        (f"READY, {r['model']}, providers {r['providers']}", *spread(r["seconds"]))
        for r in figures["ready"]
    ]
    rows.append(("`--help`", *spread(figures["help_s"])))
    yield table(("", "median s", "least s", "most s"), rows) + "\n"


def spread(seconds: list[float]) -> tuple[float, float, float]:
    """Return the median, the least and the most."""
    return median(seconds), min(seconds), max(seconds)


if __name__ == "__main__":
    main()

"""Compare `scissorsd once` with `rembg p`: the same pictures, model and weights, in turn.

Each program cuts the whole folder and, for itself, a few of its pictures; the steady state is
the difference of the two, so that start-up and the way to the first picture are not in it. All
figures are medians over the rounds. What is fastest on this machine is found out first, as a
daemon does it in its first minute (or was before). rembg is installed into a virtual environment
of its own on first use. The work is rembg's (the network's mask, stretched; the picture's own
colours), and in one more row what scissorsd does by default.

In seven minutes or so on two cores: --rounds 2 --folders web:16 12:8 --providers auto cpu
"""

import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import Figures, Goal, Place, parser, place, rule_for, table, write_config
from pictures import NAMES, counted, lay_out, take
from processes import SCISSORSD, Daemon, Ran, environment, run

from scissorsd.core.rules import Rule
from scissorsd.machine import usable_cpus

FEW = max(2, usable_cpus())  # so many are in hand at once when the pipeline is full
# As the goals have it: kind, provider, times as fast as rembg.
GOALS = (("12", "auto", 8.0), ("12", "cpu", 2.0), ("web", "auto", 4.0), ("web", "cpu", 1.05))
REFINED_GOAL = 5.0
FOUND_OUT = ("int8.tried", "int8.failed")
FOUND_OUT_WITHIN = 120.0  # seconds; nothing is told where all was known


@dataclass(frozen=True, slots=True)
class Side:
    """A program with its options, and what its runs took."""

    name: str
    provider: str  # that was asked for
    edges: str
    cut: Callable[[Path, Path], Ran]  # inbox, outbox
    few: list[Ran] = field(default_factory=list)
    whole: list[Ran] = field(default_factory=list)


def main() -> None:
    """Run everything in turn, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--model", default="u2net")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument(
        "--alone", action="store_true", help="without rembg; ratios are to the first provider"
    )
    options.add_argument("--providers", nargs="+", default=["auto", "cpu", "openvino"])
    options.add_argument(
        "--folders",
        nargs="+",
        type=counted,
        metavar="KIND:COUNT",
        default=[("web", 40), ("12", 16), ("50", 6)],
        help=f"kinds of pictures ({', '.join(NAMES)}) and how many",
    )
    arguments = options.parse_args()
    here = place(arguments)
    find_out(here, arguments.model)
    rembg = None if arguments.alone else rembg_program(here.cache)
    folders = []
    for kind, count in arguments.folders:
        chosen = sides(here, rembg, arguments.model, arguments.providers)
        measure(here, chosen, kind, count, arguments.rounds)
        folders.append(summary(kind, count, chosen))
    figures = {
        "model": arguments.model,
        "rounds": arguments.rounds,
        "rembg": rembg_versions(rembg) if rembg else "",
        "few": FEW,
        "folders": folders,
    }
    here.save("compare", figures)
    print("\n".join(section(figures)))


def find_out(here: Place, model: str) -> None:
    """Let a daemon find out what is fastest here, as it does once on a machine."""
    inbox, outbox = here.empty("inbox"), here.empty("outbox")
    rule = rule_for(model, "soft")
    config = write_config(here.empty("compare"), here.models, inbox, outbox, rule=rule)
    with Daemon(config, here.models) as daemon:
        known = daemon.wait("session.opened").get("precision") == "int8"
        told = "" if known else daemon.wait_for_one(FOUND_OUT, FOUND_OUT_WITHIN)
    print(f"found out: {'known before' if known else told or 'nothing new'}", file=sys.stderr)


# --- the two programs ------------------------------------------------------------------------


def rembg_program(cache: Path) -> Path:
    """Return rembg's program; install it first where it is not yet."""
    folder = cache / "rembg"
    program = folder / "bin" / "rembg"
    if not program.exists():
        print(f"Installing rembg into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        python = str(folder / "bin" / "python")
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "rembg[cpu,cli]"], check=True)
    return program


def rembg_versions(program: Path) -> str:
    """Return the versions of rembg and of the ONNX Runtime and Pillow that it uses."""
    ask = (
        "from importlib.metadata import version\n"
        "print(', '.join(f'{name} {version(name)}' for name in ('rembg','onnxruntime','pillow')))"
    )
    command = [str(program.with_name("python")), "-c", ask]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return answer.stdout.strip()


def sides(here: Place, rembg: Path | None, model: str, providers: list[str]) -> list[Side]:
    """Return every program that takes part, rembg first."""
    variables = environment(here.models)
    state = here.empty("compare")

    def ours(provider: str, edges: str) -> Side:
        def cut(inbox: Path, outbox: Path) -> Ran:
            rule = rule_for(model, edges)
            config = write_config(state, here.models, inbox, outbox, rule=rule, providers=provider)
            return run([*SCISSORSD, "once", "-c", config], variables)

        return Side("scissorsd", provider, edges, cut)

    found = [ours(provider, "soft") for provider in providers]
    refined = str(Rule("").mask.edges)
    if refined != "soft":
        found.append(ours(providers[0], refined))
    if rembg is not None:
        command = [str(rembg), "p", "-m", model]
        found.insert(0, Side("rembg", "", "soft", lambda a, b: run([*command, a, b], variables)))
    return found


def measure(here: Place, chosen: list[Side], kind: str, count: int, rounds: int) -> None:
    """Let them cut in turn; the first run of each is not counted."""
    pictures = take(here.cache, kind, max(count, FEW + 1))
    whole, few = here.empty("inbox"), here.empty("inbox-few")
    lay_out(pictures, whole)
    lay_out(pictures[:FEW], few)
    for side in chosen:
        cut_all(here, side, few)
    for _ in range(rounds):
        for side in chosen:
            side.few.append(cut_all(here, side, few))
            side.whole.append(cut_all(here, side, whole))


def cut_all(here: Place, side: Side, inbox: Path) -> Ran:
    """Let a program cut a folder, and see that all came out."""
    outbox = here.empty("outbox")
    ran = side.cut(inbox, outbox)
    wanted, found = len(list(inbox.iterdir())), len(list(outbox.glob("*.png")))
    if found != wanted:
        raise SystemExit(f"{side.name} {side.provider}: {found} of {wanted} pictures came out")
    print(f"{side.name} {side.provider} {inbox.name}: {ran.wall_s:.1f} s", file=sys.stderr)
    return ran


# --- the figures -----------------------------------------------------------------------------


def summary(kind: str, count: int, chosen: list[Side]) -> Figures:
    """Sum a folder up: the medians of each side."""
    count = max(count, FEW + 1)
    return {"kind": kind, "pictures": count, "sides": [row(side, count) for side in chosen]}


def row(side: Side, count: int) -> Figures:
    """Sum one side up."""
    walls = [ran.wall_s for ran in side.whole]
    wall = median(walls)
    wall_few = median(ran.wall_s for ran in side.few)
    opened = [line for line in side.whole[-1].lines if line.get("event") == "session.opened"]
    runs_on = f"{opened[-1]['provider']}, {opened[-1]['precision']}" if opened else "cpu, full"
    return {
        "name": side.name,
        "asked": side.provider,
        "runs_on": runs_on,
        "edges": side.edges,
        "wall_s": walls,
        "wall_few_s": [ran.wall_s for ran in side.few],
        "per_s": count / wall,
        "steady_per_s": (count - FEW) / (wall - wall_few),
        "cpu_s_each": median(ran.cpu_s for ran in side.whole) / count,
        "spread": (max(walls) - min(walls)) / wall,
        "peak_mib": median(ran.peak_mib for ran in side.whole),
    }


def goals(figures: Figures) -> Iterator[Goal]:
    """Yield the goals of the comparison, for the whole process and for the steady state."""
    if figures["model"] != "u2net" or not figures["rembg"]:
        return
    for folder in figures["folders"]:
        rembg, *ours = folder["sides"]
        for kind, provider, limit in GOALS:
            for side in ours:
                if (kind, provider, "soft") == (folder["kind"], side["asked"], side["edges"]):
                    work = f"{NAMES[kind]}, u2net, providers {provider}: times rembg's speed"
                    yield Goal(
                        work + ", whole process",
                        side["per_s"] / rembg["per_s"],
                        limit,
                        "×",
                        at_least=True,
                    )
                    yield Goal(
                        work + ", steady state",
                        side["steady_per_s"] / rembg["steady_per_s"],
                        limit,
                        "×",
                        at_least=True,
                    )
        if folder["kind"] == "12" and ours[-1]["edges"] != "soft":
            work = (
                f"{NAMES['12']}, u2net, providers {ours[-1]['asked']}, by default (edges: "
                f"{ours[-1]['edges']}, colour: clean): times rembg's speed, whole process"
            )
            times = ours[-1]["per_s"] / rembg["per_s"]
            yield Goal(work, times, REFINED_GOAL, "×", at_least=True)


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    rembg = f" and `rembg p` ({figures['rembg']}; on its default, the CPU provider)"
    yield "### Beside rembg\n" if figures["rembg"] else "### Whole folders\n"
    yield (
        f"`scissorsd once`{rembg if figures['rembg'] else ''}, the same folder in turn, "
        f"{figures['rounds']} rounds after one that does not count; medians. Model "
        f"{figures['model']} from the same file, PNG cutouts, JPEGs of quality 92. *Whole* is "
        "pictures over the seconds from start to exit; *steady* leaves out start-up, by "
        f"subtracting a run with {figures['few']} pictures. CPU seconds are user and system, per "
        "picture, of the whole run; memory is the largest resident size. *Spread* is between the "
        "fastest and the slowest round, of the median. The ratios are to the first row. The work "
        "is rembg's, `mask: {edges: soft}` and `colour: as_is`; where a row names other edges it "
        "is that of the default rule, with `colour: clean`.\n"
    )
    headings = ("program", "runs on", "whole /s", "×", "spread", "steady /s", "×", "CPU s", "MiB")
    for folder in figures["folders"]:
        yield f"{folder['pictures']} pictures of {NAMES[folder['kind']]}:\n"
        first = folder["sides"][0]
        yield table(headings, (cells(side, first) for side in folder["sides"])) + "\n"


def cells(side: Figures, first: Figures) -> tuple[str | float, ...]:
    """Return a row of the table."""
    edges = "" if side["edges"] == "soft" else f", edges {side['edges']}"
    asked = f" providers {side['asked']}{edges}" if side["asked"] else ""
    return (
        side["name"] + asked,
        side["runs_on"],
        side["per_s"],
        side["per_s"] / first["per_s"],
        f"{side['spread']:.0%}",
        side["steady_per_s"],
        side["steady_per_s"] / first["steady_per_s"],
        side["cpu_s_each"],
        side["peak_mib"],
    )


if __name__ == "__main__":
    main()

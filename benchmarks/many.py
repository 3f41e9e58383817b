"""Compare `Cutter.cut_many` with a loop over rembg's `remove`, in Python: the same pictures.

Each is a process of its own that opens one network, cuts the folder and writes a PNG of each
picture; in turn, after one round that does not count. The work is rembg's (the network's mask,
stretched; the picture's own colours), and in one more row what scissorsd does by default. A loop
over `Cutter.cut` tells what `cut_many` gains by overlapping. rembg is installed into a virtual
environment of its own on first use. Nothing is found out: what a daemon did is used.

In ten minutes or so on two cores: --pictures 40 --rounds 2
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import Figures, Place, parser, place, table
from compare import rembg_program, rembg_versions
from pictures import NAMES, lay_out, take
from processes import Ran, environment, run

DIFFERENT = 12  # pictures; the others are links to them

REMBG = """
import sys
from pathlib import Path
from rembg import new_session, remove

model, inbox, outbox = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
session = new_session(model)
for path in sorted(inbox.iterdir()):
    (outbox / f"{path.stem}.png").write_bytes(remove(path.read_bytes(), session=session))
"""

OURS = """
import sys
from pathlib import Path
from scissorsd import Cutter, MaskOptions, Output, ScissorsError

model, inbox, outbox = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
edges, colour, how = sys.argv[4:]
mask, png = MaskOptions(edges=edges), Output(colour=colour)
paths = sorted(inbox.iterdir())
with Cutter(model) as cutter:
    if how == "cut_many":
        results = cutter.cut_many(paths, mask=mask, outputs=[png])
    else:
        results = ((path, cutter.cut(path, mask=mask)) for path in paths)
    for path, outcome in results:
        if isinstance(outcome, ScissorsError):
            raise outcome
        (outbox / f"{path.stem}.png").write_bytes(outcome.render(png))
"""


@dataclass(frozen=True, slots=True)
class Side:
    """A program, and what its runs took."""

    name: str
    command: Sequence[str | Path]  # before and after the folders
    options: Sequence[str] = ()
    ran: list[Ran] = field(default_factory=list)


def main() -> None:
    """Run everything in turn, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--model", default="u2net")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--pictures", type=int, default=200)
    options.add_argument("--kind", choices=NAMES, default="web")
    arguments = options.parse_args()
    here = place(arguments)
    rembg = rembg_program(here.cache)
    sides = [
        Side("rembg, `remove` in a loop", [rembg.with_name("python"), "-c", REMBG]),
        ours("`cut_many`", "soft", "as_is", "cut_many"),
        ours("`cut` in a loop", "soft", "as_is", "cut"),
        ours("`cut_many`, by default", "fine", "clean", "cut_many"),
    ]
    inbox, few = here.empty("inbox"), here.empty("inbox-few")
    different = take(here.cache, arguments.kind, min(DIFFERENT, arguments.pictures))
    lay_out(different, inbox, arguments.pictures)
    lay_out(different[:2], few)
    for side in sides:
        cut_all(here, side, arguments.model, few)
    for _ in range(arguments.rounds):
        for side in sides:
            side.ran.append(cut_all(here, side, arguments.model, inbox))
    figures = {
        "model": arguments.model,
        "rounds": arguments.rounds,
        "pictures": arguments.pictures,
        "kind": arguments.kind,
        "rembg": rembg_versions(rembg),
        "sides": [row(side, arguments.pictures) for side in sides],
    }
    here.save("many", figures)
    print("\n".join(section(figures)))


def ours(name: str, *options: str) -> Side:
    """Return our own program with its options."""
    return Side(f"scissorsd, {name}", [sys.executable, "-c", OURS], options)


def cut_all(here: Place, side: Side, model: str, inbox: Path) -> Ran:
    """Let a program cut a folder, and see that all came out."""
    outbox = here.empty("outbox")
    ran = run([*side.command, model, inbox, outbox, *side.options], environment(here.models))
    wanted, found = len(list(inbox.iterdir())), len(list(outbox.glob("*.png")))
    if found != wanted:
        raise SystemExit(f"{side.name}: {found} of {wanted} pictures came out")
    print(f"{side.name}, {wanted} pictures: {ran.wall_s:.1f} s", file=sys.stderr)
    return ran


def row(side: Side, count: int) -> Figures:
    """Sum one side up."""
    walls = [ran.wall_s for ran in side.ran]
    return {
        "name": side.name,
        "wall_s": walls,
        "per_s": count / median(walls),
        "spread": (max(walls) - min(walls)) / median(walls),
        "cpu_s_each": median(ran.cpu_s for ran in side.ran) / count,
        "peak_mib": median(ran.peak_mib for ran in side.ran),
    }


def section(figures: Figures) -> Iterator[str]:
    """Write the table."""
    yield (
        f"{figures['pictures']} JPEGs of {NAMES[figures['kind']]}, {figures['model']}, "
        f"{figures['rounds']} rounds in turn, medians; {figures['rembg']}. From the start of the "
        "process to its end; memory is the largest resident size.\n"
    )
    first = figures["sides"][0]
    headings = ("program", "pictures /s", "×", "spread", "CPU s each", "MiB")
    yield table(
        headings,
        (
            (
                side["name"],
                side["per_s"],
                side["per_s"] / first["per_s"],
                f"{side['spread']:.0%}",
                side["cpu_s_each"],
                side["peak_mib"],
            )
            for side in figures["sides"]
        ),
    )


if __name__ == "__main__":
    main()

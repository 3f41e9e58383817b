"""Write docs/performance.md from the results of the other benchmarks.

`python benchmarks/report.py [--page FILE] [FOLDER...]`: each folder holds the results of one
machine, as `--cache` of the others has them in results/; without one it is this machine's.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import backlog
import bench
import compare
import encoders
import known
import latency
import memory
import stages
import startup

PARTS: tuple[ModuleType, ...] = (
    *(compare, stages, encoders, startup),
    *(latency, known, memory, backlog),
)
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
HEAD = """# How fast it is

Written by `python benchmarks/report.py` from what `make bench` and `make bench-daemon` measured;
every figure comes from a script in `benchmarks/`, whose first lines say how. The goals are set for
a machine with two cores and no GPU.

Each chapter is one machine. What stands in none was not measured: where no chapter names a GPU,
none was at hand, and the CUDA provider has been tried by its tests alone.
"""


def main() -> None:
    """Read the results, write the page."""
    options = bench.parser(__doc__)
    options.add_argument("--page", type=Path, default=PAGE)
    options.add_argument("folders", nargs="*", type=Path)
    arguments = options.parse_args()
    folders = arguments.folders or [bench.place(arguments).cache / "results"]
    parts = [part for folder in folders for part in chapter(folder)]
    arguments.page.write_text("\n".join([HEAD, *parts]).rstrip() + "\n", encoding="utf-8")
    print(f"Written: {arguments.page}")


def chapter(folder: Path) -> Iterator[str]:
    """Write the chapter of one machine."""
    found = {
        part: json.loads(path.read_text(encoding="utf-8"))
        for part in PARTS
        if (path := folder / f"{part.__name__}.json").exists()
    }
    machines = {json.dumps(figures["machine"]) for figures in found.values()}
    if len(machines) != 1:
        raise SystemExit(f"{folder} has the results of {len(machines)} machines: {machines}")
    machine = json.loads(machines.pop())
    days = sorted({figures["day"] for figures in found.values()})
    yield f"## {machine['cpu']}, {machine['cores']} cores, GPU: {machine['gpu']}\n"
    yield f"Measured {' and '.join(days)}. Memory {machine['memory']}; {machine['system']};"
    yield f"{machine['software']}.\n"
    goals = [goal.row() for part, figures in found.items() for goal in part.goals(figures)]
    yield "### Goals\n"
    yield bench.table(("work", "goal", "measured", ""), goals) + "\n"
    for part, figures in found.items():
        yield from part.section(figures)


if __name__ == "__main__":
    main()

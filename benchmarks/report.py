"""Write docs/performance.md from the results of the other benchmarks.

`python benchmarks/report.py [--page FILE] [FOLDER...]`: each folder holds the results of one
machine, as `--cache` of the others has them in results/; without one it is this machine's. The
page's chapters of other machines stay as they are. Where the benchmarks were run several times
(`--run 1`, `--run 2` and so on), a goal's figure is the median of the runs, with the least and the
most beside it; the sections are of the first run.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from types import ModuleType

import adopt
import backlog
import bench
import compare
import encoders
import gpu
import hub
import known
import latency
import memory
import network
import stages
import startup

PARTS: tuple[ModuleType, ...] = (
    *(compare, stages, gpu, encoders, startup),
    *(latency, known, adopt, memory, backlog, hub, network),
)
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
HEAD = """# How fast it is

Written by `python benchmarks/report.py` from what `make bench` and `make bench-daemon` measured;
every figure comes from a script in `benchmarks/`, whose first lines say how. The goals are set for
a machine with two cores and no GPU.

Each chapter is one machine. What stands in none was not measured: where no chapter names a GPU,
none was at hand, and the CUDA provider has been tried by its tests alone. With one,
`python benchmarks/gpu.py` tells how it is best fed and what happens when its memory is taken;
`compare.py` and `stages.py` with `--providers cuda`, pictures per second and the bottleneck.
"""


def main() -> None:
    """Read the results, write the page."""
    options = bench.parser(__doc__)
    options.add_argument("--page", type=Path, default=PAGE)
    options.add_argument("folders", nargs="*", type=Path)
    arguments = options.parse_args()
    folders = arguments.folders or [bench.place(arguments).cache / "results"]
    new = ["\n".join(chapter(folder)) for folder in folders]
    kept = others(arguments.page, {heading(text) for text in new})
    page = "\n".join([HEAD, *new, *kept]).rstrip() + "\n"
    arguments.page.write_text(page, encoding="utf-8")
    print(f"Written: {arguments.page}")


def others(page: Path, replaced: set[str]) -> Iterator[str]:
    """Yield the chapters of a page but for those with these headings."""
    _, *chapters = page.read_text(encoding="utf-8").split("\n## ") if page.exists() else [""]
    for text in chapters:
        if heading(f"## {text}") not in replaced:
            yield f"## {text}"


def heading(text: str) -> str:
    """Return the first line of a chapter."""
    return text.partition("\n")[0]


def chapter(folder: Path) -> Iterator[str]:
    """Write the chapter of one machine."""
    runs = [results(one) for one in (folder, *sorted(folder.glob("run-*")))]
    everything = [figures for found in runs for figures in found.values()]
    machines = {json.dumps(figures["machine"]) for figures in everything}
    if len(machines) != 1:
        raise SystemExit(f"{folder} has the results of {len(machines)} machines: {machines}")
    machine = json.loads(machines.pop())
    days = sorted({figures["day"] for figures in everything})
    yield f"## {machine['cpu']}, {machine['cores']} cores, GPU: {machine['gpu']}\n"
    yield f"Measured {' and '.join(days)}. Memory {machine['memory']}; {machine['system']};"
    yield f"{machine['software']}.\n"
    yield "### Goals\n"
    if len(runs) > 1:
        yield f"Medians of up to {len(runs)} runs, with the least and the most.\n"
    headings = ("work", "goal", "measured", "", *(["least – most"] if len(runs) > 1 else []))
    yield bench.table(headings, goal_rows(runs)) + "\n"
    for part, figures in runs[0].items():
        yield from part.section(figures)


def results(folder: Path) -> dict[ModuleType, bench.Figures]:
    """Read what one run found, by the benchmark."""
    return {
        part: json.loads(path.read_text(encoding="utf-8"))
        for part in PARTS
        if (path := folder / f"{part.__name__}.json").exists()
    }


def goal_rows(runs: Sequence[dict[ModuleType, bench.Figures]]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each goal: the median of its runs and, of several, how far they are apart."""
    goals: dict[str, list[bench.Goal]] = {}
    for found in runs:
        for part, figures in found.items():
            for goal in part.goals(figures):
                goals.setdefault(goal.work, []).append(goal)
    for same in goals.values():
        measured = [goal.measured for goal in same]
        row = replace(same[0], measured=median(measured)).row()
        ends = f"{bench.number(min(measured))} – {bench.number(max(measured))}"
        yield (*row, ends if len(same) > 1 else "") if len(runs) > 1 else row


if __name__ == "__main__":
    main()

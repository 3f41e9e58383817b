"""Write into docs/page.md what the page costs, from what page_costs.py last measured of each part.

`python benchmarks/page_table.py [--page FILE]`: the table below "What it costs" is written anew,
and the line above it, which names the machine.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from bench import Figures, number, parser, place, table

PAGE = Path(__file__).parent.parent / "docs" / "page.md"
ABOVE = "Measured on "  # how the line above the table begins
PIECE = 500  # drops, after each of which the memory is looked at


def main() -> None:
    """Read the results, write the table."""
    options = parser(__doc__)
    options.add_argument("--page", type=Path, default=PAGE)
    arguments = options.parse_args()
    paths = sorted((place(arguments).cache / "results").glob("page-*.json"))
    measured = {
        path.stem.removeprefix("page-"): json.loads(path.read_text(encoding="utf-8"))
        for path in paths
    }
    machines = {json.dumps(figures["machine"]) for figures in measured.values()}
    if len(machines) != 1:
        raise SystemExit(f"there are the results of {len(machines)} machines: {machines}")
    machine = json.loads(machines.pop())
    days = sorted({figures["day"] for figures in measured.values()})
    head = (
        f"{ABOVE}{' and '.join(days)}: {machine['cpu']}, {machine['cores']} cores,"
        f" {machine['memory']}; {machine['system']}; {machine['software']}."
    )
    text = arguments.page.read_text(encoding="utf-8")
    before, _, rest = text.partition(ABOVE)
    after = rest[rest.index("\n## ") :]
    arguments.page.write_text(f"{before}{head}\n\n{table_of(measured)}\n{after}", encoding="utf-8")
    print(f"Written: {arguments.page}")


def table_of(measured: Mapping[str, Figures]) -> str:
    """Return what was measured, as Markdown: a row each, with the machine's load before."""
    rows = [
        (words, told, number(figures["load_before"]))
        for part, figures in measured.items()
        for words, told in ROWS[part](figures)
    ]
    return table(["", "measured", "load before"], rows)


Rows = Iterator[tuple[str, str]]


def _weight(figures: Figures) -> Rows:
    size, count = figures["weight_bytes"], figures["weight_files"]
    yield "the page itself, all that a browser loads before pictures", f"{size:,} bytes in {count}"


def _idle(figures: Figures) -> Rows:
    yield "CPU of its process, nobody looks", f"{number(figures['idle_percent'])} % of a core"
    yield "the same, one tab open", f"{number(figures['idle_tab_percent'])} % of a core"


def _open(figures: Figures) -> Rows:
    yield "open, nothing cached, to DOMContentLoaded", _seconds(figures["loaded_ms"])
    yield "open to the first card", _seconds(figures["first_card_ms"])


def _drop(figures: Figures) -> Rows:
    of_which = "of which the daemon worked on the picture"
    yield "drop to cutout seen, quick desk, network warm", _seconds(figures["seen_quick_ms"])
    yield of_which, _seconds(figures["cut_quick_ms"])
    yield "drop to cutout seen, an inbox", _seconds(figures["seen_bench_ms"])
    yield of_which, _seconds(figures["cut_bench_ms"])


def _many(figures: Figures) -> Rows:
    yield (
        "400 dropped at once: the longest task in the browser",
        f"{figures['longest_task_ms']:.0f} ms",
    )


def _watched(figures: Figures) -> Rows:
    rounds = figures["watched_rounds"]
    without, watched = ([one for one in rounds if one["with_tab"] is tab] for tab in (False, True))
    ratios = [a["s_each"] / b["s_each"] for a, b in zip(without, watched, strict=True)]
    yield "throughput with a tab open, of that without", _spread([100 * one for one in ratios], "%")
    for what, key in (("page's process", "page_s_each"), ("browser, here too", "browser_s_each")):
        both = (1000 * median(one[key] for one in some) for some in (without, watched))
        told = " and ".join(f"{value:.0f} ms" for value in both)
        yield f"CPU of the {what}, for each picture, without and with it", told


def _memory(figures: Figures) -> Rows:
    grown = figures["memory_drops_mib"]
    yield "its memory (RSS) before drops", f"{figures['memory_before_drops_mib']:.0f} MiB"
    for drops in (PIECE, 1000, 2500, 5000, 10_000):
        if drops // PIECE <= len(grown):
            yield f"after {drops:,} small drops, by http", f"{grown[drops // PIECE - 1]:.1f} MiB"


ROWS: Mapping[str, Callable[[Figures], Rows]] = {
    "weight": _weight,
    "idle": _idle,
    "open": _open,
    "drop": _drop,
    "many": _many,
    "watched": _watched,
    "memory": _memory,
}


def _seconds(milliseconds: Sequence[float]) -> str:
    return _spread([one / 1000 for one in milliseconds], "s")


def _spread(values: Sequence[float], unit: str) -> str:
    """Tell the median, with the least and the most."""
    ends = f"{number(min(values))} to {number(max(values))}"
    return f"{number(median(values))} {unit} ({ends})"


if __name__ == "__main__":
    main()

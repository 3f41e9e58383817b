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
WATCHERS = ("nobody", "program", "tab")
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
    before, _, rest = text.partition(f"\n{ABOVE}")
    _, _, after = rest.split("\n\n", 2)  # the line, the table
    written = f"{before}\n{head}\n\n{table_of(measured)}\n\n{after}"
    arguments.page.write_text(written, encoding="utf-8")
    print(f"Written: {arguments.page}")


def table_of(measured: Mapping[str, Figures]) -> str:
    """Return what was measured, as Markdown: a row each, with the machine's load before."""
    rows = [
        (words, told, number(figures["load_before"]))
        for part, rows_of in ROWS.items()
        if (figures := measured.get(part)) is not None
        for words, told in rows_of(figures)
    ]
    return table(["", "measured", "load before"], rows)


Rows = Iterator[tuple[str, str]]


def _weight(figures: Figures) -> Rows:
    size, count = figures["weight_bytes"], figures["weight_files"]
    yield (
        "the page itself, all that a browser loads before pictures",
        f"{size:,} bytes in {count} files",
    )


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
    of = {who: [one for one in figures["watched_rounds"] if one["who"] == who] for who in WATCHERS}
    alone = [one["s_each"] for one in of["nobody"]]
    yield f"{figures['watched']} pictures of an inbox, nobody watches: each", _spread(alone, "s")
    for who, words in (("program", "as a tab asks"), ("tab", "by a tab, its browser here, too")):
        ratios = [100 * a / b["s_each"] for a, b in zip(alone, of[who], strict=True)]
        yield f"their throughput watched {words}", _spread(ratios, "%")
    for what, key in (("page's process", "page_s_each"), ("browser", "browser_s_each")):
        told = [f"{1000 * median(one[key] for one in some):.0f}" for some in of.values()]
        yield f"CPU of the {what} for each picture, in these three", f"{', '.join(told)} ms"


def _memory(figures: Figures) -> Rows:
    grown = figures["memory_drops_mib"]
    yield (
        "memory (RSS) of its process, at the start",
        f"{figures['memory_before_drops_mib']:.0f} MiB",
    )
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

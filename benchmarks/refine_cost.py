"""Measure what finer edges and clean colours cost: CPU seconds and memory at 12 and 50 MP.

The network's maps are kept and given again, so that its own time is not in the figures; `best` is
given its second look for nothing too. The time of refinement is that of `find_subject` less that
with edges: soft; the time of colour is that of a cutout with colour: clean, not encoded, less that
with as_is. Each is the median over rounds, in a process of its own, on one thread or as many as
the code itself uses; CPU seconds are user and system of all of them.

Memory is told twice: the most that Python and numpy held above the picture (tracemalloc), and how
far the process grew above the picture (its largest resident size, which counts what Pillow
holds too). The cutout is in both; with soft edges its colours are left as they are.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import process_time
from tracemalloc import get_traced_memory, reset_peak, start, stop
from typing import get_args
from unittest import mock

import numpy as np
from bench import Figures, Goal, parser, place, table
from numpy.typing import NDArray
from pictures import NAMES, take

from scissorsd import logs
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import Edges, MaskOptions, Output
from scissorsd.inference.sessions import Sessions
from scissorsd.pictures import cutting_out, reading
from scissorsd.pictures.picture import Picture
from scissorsd.settings import MAX_PIXELS

MODEL = "u2net"
MB = 1e6
KIBIBYTE = 1024
FORGET_PEAK = "5"  # proc(5): sets VmHWM back to what is resident now
EDGES: tuple[Edges, ...] = ("soft", "fine", "auto", "best")
LIMITS = {"fine": 0.45, "best": 1.0}  # CPU seconds at 12 MP, with colour
LIMIT_MB = 150.0


class Kept:
    """Gives the network's maps again in the order in which they were asked for."""

    def __init__(self, maps: list[NDArray[np.float32]]) -> None:
        self._maps = maps
        self._next = 0

    def again(self) -> "Kept":
        """Begin with the first map."""
        self._next = 0
        return self

    def run(
        self, _name: str, _input: NDArray[np.float32], /
    ) -> tuple[NDArray[np.float32], str, str]:
        """Return the next map."""
        self._next += 1
        return self._maps[self._next - 1], "kept", "full"


class Keeping:
    """Runs the real network and keeps its maps."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.maps: list[NDArray[np.float32]] = []

    def run(
        self, name: str, values: NDArray[np.float32], /
    ) -> tuple[NDArray[np.float32], str, str]:
        """Run the network."""
        raw, provider, precision = self._sessions.run(name, values)
        self.maps.append(raw)
        return raw, provider, precision


def main() -> None:
    """Measure every picture with every way of cutting it."""
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--sizes", nargs="+", choices=("2", "12", "50"), default=["12", "50"])
    options.add_argument("--count", type=int, default=4, help="pictures of each size")
    arguments = options.parse_args()
    logs.set_up(quiet=True)
    here = place(arguments)
    rows = []
    for size in arguments.sizes:
        paths = take(here.cache, size, arguments.count)
        kept = maps(here.models, paths)
        for edges in EDGES:
            found = [alone(path, kept[path], edges, arguments.rounds) for path in paths]
            rows.append(
                {"size": size, "edges": edges, "pictures": [p.stem for p in paths]}
                | {name: [one[name] for one in found] for name in found[0]}
            )
    figures: Figures = {"model": MODEL, "rounds": arguments.rounds, "rows": rows}
    here.save("refine_cost", figures)
    print("\n".join(section(figures)))


def maps(models: Path, paths: list[Path]) -> dict[Path, list[NDArray[np.float32]]]:
    """Let the network see each picture as `best` has it; a map or two for each."""
    kept = {}
    sessions = Sessions(models=CATALOGUE, folder=models, providers=["cpu"], precision="full")
    for path in paths:
        keeping = Keeping(sessions)
        cutting_out.find_subject(read(path), CATALOGUE[MODEL], keeping, MaskOptions(edges="best"))
        kept[path] = keeping.maps
    sessions.close()
    return kept


def alone(
    path: Path, kept: list[NDArray[np.float32]], edges: Edges, rounds: int
) -> dict[str, float]:
    """Measure one way of cutting one picture in processes of their own."""
    found: dict[str, float] = {}
    for part in (times, peaks, resident):
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            found |= pool.submit(part, path, kept, edges, rounds).result()
    return found


def times(
    path: Path, kept: list[NDArray[np.float32]], edges: Edges, rounds: int
) -> dict[str, float]:
    """Take the CPU seconds of the mask, of the cutout, and of the cutout with clean colours."""
    picture, network = read(path), Kept(kept)
    taken: dict[str, list[float]] = {"mask_s": [], "as_is_s": [], "clean_s": []}
    for _ in range(rounds + 1):
        began = process_time()
        cut = cutting_out.find_subject(
            picture, CATALOGUE[MODEL], network.again(), MaskOptions(edges=edges)
        )
        taken["mask_s"].append(process_time() - began)
        for colour in get_args(Output.__annotations__["colour"]):
            began = process_time()
            render(picture, cut, Output(colour=colour))
            taken[f"{colour}_s"].append(process_time() - began)
    return {name: median(seconds[1:]) for name, seconds in taken.items()}


def peaks(path: Path, kept: list[NDArray[np.float32]], edges: Edges, _: int) -> dict[str, float]:
    """Trace the most memory held above the picture, while cutting and while cleaning colours."""
    picture, network = read(path), Kept(kept)
    start()
    cut = cutting_out.find_subject(picture, CATALOGUE[MODEL], network, MaskOptions(edges=edges))
    mask_mb = get_traced_memory()[1] / MB
    reset_peak()
    render(picture, cut, Output(colour="as_is" if edges == "soft" else "clean"))
    cutout_mb = get_traced_memory()[1] / MB
    stop()
    return {"mask_mb": mask_mb, "cutout_mb": cutout_mb}


def resident(path: Path, kept: list[NDArray[np.float32]], edges: Edges, _: int) -> dict[str, float]:
    """Take how far the process grows while it cuts; soft edges keep their colours as they are."""
    picture, network = read(path), Kept(kept)
    before = memory_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text(FORGET_PEAK, encoding="ascii")
    cut = cutting_out.find_subject(picture, CATALOGUE[MODEL], network, MaskOptions(edges=edges))
    render(picture, cut, Output(colour="as_is" if edges == "soft" else "clean"))
    return {"resident_mb": memory_mb("VmHWM") - before}


def memory_mb(row: str) -> float:
    """Return what this process holds now (VmRSS), or the most that it held (VmHWM)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(f"{row}:"))
    return int(line.split()[1]) * KIBIBYTE / MB


def read(path: Path) -> Picture:
    """Read a picture."""
    return reading.read(path.read_bytes(), max_pixels=MAX_PIXELS)


def render(picture: Picture, cut: cutting_out.Cut, output: Output) -> None:
    """Make a cutout, but encode nothing."""
    with mock.patch.object(cutting_out, "encode", return_value=b""):
        cutting_out.render(picture, cut, output, max_pixels=MAX_PIXELS)


# --- telling ---------------------------------------------------------------------------------


def summed_up(figures: Figures) -> Iterator[Figures]:
    """Yield for each row the means over the pictures, and of the extra memory the most."""
    soft = {row["size"]: row for row in figures["rows"] if row["edges"] == "soft"}
    for row in figures["rows"]:
        plain = soft[row["size"]]
        refining = np.subtract(row["mask_s"], plain["mask_s"])
        colour = np.subtract(row["clean_s"], row["as_is_s"])
        traced = np.maximum(row["mask_mb"], row["cutout_mb"])
        yield {
            "size": row["size"],
            "edges": row["edges"],
            "soft_s": float(np.mean(plain["mask_s"])),
            "refining_s": float(np.mean(refining)),
            "colour_s": float(np.mean(colour)),
            "both_s": float(np.mean(refining + colour)),
            "most_s": float(np.max(refining + colour)),
            "traced_mb": float(np.max(traced)),
            "resident_mb": float(np.max(row["resident_mb"])),
            "extra_mb": float(np.max(np.subtract(row["resident_mb"], plain["resident_mb"]))),
        }


def goals(figures: Figures) -> Iterator[Goal]:
    """Yield the goals: CPU seconds and memory at 12 MP."""
    for row in summed_up(figures):
        if row["size"] == "12" and row["edges"] in LIMITS:
            work = f"edges: {row['edges']}, 12 MP"
            limit = LIMITS[row["edges"]]
            yield Goal(f"{work}: CPU of refinement and colour", row["both_s"], limit, "s")
            yield Goal(f"{work}: extra memory", row["extra_mb"], LIMIT_MB, "MB")


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    count = len(figures["rows"][0]["pictures"])
    yield "### What it costs\n"
    yield (
        f"{count} pictures of each size, drawn ones and photographs enlarged, with a sensor's "
        f"noise; {figures['model']}'s own time is not in it. CPU seconds, medians of "
        f"{figures['rounds']} rounds, then means over the pictures; *most* is the picture that "
        "takes longest. Memory is the worst picture's: *traced* is what numpy held above the "
        "picture; *resident* is how far the process grew, Pillow's own memory included; *extra* is "
        "how much more that is than with soft edges and colours as they are. The mask and the "
        "cutout are in all of them.\n"
    )
    memory_heads = ("traced MB", "resident MB", "extra MB")
    head = ("edges", "size", "refinement s", "colour s", "both s", "most s", *memory_heads)
    seconds = ("refining_s", "colour_s", "both_s", "most_s")
    memory = ("traced_mb", "resident_mb", "extra_mb")
    rows = (
        (
            row["edges"],
            NAMES[row["size"]],
            *(f"{row[name]:.2f}" for name in seconds),
            *(f"{row[name]:.0f}" for name in memory),
        )
        for row in summed_up(figures)
    )
    yield table(head, rows) + "\n"


if __name__ == "__main__":
    main()

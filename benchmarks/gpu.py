"""Measure how a GPU is best fed, and what happens when another process takes its memory.

Pictures per second of whole folders, and where their bottleneck is, come from compare.py and
stages.py with `--providers cuda`. Here the network runs alone, several pictures in flight, in
page-locked buffers, in plain ones, and without any of its own; then a daemon that prefers the GPU
cuts a folder while another process holds all of its memory, and goes on when that one has ended.
"""

import ctypes
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import onnxruntime
from bench import Figures, Goal, Place, parser, place, rule_for, table, write_config
from pictures import lay_out, take
from processes import Daemon

from scissorsd.core.catalogue import CATALOGUE
from scissorsd.inference.io_binding import Allocate, Slots, cuda_runtime, page_locked, plain_memory
from scissorsd.inference.providers import open_session
from scissorsd.machine import usable_cpus

HOLD = "--hold-all-memory"
LEAST = 1 << 20  # bytes; what is left beside is less
PATIENCE = 600.0  # seconds for the GPU to be used again


def main() -> None:
    """Feed the GPU, fill its memory, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--model", default="u2net")
    options.add_argument(
        "--provider", choices=("cuda", "cpu"), default="cuda", help="cpu: to try this script"
    )
    options.add_argument("--in-flight", nargs="+", type=int, default=[1, 2, 3, 4, 6])
    options.add_argument("--inferences", type=int, default=300, help="of each measurement")
    options.add_argument("--pictures", type=int, default=24, help="while the memory is taken")
    options.add_argument(HOLD, action="store_true", help="only that, until standard input ends")
    arguments = options.parse_args()
    if arguments.hold_all_memory:
        hold()
        return
    here = place(arguments)
    provider = arguments.provider
    fed = []
    for fast in (False, True) if provider == "cuda" else (False,):
        network = Network(here, arguments.model, provider, fast=fast)
        fed += [network.row(count, arguments.inferences) for count in arguments.in_flight]
    taken = without_memory(here, arguments.model, arguments.pictures) if provider == "cuda" else {}
    figures = {"model": arguments.model, "provider": provider, "fed": fed, "taken": taken}
    here.save("gpu", figures)
    print("\n".join(section(figures)))


# --- feeding ---------------------------------------------------------------------------------


class Network:
    """A loaded network, and how fast it is fed in several ways."""

    def __init__(self, here: Place, name: str, provider: Any, *, fast: bool) -> None:  # noqa: ANN401 - an option
        model = CATALOGUE[name]
        path, threads = here.models / model.file, usable_cpus()
        session: Any = open_session(model, path, provider, fast=fast, threads=threads)
        self.provider = provider
        self.precision = session.precision
        self.loaded = session.slots.loaded if hasattr(session, "slots") else session.ort
        self.shape = (1, 3, model.input_size, model.input_size)
        self.noise = np.random.default_rng(0).normal(size=self.shape).astype(np.float32)

    def row(self, count: int, times: int) -> Figures:
        """Return the pictures per second with so many in flight."""
        takes, gives = self.loaded.get_inputs()[0].name, self.loaded.get_outputs()[0].name
        row: Figures = {"precision": self.precision, "in_flight": count}
        row["unbound"] = per_second(
            lambda: self.loaded.run([gives], {takes: self.noise}), count, times
        )
        memories: dict[str, Allocate] = {"plain": plain_memory}
        if self.provider == "cuda":
            major = str(onnxruntime.cuda_version).partition(".")[0]
            memories["page_locked"] = page_locked(cuda_runtime(major))
        for memory, allocate in memories.items():
            slots = Slots(
                onnxruntime,
                self.loaded,
                self.provider,
                shape=self.shape,
                allocate=allocate,
                count=count,
            )
            row[memory] = per_second(lambda: slots.run(self.noise), count, times)  # noqa: B023 - ends here
        return row


def per_second(run: Callable[[], object], threads: int, times: int) -> float:
    """Run something so often, from so many threads; give how often it was in a second."""
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda _: run(), range(threads)):
            pass  # to warm up
        began = monotonic()
        for _ in pool.map(lambda _: run(), range(times)):
            pass
        return times / (monotonic() - began)


# --- the memory is taken ---------------------------------------------------------------------


def without_memory(here: Place, model: str, count: int) -> Figures:
    """Cut a folder while another process holds the GPU's memory, and once more when it is free."""
    folder = here.empty("gpu")
    inbox = folder / "inbox"
    inbox.mkdir()
    pictures = take(here.cache, "web", count)
    lay_out(pictures, inbox)
    config = write_config(
        folder,
        here.models,
        inbox,
        folder / "outbox",
        rule=rule_for(model, "soft"),
        providers="cuda",
        settle="100ms",
        rescan="5s",
    )
    with held_memory() as free_again, Daemon(config, here.models) as daemon:
        meanwhile = [daemon.wait("job.finished", n + 1)["provider"] for n in range(count)]
        why = daemon.wait("session.fell_back")["reason"]
        free_again()
        began = monotonic()
        ran, came = "", 0
        while ran != "cuda" and monotonic() - began < PATIENCE:
            came += 1
            lay_out(pictures[:1], folder)
            (folder / f"00000-{pictures[0].name}").rename(inbox / f"again-{came}.jpg")
            ran = daemon.wait("job.finished", count + came)["provider"]
        return {
            "pictures": count,
            "came_out_on": {name: meanwhile.count(name) for name in sorted(set(meanwhile))},
            "why": why,
            "back_after_s": monotonic() - began if ran == "cuda" else None,
            "failed": len(list((folder / "outbox" / "failed").glob("*.txt"))),
        }


@contextmanager
def held_memory() -> Iterator[Callable[[], None]]:
    """Let another process hold the GPU's memory; give what ends it."""
    command = [sys.executable, str(Path(__file__)), HOLD]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        print(f"Held: {process.stdout.readline().strip()} bytes" if process.stdout else "")

        def end() -> None:
            process.communicate()

        yield end
    finally:
        process.kill()
        process.wait()


def hold() -> None:
    """Take all of the GPU's memory, piece by piece, until standard input ends."""
    runtime = cuda_runtime(str(onnxruntime.cuda_version).partition(".")[0])
    size, held = 1 << 32, 0
    while size >= LEAST:
        if runtime.cudaMalloc(ctypes.byref(ctypes.c_void_p()), ctypes.c_size_t(size)):
            size //= 2
        else:
            held += size
    print(held, flush=True)
    sys.stdin.read()


# --- the figures -----------------------------------------------------------------------------


def goals(_: Figures) -> Iterator[Goal]:
    """Yield no goal: the design sets none for a GPU."""
    yield from ()


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    yield "### Feeding the GPU\n"
    yield (
        f"Inferences per second of {figures['model']} alone on {figures['provider']}, so many in "
        "flight: without buffers of its own, bound to plain ones, and bound to page-locked ones.\n"
    )
    rows = [
        (
            f"{row['precision']}, {row['in_flight']} in flight",
            *(row.get(way, float("nan")) for way in ("unbound", "plain", "page_locked")),
        )
        for row in figures["fed"]
    ]
    yield table(("", "unbound /s", "plain /s", "page-locked /s"), rows) + "\n"
    if taken := figures["taken"]:
        on = ", ".join(f"{count} on {name}" for name, count in taken["came_out_on"].items())
        back = taken["back_after_s"]
        again = "not within ten minutes" if back is None else f"after {back:.0f} s"
        yield (
            f"With the GPU's memory held by another process all {taken['pictures']} pictures came "
            f"out ({on}; {taken['failed']} failed), since {taken['why']}. When that process had "
            f"ended, the GPU was used again: {again}.\n"
        )


if __name__ == "__main__":
    main()

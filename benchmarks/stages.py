"""Measure where the time of a picture goes: the CPU and wall seconds of each stage.

The daemon runs in a process of its own with the functions below wrapped from outside. What a
stage calls that is another stage counts there only. The network runs in threads of ONNX Runtime's
own, so the CPU seconds of `infer` are those of the process less those of all other stages and of
the control loop. Wall seconds include waiting: for the disk, for a lock, for a free CPU.

In two minutes or so on two cores: --folders web:16 12:12 --providers auto
"""

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench import Figures, Goal, parser, place, rule_for, table, write_config
from pictures import NAMES, counted, lay_out, take

from scissorsd import logs
from scissorsd.config import load
from scissorsd.daemon.control_loop import Daemon
from scissorsd.machine import usable_cpus

# Module, and what in it is the stage. The last one holds all the others.
STAGES = {
    "wait": (
        "scissorsd.daemon.memory:MemoryBudget.grow",
        "scissorsd.daemon.memory:MemoryBudget.lease",
    ),
    "read": ("scissorsd.folders.sources:read_source",),
    "decode": ("scissorsd.pictures.reading:read_header", "scissorsd.pictures.reading:read"),
    "prepare": ("scissorsd.core.masking:network_input",),
    "infer": ("scissorsd.inference.sessions:Sessions.run",),
    "mask": (
        *(
            f"scissorsd.core.masking:{name}"
            for name in ("without_transparent", "judge", "normalised", "within")
        ),
        "scissorsd.core.passes:full_size",
        "scissorsd.core.shaping:shape",
    ),
    "refine": ("scissorsd.core.refining:refine",),
    "colour": ("scissorsd.core.foreground_colour:cleaned",),
    "cut": ("scissorsd.core.cutting:cutout",),
    "encode": ("scissorsd.pictures.encoding:encode",),
    "publish": (
        "scissorsd.folders.sources:check_unchanged",
        "scissorsd.folders.publishing:stage",
        "scissorsd.folders.publishing:commit",
    ),
    "journal": tuple(
        f"scissorsd.records.journal:Journal.{name}"
        for name in ("planned", "known", "owner", "begin", "published", "finish")
    ),
    "other": ("scissorsd.daemon.pipeline:process",),
}
WAITS_TO_ENTER = {"scissorsd.daemon.memory:MemoryBudget.lease"}  # only that, not what is within
GOAL = 0.85


def main() -> None:
    """Measure each kind of picture on each provider, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--model", default="u2net")
    options.add_argument("--providers", nargs="+", default=["auto", "cpu"])
    options.add_argument("--edges", nargs="+", default=["soft", "fine"])
    options.add_argument(
        "--folders",
        nargs="+",
        type=counted,
        metavar="KIND:COUNT",
        default=[("web", 40), ("12", 24), ("50", 8)],
    )
    arguments = options.parse_args()
    here = place(arguments)
    runs = []
    for kind, count in arguments.folders:
        pictures = take(here.cache, kind, count)
        for provider, edges in product(arguments.providers, arguments.edges):
            folder = here.empty("stages")
            inbox = folder / "inbox"
            inbox.mkdir()
            lay_out(pictures, inbox)
            config = write_config(
                folder,
                here.models,
                inbox,
                folder / "outbox",
                rule=rule_for(arguments.model, edges),
                providers=provider,
            )
            # a process for each, since what one opened would stay in memory
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                found = pool.submit(measured, config).result()
            runs.append({"kind": kind, "asked": provider, "edges": edges, **found})
    figures = {"model": arguments.model, "runs": runs}
    here.save("stages", figures)
    print("\n".join(section(figures)))


# --- measuring -------------------------------------------------------------------------------


class Clock:
    """Adds up the CPU and wall seconds of each stage, over all threads."""

    def __init__(self) -> None:
        self.cpu: defaultdict[str, float] = defaultdict(float)
        self.wall: defaultdict[str, float] = defaultdict(float)
        self.first: Moment | None = None  # when the first stage began
        self.last = Moment()  # when the last one ended
        self._within = threading.local()  # what the stages within the running one took
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage."""
        outer: list[float] | None = getattr(self._within, "took", None)
        inner = self._within.took = [0.0, 0.0]
        self.first = self.first or Moment()
        cpu, wall = time.thread_time(), time.monotonic()
        try:
            yield
        finally:
            cpu, wall = time.thread_time() - cpu, time.monotonic() - wall
            self._within.took = outer
            if outer is not None:
                outer[0] += cpu
                outer[1] += wall
            with self._lock:
                self.cpu[name] += cpu - inner[0]
                self.wall[name] += wall - inner[1]
                self.last = Moment()

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function that is a stage; what the control loop calls is none."""

        def wrapped(*arguments: object, **options: object) -> object:
            if threading.current_thread() is threading.main_thread():
                return work(*arguments, **options)
            with self.stage(name):
                return work(*arguments, **options)

        return wrapped

    def timed_to_enter(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a context manager that is a stage until it is entered."""

        @contextmanager
        def wrapped(*arguments: object, **options: object) -> Iterator[object]:
            with ExitStack() as stack:
                with self.stage(name):
                    entered = stack.enter_context(work(*arguments, **options))
                yield entered

        return wrapped


class Moment:
    """A moment, and what the process and its main thread had used by then."""

    def __init__(self) -> None:
        self.wall = time.monotonic()
        self.cpu = time.process_time()
        main = threading.main_thread().ident or 0
        self.loop_cpu = time.clock_gettime(time.pthread_getcpuclockid(main))


def measured(config_file: Path) -> Figures:
    """Cut all that is in the inbox, in this process; say what each stage took."""
    logs.set_up(quiet=True)
    clock = Clock()
    missing = [where for name in STAGES for where in STAGES[name] if not wrap(clock, name, where)]
    config = load(config_file).config
    inboxes = tuple(replace(inbox, settle=0.5) for inbox in config.inboxes)
    daemon = Daemon(replace(config, inboxes=inboxes), once=True)
    if daemon.run() or clock.first is None:
        raise SystemExit("not all pictures came out")
    (opening,) = daemon.sessions.providers_in_use().values()
    used = clock.last.cpu - clock.first.cpu
    loop = clock.last.loop_cpu - clock.first.loop_cpu
    cpu = dict(clock.cpu)
    cpu["infer"] = used - loop - sum(cpu[name] for name in cpu if name != "infer")
    return {
        "runs_on": f"{opening.provider}, {opening.precision}",
        "pictures": daemon.totals.done,
        "cores": usable_cpus(),
        "wall_s": clock.last.wall - clock.first.wall,
        "process_cpu_s": used,
        "loop_cpu_s": loop,
        "stages": {name: (cpu.get(name, 0.0), clock.wall.get(name, 0.0)) for name in STAGES},
        "not_found": missing,
    }


def wrap(clock: Clock, name: str, where: str) -> bool:
    """Wrap one function wherever it was imported; false where there is none of that name."""
    module, _, path = where.partition(":")
    *outer, last = path.split(".")
    try:
        owner: Any = import_module(module)
    except ModuleNotFoundError:
        return False
    for step in outer:
        owner = getattr(owner, step, None)
    work = getattr(owner, last, None)
    if work is None:
        return False
    timed = (clock.timed_to_enter if where in WAITS_TO_ENTER else clock.timed)(name, work)
    setattr(owner, last, timed)
    for other in [m for known, m in sys.modules.items() if known.startswith("scissorsd")]:
        for called in [key for key, value in vars(other).items() if value is work]:
            setattr(other, called, timed)
    return True


# --- the figures -----------------------------------------------------------------------------


def efficiency(run: Figures) -> tuple[float, float]:
    """Return the share of all CPUs that the stages used, and that the process used."""
    all_s = run["cores"] * run["wall_s"]
    return sum(cpu for cpu, _ in run["stages"].values()) / all_s, run["process_cpu_s"] / all_s


def goals(figures: Figures) -> Iterator[Goal]:
    """Yield the goal of the pipeline's efficiency."""
    for run in figures["runs"]:
        if run["asked"] == "auto" and run["kind"] in {"web", "12"}:
            work = f"pipeline efficiency, {NAMES[run['kind']]}, {figures['model']}, {run['edges']}"
            yield Goal(work, efficiency(run)[0], GOAL, at_least=True)


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    yield "### Where the time goes\n"
    yield (
        f"Seconds per picture in each stage of `once`, model {figures['model']}, as CPU / wall; "
        "the functions are wrapped from outside, in the daemon's process. With edges *soft* the "
        "picture keeps its own colours (`colour: as_is`), else they are cleaned. The network "
        "computes in threads of ONNX Runtime's own: the CPU seconds of *infer* are the process's "
        "less those of all else. Wall seconds hold waiting too: for the disk, a lock, the turn "
        "of the network, a free CPU; they add up over the pictures in hand at once. *wait* is for "
        "room under the memory ceiling. *Efficiency* is the stages' CPU seconds, from the first "
        "picture's beginning to the last one's end, over what all cores had to give; beside it "
        "the same with the whole process's CPU seconds.\n"
    )
    runs = figures["runs"]
    headings = (
        "",
        *(f"{NAMES[r['kind']]}, {r['edges']}, {r['asked']} ({r['runs_on']})" for r in runs),
    )
    yield table(headings, rows(runs)) + "\n"
    for missing in sorted({where for run in runs for where in run["not_found"]}):
        yield f"Not measured, since there is no such function: `{missing}`.\n"


def rows(runs: Sequence[Figures]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table."""
    yield "pictures", *(str(run["pictures"]) for run in runs)
    for name in STAGES:
        each = [[seconds / run["pictures"] for seconds in run["stages"][name]] for run in runs]
        yield name, *(f"{cpu:.3f} / {wall:.3f}" for cpu, wall in each)
    yield "control loop", *(f"{run['loop_cpu_s'] / run['pictures']:.3f}" for run in runs)
    yield "pictures /s", *(f"{run['pictures'] / run['wall_s']:.2f}" for run in runs)
    shares = [efficiency(run) for run in runs]
    yield "efficiency (process)", *(f"{stages:.2f} ({whole:.2f})" for stages, whole in shares)


if __name__ == "__main__":
    main()

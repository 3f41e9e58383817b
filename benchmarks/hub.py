"""Measure hosts that cut for a daemon: how near to ideal, what the hub costs, one that is killed.

A real broker (Debian's `rabbitmq-server`), a real daemon with `here: 0`, real `scissorsd worker`s
on this one machine; the network alone is replaced, by a sleep (benchmarks/sleeping.py). So slots
need next to no processor, and what is measured is the way: orders, reading, rendering, staging,
answers, the commit, the journal. Pictures of 0.1 MP on a tmpfs, one cutout each, `edges: soft`.

Ideal is the sleep alone, shared by all slots: efficiency is the sleep over the seconds that a slot
takes for a picture. These are counted from the moment that each slot has had one until all are
published, by the cutouts' ctimes. `python benchmarks/hub.py SLOTS...` measures these alone.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import sleep, time
from typing import Any

import yaml
from bench import TESTS, Figures, Goal, Place, number, parser, place, table
from PIL import Image, ImageDraw
from processes import LIMIT, TICKS, environment

SLEEP = 0.3  # seconds
SLOTS = (1, 2, 4, 8, 16)
ROUNDS = 10  # pictures for each slot
SLEEPING = Path(__file__).with_name("sleeping.py")
_MODEL = "u2netp"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: when each picture came out, and who made it."""

    slots: int
    came: list[float]  # seconds since the epoch, in order
    litter: int
    cpu_ms: dict[str, float]  # milliseconds of a processor for a picture, by whose

    @property
    def slot_s(self) -> float:
        """Seconds of one slot for a picture, at a steady pace."""
        first = self.slots - 1  # by then each slot has had one
        return (self.came[-1] - self.came[first]) / (len(self.came) - 1 - first) * self.slots


class Studio:
    """Folders on a tmpfs, a hub, and what is started on them."""

    def __init__(self, folder: Path, hub: Any, models: Path) -> None:  # noqa: ANN401 - of the tests
        self.folder = folder
        self.hub = hub
        self.models = models
        self.inbox, self.outbox = folder / "inbox", folder / "outbox"
        self.inbox.mkdir()
        self.outbox.mkdir()
        self._at_first: dict[int, tuple[str, float]] = {}  # by process: whose, its CPU seconds
        self._count_from("broker", hub.broker.pid)

    def fill(self, count: int) -> None:
        """Put pictures into the inbox."""
        for index in range(count):
            picture = Image.effect_noise((400, 260), 20).convert("RGB")
            ImageDraw.Draw(picture).ellipse((80, 60, 320, 200), fill=(200, 40 + index % 99, 30))
            picture.save(self.inbox / f"{index:04}.jpg", quality=92)

    @contextmanager
    def daemon(self, *, hosts: bool, workers: int = 1) -> Iterator[None]:
        """Run a daemon: one that has others cut, or one that cuts itself."""
        rule = {
            "name": "all",
            "model": _MODEL,
            "mask": {"edges": "soft"},
            "outputs": [{"kind": "cutout", "colour": "as_is"}],
            "when_no_subject": "publish",
        }
        values: dict[str, object] = {
            "state": str(self.folder / "state"),
            "models": str(self.models),
            "providers": ["cpu"],
            "workers": workers,
            "inboxes": {
                "bench": {
                    "path": str(self.inbox),
                    "outbox": str(self.outbox),
                    "settle": "500ms",
                    "rules": [rule],
                }
            },
        }
        if hosts:
            values["hosts"] = {"hub": self.hub.url, "join": str(self.hub.watcher_join), "here": 0}
        config = self.folder / "scissorsd.yaml"
        config.write_text(yaml.safe_dump(values), "utf-8")
        with self._child("daemon.ready", "run", "-c", str(config)):
            yield

    @contextmanager
    def host(self, name: str, slots: int) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a host."""
        which = ("--name", name, "--slots", str(slots), "--model", _MODEL, "--providers", "cpu")
        words = ("worker", str(self.hub.studio_join), "--models", str(self.models))
        with self._child("host.ready", *words, *which) as process:
            yield process

    @contextmanager
    def _child(self, ready: str, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
        path = self.folder / f"{words[0]}-{len(list(self.folder.glob('*.log')))}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(SLEEPING), str(SLEEP), "--log", "json", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(self.models),
            )
        try:
            _wait(lambda: _is_told(path, ready) or process.poll() is not None)
            if process.poll() is not None:
                raise SystemExit(path.read_text()[-3000:])
            self._count_from("daemon" if words[0] == "run" else "hosts", process.pid)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait()

    def came(self) -> list[float]:
        """Return when each cutout got its name; none may have failed."""
        if reasons := list(self.outbox.glob("failed/*.txt")):
            raise SystemExit(reasons[0].read_text())
        return sorted(path.stat().st_ctime for path in self.outbox.glob("*.png"))

    def _count_from(self, whose: str, pid: int) -> None:
        self._at_first[pid] = whose, cpu_s(pid)

    def done(self, slots: int) -> Run:
        """Return what there is at the end, while all still runs."""
        litter = [*self.outbox.rglob(".scissorsd-*.tmp"), *self.outbox.glob("failed/*")]
        came = self.came()
        cpu: dict[str, float] = dict.fromkeys(("daemon", "hosts", "broker"), 0.0)
        for pid, (whose, before) in self._at_first.items():
            cpu[whose] += 1000 * (cpu_s(pid) - before) / len(came)
        return Run(slots, came, len(litter), cpu)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used; of one that is gone, 0."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _is_told(path: Path, event: str) -> bool:
    return (
        re.search(rf'"event": ?"{re.escape(event)}"', path.read_text(errors="replace")) is not None
    )


def _wait(true: Any) -> None:  # noqa: ANN401 - what is asked
    deadline = time() + LIMIT
    while not true():
        if time() > deadline:
            raise SystemExit("it never came to be")
        sleep(0.01)


def _layout(slots: int) -> list[int]:
    """Return how many slots each host has: up to four hosts of up to four."""
    hosts = min(4, max(1, slots // 2))
    return [slots // hosts] * hosts


class Machine:
    """The broker, and where the studios lie."""

    def __init__(self, where: Place, held: ExitStack) -> None:
        sys.path.append(str(TESTS))
        broker = import_module("hosts.broker")
        self._hub = broker.Hub
        self._models = where.models
        self._broker = broker.Broker(Path(held.enter_context(broker.temporary_folder())) / "broker")
        held.callback(self._broker.end)
        self._broker.start()

    @contextmanager
    def studio(self, name: str) -> Iterator[Studio]:
        """Give folders on a tmpfs, and a vhost."""
        tmpfs = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108
        folder = Path(tempfile.mkdtemp(prefix="scissorsd-hosts-", dir=tmpfs))
        self._broker.add(name)
        try:
            yield Studio(folder, self._hub(self._broker, name, folder), self._models)
        finally:
            self._broker.remove(name)
            shutil.rmtree(folder)


def alone(machine: Machine) -> Run:
    """Have the daemon cut pictures itself, one after the other."""
    with machine.studio("alone") as studio:
        studio.fill(2 * ROUNDS)
        with studio.daemon(hosts=False):
            _wait(lambda: len(studio.came()) == 2 * ROUNDS)
            return studio.done(1)


def with_hosts(machine: Machine, slots: int) -> Run:
    """Have pictures cut by so many slots of hosts."""
    count = (ROUNDS + 1) * slots
    with machine.studio(f"slots-{slots}") as studio, ExitStack() as hosts:
        studio.fill(count)
        for index, each in enumerate(_layout(slots)):
            hosts.enter_context(studio.host(f"host-{index}", each))
        with studio.daemon(hosts=True):
            _wait(lambda: len(studio.came()) == count)
            return studio.done(slots)


def one_killed(machine: Machine, slot_s: float) -> Figures:
    """Kill one of two hosts in the middle; return what that costs beyond its own slots.

    `slot_s`: what a slot takes for a picture at this pace, without a kill.
    """
    each, count = 4, 96
    with machine.studio("killed") as studio, ExitStack() as hosts:
        studio.fill(count)
        first = hosts.enter_context(studio.host("first", each))
        hosts.enter_context(studio.host("second", each))
        with studio.daemon(hosts=True):
            _wait(lambda: len(studio.came()) >= count // 3)
            first.kill()
            at, left = time(), count - len(studio.came())
            _wait(lambda: len(studio.came()) == count)
            run = studio.done(2 * each)
    ideal = left * slot_s / each  # what the other's slots need for what is left
    return {"lost_s": run.came[-1] - at - ideal, "left": left, "litter": run.litter}


def _cpu(cpu_ms: dict[str, float]) -> str:
    return "CPU ms: " + ", ".join(f"{whose} {used:.0f}" for whose, used in cpu_ms.items())


def measure(machine: Machine, asked: tuple[int, ...]) -> Figures:
    """Measure all, and print it as it comes."""
    here = alone(machine)
    print(f"alone: {here.slot_s:.3f} s a picture, {_cpu(here.cpu_ms)}", flush=True)
    rows: list[Figures] = []
    for slots in asked:
        run = with_hosts(machine, slots)
        rows.append({"slots": slots, "slot_s": run.slot_s, "cpu_ms": run.cpu_ms})
        told = f"{slots} slots: {run.slot_s:.3f} s, {SLEEP / run.slot_s:.2f}, litter {run.litter}"
        print(f"{told}, {_cpu(run.cpu_ms)}", flush=True)
    figures: Figures = {
        "sleep_s": SLEEP,
        "alone_s": here.slot_s,
        "alone_cpu_ms": here.cpu_ms,
        "rows": rows,
    }
    figures["load"] = os.getloadavg()
    by_slots = {row["slots"]: row["slot_s"] for row in rows}
    if pace := by_slots.get(4):
        figures["killed"] = one_killed(machine, pace)
        print(f"killed: {figures['killed']}")
    return figures


def goals(figures: Figures) -> list[Goal]:
    """Return the goals."""
    found = []
    for row in figures["rows"]:
        limit = 0.7 if row["slots"] > 8 else 0.85
        work = f"hosts with {row['slots']} slots, a network of {figures['sleep_s']} s: efficiency"
        found.append(Goal(work, figures["sleep_s"] / row["slot_s"], limit, at_least=True))
    one = next((row["slot_s"] for row in figures["rows"] if row["slots"] == 1), None)
    if one is not None:
        more = 1000 * (one - figures["alone_s"])
        found.append(Goal("a picture over the hub: longer than here by", more, 20, "ms"))
    if killed := figures.get("killed"):
        found.append(Goal("a host killed in the middle: lost", killed["lost_s"], 1, "s"))
    return found


def section(figures: Figures) -> list[str]:
    """Return the section of the page."""
    rows = [
        (
            str(row["slots"]),
            " + ".join(map(str, _layout(row["slots"]))),
            figures["sleep_s"] / row["slot_s"],
            1000 * row["slot_s"],
            row["slots"] / row["slot_s"],
            *(row["cpu_ms"][whose] for whose in ("daemon", "hosts", "broker")),
        )
        for row in figures["rows"]
    ]
    load = ", ".join(f"{one:.1f}" for one in figures["load"])
    text = (
        f"A network that sleeps {figures['sleep_s']} s, pictures of 0.1 MP on a tmpfs, broker, "
        "daemon (`here: 0`) and hosts on this one machine: what the way over the hub costs. "
        "*Efficiency* is the sleep over what a slot takes for a picture. Here, one after the "
        f"other, a picture takes {number(1000 * figures['alone_s'])} ms, of which "
        f"{number(figures['alone_cpu_ms']['daemon'])} the processor's. The machine's load in 1, "
        f"5 and 15 minutes at the end was {load}."
    )
    if killed := figures.get("killed"):
        text += (
            f" One of two hosts with four slots each was killed with {killed['left']} pictures "
            f"left: all came out, {number(killed['lost_s'])} s later than the other's slots "
            "need for them."
        )
    headings = (
        *("slots", "of hosts", "efficiency", "ms a picture and slot", "pictures /s"),
        *("CPU ms a picture: daemon", "hosts", "broker"),
    )
    return ["### Hosts\n", f"{text}\n", f"{table(headings, rows)}\n"]


def main() -> None:
    """Measure, print and keep."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    options = parser(__doc__)
    options.add_argument("slots", nargs="*", type=int, default=SLOTS)
    arguments = options.parse_args()
    where = place(arguments)
    with ExitStack() as held:
        figures = measure(Machine(where, held), tuple(arguments.slots))
    where.save("hub", figures)
    print(table(("work", "goal", "measured", ""), [goal.row() for goal in goals(figures)]))
    print("\n".join(section(figures)))


if __name__ == "__main__":
    main()

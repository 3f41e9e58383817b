"""A daemon and its hosts, all real, on folders of a tmpfs: what hub.py and network.py measure.

A real broker (Debian's `rabbitmq-server`), a real daemon with `here: 0`, real `scissorsd worker`s;
the network alone is replaced, by a sleep (sleeping.py). So slots need next to no processor, and
what is measured is the way: orders, reading, rendering, staging, answers, the commit, the journal.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from time import sleep, time
from typing import Any

import yaml
from bench import TESTS, Place
from PIL import Image, ImageDraw
from processes import LIMIT, TICKS, environment, parsed

SLEEPING = Path(__file__).with_name("sleeping.py")
_MODEL = "u2netp"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: when each picture came out, and who made it."""

    slots: int
    came: list[float]  # seconds since the epoch, in order
    makers: list[str]  # in the same order; "" is the daemon itself
    litter: int
    cpu_ms: dict[str, float]  # milliseconds of a processor for a picture, by whose

    @property
    def slot_s(self) -> float:
        """Seconds of one slot for a picture, at a steady pace."""
        first = self.slots - 1  # by then each slot has had one
        return (self.came[-1] - self.came[first]) / (len(self.came) - 1 - first) * self.slots


class Studio:
    """Folders on a tmpfs, a hub, and what is started on them."""

    def __init__(
        self,
        folder: Path,
        hub: Any,  # noqa: ANN401 - of the tests
        models: Path,
        bytes_: str,
    ) -> None:
        self.folder = folder
        self.hub = hub
        self._models = models
        self._bytes = bytes_
        self.inbox, self.outbox = folder / "inbox", folder / "outbox"
        self.inbox.mkdir()
        self.outbox.mkdir()
        self._log = folder / "run.log"
        self._at_first: dict[int, tuple[str, float]] = {}  # by process: whose, its CPU seconds
        self.count_from("broker", hub.broker.pid)

    def fill(self, count: int) -> None:
        """Put small pictures into the inbox."""
        for index in range(count):
            picture = Image.effect_noise((400, 260), 20).convert("RGB")
            ImageDraw.Draw(picture).ellipse((80, 60, 320, 200), fill=(200, 40 + index % 99, 30))
            picture.save(self.inbox / f"{index:04}.jpg", quality=92)

    @contextmanager
    def daemon(self, *, hosts: bool, sleeps: str) -> Iterator[None]:
        """Run a daemon: one that has others cut, or one that cuts itself, one after the other."""
        rule = {
            "name": "all",
            "model": _MODEL,
            "mask": {"edges": "soft"},
            "outputs": [{"kind": "cutout", "colour": "as_is"}],
            "when_no_subject": "publish",
        }
        values: dict[str, object] = {
            "state": str(self.folder / "state"),
            "models": str(self._models),
            "providers": ["cpu"],
            "workers": 1,
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
            values["hosts"] = {
                "hub": self.hub.url,
                "join": str(self.hub.watcher_join),
                "here": 0,
                "bytes": self._bytes,
            }
        config = self.folder / "scissorsd.yaml"
        config.write_text(yaml.safe_dump(values), "utf-8")
        with self._child(self._log, "daemon.ready", sleeps, "run", "-c", str(config)):
            yield

    @contextmanager
    def host(
        self,
        name: str,
        slots: int,
        sleeps: str,
        *,
        join: Path | None = None,
        maps: tuple[str, ...] = (),
        before: tuple[str, ...] = (),
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a host; `before` is a command in which it runs."""
        which = ("--name", name, "--slots", str(slots), "--model", _MODEL, "--providers", "cpu")
        mapped = tuple(word for one in maps for word in ("--map", one))
        words = ("worker", str(join or self.hub.studio_join), "--models", str(self._models))
        log = self.folder / f"{name}.log"
        with self._child(
            log, "host.ready", sleeps, *words, *which, *mapped, before=before
        ) as process:
            yield process

    @contextmanager
    def _child(
        self, log: Path, ready: str, sleeps: str, *words: str, before: tuple[str, ...] = ()
    ) -> Iterator["subprocess.Popen[bytes]"]:
        with log.open("wb") as said:
            process = subprocess.Popen(
                [*before, sys.executable, str(SLEEPING), sleeps, "--log", "json", *words],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=environment(self._models),
            )
        try:
            wait_until(lambda: bool(told(log, ready)) or process.poll() is not None)
            if process.poll() is not None:
                raise SystemExit(log.read_text()[-3000:])
            self.count_from("daemon" if words[0] == "run" else "hosts", process.pid)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait()

    def came(self) -> list[float]:
        """Return when each cutout got its name; none may have failed."""
        return [when for when, _ in self._cutouts()]

    def count(self) -> int:
        """Return how many cutouts there are; it is asked often."""
        return sum(name.endswith(".png") for name in os.listdir(self.outbox))  # noqa: PTH208

    def _cutouts(self) -> list[tuple[float, str]]:
        if reasons := list(self.outbox.glob("failed/*.txt")):
            raise SystemExit(reasons[0].read_text())
        return sorted((path.stat().st_ctime, path.name) for path in self.outbox.glob("*.png"))

    def count_from(self, whose: str, pid: int) -> None:
        """Count from now on what a process uses."""
        self._at_first[pid] = whose, cpu_s(pid)

    def done(self, slots: int) -> Run:
        """Return what there is at the end, while all still runs."""
        litter = [*self.outbox.rglob(".scissorsd-*.tmp"), *self.outbox.glob("failed/*")]
        cutouts = self._cutouts()
        cpu: dict[str, float] = {}
        for pid, (whose, before) in self._at_first.items():
            used = 1000 * (cpu_s(pid) - before) / len(cutouts)
            cpu[whose] = cpu.get(whose, 0.0) + used
        wait_until(lambda: len(told(self._log, "job.finished")) == len(cutouts))
        hosts = {
            Path(line["outputs"][0]).name: line.get("host", "")
            for line in told(self._log, "job.finished")
        }
        came = [when for when, _ in cutouts]
        return Run(slots, came, [hosts[name] for _, name in cutouts], len(litter), cpu)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used; of one that is gone, 0."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def told(log: Path, event: str) -> list[dict[str, Any]]:
    """Return the lines of an event."""
    lines = map(parsed, log.read_text(errors="replace").splitlines())
    return [line for line in lines if line.get("event") == event]


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something to be so."""
    deadline = time() + LIMIT
    while not true():
        if time() > deadline:
            raise SystemExit("it never came to be")
        sleep(0.02)


class Machine:
    """The broker, at an address of its own if one is given; and where the studios lie."""

    def __init__(self, where: Place, held: ExitStack, host: str = "localhost") -> None:
        sys.path.append(str(TESTS))
        broker = import_module("hosts.broker")
        self._hub = broker.Hub
        self._models = where.models
        folder = Path(held.enter_context(broker.temporary_folder())) / "broker"
        self.broker = broker.Broker(folder, host)
        held.callback(self.broker.end)
        self.broker.start()

    @contextmanager
    def studio(self, name: str, bytes_: str = "12MiB") -> Iterator[Studio]:
        """Give folders on a tmpfs, and a vhost."""
        tmpfs = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108
        folder = Path(tempfile.mkdtemp(prefix="scissorsd-hosts-", dir=tmpfs))
        self.broker.add(name)
        try:
            yield Studio(folder, self._hub(self.broker, name, folder), self._models, bytes_)
        finally:
            self.broker.remove(name)
            shutil.rmtree(folder)

    def join_over_tls(self, studio: Studio) -> Path:
        """Write a host's join file with the hub's own address, as `hub init` does."""
        join = self.broker.joins["host"]
        url = f"{join.url.rpartition('/')[0]}/{studio.hub.vhost}"
        path = studio.folder / "tls.join"
        import_module("scissorsd.hosts.joining.join").write(path, replace(join, url=url))
        return path

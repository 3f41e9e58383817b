"""Programs that the benchmarks run: to their end, with what they took, or as a daemon."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import scissorsd

Line = dict[str, Any]
SCISSORSD = (sys.executable, "-m", "scissorsd")
MIB = 1024  # in the kibibytes that the kernel counts in
TICKS = os.sysconf("SC_CLK_TCK")
LIMIT = 3600.0  # seconds to wait for anything


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program took from its start to its end."""

    wall_s: float
    cpu_s: float  # user and system
    peak_mib: float  # the most memory that it held (resident)
    lines: list[Line]  # what it logged as JSON


def environment(models: Path) -> dict[str, str]:
    """Return the variables of a program: ours, this scissorsd, and the same weights for all."""
    return {
        **os.environ,
        "PYTHONPATH": str(Path(scissorsd.__file__).parent.parent),
        "U2NET_HOME": str(models),
    }


def run(command: Sequence[str | Path], variables: Mapping[str, str]) -> Ran:
    """Run a program to its end; SystemExit with its last words if it fails."""
    with tempfile.TemporaryFile() as said:
        began = monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=variables,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\nends with {status}:\n{text[-2000:]}")
    lines = [line for line in map(parsed, text.splitlines()) if line]
    return Ran(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / MIB, lines)


def parsed(text: str) -> Line:
    """Read a line of a log; nothing if it is none."""
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


class Daemon:
    """A running `scissorsd run`, and every line that it has logged."""

    def __init__(self, config: Path, models: Path) -> None:
        self.began = monotonic()
        self._process = subprocess.Popen(
            [*SCISSORSD, "--debug", "run", "-c", config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(models),
        )
        self._told: defaultdict[str, list[Line]] = defaultdict(list)  # by event
        self._last = ""
        self._ended = False
        self._came = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(120)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        for text in self._process.stderr or ():
            line = {**parsed(text), "came": monotonic()}
            with self._came:
                self._told[line.get("event", "")].append(line)
                self._last = text
                self._came.notify_all()
        with self._came:
            self._ended = True
            self._came.notify_all()

    def wait(self, event: str, times: int = 1) -> Line:
        """Wait until an event was logged so often; give that line, with when it `came`."""
        with self._came:
            told = self._told[event]
            self._came.wait_for(lambda: len(told) >= times or self._ended, LIMIT)
            if len(told) < times:
                raise SystemExit(f"the daemon never told of {event}; its last line: {self._last}")
            return told[times - 1]

    def lines(self, event: str) -> list[Line]:
        """Return what was logged of an event until now."""
        with self._came:
            return list(self._told[event])

    def wait_for_one(self, events: Sequence[str], seconds: float) -> str:
        """Wait until one of these events was logged, but no longer; return it, or ""."""
        with self._came:
            self._came.wait_for(lambda: self._ended or any(map(self._told.get, events)), seconds)
            return next((event for event in events if self._told.get(event)), "")

    def ready_s(self) -> float:
        """Return the seconds from its start until it was ready."""
        return float(self.wait("daemon.ready")["came"]) - self.began

    def cpu_s(self) -> float:
        """Return the CPU seconds that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS  # utime and stime

    def memory_mib(self, row: str = "VmRSS") -> float:
        """Return the memory that it holds now, or with VmHWM the most that it ever held."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(f"{row}:"))
        return int(line.split()[1]) / MIB

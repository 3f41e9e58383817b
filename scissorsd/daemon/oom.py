"""Whether the kernel's OOM killer ended the last run on a state folder.

A process that is killed so leaves no trace, but the kernel counts its kills: in the process's own
cgroup and, since boot, on the whole machine. While it runs, a daemon keeps these counts in a file
beside its job journal; it removes the file when it ends in order. A start that finds the file knows
of a death, and compares. The counts of the same cgroup are certain. A container that is started
again has a new cgroup: then the machine's count must do. That counts other programs' deaths too, so
the file is updated until the last beat.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from scissorsd import atomic
from scissorsd.machine import groups

FILE = "oom.json"
_BOOT = "proc/sys/kernel/random/boot_id"
_EVENTS = ("memory.events", "memory.oom_control")  # cgroup v2's and v1's


@dataclass(frozen=True, slots=True)
class Kills:
    """How many processes the OOM killer has ended; -1: not known."""

    boot: str = ""
    group: str = ""  # the cgroup with its inode: one made anew has another
    in_group: int = -1
    on_machine: int = -1

    def since(self, before: "Kills") -> bool:
        """Whether a process was killed that may be the one that counted `before`."""
        if self.boot != before.boot:
            return False
        if self.group == before.group and min(self.in_group, before.in_group) >= 0:
            return self.in_group > before.in_group
        return self.on_machine > before.on_machine >= 0


def current_kills(root: Path = Path("/")) -> Kills:
    """Return the counts as they are now; `root` is for tests."""
    boot = ""
    with suppress(OSError):
        boot = (root / _BOOT).read_text().strip()
    group, in_group = _own_group(root)
    return Kills(boot, group, in_group, _oom_kills(root / "proc/vmstat"))


def _own_group(root: Path) -> tuple[str, int]:
    for folder in groups(root, "memory"):
        for name in _EVENTS:
            kills = _oom_kills(folder / name)
            if kills >= 0:
                with suppress(OSError):
                    return f"{folder} {folder.stat().st_ino}", kills
    return "", -1


def _oom_kills(path: Path) -> int:
    with suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return -1


class KillRecord:
    """The file in a state folder that has the counts while a run lasts."""

    def __init__(self, state: Path) -> None:
        self._file = state / FILE
        self._kept: tuple[Kills, str] | None = None

    def last_death(self) -> str:
        """Return what the last run was doing when the OOM killer ended it, or ""."""
        try:
            values = json.loads(self._file.read_text())
            doing = str(values["doing"])
            before = Kills(**{field.name: values[field.name] for field in fields(Kills)})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return ""
        return doing if current_kills().since(before) else ""

    def keep(self, doing: str) -> None:
        """Write the counts of this moment, and what is being done, if they have changed."""
        now = current_kills(), doing
        if now != self._kept:
            with suppress(OSError):  # its disk is full, say
                counts = json.dumps({**asdict(now[0]), "doing": doing})
                atomic.write_atomically(self._file, counts.encode())
                self._kept = now

    def end(self) -> None:
        """Remove the file: the run ended in order."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

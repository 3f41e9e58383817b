"""Whether the kernel's OOM killer ended the last run on a state folder.

Who is killed so leaves no trace, but the kernel counts whom it killed: in the process's own cgroup
and, since boot, on the whole machine. While it runs, a daemon keeps these counts beside its job
journal; it takes the file away when it ends in order. Who finds the file knows of a death, and
compares: the counts of the same cgroup tell for certain. A container that is started again has a
new one, and then the machine's count must do, which tells of other programs' deaths too; so it is
kept up to the last beat.
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
    """How many processes the OOM killer has ended, as far as it is told here; -1: it is not."""

    boot: str = ""
    group: str = ""  # the cgroup, which has another number when it was made anew
    in_group: int = -1
    on_machine: int = -1

    def since(self, before: "Kills") -> bool:
        """Whether it has ended one that may have been the process that counted before."""
        if self.boot != before.boot:
            return False
        if self.group == before.group and min(self.in_group, before.in_group) >= 0:
            return self.in_group > before.in_group
        return self.on_machine > before.on_machine >= 0


def counted(root: Path = Path("/")) -> Kills:
    """Return the counts as they are now."""
    boot = ""
    with suppress(OSError):
        boot = (root / _BOOT).read_text().strip()
    group, in_group = _own_group(root)
    return Kills(boot, group, in_group, _line(root / "proc/vmstat"))


def _own_group(root: Path) -> tuple[str, int]:
    for folder in groups(root, "memory"):
        for name in _EVENTS:
            kills = _line(folder / name)
            if kills >= 0:
                with suppress(OSError):
                    return f"{folder} {folder.stat().st_ino}", kills
    return "", -1


def _line(path: Path) -> int:
    with suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return -1


class Watch:
    """Keeps the counts in a state folder for as long as a run lasts."""

    def __init__(self, state: Path) -> None:
        self._file = state / FILE
        self._kept: tuple[Kills, str] | None = None

    def last_death(self) -> str:
        """Say what the last run was doing when it was ended for want of memory, if it was."""
        try:
            values = json.loads(self._file.read_text())
            doing = str(values["doing"])
            before = Kills(**{field.name: values[field.name] for field in fields(Kills)})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return ""
        return doing if counted().since(before) else ""

    def keep(self, doing: str) -> None:
        """Keep the counts of this moment, and what is being done."""
        now = counted(), doing
        if now != self._kept:
            with suppress(OSError):  # its disk is full, say
                counts = json.dumps({**asdict(now[0]), "doing": doing})
                atomic.write_atomically(self._file, counts.encode())
                self._kept = now

    def end(self) -> None:
        """End in order."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

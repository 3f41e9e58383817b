"""What this machine's CPU can do, how much of it this process may use, and its memory."""

import contextlib
import ctypes
import hashlib
import math
import os
import platform
import re
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")  # there while the driver is loaded

TOO_FEW_THREADS = (
    "memory, or the number of processes that are allowed (ulimit -u, a container's pids limit, a "
    "service's TasksMax), is used up"
)


def has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU computes in bfloat16 itself; emulated, it is far slower than float32."""
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(_cpu_flags(cpuinfo))


def int8_weights_limit(cpuinfo: Path = Path("/proc/cpuinfo")) -> int:
    """Return the largest whole number to which a network's weights may be rounded on this CPU.

    Without an instruction made for it, products of 8 bits are added up in pairs in 16 bits, where
    two of 255 × 127 overflow; of 255 × 63 they do not.
    """
    made_for_it = {"avx512_vnni", "avx_vnni", "amx_int8"}
    return 63 if made_for_it.isdisjoint(_cpu_flags(cpuinfo)) else 127


def cpu_kind(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return 8 digits that CPUs share which have the same instructions."""
    flags = " ".join(sorted(_cpu_flags(cpuinfo)))
    return hashlib.sha256(flags.encode()).hexdigest()[:8]


def _cpu_flags(cpuinfo: Path) -> list[str]:
    try:
        text = cpuinfo.read_text(errors="replace")
    except OSError:
        return []
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return flags[1].split() if flags else []


def expects_gpu() -> bool:
    """Whether an NVIDIA GPU should work here: its driver is loaded, or the container's for it.

    NVIDIA_VISIBLE_DEVICES is what NVIDIA's container toolkit is told by, and our gpu image sets it.
    """
    asked = os.environ.get("NVIDIA_VISIBLE_DEVICES", "") not in {"", "none", "void"}
    return asked or NVIDIA_DRIVER.exists()


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name of the CPU's model, as far as the system tells it."""
    try:
        text = cpuinfo.read_text(errors="replace")
    except OSError:
        text = ""
    name = re.search(r"^(?:model name|Hardware|CPU part)\s*:(.*)$", text, re.MULTILINE)
    return name[1].strip() if name else platform.machine()


def usable_cpus(root: Path = Path("/")) -> int:
    """Count the CPUs this process may keep busy: its affinity, within the quota of its cgroups."""
    affinity = len(os.sched_getaffinity(0))
    quotas = [quota for quota in _quotas(root) if quota > 0]
    return max(1, min([affinity, *(math.ceil(quota) for quota in quotas)]))


def _quotas(root: Path) -> Iterator[float]:
    """Yield every CPU quota above this process, in CPUs (cgroup v2's cpu.max, v1's cfs quota)."""
    for folder in groups(root, "cpu"):
        yield from _quota(folder)


def groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folder of every cgroup above this process, its own first, where these are seen.

    Both those of v2 and, where v1 has this controller, those of v1.
    """
    try:
        memberships = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for membership in memberships:
        _, controllers, inside = membership.split(":", 2)
        if not controllers:
            tree = root / "sys/fs/cgroup"
        elif controller in controllers.split(","):
            tree = root / "sys/fs/cgroup" / controllers
        else:
            continue
        # a container may see the host's path, but only its own group, mounted at the top
        group = tree / inside.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(tree):
                yield folder


def _quota(folder: Path) -> Iterator[float]:
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        yield int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):
        quota, period = (
            (folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period")
        )
        yield int(quota) / int(period)


# --- memory ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MemoryBound:
    """A bound on the memory of this process, in bytes.

    Of `total` so much is `held` already; `beyond` is swap, which may hold more. `who` sets it.
    """

    who: str
    total: int
    held: int
    beyond: int = 0

    @property
    def left(self) -> int:
        """How much more may be taken, without swap."""
        return max(0, self.total - self.held)


def memory_bounds(root: Path = Path("/")) -> list[MemoryBound]:
    """Return every bound on the memory of this process that can be found; the tightest comes first.

    They are those of its cgroups (memory.max and memory.high, v1's memory.limit_in_bytes), its
    own limits (RLIMIT_AS, RLIMIT_DATA), and what the machine has.
    """
    mine = _table(root / "proc/self/status")
    machine = _table(root / "proc/meminfo")
    swap = machine.get("SwapTotal", 0)
    held = mine.get("VmRSS", 0)
    bounds = [bound for folder in groups(root, "memory") for bound in _group(folder, held, swap)]
    for kind, words, field in _OWN_LIMITS:
        limit, _ = resource.getrlimit(kind)
        if limit != resource.RLIM_INFINITY:
            bounds.append(MemoryBound(words, limit, mine.get(field, 0)))
    if "MemTotal" in machine:
        bounds.append(MemoryBound("this machine", machine["MemTotal"], held, swap))
    return sorted(bounds, key=lambda bound: bound.left)


_OWN_LIMITS = (
    (resource.RLIMIT_AS, "the limit on this process's address space (ulimit -v)", "VmSize"),
    (resource.RLIMIT_DATA, "the limit on this process's data (ulimit -d)", "VmData"),
)
_GROUP_LIMITS = ("memory.max", "memory.high", "memory.limit_in_bytes")
_UNLIMITED = 1 << 60  # bytes: v1 says no limit with a number of about 2^63


def _group(folder: Path, held: int, swap: int) -> Iterator[MemoryBound]:
    for name in _GROUP_LIMITS:
        total = _number(folder / name)
        if total is None or total >= _UNLIMITED:
            continue
        both = _number(folder / "memory.memsw.limit_in_bytes")
        swap_limit = _number(folder / "memory.swap.max") if both is None else both - total
        beyond = swap if swap_limit is None else min(swap, swap_limit)
        stat = _table(folder / "memory.stat")
        inside = stat.get("anon", stat.get("total_rss", 0))  # of all that are in the group
        yield MemoryBound(f"this container or service ({name})", total, max(held, inside), beyond)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max": none
        return None


def _table(path: Path) -> dict[str, int]:
    """Read lines of a name and a number; numbers in kB become bytes."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return {}
    fields = re.findall(r"^(\w+):?\s+(\d+)( kB)?$", text, re.MULTILINE)
    return {name: int(number) * (1024 if unit else 1) for name, number, unit in fields}


def give_back_memory() -> None:
    """Let the C library return to the system what large pictures have left free.

    It keeps a heap for each of many threads, and of each the largest that it ever was.
    """
    trim = getattr(_libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)


@cache
def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None

"""What this machine's CPU can do, how much of it this process may use, and its memory."""

import contextlib
import ctypes
import math
import os
import platform
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")  # there while the driver is loaded


def has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the CPU computes in bfloat16 itself; emulated, it is far slower than float32."""
    try:
        text = cpuinfo.read_text(errors="replace")
    except OSError:
        return False
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return flags is not None and not {"amx_bf16", "avx512_bf16"}.isdisjoint(flags[1].split())


def expects_gpu() -> bool:
    """Tell whether an NVIDIA GPU should work here: its driver is loaded, or the container's for it.

    NVIDIA_VISIBLE_DEVICES is what NVIDIA's container toolkit is told by, and our gpu image sets it.
    """
    asked = os.environ.get("NVIDIA_VISIBLE_DEVICES", "") not in {"", "none", "void"}
    return asked or NVIDIA_DRIVER.exists()


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Give the name of the CPU's model, as far as the system tells it."""
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
    """Give every CPU quota above this process, in CPUs (cgroup v2's cpu.max, v1's cfs quota)."""
    try:
        memberships = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for membership in memberships:
        _, controllers, inside = membership.split(":", 2)
        if not controllers:
            tree = root / "sys/fs/cgroup"
        elif "cpu" in controllers.split(","):
            tree = root / "sys/fs/cgroup" / controllers
        else:
            continue
        # a container may see the host's path, but only its own group, mounted at the top
        group = tree / inside.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(tree):
                yield from _quota(folder)


def _quota(folder: Path) -> Iterator[float]:
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        yield int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):
        quota, period = (
            (folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period")
        )
        yield int(quota) / int(period)


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

"""What bounds this process's memory, and whom the kernel ended for want of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scissorsd.daemon import oom
from scissorsd.daemon.memory import MemoryBudget
from scissorsd.daemon.oom import Kills
from scissorsd.errors import OverLimitsError
from scissorsd.machine import MemoryBound, memory_bounds

MB = 10**6


def machine_of(folder: Path, membership: str, groups: dict[str, str], **proc: str) -> Path:
    """Write what the kernel would tell in /proc and /sys/fs/cgroup; give the root of both."""
    told = {
        "proc/self/cgroup": membership,
        "proc/self/status": "Name:\tscissorsd\nVmSize:\t  900000 kB\nVmRSS:\t  100000 kB\n",
        "proc/meminfo": "MemTotal:       8000000 kB\nSwapTotal:       1000000 kB\n",
        **{f"proc/{name}": text for name, text in proc.items()},
        **{f"sys/fs/cgroup/{name}": text for name, text in groups.items()},
    }
    for name, text in told.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


NOTHING = str(2**63 - 4096)  # so v1 writes no limit


@pytest.mark.parametrize(
    ("membership", "groups", "total", "held", "beyond"),
    [
        ("0::/", {"memory.max": "900000000"}, 900 * MB, 102_400_000, 1_024_000_000),
        ("0::/", {"memory.max": "max", "memory.high": "700000000"}, 700 * MB, 102_400_000, None),
        ("0::/a/b", {"a/memory.max": "500000000", "a/b/memory.max": "max"}, 500 * MB, None, None),
        ("0::/of/the/host", {"memory.max": "900000000"}, 900 * MB, None, None),
        ("0::/", {"memory.max": "900000000", "memory.swap.max": "0"}, 900 * MB, None, 0),
        ("0::/", {"memory.max": "900000000", "memory.stat": "anon 300000000"}, None, 3e8, None),
        ("5:memory:/x", {"memory/x/memory.limit_in_bytes": "300000000"}, 300 * MB, None, None),
        (
            "5:memory:/x",
            {
                "memory/memory.limit_in_bytes": "400000000",
                "memory/x/memory.limit_in_bytes": NOTHING,
            },
            400 * MB,
            None,
            None,
        ),
        ("5:memory:/docker/1", {"memory/memory.limit_in_bytes": "400000000"}, 400 * MB, None, None),
        (
            "5:memory:/",
            {
                "memory/memory.limit_in_bytes": "300000000",
                "memory/memory.memsw.limit_in_bytes": "300000000",
            },
            None,
            None,
            0,
        ),
        ("3:cpuset:/\n0::/", {"memory.max": "max"}, 8_192_000_000, 102_400_000, 1_024_000_000),
    ],
)
def test_memory_bounds(
    membership: str,
    groups: dict[str, str],
    total: int | None,
    held: int | None,
    beyond: int | None,
    tmp_path: Path,
) -> None:
    """The tightest bound is that of any cgroup above this process, of v1 or v2, or the machine."""
    tightest = memory_bounds(machine_of(tmp_path, membership, groups))[0]
    assert total in {None, tightest.total}
    assert held in {None, tightest.held}
    assert beyond in {None, tightest.beyond}


def test_nothing_is_known(tmp_path: Path) -> None:
    """Where neither /proc nor cgroups are to be seen there is no bound, and no evidence."""
    assert memory_bounds(tmp_path) == []
    assert not oom.current_kills(tmp_path).since(oom.current_kills(tmp_path))


def test_own_limits() -> None:
    """The limit on the address space is a bound, of which all that is mapped is held."""
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31));"
        "from scissorsd.machine import memory_bounds; bound = memory_bounds()[0];"
        "print(bound.total, bound.held > 0, bound.who)"
    )
    command = [sys.executable, "-c", script]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    assert said.startswith(f"{1 << 31} True ")
    assert "ulimit -v" in said


def test_the_ceiling_keeps_to_what_is_left() -> None:
    """What is asked for is lowered to what the tightest bound leaves, never raised."""
    tight, wide = MemoryBound("a", 900, 300), MemoryBound("b", 5000, 300)
    assert MemoryBudget(2000, [tight, wide]).ceiling == 600
    assert MemoryBudget(500, [tight]).ceiling == 500
    assert MemoryBudget(500, [MemoryBound("a", 100, 300)]).ceiling == 0


def test_only_what_is_impossible_is_refused() -> None:
    """What may just fit, or fits with swap, is tried; what cannot is refused in words."""
    bound = MemoryBound("this container", 900 * MB, 300 * MB, beyond=100 * MB)
    ceiling = MemoryBudget(2000 * MB, [bound])
    ceiling.refuse_over(700 * MB)
    with pytest.raises(OverLimitsError, match=r"this container leaves 700 MB \(900 MB, of which"):
        ceiling.refuse_over(701 * MB)


# --- deaths ----------------------------------------------------------------------------------


def test_whom_the_kernel_ended(tmp_path: Path) -> None:
    """The count of the same cgroup decides; where that is new, the machine's, since this boot."""
    before = Kills("boot", "group 1", in_group=3, on_machine=7)
    assert Kills("boot", "group 1", 4, 8).since(before)
    assert not Kills("boot", "group 1", 3, 9).since(before)  # another program's death
    assert Kills("boot", "group 2", 0, 8).since(before)  # a container that is started again
    assert not Kills("boot", "group 2", 0, 7).since(before)
    assert not Kills("another", "group 2", 0, 9).since(before)
    assert not Kills("boot", "", -1, -1).since(before)
    root = machine_of(
        tmp_path,
        "5:memory:/x\n0::/",
        {"memory/x/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2"},
        **{"sys/kernel/random/boot_id": "b", "vmstat": "nr_free_pages 5\noom_kill 11"},
    )
    kills = oom.current_kills(root)
    assert (kills.boot, kills.in_group, kills.on_machine) == ("b", 2, 11)
    events = {"memory.events": "low 0\nmax 4\noom 1\noom_kill 1\noom_group_kill 0"}
    assert oom.current_kills(machine_of(tmp_path / "v2", "0::/", events)).in_group == 1


def test_the_record_of_a_run(tmp_path: Path) -> None:
    """A run that ended in order, by another kill, or left a broken file was not starved."""
    record = oom.KillRecord(tmp_path)
    assert record.last_death() == ""
    record.keep("cutting")
    assert oom.KillRecord(tmp_path).last_death() == ""  # killed, but not by the kernel
    path = tmp_path / oom.FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "colour": "blue"}))
    assert oom.KillRecord(tmp_path).last_death() == ""
    path.write_text("{")
    assert oom.KillRecord(tmp_path).last_death() == ""
    record.end()
    assert not path.exists()
    oom.KillRecord(tmp_path / "nowhere").keep("cutting")

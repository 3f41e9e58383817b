"""Daemons within a real cgroup: too little memory for a picture, too few threads."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from .driver import Daemon, Workplace, wait_for
from .mounts import variables
from .networks import write_darkness
from .test_memory import photograph

TREE = Path("/sys/fs/cgroup")
LIMIT = 220 << 20  # bytes: the program takes half of it
TOO_LARGE = (4000, 3000)  # pixels: may just fit by the least that it takes, and does not
FAR_TOO_LARGE = (6000, 5000)


class Group:
    """A cgroup of this test's own, of v1 or v2."""

    def __init__(self, controller: str) -> None:
        top = TREE / controller if (TREE / controller).is_dir() else TREE
        self.folder = top / f"scissorsd-test-{os.getpid()}"
        self._name = {"memory": ("memory.limit_in_bytes", "memory.max"), "pids": ("pids.max",) * 2}
        self._limit = self._name[controller][top == TREE]
        try:
            self.folder.mkdir()
            if not (self.folder / self._limit).exists():
                raise FileNotFoundError
        except OSError:
            with suppress(OSError):
                self.folder.rmdir()
            pytest.skip(f"a cgroup for {controller} is not to be had here")

    def limit(self, number: int | str) -> None:
        """Set the limit, with no swap beyond it."""
        (self.folder / self._limit).write_text(f"{number}\n")
        for name in ("memory.memsw.limit_in_bytes", "memory.swap.max"):
            with suppress(OSError):
                (self.folder / name).write_text(f"{number if 'memsw' in name else 0}\n")

    def take(self, daemon: Daemon) -> None:
        """Take a process in."""
        (self.folder / "cgroup.procs").write_text(f"{daemon.process.pid}\n")

    def close(self) -> None:
        """Remove the group; its processes have ended."""
        wait_for(self._removed)

    def _removed(self) -> bool:
        with suppress(OSError):
            self.folder.rmdir()
        return not self.folder.exists()


class Confined(Workplace):
    """A workplace whose processes are born in a cgroup."""

    group: Group

    def _command(self, arguments: "tuple[str | Path, ...]") -> list[str]:
        enter = f'echo $$ > "{self.group.folder}/cgroup.procs"; exec "$@"'
        return [shutil.which("sh") or "sh", "-c", enter, "sh", *super()._command(arguments)]


@pytest.fixture
def confined(tmp_path: Path, models_folder: Path) -> Iterator[Confined]:
    """Set up a workplace with little memory, and a network that takes none."""
    group = Group("memory")
    group.limit(LIMIT)
    place = Confined(tmp_path, models_folder)
    place.group = group
    place.configure({"name": "all", "model": "unsure", "mask": {"edges": "soft"}})
    unsure = write_darkness(tmp_path / "unsure.onnx")
    place.change_config(custom_models={"unsure": unsure}, memory="1GiB")
    yield place
    place.close()
    group.close()


@pytest.mark.full
def test_killed_for_want_of_memory(confined: Confined) -> None:
    """A picture with which the kernel ends the program three times is set aside; others come out.

    What can never fit is refused before it is tried, with the numbers.
    """
    confined.put("a.jpg")
    confined.put("large.jpg", photograph(*TOO_LARGE))
    confined.put("larger.jpg", photograph(*FAR_TOO_LARGE))
    for death in range(3):
        daemon = confined.start("run", "-c", str(confined.config))
        assert daemon.exit_code() == -9, daemon.transcript()
        assert daemon.told("memory.limited", configured=1 << 30)
        assert len(daemon.told("daemon.out_of_memory")) == (death > 0)
    daemon = confined.start()
    failed = daemon.wait("job.failed", source="large.jpg")
    assert "the kernel ended the program again and again, for want of memory" in failed["why"]
    wait_for(lambda: len(confined.entries()) == 3)
    wait_for(lambda: {entry.state for entry in confined.entries()} == {"done", "failed"})
    daemon.stop()
    assert confined.files() == ["a.png", "failed/large.jpg.txt", "failed/larger.jpg.txt"]
    note = (confined.outbox / "failed" / "larger.jpg.txt").read_text()
    assert "to cut it takes 21" in note
    assert "this container or service (memory." in note
    assert not (confined.state / "oom.json").exists()


def test_no_thread_to_be_had(place: Workplace) -> None:
    """Where no thread can be started the picture is held, the daemon lives, and all goes on."""
    group = Group("pids")
    try:
        daemon = place.start(variables=variables())
        daemon.wait("inbox.watched")
        group.take(daemon)
        group.limit(1)
        place.put("a.jpg")
        held = daemon.wait("job.held", source="a.jpg")
        assert "no thread can be started for it" in held["why"]
        group.limit("max")
        daemon.finished("a.jpg")
        daemon.stop()
    finally:
        place.close()
        group.close()

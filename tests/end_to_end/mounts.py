"""Real mounts for tests, and daemons that no permission is ignored for."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from scissorsd.records import status_file
from scissorsd.records.status_file import DaemonStatus, InboxStatus

from .driver import Daemon, Workplace, wait_for

# What is held is tried again at once, so that a test need not wait.
QUICK = "FIRST_PAUSE=0.05,LONGEST_PAUSE=0.2"


def variables(*faults: str, seconds: str = QUICK) -> dict[str, str]:
    """Return the environment of a daemon with these faults and these pauses."""
    return {"SCISSORSD_FAULTS": ",".join(faults), "SCISSORSD_SECONDS": seconds}


def may_mount() -> bool:
    """Whether this process may mount something; a container's root often may not."""
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or unshare is None or not sys.platform.startswith("linux"):
        return False
    inside = [unshare, "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(inside, capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(not may_mount(), reason="mounting is not allowed here")
needs_bindfs = pytest.mark.skipif(
    shutil.which("bindfs") is None or not Path("/dev/fuse").exists() or not may_mount(),
    reason="bindfs or FUSE is not to be had here",
)


class Mounts:
    """Mounts what a test asks for."""

    def __init__(self) -> None:
        self._points: list[Path] = []
        self._servers: list[subprocess.Popen[bytes]] = []

    def tmpfs(self, point: Path, *, size: str = "8m") -> None:
        """Mount an empty tmpfs."""
        self._mount(point, "-t", "tmpfs", "-o", f"size={size}", "tmpfs")

    def bind(self, folder: Path, point: Path) -> None:
        """Mount a folder at another place."""
        self._mount(point, "--bind", str(folder))

    def _mount(self, point: Path, *how: str) -> None:
        point.mkdir(parents=True, exist_ok=True)
        _run("mount", *how, str(point))
        self._points.append(point)

    def remount(self, point: Path, option: str) -> None:
        """Change a mount's option; to be read-only it must not be in use just then."""
        wait_for(lambda: _try("mount", "-o", f"remount,{option}", str(point)))

    def unmount(self, point: Path) -> None:
        """Unmount what nobody uses just then."""
        wait_for(lambda: _try("umount", str(point)))
        self._points.remove(point)

    def through_bindfs(self, folder: Path, point: Path, *options: str) -> "subprocess.Popen[bytes]":
        """Mount a folder at another place through a FUSE server; give its process."""
        point.mkdir()
        server = subprocess.Popen(
            [shutil.which("bindfs") or "bindfs", "-f", *options, str(folder), str(point)],
            stdin=subprocess.DEVNULL,
        )
        self._servers.append(server)
        self._points.append(point)
        wait_for(point.is_mount)
        return server

    def close(self) -> None:
        """Let go of everything, in use or not."""
        for server in self._servers:
            server.send_signal(signal.SIGCONT)  # else nobody who waits for it can ever end
        for point in reversed(self._points):
            _try("umount", "--lazy", str(point))
        for server in self._servers:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(10)


@contextmanager
def mounted() -> Iterator[Mounts]:
    """Yield something to mount with; what it has mounted goes in the end."""
    mounts = Mounts()
    try:
        yield mounts
    finally:
        mounts.close()


def _try(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, check=True)


class Unprivileged(Workplace):
    """A workplace whose daemons heed permissions, even those of root."""

    def _command(self, arguments: "tuple[str | Path, ...]") -> list[str]:
        command = super()._command(arguments)
        if os.geteuid() != 0:
            return command
        dropped = "-dac_override,-dac_read_search"
        return ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}", *command]


heeds_permissions = pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None,
    reason="root ignores permissions, and there is no setpriv to keep it from that",
)


# --- what is asked again and again -----------------------------------------------------------


def stands(daemon: Daemon, place: Workplace, name: str = "shop") -> InboxStatus:
    """Return how an inbox stands, as this daemon and no earlier one has last put it down."""

    def read() -> DaemonStatus | None:
        found = status_file.read(place.state)
        return found if found is not None and found.pid == daemon.process.pid else None

    found = wait_for(read)
    assert found is not None
    return next(inbox for inbox in found.inboxes if inbox.name == name)


def health(place: Workplace) -> tuple[int, str]:
    """Return what `health` exits with and says."""
    answer = place.run("health", "-c", place.config)
    return answer.returncode, answer.stdout.strip()


def ended(daemon: Daemon, *sources: str) -> None:
    """Wait until nothing is left to do for these pictures, in one go or in two."""

    def all_ended() -> bool:
        assert daemon.process.poll() is None, daemon.transcript()
        lines = daemon.told("job.finished") + daemon.told("job.closed")
        return set(sources) <= {line["source"] for line in lines}

    wait_for(all_ended)


def identity(path: Path) -> tuple[int, int]:
    """Return what changes when a file is published anew."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from scissorsd.daemon.systemd import notify, watchdog_pause


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Listen as a service manager does."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield listener


def test_lines_arrive_as_one_message(manager: socket.socket) -> None:
    """What is told together arrives in one datagram, a line for each."""
    notify("READY=1", "STATUS=watching café")
    assert manager.recv(1000).decode() == "READY=1\nSTATUS=watching café"


def test_abstract_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that begins with @ is in the abstract namespace."""
    name = f"scissorsd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify("READY=1")
        assert listener.recv(1000) == b"READY=1"


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no service manager listens, telling it does nothing."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


def test_manager_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service manager that cannot be reached is no reason to stop."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")


def test_manager_that_does_not_read(manager: socket.socket) -> None:
    """A service manager that has stopped reading does not hold the program up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as crowd:
        crowd.settimeout(0)
        crowd.connect(os.environ["NOTIFY_SOCKET"])
        with suppress(BlockingIOError):
            while True:
                crowd.send(b"X=1")
        notify("WATCHDOG=1")
    assert manager.recv(1000) == b"X=1"


@pytest.mark.parametrize(
    ("limit", "pid", "pause"),
    [
        ("30000000", "own", 10.0),
        ("30000000", None, 10.0),
        ("30000000", "1", None),
        (None, None, None),
        ("", None, None),
        ("soon", None, None),
    ],
)
def test_pause_between_pings(
    monkeypatch: pytest.MonkeyPatch, limit: str | None, pid: str | None, pause: float | None
) -> None:
    """Three pings fit into the manager's limit; a limit for another process is not ours."""
    for name, value in (("WATCHDOG_USEC", limit), ("WATCHDOG_PID", pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, str(os.getpid()) if value == "own" else value)
    assert watchdog_pause() == pause

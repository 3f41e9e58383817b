"""The installed unit, under the systemd that runs this machine."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .units import PROGRAM, UNIT, Service, run, until

FOLDER = Path("/srv/scissorsd-test")
MANY = [f"{number:02}.jpg" for number in range(40)]
EXPOSURE = 2.5  # of `systemd-analyze security`, at most

pytestmark = pytest.mark.timeout(600)


@contextmanager
def installed(weights: Path | None = None) -> Iterator[Service]:
    """Set up a service that is installed and not started; nothing of it is left in the end."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    service = Service(FOLDER)
    service.install(weights)
    try:
        yield service
    finally:
        service.uninstall()
        shutil.rmtree(FOLDER)


@pytest.fixture
def service() -> Iterator[Service]:
    """Yield a service whose network takes no time, so that an emulated machine keeps up."""
    with installed() as service:
        yield service


def test_from_install_to_uninstall(u2netp: Path) -> None:
    """Installed, it starts with the machine's manager, cuts, stops and is taken away again."""
    with installed(u2netp) as service:
        service.put("a.jpg")
        service.systemctl("start")  # it returns at READY=1
        assert service.show("ActiveState") == "active"
        service.wait_for_all("a.jpg")
        assert run(PROGRAM, "health", "-c", service.config) == ""
        owner = (service.outbox / "a.png").owner()
        assert owner == "scissorsd"
        service.systemctl("stop")
        assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
        service.check_once_and_whole("a.jpg")
        said = service.uninstall()
        assert "/etc/systemd/system/scissorsd.service" in said
        assert service.show("LoadState") == "not-found"


def test_the_records_in_the_journal(service: Service) -> None:
    """The journal of systemd has each line as JSON, of this unit, with its priority."""
    service.systemctl("start")
    (service.inbox / "bad.jpg").write_bytes(b"\xff\xd8 no picture")
    service.put("a.jpg")
    service.wait("job.finished", source="a.jpg")
    service.wait("job.failed", source="bad.jpg")
    priorities = {}
    for record in service.records():
        found = re.search(r'"event": "(job\.\w+|daemon\.\w+)"', str(record["MESSAGE"]))
        if found:
            priorities[found[1]] = int(record["PRIORITY"])
            assert record["_SYSTEMD_UNIT"] == UNIT
            assert record["SYSLOG_IDENTIFIER"] == "scissorsd"
    assert priorities["daemon.ready"] == priorities["job.finished"] == 6
    assert priorities["job.failed"] in {3, 4}


def test_reload(service: Service) -> None:
    """`systemctl reload` takes a good file over, refuses a bad one, and the service lives on."""
    service.systemctl("start")
    pid = service.pid()
    service.configure(settle="200ms")
    service.systemctl("reload")
    service.wait("config.reloaded")
    good = service.config.read_text()
    service.config.write_text(good.replace("settle:", "setle:"))
    service.systemctl("reload")
    service.wait("config.kept")
    service.put("a.jpg")
    service.wait_for_all("a.jpg")
    assert (service.pid(), service.restarts()) == (pid, 0)
    service.systemctl("stop")
    service.check_once_and_whole("a.jpg")


def test_a_bad_configuration(service: Service) -> None:
    """A bad configuration is not started again and again; the mistake is told, as an error."""
    service.config.write_text(service.config.read_text().replace("settle:", "setle:"))
    service.systemctl("start", check=False)
    until(lambda: service.show("ActiveState") == "failed", "failed")
    assert service.show("ExecMainStatus") == "78"
    assert service.restarts() == 0
    said = "did you mean 'settle'?"
    assert said in run("systemctl", "status", UNIT, check=False)
    assert [r["PRIORITY"] for r in service.records() if said in str(r["MESSAGE"])] == ["3"]
    run("systemctl", "reset-failed", UNIT)


@pytest.mark.parametrize("hangs", [False, True])
def test_killed_at_work(service: Service, *, hangs: bool) -> None:
    """Killed, or hung and killed by the watchdog, it starts anew; each picture comes out once."""
    service.systemctl("start")
    service.put(*MANY)
    service.wait("job.finished", times=5)
    os.kill(service.pid(), signal.SIGSTOP if hangs else signal.SIGKILL)
    until(lambda: service.restarts() == 1 and service.show("ActiveState") == "active", "restart")
    if hangs:
        assert any("Watchdog timeout" in str(r["MESSAGE"]) for r in service.records())
    service.wait_for_all(*MANY)
    service.systemctl("stop")
    service.check_once_and_whole(*MANY)


def test_stopped_and_started_at_work(service: Service) -> None:
    """Stopped while it works, it ends in good order, and goes on where it stopped."""
    service.put(*MANY)
    service.systemctl("start")
    for stops in range(1, 4):
        service.wait("job.finished", times=5 * stops)
        service.systemctl("stop")
        assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
        assert len(service.told("daemon.stopped")) == stops
        assert not [name for name in service.results() if name.endswith(".tmp")]
        service.systemctl("start")
    service.wait_for_all(*MANY)
    service.systemctl("stop")
    service.check_once_and_whole(*MANY)
    assert len(service.told("job.finished")) == len(MANY)


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """Yield a folder that anybody may write to, and no unit names."""
    folder = Path("/srv/scissorsd-elsewhere")
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_the_sandbox(service: Service, elsewhere: Path) -> None:
    """By systemd's own measure it is closed; what it works in is open, and nothing beside it."""
    said = run("systemd-analyze", "security", "--no-pager", UNIT)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= EXPOSURE, said
    service.configure(outbox=str(elsewhere / "outbox"))  # the unit does not name it
    service.systemctl("start")
    service.put("a.jpg")
    held = service.wait("job.held")
    assert "Read-only file system" in held["why"]
    service.systemctl("stop")
    assert not list(elsewhere.iterdir())

"""The daemon as a service: one on a state folder, its configuration, its reload, its manager."""

import signal
import socket

import pytest
from families import one_of_each_kind

from .driver import DEADLINE, Workplace, picture


def test_second_daemon_is_refused(place: Workplace) -> None:
    """Another daemon on the same state folder is refused with the first's process number."""
    first = place.start()
    second = place.run("run", "-c", place.config)
    assert second.returncode == 1
    assert f"process {first.process.pid}" in second.stderr
    assert "Traceback" not in second.stderr
    first.stop()
    third = place.start()
    third.stop()


def test_bad_configuration(place: Workplace) -> None:
    """A daemon whose configuration is bad exits with 78 and says where the mistakes are."""
    place.config.write_text("state: state\ninboxes:\n  shop: {path: inbox, outbx: outbox}\n")
    answer = place.run("run", "-c", place.config)
    assert answer.returncode == 78
    assert f"{place.config}:3:" in answer.stderr
    assert "did you mean 'outbox'?" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not place.state.exists()


def test_missing_configuration(place: Workplace) -> None:
    """A configuration that is not there is a bad one too."""
    answer = place.run("run", "-c", place.folder / "nothing.yaml")
    assert answer.returncode == 78
    assert "nothing.yaml" in answer.stderr


# --- reload ----------------------------------------------------------------------------------


def test_reload(place: Workplace) -> None:
    """On SIGHUP new rules and inboxes count for what comes, and what was cut stays as it is."""
    place.put("a.jpg")
    daemon = place.start()
    daemon.finished("a.jpg")
    (place.folder / "second").mkdir()
    masks = {"name": "masks", "model": "darkness", "outputs": [{"kind": "mask"}]}
    place.write_config(
        shop={"path": "inbox", "outbox": "outbox", "settle": "300ms", "rules": [masks]},
        second={"path": "second", "outbox": "outbox2", "settle": "300ms", "rules": [masks]},
    )
    daemon.send(signal.SIGHUP)
    daemon.wait("config.reloaded", inboxes=("shop", "second"))
    place.put("b.jpg")
    (place.folder / "second" / "c.jpg").write_bytes(picture())
    daemon.finished("b.jpg", "c.jpg")
    place.write_config(
        second={"path": "second", "outbox": "outbox2", "settle": "300ms", "rules": [masks]},
    )
    daemon.send(signal.SIGHUP)
    daemon.wait("inbox.closed", inbox="shop")
    daemon.stop()
    assert place.files() == ["a.png", "b-mask.png"]
    assert place.files(place.folder / "outbox2") == ["c-mask.png"]
    assert len(daemon.told("job.finished")) == 3


def test_reload_of_a_bad_file(place: Workplace) -> None:
    """A reload of a file with mistakes tells each and goes on under the old rules."""
    daemon = place.start()
    good = place.config.read_text()
    place.config.write_text(good.replace("settle:", "setle:").replace("name:", "nam:"))
    daemon.send(signal.SIGHUP)
    daemon.wait("config.kept")
    problems = [line["problem"] for line in daemon.told("config.problem")]
    assert len(problems) == 2
    assert all(problem.startswith(f"{place.config}:") for problem in problems)
    place.put("a.jpg")
    daemon.finished("a.jpg")
    place.config.write_text(good)
    daemon.send(signal.SIGHUP)
    daemon.wait("config.reloaded")
    daemon.stop()
    assert daemon.noise == []


def test_reload_of_what_needs_a_restart(place: Workplace) -> None:
    """What a reload cannot change is named, and stays as it was."""
    daemon = place.start()
    text = place.config.read_text()
    place.config.write_text(text.replace("state: state", "state: elsewhere"))
    daemon.send(signal.SIGHUP)
    assert daemon.wait("config.needs_restart")["option"] == "state"
    place.put("a.jpg")
    daemon.finished("a.jpg")
    daemon.stop()
    assert len(place.entries()) == 1
    assert not (place.folder / "elsewhere").exists()


# --- the service manager ---------------------------------------------------------------------


@pytest.mark.parametrize("event", one_of_each_kind(["reload", "stop"], kept=["reload"]))
def test_service_manager(place: Workplace, event: str) -> None:
    """The manager hears of ready, of the daemon's life, of a reload and of the stop."""
    address = str(place.folder / "notify")
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(DEADLINE)

        def hear(wanted: str, times: int = 1) -> None:
            while sum(wanted in line for line in heard) < times:
                heard.extend(manager.recv(4096).decode().splitlines())

        variables = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"}
        daemon = place.start("run", "-c", str(place.config), variables=variables)
        hear("READY=1")
        hear("WATCHDOG=1", 3)
        if event == "reload":
            daemon.send(signal.SIGHUP)
            hear("RELOADING=1")
            hear("READY=1", 2)
            assert any(line.startswith("MONOTONIC_USEC=") for line in heard)
        daemon.send(signal.SIGTERM)
        hear("STOPPING=1")
        assert daemon.exit_code() == 0
    firsts = [heard.index(f"{word}=1") for word in ("READY", "WATCHDOG", "STOPPING")]
    assert firsts == sorted(firsts)
    assert heard.index("STATUS=opening the networks") < firsts[0]

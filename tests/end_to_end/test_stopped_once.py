"""`once` and `cut` that a signal stops say what is left, and do not end as if all were done."""

import fcntl
import re
import signal
import subprocess
from contextlib import suppress

import pytest
from families import one_of_each_kind

from .driver import Daemon, Workplace, wait_for

STOPS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(("number", "code"), one_of_each_kind(STOPS, kept=STOPS[1:]))
def test_once_stopped(place: Workplace, number: signal.Signals, code: int) -> None:
    """What came out and what is left are counted, and the code is a stopped command's."""
    for index in range(6):
        place.put(f"{index}.jpg", number=index)
    arguments = ("--debug", "once", "-c", str(place.config))
    faults = {"SCISSORSD_FAULTS": "read=hang@3*", "SCISSORSD_SECONDS": "STOP_LIMIT=0.5"}
    daemon = place.start(*arguments, variables=faults)
    daemon.wait("job.finished", times=2)
    daemon.send(number)
    assert daemon.exit_code() == code
    assert "stopped: 2 cut, 4 left" in daemon.noise
    rest = place.run("once", "-c", place.config)
    assert (rest.returncode, len(place.files())) == (0, 6)
    assert "4 cut, 0 not" in rest.stderr


def test_once_stopped_while_it_fetches(place: Workplace) -> None:
    """Also while weights are being fetched (here: by another process) all is left."""
    place.configure({"name": "all", "model": "u2netp"})
    place.put("a.jpg")
    models = place.folder / "models"
    models.mkdir()
    with (models / ".u2netp.onnx.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        variables = {"U2NET_HOME": str(models)}
        daemon = place.start("once", "-c", str(place.config), variables=variables)
        daemon.wait("weights.fetching")
        daemon.send(signal.SIGTERM)
        assert daemon.exit_code() == 143
    assert re.fullmatch(r"stopped: 0 cut, (at least )?[01] left.*", daemon.noise[-1])


def _stopped(process: Daemon) -> bool:
    """Send a Ctrl-C and wait until the process has ended; only if it seems lost, send another.

    One that came while the process ends on the first would end it otherwise than a person does.
    """
    process.send(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.process.wait(60)
    return process.process.poll() is not None


@pytest.mark.full
def test_cut_stopped(place: Workplace) -> None:
    """`cut` says what it has cut and what is left."""
    pictures = [str(place.put(f"{index}.jpg", number=index)) for index in range(2)]
    faults = {"SCISSORSD_FAULTS": "write=hang@2"}
    arguments = ("cut", *pictures, "-o", str(place.outbox), "--model", "u2netp")
    process = place.start(*arguments, variables=faults)
    wait_for((place.outbox / "0.png").exists)
    wait_for(lambda: _stopped(process))  # Python may lose one Ctrl-C, in a callback of C's
    assert process.exit_code() == 130
    assert process.noise[-1] in {
        "scissorsd: stopped: 1 cut, 1 left",
        "scissorsd: stopped: 0 cut, 2 left",
    }

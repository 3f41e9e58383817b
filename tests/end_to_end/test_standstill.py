"""A daemon whose control loop stands still is ended, with a trace; one that is stopped is not."""

import signal
import time

import pytest
from families import one_of_each_kind

from .driver import Workplace

SHORT = "STANDSTILL=2,STOP_LIMIT=0.5"


@pytest.mark.full
@pytest.mark.parametrize("what", ["hang", "freeze"])
@pytest.mark.parametrize("command", one_of_each_kind(["once", "run"], kept=["run"]))
def test_a_standstill_ends(place: Workplace, command: str, what: str) -> None:
    """Whether the GIL is free or kept for ever, it ends, says where it stood, and all is done."""
    place.put("a.jpg")
    arguments = ("--debug", command, "-c", str(place.config))
    # Its worker hangs, too: else it may cut the picture while only the loop stands still.
    faults = {"SCISSORSD_FAULTS": f"loop={what}@3,read=hang", "SCISSORSD_SECONDS": SHORT}
    hung = place.start(*arguments, variables=faults)
    assert hung.exit_code() == -signal.SIGKILL, hung.transcript()
    assert any("stood still" in line for line in hung.noise)
    assert "_happen" in (place.state / "standstill.txt").read_text()
    after = place.start()
    after.finished("a.jpg")
    trace = after.told("daemon.stood_still")[0]["trace"]
    assert trace == str(place.state / "standstill.txt.last")
    assert not after.told("daemon.crashed")
    after.stop()
    again = place.start()
    assert not again.told("daemon.stood_still")
    again.stop()


@pytest.mark.full
def test_being_stopped_is_no_standstill(place: Workplace) -> None:
    """A process that is stopped for longer than the limit goes on when it is let."""
    daemon = place.start(variables={"SCISSORSD_SECONDS": "STANDSTILL=3"})
    daemon.send(signal.SIGSTOP)
    time.sleep(4.5)
    daemon.send(signal.SIGCONT)
    place.put("a.jpg")
    daemon.finished("a.jpg")
    daemon.stop()
    assert daemon.noise == []

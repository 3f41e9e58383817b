"""Daemons that are brought to die at a place of the test's choosing, and those that come after."""

import signal
from collections import Counter
from pathlib import Path

from PIL import Image

from .driver import SIZE, Daemon, Workplace, wait_for
from .scenes import all_ended

OUTPUTS = ({"kind": "cutout"}, {"kind": "mask", "folder": "masks"})


def fault(place: str, what: str = "kill") -> str:
    """Write a fault for SCISSORSD_FAULTS; the place may end in @N."""
    place, at, number = place.partition("@")
    return f"{place}={what}{at}{number}"


def doomed(place: Workplace, fault: str, number: signal.Signals = signal.SIGKILL) -> Daemon:
    """Run a daemon until the fault ends it, which leaves it no time to tidy up."""
    daemon = place.start(
        *("--debug", "run", "-c", str(place.config)), variables={"SCISSORSD_FAULTS": fault}
    )
    assert daemon.exit_code() == -number, daemon.transcript()
    return daemon


def repaired(place: Workplace, *, jobs: int = 1) -> Daemon:
    """Run a daemon until all that was begun has ended; stop it in good order."""
    daemon = place.start()
    daemon.wait("inbox.scanned")
    all_ended(place, jobs)
    wait_for(lambda: len(place.entries()) == jobs)
    daemon.stop()
    assert daemon.noise == []
    return daemon


def finished(*daemons: Daemon) -> Counter[str]:
    """Count how often each picture was said to be cut."""
    return Counter(line["source"] for d in daemons for line in d.told("job.finished"))


def whole(path: Path) -> bool:
    """Whether an output is a whole picture; a part of one raises."""
    with Image.open(path) as image:
        image.load()
        return image.format == "PNG" and image.size == SIZE

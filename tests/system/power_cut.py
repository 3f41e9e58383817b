"""A power cut in the middle of a backlog, in two steps around it, by root where systemd runs.

    cd tests
    python -m system.power_cut begin     installs the service, drops 200 pictures, returns at once
    (the power goes, and comes back)
    python -m system.power_cut check     waits for the rest; fails unless each came out once

The service is enabled, so the machine starts it by itself when it comes back.
"""

import shutil
import sys
from pathlib import Path

from system.units import Service, run, until

FOLDER = Path("/srv/scissorsd-power")
MANY = [f"{number:03}.jpg" for number in range(200)]
DONE_BEFORE = 40


def main() -> None:
    """Do the step that is named."""
    if sys.argv[1:] == ["begin"]:
        begin()
    elif sys.argv[1:] == ["check"]:
        check()
    else:
        sys.exit(__doc__)


def begin() -> None:
    """Install the service, and give it a backlog; return when a fifth of it is done."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    service = Service(FOLDER)
    service.install()
    service.put(*MANY)
    run("sync")
    service.systemctl("enable")
    service.systemctl("start")
    service.wait("job.finished", times=DONE_BEFORE)


def check() -> None:
    """See that all is there, once and whole."""
    service = Service(FOLDER)
    until(lambda: service.show("ActiveState") == "active", "started by the machine itself")
    before = len(list(service.outbox.glob("*.png")))
    service.wait_for_all(*MANY)
    service.check_once_and_whole(*MANY)
    strikes = [entry.path for entry in service.entries() if entry.attempts > 1]
    service.systemctl("disable")
    service.uninstall()
    sys.stdout.write(
        f"{before} of {len(MANY)} were out at the first look, all are now, once and whole; "
        f"{len(strikes)} were in hand when the power went\n"
    )


if __name__ == "__main__":
    main()

"""The small process that standstill.py starts: it ends a process whose beats stop.

It is run by its path, with nothing but Python's own library: `onlooker.py PID LAST_WORDS`. Each
beat on its standard input is the number of seconds within which the next one must come.
"""

import contextlib
import os
import select
import signal
import sys
import time
from pathlib import Path

STEPS = 12  # per limit, each without a beat; a time while the whole machine is frozen is one step
GRACE = 1.0  # seconds for the trace
_STOPPED = "TtD"  # proc(5): stopped, traced, waiting for a disk, which no signal ends


def main(process: int, last_words: str) -> None:
    """Count the steps without a beat; end the process when there are `STEPS` in a row."""
    steps, limit = 0, 3600.0
    while steps < STEPS:
        if select.select([0], [], [], limit / STEPS)[0]:
            beats = os.read(0, 1 << 16)
            if not beats:
                return  # it has ended
            steps, limit = 0, float(beats.split()[-1])
        elif not _is_stopped(process):
            steps += 1
    os.kill(process, signal.SIGUSR2)  # its faulthandler writes the stack of every thread
    time.sleep(GRACE)
    os.kill(process, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.write(2, last_words.encode() + b"\n")


def _is_stopped(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] in _STOPPED


if __name__ == "__main__":
    with contextlib.suppress(ProcessLookupError):
        main(int(sys.argv[1]), sys.argv[2])

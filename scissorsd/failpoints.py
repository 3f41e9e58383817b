"""Faults on purpose, for the tests: places in the code at which a test may let something break.

Off unless the environment variable SCISSORSD_FAULTS is set when the program starts, and then free
but for one comparison. It holds, separated by commas, `place=what`, `place=what@N` (from the Nth
time on, else the first) and `…*K` (K times, else once; `*` alone: for ever). `place:NAME` is the
place only where it is about the file of that name. `what` is the name of an errno ("EBUSY": that
OSError is raised), "kill" or "segv" (the process gets that signal), "raise" (an exception that
nobody foresees), "hang" (nothing more happens there), "freeze" (nor anywhere else: it keeps the
GIL), or "stop" (the process stands still until it gets SIGCONT, and goes on). For example:

    SCISSORSD_FAULTS="publish.done=kill@2,read=EBUSY*3,decode:bad.jpg=segv*"

For the tests alone as well: SCISSORSD_SECONDS shortens what the program waits for, so that a test
need not wait as long as a person would. It holds, separated by commas, `NAME=seconds`, by the
names of the constants that are defined with `seconds`. For example:

    SCISSORSD_SECONDS="FIRST_PAUSE=0.05,STALLED=1"
"""

import ctypes
import errno
import os
import re
import signal
import threading
from dataclasses import dataclass

_FORM = re.compile(
    r"(?P<place>[\w.]+(?::[^=,]+)?)=(?P<what>\w+)(?:@(?P<first>\d+))?(?P<times>\*\d*)?"
)
_FOR_EVER = 10**9
_SIGNALS = {"kill": signal.SIGKILL, "segv": signal.SIGSEGV}


class UnforeseenError(Exception):
    """Raised by "raise"; no part of the program knows it."""


@dataclass(slots=True)
class _Fault:
    what: str
    first: int
    times: int
    passed: int = 0


def _planned(text: str) -> dict[str, _Fault]:
    plan = {}
    for match in _FORM.finditer(text):
        stars = match["times"] or "*1"
        times = int(stars[1:]) if stars[1:] else _FOR_EVER
        plan[match["place"]] = _Fault(match["what"], int(match["first"] or 1), times)
    return plan


def seconds(name: str, usual: float) -> float:
    """Return a constant of the program, which a test may shorten."""
    match = re.search(rf"\b{name}=([\d.]+)", os.environ.get("SCISSORSD_SECONDS", ""))
    return float(match[1]) if match else usual


_plan = _planned(os.environ.get("SCISSORSD_FAULTS", ""))
_lock = threading.Lock()


def at(place: str, path: str = "") -> None:
    """Let the fault that is planned for this place, or for it and this file, happen, if one is."""
    if not _plan:
        return
    fault = _plan.get(place) or _plan.get(f"{place}:{path.rpartition('/')[2]}")
    if fault is None:
        return
    with _lock:
        fault.passed += 1
        due = fault.first <= fault.passed < fault.first + fault.times
    if due:
        _happen(place, fault.what)


def _happen(place: str, what: str) -> None:
    if what in _SIGNALS:
        os.kill(os.getpid(), _SIGNALS[what])
        threading.Event().wait()  # the signal may reach another thread first
    if what == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
        return
    if what == "hang":
        threading.Event().wait()
    while what == "freeze":
        ctypes.PyDLL(None).sleep(3600)
    if what == "raise":
        raise UnforeseenError(f"a fault was planned at {place}")
    number = getattr(errno, what)
    raise OSError(number, os.strerror(number))

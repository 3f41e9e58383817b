"""Faults on purpose, for the tests: places in the code at which a test may let something break.

Off unless the environment variable SCISSORSD_FAULTS is set when the program starts, and then free
but for one comparison. It holds, separated by commas, `place=what`, `place=what@N` (from the Nth
time on, else the first) and `…*K` (K times, else once; `*` alone: for ever). `what` is the name of
an errno ("EBUSY": that OSError is raised), "kill" or "segv" (the process gets that signal), or
"raise" (an exception that nobody foresees). For example:

    SCISSORSD_FAULTS="publish.rename=kill@2,read=EBUSY*3"
"""

import errno
import os
import re
import signal
import threading
from dataclasses import dataclass

_FORM = re.compile(r"(?P<place>[\w.]+)=(?P<what>\w+)(?:@(?P<first>\d+))?(?P<times>\*\d*)?")
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
    for found in _FORM.finditer(text):
        stars = found["times"] or "*1"
        times = int(stars[1:]) if stars[1:] else _FOR_EVER
        plan[found["place"]] = _Fault(found["what"], int(found["first"] or 1), times)
    return plan


_plan = _planned(os.environ.get("SCISSORSD_FAULTS", ""))
_lock = threading.Lock()


def at(place: str) -> None:
    """Let the fault that is planned for this place happen, if one is."""
    if not _plan:
        return
    fault = _plan.get(place)
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
    if what == "raise":
        raise UnforeseenError(f"a fault was planned at {place}")
    number = getattr(errno, what)
    raise OSError(number, os.strerror(number))

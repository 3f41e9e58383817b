"""The page beside the daemon: a process of its own, started after READY, and again if it dies.

It gets the configuration on its standard input, and ends where that ends: with this process. On its
standard output it tells where it listens, or why it cannot, and of each file that it has put whole
into an inbox. No stop waits for what it has in hand, and its death is no trouble of the daemon's.
"""

import base64
import importlib.util
import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import IO, Any

import structlog

from scissorsd import failpoints
from scissorsd.core.backoff import backoff
from scissorsd.core.settling import Sighting
from scissorsd.folders.messages import Vouched
from scissorsd.records.status_file import PageStatus
from scissorsd.settings import Config

log = structlog.get_logger("scissorsd")

NEEDED = ("starlette", "uvicorn", "sse_starlette", "prometheus_client", "python_multipart")
MISSING = "pip install 'scissorsd[page]'"  # what to do where one of them is not installed
STOP_LIMIT = 5.0  # seconds after SIGTERM before it is killed
STEADY = 60.0  # seconds of listening after which its next death is the first again
FIRST_PAUSE = failpoints.seconds("PAGE_FIRST_PAUSE", 1.0)
LONGEST_PAUSE = failpoints.seconds("PAGE_LONGEST_PAUSE", 300.0)


class PageChild:
    """The page's process. Only the control loop calls the methods; `tell` takes messages.

    With `once` there is never a page.
    """

    def __init__(self, tell: Callable[[Vouched], None], *, once: bool) -> None:
        self._tell = tell
        self._once = once
        self._runs_on: Config | None = None  # what the process, or its next start, was given
        self._run: _Run | None = None
        self._deaths = 0  # in a row
        self._next_start = 0.0
        self._why = ""
        self._ending: threading.Thread | None = None

    def beat(self, config: Config, now: float) -> None:
        """See to it that the page of this configuration runs, if it has one."""
        if self._once:
            return
        if config is not self._runs_on and (
            self._runs_on is None or _about(config) != _about(self._runs_on)
        ):
            self._end()
            self._deaths, self._next_start, self._why = 0, 0.0, ""
            if config.page is not None and (missing := missing_packages()):
                self._why = f"{', '.join(missing)} not installed: {MISSING}"
                self._next_start = float("inf")
                log.warning("page.missing", why=self._why)
        self._runs_on = config
        if config.page is None or (self._ending is not None and self._ending.is_alive()):
            return  # the one before still has the address
        if self._run is not None and not self._run.has_died():
            return
        if self._run is not None:
            self._note_death(self._run, now)
        if now >= self._next_start:
            self._start(config, now)

    def address(self) -> str:
        """Return where the page listens now, or ""."""
        return self._run.address if self._run is not None else ""

    def status(self) -> PageStatus | None:
        """Tell for the status file where the page listens, or why it does not."""
        if self._runs_on is None or self._runs_on.page is None:
            return None
        address = self.address()
        why = "" if address else self._why or "it is starting"
        return PageStatus(address, why)

    def stop(self) -> None:
        """Have the process end, and start none again. Does not wait: see `wait`."""
        self._once = True
        self._end()

    def wait(self) -> None:
        """Wait until a process that was stopped has ended; a few seconds at most."""
        if self._ending is not None:
            self._ending.join(2 * STOP_LIMIT)

    def _start(self, config: Config, now: float) -> None:
        try:
            self._run = _Run(config, self._tell, now)
        except OSError as error:
            self._failed(error.strerror or str(error), now)

    def _note_death(self, run: "_Run", now: float) -> None:
        if run.address and now - run.started >= STEADY:
            self._deaths = 0
        self._run = None
        self._failed(run.why_dead(), now)

    def _failed(self, why: str, now: float) -> None:
        pause = backoff(FIRST_PAUSE, self._deaths, LONGEST_PAUSE)
        self._deaths += 1
        self._next_start = now + pause
        self._why = why
        log.warning("page.died", why=why, again_in_s=pause)

    def _end(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            self._ending = threading.Thread(target=run.end, name="end the page", daemon=True)
            self._ending.start()


class _Run:
    """One process, and the thread that hears what it says. Raises OSError."""

    def __init__(self, config: Config, tell: Callable[[Vouched], None], now: float) -> None:
        self.address = ""
        self.started = now
        self._tell = tell
        self._refusal = ""
        environment = {key: word for key, word in os.environ.items() if key != "NOTIFY_SOCKET"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scissorsd.page.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is not for it: its standard input ends
        )
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101 - the same
        self._stdin = self._process.stdin
        head = base64.b64encode(pickle.dumps(config))
        # Threads: what it says must not wait for the loop, nor the loop for its pipe.
        for work in (lambda: self._send(head), lambda: self._hear(self._process.stdout)):
            threading.Thread(target=work, name="page", daemon=True).start()

    def has_died(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.poll() is not None

    def why_dead(self) -> str:
        """Say why it has ended: in its own words, if it had any."""
        with suppress(OSError):
            self._stdin.close()
        code = self._process.returncode
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        return self._refusal or f"its process {how}"

    def end(self) -> None:
        """Have it end, and wait until it has."""
        with suppress(OSError):
            self._stdin.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        log.info("page.stopped", address=self.address)

    def _send(self, head: bytes) -> None:
        with suppress(OSError, ValueError):  # it has died, or is ended: that is seen elsewhere
            self._stdin.write(head + b"\n")
            self._stdin.flush()

    def _hear(self, said: IO[bytes] | None) -> None:
        for line in said or ():
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                log.debug("page.unheard", line=line.decode(errors="replace").rstrip())

    def _take(self, told: dict[str, Any]) -> None:
        if "listening" in told:
            self.address = str(told["listening"])
            log.info("page.listening", address=self.address, pid=self._process.pid)
        elif "refused" in told:
            self._refusal = str(told["refused"])
        else:
            names = ("size", "mtime_ns", "inode", "device")
            size, mtime_ns, inode, device = (int(told[name]) for name in names)
            ctime_ns = int(told.get("ctime_ns", 0))
            sighting = Sighting(str(told["path"]), size, mtime_ns, inode, device, ctime_ns)
            self._tell(Vouched(str(told["inbox"]), monotonic(), sighting))


def missing_packages() -> list[str]:
    """Return what the page needs and is not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def _about(config: Config) -> tuple[object, ...]:
    """Return what the page is started anew for: all that it knows of the configuration."""
    return config.page, config.inboxes, config.limits, config.catalogue, config.models

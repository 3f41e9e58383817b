"""The page's process, as the daemon starts it: `python -m scissorsd.page.child`.

Standard input begins with a line, the configuration as a pickle in base64, and ends with the
daemon: then this process ends, too. Standard output tells the daemon by lines of JSON where the
page listens, why it cannot, and of each file that was put whole into an inbox. See
daemon/page_child.py, which is the other end.
"""

import base64
import json
import os
import pickle
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import structlog

from scissorsd import logs
from scissorsd.core.settling import Sighting
from scissorsd.errors import EXIT_FAILURE, EXIT_OK, ScissorsError
from scissorsd.page import serve
from scissorsd.page.desk import Desk
from scissorsd.page.drops import receiving as drops
from scissorsd.page.drops import sweeping
from scissorsd.pictures import decoders
from scissorsd.plain_text import one_line

log = structlog.get_logger("scissorsd")

NICE = 10  # where a picture that is cut wants a processor, too, the page waits


class Daemon:
    """The daemon, as this process sees it: somebody to tell things to, in lines. Thread-safe."""

    def __init__(self) -> None:
        # Nothing else may come between the lines: what others print goes to standard error.
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._lock = threading.Lock()

    def tell(self, **what: object) -> None:
        """Tell it something; if it is gone, so will be this process."""
        with self._lock:
            try:
                self._out.write(json.dumps(what) + "\n")
                self._out.flush()
            except OSError as error:
                log.debug("page.untold", why=error.strerror or str(error))

    def vouch(self, inbox: str, sighting: Sighting) -> None:
        """Tell it that a file is whole."""
        self.tell(inbox=inbox, **asdict(sighting))


def main() -> int:
    """Serve the page until the daemon ends, or ends us; returns the exit code."""
    config = pickle.loads(base64.b64decode(sys.stdin.buffer.readline()))  # noqa: S301 - our own daemon's
    _stand_back()
    decoders.take_pillow_over()
    logs.set_up()
    logs.line_buffer_c_stderr()
    daemon, until = Daemon(), threading.Event()
    _end_with_daemon(until)
    desk = Desk(config, daemon.vouch)
    drops.sweep_left_over(desk)
    threading.Thread(target=sweeping.keep_sweeping, args=(desk, until), daemon=True).start()
    try:
        serve.serve(desk, until=until, told=lambda address: daemon.tell(listening=address))
    except ScissorsError as error:
        daemon.tell(refused=one_line(str(error)))
        return EXIT_FAILURE
    finally:
        desk.close()
    return EXIT_OK


def _stand_back() -> None:
    """Let the daemon go first, also where the kernel shares by sessions: this is one of its own."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICE))


def _end_with_daemon(until: threading.Event) -> None:
    """Set the event when standard input ends, or at SIGTERM."""

    def read_to_the_end() -> None:
        while sys.stdin.buffer.read(1024):
            pass
        until.set()

    signal.signal(signal.SIGTERM, lambda *_: until.set())
    threading.Thread(target=read_to_the_end, name="stdin", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())

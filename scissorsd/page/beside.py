"""The page in a process of its own, beside a daemon or none: `scissorsd page -c FILE`."""

import signal
import threading
from collections.abc import Callable

from scissorsd.errors import EXIT_OK
from scissorsd.page.desk import Desk
from scissorsd.page.drops import receiving as drops
from scissorsd.page.serve import serve
from scissorsd.settings import Config


def serve_beside(config: Config, told: Callable[[str], None]) -> int:
    """Serve until SIGTERM or Ctrl-C. No daemon hears of drops: its scans find the files."""
    until = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: until.set())
    desk = Desk(config, vouch=lambda *_: None)
    drops.sweep_left_over(desk)
    try:
        serve(desk, until=until, told=told)
    finally:
        desk.close()
    return EXIT_OK

"""Which folders a host sees, of those that its orders name: by that it takes pictures or not.

A host that sees none of them takes no orders for pictures that are to be read where they lie, and
looks again and again whether it sees any. After an hour it forgets those that it does not see: the
watcher may have given them other names since, which only the next order tells.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from time import monotonic, sleep
from typing import Final

import structlog

from scissorsd import failpoints
from scissorsd.core.backoff import backoff
from scissorsd.hosts.host.cutting import Here
from scissorsd.hosts.messages.orders import Order
from scissorsd.plain_text import one_line

log = structlog.get_logger("scissorsd")

_FIRST_PAUSE: Final = failpoints.seconds("HOST_FIRST_PAUSE", 2.0)
_LONGEST_PAUSE: Final = 300.0
_REMEMBERED: Final = 64  # inboxes
_FORGOTTEN: Final = failpoints.seconds("HOST_FORGETS", 3600.0)  # after so long unseen


class Sight:
    """What one host sees. Any thread may call; `changed` is called in a thread of its own."""

    def __init__(self, here: Here, changed: Callable[[], None]) -> None:
        self.is_blind = False
        self._here = here
        self._changed = changed
        self._lock = threading.Lock()
        self._asked: OrderedDict[tuple[str, str], Order] = OrderedDict()  # the last of each inbox
        self._looks = False

    def asked(self, order: Order) -> None:
        """Note which folders an order names."""
        with self._lock:
            self._asked[order.watcher, order.inbox] = order
            while len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)

    def missing(self, why: str) -> None:
        """Look, now and until all are there, which of the folders are: some are not."""
        with self._lock:
            if self._looks:
                return
            self._looks = True
        threading.Thread(target=self._look, args=(why,), name="look", daemon=True).start()

    def _look(self, why: str) -> None:
        tries, began = 0, monotonic()
        while True:
            with self._lock:
                asked = list(self._asked.values())
            sees = [self._here.sees(order) for order in asked]
            if monotonic() - began > _FORGOTTEN:
                self._forget(
                    order for order, is_seen in zip(asked, sees, strict=True) if not is_seen
                )
                asked, sees = [], []
            is_blind = bool(asked) and not any(sees)
            if is_blind != self.is_blind:
                self.is_blind = is_blind
                if self.is_blind:
                    log.warning("host.blind", why=one_line(why))
                elif asked:
                    log.info("host.sees")
                self._changed()
            if all(sees):
                break
            sleep(backoff(_FIRST_PAUSE, tries, _LONGEST_PAUSE))
            tries += 1
        with self._lock:
            self._looks = False

    def _forget(self, orders: Iterable[Order]) -> None:
        with self._lock:
            for order in orders:
                if self._asked.get((order.watcher, order.inbox)) is order:
                    del self._asked[order.watcher, order.inbox]

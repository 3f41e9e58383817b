"""Orders go out, over a few connections of their own: to send waits until the hub has the order.

A hub that is short of memory or disk takes no orders, and says so: then a send waits for as long as
that lasts, and nothing more is begun meanwhile.
"""

import threading
from contextlib import suppress
from time import monotonic

import structlog
from amqp.exceptions import AMQPError, MessageNacked, PreconditionFailed
from kombu import Queue
from kombu.exceptions import KombuError
from kombu.transport.pyamqp import Connection, Transport

from scissorsd import failpoints
from scissorsd.errors import HoldError
from scissorsd.hosts import engine
from scissorsd.hosts.joining.join import Join
from scissorsd.hosts.joining.unreachable import cause_of, in_words
from scissorsd.hosts.messages import names, packing
from scissorsd.hosts.messages.faults import TooLargeError
from scissorsd.hosts.messages.orders import Order, write_order
from scissorsd.hosts.watcher import dead_queues

log = structlog.get_logger("scissorsd")

_AT_ONCE = 8  # connections
_CONFIRMED_WITHIN = failpoints.seconds("HUB_CONFIRMED", 30.0)
_LISTEN = 0.5  # seconds at a time for a hub that takes nothing


class _StoppedError(Exception):
    """Nobody waits any more until the hub takes orders."""


class Sender:
    """Sends orders; any thread may."""

    def __init__(self, join: Join) -> None:
        self._lock = threading.Lock()
        self._blocked: set[int] = set()  # the threads whose order the hub does not take for now
        self._mending = threading.Lock()
        self._untaken: dict[str, float] = {}  # queues that take no order, and since when
        self._is_ending = False
        self.follow(join)

    def follow(self, join: Join) -> None:
        """Send by another join file from now on."""
        app = engine.application(join, _AT_ONCE)
        app.conf.broker_transport = _Transport
        app.conf.broker_transport_options["on_blocked"] = self._note_blocked
        self._join, self._app = join, app

    def stop(self) -> None:
        """Wait no longer for a hub that takes nothing."""
        self._is_ending = True

    @property
    def is_blocked(self) -> bool:
        """Whether the hub takes no orders."""
        return bool(self._blocked)

    def send(self, order: Order) -> None:
        """Send an order; return when the hub has it.

        Raises HoldError where that cannot be had, and TooLargeError where it takes none so large.
        """
        if self._is_ending:
            raise HoldError("scissorsd is stopping", kind="stopping")
        queue = engine.orders_queue(names.orders_queue(order.rule.model, order.way))
        since = monotonic()
        try:
            self._app.send_task(
                names.TASK,
                args=(write_order(order),),
                argsrepr=f"({order.source.path!r},)",  # else all of it is written out, to be shown
                task_id=names.order_id(order.watcher, order.job, order.turn),
                queue=queue,  # else Celery would look for a default one
                exchange=names.ORDERS,
                routing_key=queue.name,
                serializer="json" if order.way == "paths" else packing.NAME,
                delivery_mode="persistent",
                ignore_result=True,
                declare=[],
                retry=True,
                retry_policy={"max_retries": 1, "interval_start": 0, "interval_max": 0},
                confirm_timeout=_CONFIRMED_WITHIN,
            )
            self._untaken.pop(queue.name, None)
        except PreconditionFailed as error:
            what = f"{order.source.path} is too large for the hub: {error}"
            raise TooLargeError(what) from error
        except Exception as error:  # whatever it is, nothing is wrong with the picture
            if isinstance(cause_of(error), (TimeoutError, MessageNacked)):
                self._note_untaken(queue, since)
            raise HoldError(in_words(error, self._join).what, kind="the hub is away") from error
        finally:
            self._note_free()

    def _note_untaken(self, queue: Queue, since: float) -> None:
        """Make a queue anew that has taken no order for too long, and has none in line."""
        with self._mending, suppress(AMQPError, KombuError, OSError):
            first = self._untaken.setdefault(queue.name, since)
            if monotonic() - first < _CONFIRMED_WITHIN:
                return
            connection = dead_queues.connected(self._join)
            try:
                if not dead_queues.count(connection, queue):
                    dead_queues.make_anew(connection, queue)
                    del self._untaken[queue.name]
            finally:
                dead_queues.let_go(connection)

    # --- a hub that takes nothing ------------------------------------------------------------

    def _note_blocked(self, _why: str) -> None:
        """Note that this thread's order is not taken for now."""
        if self._is_ending:
            raise _StoppedError("scissorsd is stopping")
        with self._lock:
            is_first = not self._blocked
            self._blocked.add(threading.get_ident())
        if is_first:
            log.warning("hub.full", hub=self._join.url)

    def _note_free(self) -> None:
        with self._lock:
            was_blocked = bool(self._blocked)
            self._blocked.discard(threading.get_ident())
            is_free = was_blocked and not self._blocked
        if is_free:
            log.info("hub.takes_again", hub=self._join.url)


class _Patient(Connection):  # type: ignore[misc]
    """Waits on, past any timeout, while the broker says that it takes nothing.

    The order lies in the broker's door then: sent by another connection as well, it would be twice.
    """

    is_blocked = False

    def _on_blocked(self) -> None:
        self.is_blocked = True
        while self.is_blocked:
            try:
                super()._on_blocked()
            except _StoppedError:
                self.collect()
                raise
            with suppress(TimeoutError):
                super().drain_events(timeout=_LISTEN)

    def _on_unblocked(self) -> None:
        self.is_blocked = False

    def drain_events(self, timeout: float | None = None) -> object:
        """Wait for something to come; a connection by which nothing does is dropped.

        To close it in good order would wait, too, for a queue that takes nothing.
        """
        try:
            return super().drain_events(timeout=timeout)
        except TimeoutError:
            if timeout:  # else it was only looked whether something is there
                self.collect()
            raise


class _Transport(Transport):  # type: ignore[misc]
    Connection = _Patient

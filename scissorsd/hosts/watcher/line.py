"""The watcher's line to the hub: answers and presence come in, acknowledgements go out.

One thread has it, with a connection of its own: those of kombu are for one thread.
"""

import secrets
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Protocol

import structlog
from amqp.exceptions import NotFound
from kombu import Connection, Consumer, Exchange, Message, Queue
from kombu.serialization import loads

from scissorsd import failpoints
from scissorsd.core.backoff import backoff
from scissorsd.hosts.joining.join import Join
from scissorsd.hosts.joining.unreachable import in_words
from scissorsd.hosts.messages import names, packing
from scissorsd.hosts.watcher import dead_queues

log = structlog.get_logger("scissorsd")

HEARTBEAT = 5  # seconds
_LISTEN = 0.1  # seconds at a time; then what is to be acknowledged is
_FIRST_PAUSE = failpoints.seconds("HUB_FIRST_PAUSE", 1.0)
_LONGEST_PAUSE = failpoints.seconds("HUB_LONGEST_PAUSE", 15.0)
_ANSWERS_AT_ONCE = 1000
_HEARD = ("host.standing", "task.started", "task.multi")  # of the events; Celery sends some as one


class Hears(Protocol):
    """Who is told of what comes in; called in the line's thread, and must not wait."""

    def connected(self, join: Join, *, anew: bool) -> None:
        """Hear that the hub lets one in so; `anew`: it has forgotten what was on it."""

    def away(self, why: str) -> None:
        """Hear that the hub is away, and why."""

    def answered(self, body: Any, message: Message) -> None:  # noqa: ANN401 - from the wire
        """Hear what should be an answer; it is to be acknowledged."""

    def event(self, event: Any) -> None:  # noqa: ANN401 - from the wire
        """Hear how a host stands, or that it has begun with an order."""


def exchange(name: str, kind: str = "direct") -> Exchange:
    """Return an exchange that the hub's definitions have declared."""
    return Exchange(name, kind, no_declare=True)


def answers_queue(watcher: str) -> Queue:
    """Return the queue of a watcher's answers, which the watcher itself declares."""
    return Queue(
        names.answers_queue(watcher),
        exchange(names.ANSWERS),
        watcher,
        queue_arguments=dict(names.QUEUE_ARGUMENTS),
    )


class Line(threading.Thread):
    """The line of one watcher, from `start` to `stop`."""

    def __init__(
        self, joined: Callable[[], Join], watcher: str, networks: Iterable[str], hears: Hears
    ) -> None:
        super().__init__(name="hub", daemon=True)
        self._joined = joined  # asked at each try: the file may be another by then
        self._watcher = watcher
        self._networks = tuple(networks)
        self._hears = hears
        self._done = SimpleQueue[Message]()  # to be acknowledged
        self._ending = threading.Event()
        self._is_new = False  # our queue was not there, and that was not told

    def acknowledge(self, message: Message) -> None:
        """Let go of an answer that is dealt with; from any thread."""
        self._done.put(message)

    def stop(self) -> None:
        """End soon."""
        self._ending.set()

    def run(self) -> None:
        """Connect, serve, and connect again."""
        tries = 0
        while not self._ending.is_set():
            join = self._joined()
            try:
                with self._connection(join) as connection:
                    connection.connect()
                    self._prepare(connection, join)
                    self._hears.connected(join, anew=self._is_new)
                    self._is_new = False
                    tries = 0
                    self._serve(connection)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                self._hears.away(str(in_words(error, join)))
                self._ending.wait(backoff(_FIRST_PAUSE, tries, _LONGEST_PAUSE))
                tries += 1

    def _connection(self, join: Join) -> Connection:
        return Connection(
            join.url,
            userid=join.user,
            password=join.secret,
            ssl=join.tls() or False,
            heartbeat=HEARTBEAT,
            connect_timeout=10,
        )

    def _prepare(self, connection: Connection, join: Join) -> None:
        """Declare our queues, and see whether the hub has forgotten them."""
        answers = answers_queue(self._watcher)
        try:
            with closing(connection.channel()) as probe:
                probe.queue_declare(answers.name, passive=True)
        except NotFound:
            self._is_new = True
        with closing(connection.channel()) as channel:
            answers(channel).declare()
            for name in names.orders_queues(self._networks):
                Queue(
                    name,
                    exchange(names.ORDERS),
                    name,
                    queue_arguments=dict(names.QUEUE_ARGUMENTS),
                )(channel).declare()
        if not dead_queues.takes(join, exchange(names.ANSWERS), self._watcher):
            dead_queues.make_anew(connection, answers)
            self._is_new = True

    def _serve(self, connection: Connection) -> None:
        channel = connection.channel()
        channel.basic_qos(0, _ANSWERS_AT_ONCE, False)  # noqa: FBT003 - AMQP's own order
        events = Queue(
            f"{names.EVENTS}.{self._watcher}.{secrets.token_hex(4)}",
            exchange(names.EVENTS, "topic"),
            _HEARD[0],
            durable=False,
            auto_delete=True,
            exclusive=True,
            message_ttl=60,
            max_length=10_000,
        )
        bound = events(channel)
        bound.declare()
        for key in _HEARD[1:]:
            bound.bind_to(exchange(names.EVENTS, "topic"), key)
        Consumer(
            channel,
            [answers_queue(self._watcher)],
            on_message=self._hear_answer,
            auto_declare=False,
        ).consume()
        Consumer(
            channel, [events], on_message=self._hear_event, auto_declare=False, no_ack=True
        ).consume()
        looked = monotonic()
        while not self._ending.is_set():
            with suppress(TimeoutError):
                connection.drain_events(timeout=_LISTEN)
            self._acknowledge(channel)
            if monotonic() - looked >= HEARTBEAT / 2:
                connection.heartbeat_check()
                looked = monotonic()
        self._acknowledge(channel)

    def _hear_answer(self, message: Message) -> None:
        said = payload(message)
        if said == dead_queues.PROBE:
            message.ack()
        else:
            self._hears.answered(said, message)

    def _hear_event(self, message: Message) -> None:
        said = payload(message)
        for event in said if isinstance(said, list) else [said]:
            self._hears.event(event)

    def _acknowledge(self, channel: Any) -> None:  # noqa: ANN401 - kombu has no types
        """Let go of answers; one of a connection that was lost comes again, and is refused then."""
        while True:
            try:
                message = self._done.get_nowait()
            except Empty:
                return
            if message.channel is channel:
                message.ack()


def payload(message: Message) -> Any:  # noqa: ANN401 - from the wire
    """Return what a message says, or None where it says nothing that is plain."""
    body, message.body = message.body, b""  # it is long kept, until it is acknowledged
    accepted = {"application/json", packing.CONTENT_TYPE}
    try:
        return loads(body, message.content_type, message.content_encoding, accept=accepted)
    except Exception:  # noqa: BLE001 - whatever a stranger sends
        return None

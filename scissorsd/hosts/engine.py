"""Celery as hosts have it: the application, and what of a worker is left out or put in.

Nothing is declared at the broker (a host may not; the hub's definitions have it all), nobody is
asked who else is there, and nothing on the wire can steer a worker. Threads: a pool of one could
not send heartbeats while it works, and each process of a pool would open sessions of its own.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from time import monotonic, sleep
from typing import Any

import structlog
from amqp.exceptions import AMQPError, PreconditionFailed
from celery import Celery, bootsteps
from celery.events.dispatcher import EventDispatcher
from celery.worker import WorkController
from celery.worker.consumer import Consumer, Events, Tasks
from celery.worker.consumer.consumer import CONNECTION_ERROR, CONNECTION_RETRY
from kombu import Connection, Exchange, Message, Queue
from kombu.exceptions import KombuError

from scissorsd import failpoints
from scissorsd.hosts.joining.join import Join
from scissorsd.hosts.joining.unreachable import in_words
from scissorsd.hosts.messages import names, packing
from scissorsd.hosts.messages.faults import TooLargeError, fault_of
from scissorsd.hosts.messages.orders import Answer, write_answer
from scissorsd.plain_text import one_line

log = structlog.get_logger("scissorsd")

HEARTBEAT = failpoints.seconds("HOST_HEARTBEAT", 5.0)  # between host and broker
STANDING = failpoints.seconds("HOST_STANDING", 3.0)  # between two events that say how it stands
_CONNECTED_WITHIN = 10.0  # seconds
_CONFIRMED_WITHIN = 30.0  # seconds; a broker that is short of memory blocks who publishes
_PATIENCE = 50.0  # seconds with an answer; a broker is restarted in less
_SOON = 0.5  # seconds between two tries
_AGAIN = {"interval_start": 1, "interval_step": 1, "interval_max": 5}  # seconds
_ANSWERS = Exchange(names.ANSWERS, "direct", no_declare=True)
_ORDERS = Exchange(names.ORDERS, "direct", no_declare=True)


def application(join: Join, slots: int) -> Celery:
    """Return the application of a host, or of a watcher's senders; nothing is connected yet."""
    packing.teach_kombu()
    app = Celery("scissorsd", broker=join.url, fixups=[])
    app.conf.update(
        broker_user=join.user,
        broker_password=join.secret,
        broker_use_ssl=join.tls() or False,
        broker_heartbeat=HEARTBEAT,
        broker_pool_limit=slots + 1,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        broker_transport_options={"confirm_publish": True},
        accept_content=["json", packing.NAME],
        task_serializer="json",
        task_queues=[],
        task_default_queue=None,
        task_create_missing_queues=False,
        task_acks_late=True,
        task_ignore_result=True,
        task_track_started=False,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        event_exchange=names.EVENTS,
    )
    app.events.dispatcher_cls = _Events
    return app


def see_that_it_is_there(join: Join, networks: Iterable[str]) -> None:
    """Raise ScissorsError unless the hub lets a host in, and has the queues of these networks."""
    tls = join.tls() or False
    try:
        with Connection(
            join.url,
            userid=join.user,
            password=join.secret,
            ssl=tls,
            connect_timeout=_CONNECTED_WITHIN,
            transport_options={"max_retries": 0},
        ) as connection:
            for queue in names.orders_queues(networks):
                channel = connection.connect().channel()
                channel.queue_declare(queue, passive=True)
                channel.close()
    except (AMQPError, KombuError, OSError) as error:
        raise in_words(error, join) from error


def orders_queue(name: str) -> Queue:
    """Return a queue of orders, as Celery wants it told."""
    return Queue(name, _ORDERS, name, no_declare=True, queue_arguments=dict(names.QUEUE_ARGUMENTS))


def engine(
    app: Celery,
    host: str,
    slots: int,
    follow: Callable[[Any], None],
    ready: Callable[[object], None],
) -> Any:  # noqa: ANN401 - Celery has no types
    """Return a worker that takes orders once it is started.

    `follow` is called in its loop at each connection and every STANDING seconds: it sees that the
    worker takes orders or none, and says how it stands. What a loop is asked only once may be lost.
    """
    app.follow = follow
    app.set_default()  # threads of the pool unpack orders as the default application may
    return WorkController(
        app=app,
        hostname=f"scissorsd@{host}",
        ready_callback=ready,
        concurrency=slots,
        pool="threads",
        consumer_cls=_Consumer,
        task_events=True,
        heartbeat_interval=HEARTBEAT,
        without_gossip=True,
        without_mingle=True,
    )


def task(take: Callable[..., None]) -> Callable[..., None]:
    """Return the one task there is; whatever comes with it but an order is no order."""

    def cut(task: Any, *values: object, **named: object) -> None:  # noqa: ANN401
        value = values[0] if len(values) == 1 and not named else None
        take(value, came_back=_came_back(task.request))

    return cut


def _came_back(request: Any) -> bool:  # noqa: ANN401 - Celery has no types
    """Whether an order was given out before, to a host that died or lost its connection."""
    count = getattr(request, "x-delivery-count", None) or 0
    return bool(count) or bool((request.delivery_info or {}).get("redelivered"))


def send_answer(
    app: Celery, watcher: str, answer: Answer, is_patient: Callable[[], bool]
) -> Answer:
    """Send an answer; return what was sent when the broker has it.

    Outputs that are too large for the broker are no answer: it is told that they are. While
    `is_patient`, for most of a minute, a broker that is away is waited for. Raises what kombu, amqp
    or a socket does where it cannot be sent.
    """
    until = monotonic() + _PATIENCE
    while True:
        try:
            with app.producer_pool.acquire(block=True) as producer:
                producer.publish(
                    write_answer(answer),
                    exchange=_ANSWERS,
                    routing_key=watcher,
                    serializer=packing.NAME if answer.made and answer.made.data else "json",
                    delivery_mode="persistent",
                    declare=[],
                    retry=True,  # the connection may have been lost long ago
                    retry_policy={"max_retries": 1, "interval_start": 0, "interval_max": 0},
                    confirm_timeout=_CONFIRMED_WITHIN,
                )
        except (AMQPError, KombuError, OSError) as error:
            if isinstance(error, PreconditionFailed) and answer.made is not None:
                refused = TooLargeError(f"what comes of it is too large for the hub: {error}")
                answer = replace(answer, made=None, error=fault_of(refused))
                continue
            if monotonic() > until or not is_patient():
                raise
            sleep(_SOON)
        else:
            return answer


class _Events(EventDispatcher):  # type: ignore[misc]
    """Sends events to the exchange that is there."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        self.exchange.no_declare = True


class _Standing(bootsteps.StartStopStep):  # type: ignore[misc]
    """Says every few seconds how the host stands, for as long as there is a connection."""

    requires = (Events, Tasks)

    def start(self, consumer: Any) -> None:  # noqa: ANN401
        """Say it at once, and again and again; the entry goes with the connection."""
        _back()

        consumer.app.follow(consumer)
        consumer.timer.call_repeatedly(STANDING, consumer.app.follow, (consumer,))


class _Consumer(Consumer):  # type: ignore[misc]
    def ensure_connected(self, connection: Any) -> Any:  # noqa: ANN401
        """Connect, again and again; without our word the pauses would grow to half a minute."""
        connection.ensure_connection = partial(connection.ensure_connection, **_AGAIN)
        return super().ensure_connected(connection)

    def connection_for_write(self, url: Any = None, heartbeat: Any = None) -> Any:  # noqa: ANN401
        """Connect for events; to wait until each is confirmed, the loop could hang."""
        connection = self.app.connection_for_write(url=url, heartbeat=heartbeat)
        connection.transport_options = {}
        return self.ensure_connected(connection)

    def create_task_handler(self, *of: Any, **more: Any) -> Callable[[Any], None]:  # noqa: ANN401
        """Take orders, and drop what is none: Celery would end of some of it, or keep some."""
        take = super().create_task_handler(*of, **more)

        def taken(message: Message) -> None:
            if _is_a_task(message):
                take(message)
            else:
                log.warning("order.refused", why="what came in the line of orders is none at all")
                message.reject_log_error(logging.getLogger("celery"), self.connection_errors)

        return taken

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """All but what declares queues, takes orders from the wire, or asks who is there."""

        default_steps = (
            "celery.worker.consumer.connection:Connection",
            "celery.worker.consumer.events:Events",
            "celery.worker.consumer.heart:Heart",
            "celery.worker.consumer.tasks:Tasks",
            _Standing,
            "celery.worker.consumer.consumer:Evloop",
        )


def _is_a_task(message: Message) -> bool:
    """Whether a message is the one task that there is, and asks for nothing besides."""
    heads = message.headers if isinstance(message.headers, dict) else {}
    try:
        match message.payload:
            case [list(), dict(), dict() as besides]:
                is_plain = not any(besides.values())
            case _:
                is_plain = False
    except Exception:  # noqa: BLE001 - whatever it is that cannot be read
        is_plain = False
    return (
        is_plain
        and heads.get("task") == names.TASK
        and isinstance(heads.get("id"), str)
        and heads.get("timelimit") in (None, [None, None])
        and not any(heads.get(more) for more in ("eta", "expires", "retries", "group"))
    )


# --- what Celery says ------------------------------------------------------------------------


class _Retold(logging.Handler):
    """Tells in our words that the hub is away, and all else as it is said."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.away = False

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a record; that the hub is away is told once."""
        if record.msg == CONNECTION_ERROR or CONNECTION_RETRY in (record.args or ()):
            self._lost(record)
        elif not _is_told_otherwise(record):
            log.warning("hub.says", what=one_line(record.getMessage()))

    def _lost(self, record: logging.LogRecord) -> None:
        if not self.away:
            self.away = True
            errors = (one for one in record.args or () if isinstance(one, Exception))
            why = next((getattr(one, "strerror", None) or str(one) for one in errors), "")
            log.warning("hub.away", why=one_line(why) or "the connection was lost")


_retold = _Retold()


def retell(loggers: Iterable[str] = ("celery", "kombu", "amqp")) -> None:
    """Have what Celery and its libraries say told by our own log, and by nothing else."""
    for name in loggers:
        logger = logging.getLogger(name)
        logger.handlers = [_retold]
        logger.setLevel(logging.WARNING)
        logger.propagate = False


def _back() -> None:
    if _retold.away:
        _retold.away = False
        log.info("hub.back")


def _is_told_otherwise(record: logging.LogRecord) -> bool:
    """Whether it only repeats what we say: why an order goes back, or that the hub was away.

    What could not be acknowledged comes back by itself.
    """
    return record.name == "celery.app.trace" or str(record.msg).startswith("Couldn't ")

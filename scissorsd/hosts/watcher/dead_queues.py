"""Queues that take nothing any more are found, and made anew.

A quorum queue whose broker was killed within a second of the queue's creation looks as any other
afterwards, but a message to it is never confirmed, and who wants to take from it waits for ever
(RabbitMQ 3.10). Deleted and declared again it works.
"""

from time import monotonic, sleep
from typing import Final

import structlog
from amqp import Connection as AmqpConnection
from amqp.exceptions import MessageNacked
from kombu import Connection, Exchange, Producer, Queue

from scissorsd import failpoints
from scissorsd.hosts.joining.join import Join

log = structlog.get_logger("scissorsd")

PROBE: Final = "probe"  # what is sent to see whether a queue takes anything; nobody heeds it
# Seconds in which a queue takes a message, also just after the broker has started.
TAKES_WITHIN = failpoints.seconds("HUB_TAKES_WITHIN", 15.0)

_SOON = 0.5  # seconds between two tries


class _FullError(Exception):
    """The broker takes nothing for now, whatever the queue."""


def takes(join: Join, to: Exchange, routing_key: str) -> bool:
    """Whether the queue behind a routing key takes a message; a probe lies in it then.

    A broker that is short of memory or disk does not tell: then it counts as if it did.
    """
    connection = connected(join, on_blocked=_raise_full)
    until = monotonic() + TAKES_WITHIN
    try:
        producer = Producer(connection.default_channel, to, routing_key, serializer="json")
        while True:
            try:
                producer.publish(PROBE, declare=[], confirm_timeout=TAKES_WITHIN)
            except MessageNacked:
                if monotonic() > until:
                    return False
                sleep(_SOON)
            else:
                return True
    except TimeoutError:
        return False
    except _FullError:
        return True
    finally:
        let_go(connection)


def make_anew(connection: Connection, queue: Queue) -> None:
    """Delete a queue that takes nothing, and declare it again; that takes some seconds."""
    log.warning("hub.queue_anew", queue=queue.name)
    channel = connection.channel()
    channel.queue_delete(queue.name)
    arguments = queue.queue_arguments
    anew = Queue(queue.name, queue.exchange, queue.routing_key, queue_arguments=arguments)
    anew(channel).declare()
    channel.close()


def count(connection: Connection, queue: Queue) -> int:
    """Return how many messages wait in a queue; of one that takes nothing that is 0."""
    channel = connection.channel()
    _, messages, _ = channel.queue_declare(queue.name, passive=True)
    channel.close()
    return int(messages)


def connected(join: Join, **options: object) -> Connection:
    """Return a connection of one's own, by which what is sent is confirmed."""
    connection = Connection(
        join.url,
        userid=join.user,
        password=join.secret,
        ssl=join.tls() or False,
        connect_timeout=10,
        transport_options={"confirm_publish": True, "max_retries": 0, **options},
    )
    connection.connect()
    return connection


def let_go(connection: Connection) -> None:
    """Drop a connection; to close it in good order would wait for a queue that is dead."""
    inner = connection.connection
    if isinstance(inner, AmqpConnection):
        inner.collect()


def _raise_full(_why: str) -> None:
    raise _FullError

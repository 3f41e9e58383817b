"""A look at a hub as its watcher sees it, for `doctor`: it changes nothing there."""

import ssl
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from amqp.exceptions import AMQPError
from kombu import Connection
from kombu.exceptions import KombuError

from scissorsd.hosts.joining.join import Join
from scissorsd.hosts.joining.unreachable import in_words
from scissorsd.hosts.messages import names

_CONNECTED_WITHIN: Final = 10.0  # seconds
_EXCHANGES: Final = ((names.ORDERS, "direct"), (names.ANSWERS, "direct"), (names.EVENTS, "topic"))


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a hub has shown."""

    server: str  # what it calls itself: RabbitMQ
    version: str
    valid_until: float | None  # seconds since the epoch; None: no TLS


def look(join: Join, networks: Iterable[str]) -> Look:
    """Connect as a watcher; see that exchanges and the queues of these networks are as they should.

    Raises ScissorsError with what is wrong.
    """
    try:
        with Connection(
            join.url,
            userid=join.user,
            password=join.secret,
            ssl=join.tls() or False,
            connect_timeout=_CONNECTED_WITHIN,
            transport_options={"max_retries": 0},
        ) as connection:
            connection.connect()
            told = connection.connection.server_properties
            valid_until = _valid_until(connection.connection.transport.sock)
            for exchange, kind in _EXCHANGES:
                with closing(connection.channel()) as channel:
                    channel.exchange_declare(exchange, kind, passive=True)
            for queue in names.orders_queues(networks):
                with closing(connection.channel()) as channel:
                    channel.queue_declare(queue, passive=True)
                    channel.queue_declare(  # it is there: this only compares
                        queue, durable=True, auto_delete=False, arguments=names.QUEUE_ARGUMENTS
                    )
    except (AMQPError, KombuError, OSError) as error:
        raise in_words(error, join) from error
    return Look(str(told.get("product", "")), str(told.get("version", "")), valid_until)


def _valid_until(sock: object) -> float | None:
    if not isinstance(sock, ssl.SSLSocket):
        return None
    certificate = sock.getpeercert() or {}
    return float(ssl.cert_time_to_seconds(str(certificate["notAfter"])))

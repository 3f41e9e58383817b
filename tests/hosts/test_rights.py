"""What a host's user may do at the broker."""

from collections.abc import Callable

import pytest
from amqp.exceptions import AccessRefused
from kombu import Connection, Exchange, Producer, Queue

from scissorsd.hosts.joining.definitions import HOST, WATCHER
from scissorsd.hosts.messages import names

from .broker import NETWORKS, Hub

NETWORK = NETWORKS[0]
ORDERS = names.orders_queue(NETWORK)


def connected(hub: Hub, user: str) -> Connection:
    """Return a connection as one of the two users."""
    join = hub.joins[user]
    return Connection(join.url, userid=join.user, password=join.secret, ssl=join.tls() or False)


def bound_answers(hub: Hub) -> str:
    """Let a watcher have its queue of answers."""
    with connected(hub, WATCHER) as connection:
        queue = Queue(
            names.answers_queue("0a1b"),
            Exchange(names.ANSWERS, "direct", no_declare=True),
            "0a1b",
            queue_arguments=names.QUEUE_ARGUMENTS,
        )
        queue(connection.default_channel).declare()
        return str(queue.name)


def test_an_order_reaches_a_host_and_its_answer_the_watcher(hub: Hub) -> None:
    """A watcher's order is taken by a host, who declares nothing; and so is the answer."""
    answers = bound_answers(hub)
    with connected(hub, WATCHER) as watcher, connected(hub, HOST) as host:
        order = Producer(watcher, Exchange(names.ORDERS, "direct", no_declare=True), ORDERS)
        order.publish({"job": 1}, serializer="json")
        hand = Queue(ORDERS, no_declare=True)(host.default_channel)
        taken: list[object] = []
        hand.consume(consumer_tag="", callback=taken.append, no_ack=False)
        host.drain_events(timeout=60)
        assert len(taken) == 1
        answer = Producer(host, Exchange(names.ANSWERS, "direct", no_declare=True), "0a1b")
        answer.publish({"job": 1}, serializer="json")
        events = Producer(host, Exchange(names.EVENTS, "topic", no_declare=True), "host.standing")
        events.publish({"host": "gpu-1"}, serializer="json")
        found = None
        while found is None:
            found = watcher.default_channel.basic_get(answers)


def publishes_an_order(connection: Connection) -> None:
    """Publish an order; the refusal comes with the next answer on the channel."""
    Producer(connection, Exchange(names.ORDERS, "direct", no_declare=True), ORDERS).publish({})
    connection.default_channel.basic_qos(0, 1, False)  # noqa: FBT003 - AMQP's own order


def publishes_past_the_exchange(connection: Connection) -> None:
    """Publish an order by the exchange that leads to every queue."""
    Producer(connection, routing_key=ORDERS).publish({})
    connection.default_channel.basic_qos(0, 1, False)  # noqa: FBT003 - AMQP's own order


@pytest.mark.parametrize(
    "forbidden",
    [
        publishes_an_order,
        publishes_past_the_exchange,
        lambda connection: connection.default_channel.basic_get(names.answers_queue("0a1b")),
        lambda connection: connection.default_channel.basic_consume(names.answers_queue("0a1b")),
        lambda connection: connection.default_channel.queue_delete(ORDERS),
        lambda connection: connection.default_channel.queue_purge(names.answers_queue("0a1b")),
        lambda connection: connection.default_channel.queue_declare(names.orders_queue("new")),
        lambda connection: connection.default_channel.exchange_delete(names.ORDERS),
        lambda connection: connection.default_channel.queue_bind(
            ORDERS, names.ANSWERS, names.answers_queue("0a1b")
        ),
    ],
    ids=(
        *("publish an order", "publish to any queue", "get answers", "consume answers"),
        *("delete a queue", "empty the answers", "declare a queue", "delete an exchange", "bind"),
    ),
)
def test_a_host_is_refused(hub: Hub, forbidden: Callable[[Connection], None]) -> None:
    """As `host` one neither gives orders nor reads answers, and changes nothing at the broker."""
    bound_answers(hub)
    with connected(hub, HOST) as connection, pytest.raises(AccessRefused):
        forbidden(connection)


@pytest.mark.full
def test_all_comes_back_on_an_empty_disk(hub: Hub) -> None:
    """A broker whose disk is lost has its users, rights and queues again at its next start."""
    hub.broker.kill()
    hub.broker.wipe()
    hub.broker.start()
    with connected(hub, HOST) as connection:
        for network in NETWORKS:
            for way in ("paths", "bytes"):
                queue = names.orders_queue(network, way)
                connection.default_channel.queue_declare(queue, passive=True)

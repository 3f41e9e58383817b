"""One drawn picture through each host, for `doctor`.

A queue of orders is shared by all hosts that have its network, so none can be chosen: pictures are
sent until each host has answered, or the time is over. The hub gives them round in turn. They go
along with their orders, and so no folder is looked at, here or there; the answers come to a queue
that goes with this connection, and what no host has taken by then the hub drops: nothing is left.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, Final

import numpy as np
from amqp.exceptions import AMQPError
from kombu import Connection, Exchange, Producer, Queue
from kombu.exceptions import KombuError

from scissorsd import __version__
from scissorsd.core.catalogue import Model
from scissorsd.core.rules import Rule
from scissorsd.errors import PictureError, ScissorsError
from scissorsd.hosts import engine
from scissorsd.hosts.joining.join import Join
from scissorsd.hosts.joining.unreachable import in_words
from scissorsd.hosts.messages import names, packing
from scissorsd.hosts.messages.carried import Carried, head_of
from scissorsd.hosts.messages.fence import refusal
from scissorsd.hosts.messages.orders import (
    Answer,
    NotUnderstoodError,
    Order,
    OrderLimits,
    Root,
    Roots,
    Source,
    described,
    read_answer,
    write_order,
)
from scissorsd.hosts.watcher import dead_queues
from scissorsd.hosts.watcher.line import payload
from scissorsd.hosts.watcher.presence import Host, Presence
from scissorsd.pictures.png import encode_png
from scissorsd.pictures.reading import read_header
from scissorsd.settings import Hosts

LISTEN: Final = 1.5 * engine.STANDING  # seconds in which each host says that it is there
PATIENCE: Final = 30.0  # seconds in which hosts that are busy may answer
_ROUND: Final = 0.5  # seconds from one round of pictures to the next
_LONG_ROUND: Final = 10.0  # the same, where not all of them were answered
_CONFIRMED_WITHIN: Final = 10.0  # seconds
_SOON: Final = 0.05  # seconds between two looks at what came
_WIDTH, _HEIGHT = 192, 128
_NO_FOLDER: Final = Roots(Root("/doctor"), Root("/doctor"))  # named, as it must be; not looked at
_LIMITS: Final = OrderLimits(file=1 << 20, pixels=1 << 20)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it with one host."""

    host: Host
    network: str = ""
    provider: str = ""  # on which the host has cut it; empty: it has not
    seconds: float = 0.0  # on the host
    why: str = ""  # it has not
    advice: str = ""
    is_trouble: bool = False  # for which something should be done


def try_hosts(join: Join, hosts: Hosts, networks: Sequence[Model]) -> Iterator[Tried]:
    """Yield each host that is there, as soon as it is known what came of it.

    Raises ScissorsError where the hub cannot be used.
    """
    try:
        connection = dead_queues.connected(join, on_blocked=_refuse_full)
        try:
            yield from _Trial(join, connection, hosts).run(networks)
        finally:
            dead_queues.let_go(connection)
    except (AMQPError, KombuError, OSError) as error:
        raise in_words(error, join) from error


def _refuse_full(_why: str) -> None:
    raise ScissorsError(
        "the hub takes no orders: it is short of memory or disk",
        "Orders wait until it has room again; RabbitMQ's own log says of what it is short.",
    )


class _Trial:
    """All of it, over one connection."""

    def __init__(self, join: Join, connection: Connection, hosts: Hosts) -> None:
        self._id = f"doctor{secrets.token_hex(8)}"  # in the place of a watcher's
        self._presence = Presence(hosts.lost_after, __version__ if hosts.same_version else "")
        self._app = engine.application(join, 1)
        self._producer = Producer(connection.default_channel)
        self._orders: list[Order] = []
        self._picture = _drawn()
        # Exclusive, so that they go with the connection, even where we are killed.
        self._events, self._answers = (
            Queue(
                f"{name}.{self._id}",
                Exchange(name, kind, no_declare=True),
                key,
                durable=False,
                exclusive=True,
            )(connection.default_channel)
            for name, kind, key in (
                (names.EVENTS, "topic", names.STANDING.replace("-", ".")),
                (names.ANSWERS, "direct", self._id),
            )
        )
        for queue in (self._events, self._answers):
            queue.declare()
        # To ourselves: a hub that takes nothing says so now. Hosts could not say how they stand.
        self._producer.publish(
            dead_queues.PROBE,
            exchange=names.ANSWERS,
            routing_key=self._id,
            declare=[],
            confirm_timeout=_CONFIRMED_WITHIN,
        )

    def run(self, networks: Sequence[Model]) -> Iterator[Tried]:
        until = monotonic() + LISTEN
        while monotonic() < until:
            self._hear_standings()
            sleep(_SOON)
        waiting: dict[str, str] = {}  # host → network
        for host in self._hosts():
            why = self._presence.why_idle(host, __version__)
            network = next((one for one in networks if host.has(one)), None)
            if why or not host.takes:
                why = why or "it takes no orders: it is about to stop"
                yield Tried(host, why=f"it gets no work: {why}", is_trouble=True)
            elif network is None:
                wanted = ", ".join(one.name for one in networks)
                why = f"it has none of the networks that rules name ({wanted}) as they are here"
                yield Tried(host, why=why)
            else:
                waiting[host.name] = network.name
        by_name = {one.name: one for one in networks}
        yield from self._pictures(waiting, by_name)

    def _pictures(self, waiting: dict[str, str], networks: dict[str, Model]) -> Iterator[Tried]:
        everyone = tuple(waiting.values())
        until, sent, answers = monotonic() + PATIENCE, 0.0, 0
        while waiting and monotonic() < until:
            pause = _ROUND if answers == len(self._orders) else _LONG_ROUND
            if monotonic() - sent >= pause or not self._orders:
                sent = monotonic()
                # To those that have answered, too: it is not known whose turn it is.
                for network in (one for one in everyone if one in waiting.values()):
                    self._send(networks[network])
            self._hear_standings()
            for answer in self._new_answers():
                answers += 1
                if answer.host in waiting:
                    host = self._presence.hosts[answer.host]
                    yield self._tried(host, waiting.pop(answer.host), answer)
            sleep(_SOON)
        for name, network in waiting.items():
            host = self._presence.hosts[name]
            hand = f", with {host.busy} pictures of its {host.slots} in hand" if host.busy else ""
            why = f"it has not cut a drawn picture within {PATIENCE:.0f} s{hand}"
            yield Tried(host, network, why=why, is_trouble=not host.busy)

    def _hosts(self) -> list[Host]:
        return sorted(self._presence.hosts.values(), key=lambda host: host.name)

    def _hear_standings(self) -> None:
        for said in self._came(self._events):
            if isinstance(said, dict):
                self._presence.note(said, monotonic())

    def _new_answers(self) -> Iterator[Answer]:
        for said in self._came(self._answers):
            with suppress(NotUnderstoodError):  # whoever sent it, no host that works did
                answer = read_answer(said)
                if 0 < answer.job <= len(self._orders):
                    yield answer

    def _came(self, queue: Any) -> Iterable[Any]:  # noqa: ANN401 - kombu has no types
        while (message := queue.get(no_ack=True)) is not None:
            yield payload(message)

    def _send(self, network: Model) -> None:
        order = self._order(network)
        self._orders.append(order)
        queue = engine.orders_queue(names.orders_queue(network.name, order.way))
        self._app.send_task(
            names.TASK,
            args=(write_order(order),),
            argsrepr="('a picture that doctor has drawn',)",
            task_id=names.order_id(order.watcher, order.job, order.turn),
            producer=self._producer,
            queue=queue,
            exchange=names.ORDERS,
            routing_key=queue.name,
            serializer=packing.NAME,
            delivery_mode="transient",
            expiration=PATIENCE,
            ignore_result=True,
            declare=[],
            retry=False,
            confirm_timeout=_CONFIRMED_WITHIN,
        )

    def _order(self, network: Model) -> Order:
        return Order(
            scissorsd=__version__,
            watcher=self._id,
            job=len(self._orders) + 1,
            turn=1,
            inbox="doctor",
            roots=_NO_FOLDER,
            source=Source("drawn.png", len(self._picture), 0),
            head=head_of(self._picture),
            rule=Rule("doctor", model=network.name),
            model=described(network),
            outputs=("cutout.png",),
            limits=_LIMITS,
            data=Carried(self._picture, {}),
        )

    def _tried(self, host: Host, network: str, answer: Answer) -> Tried:
        fault, made = answer.error, answer.made
        if fault is not None:
            return Tried(host, network, why=fault.what, advice=fault.advice, is_trouble=True)
        assert made is not None  # noqa: S101 - an answer has one of them
        why = refusal(self._orders[answer.job - 1], answer) or _wrong_with(made.data[0])
        if why:
            why = f"its answer is not what was ordered: {why}"
            return Tried(host, network, why=why, is_trouble=True)
        return Tried(host, made.model, provider=made.provider, seconds=answer.seconds)


def _wrong_with(cutout: bytes) -> str:
    try:
        header = read_header(cutout, max_pixels=_LIMITS.pixels)
    except PictureError as error:
        return error.what
    size = (header.width, header.height)
    return "" if size == (_WIDTH, _HEIGHT) else f"a cutout of {size[0]} × {size[1]}"


def _drawn() -> bytes:
    """Return a picture: a red disc on light grey."""
    rows, columns = np.ogrid[:_HEIGHT, :_WIDTH]
    disc = (rows - _HEIGHT / 2) ** 2 + (columns - _WIDTH / 2) ** 2 < (_HEIGHT / 3) ** 2
    pixels = np.where(disc[..., None], (190, 40, 30), (225, 225, 225)).astype(np.uint8)
    return encode_png(pixels, {})

"""A broker that runs on the very files of `scissorsd hub init`, over TLS."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from kombu import Connection

from scissorsd.commands.hub_init import init
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.hosts import certificates, join, names, unreachable

from .broker import Broker, free_ports, temporary_folder


@dataclass(frozen=True)
class Secured:
    """A hub's folder, whose broker runs."""

    folder: Path
    studio: join.Join
    watcher: join.Join


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    """Start a broker on what `hub init` has written, for the name localhost."""
    with temporary_folder() as name:
        folder = Path(name) / "hub"
        port, pages = free_ports(2)
        init(folder, ["localhost"], port)
        conf = (folder / "broker/rabbitmq/rabbitmq.conf").read_text()
        conf = conf.replace("/etc/rabbitmq", str(folder / "broker/rabbitmq"))
        conf = conf.replace("15671", str(pages)).replace("1GB", "1MB")
        broker = Broker(Path(name) / "broker", conf, (port, pages))
        try:
            broker.start()
            yield Secured(
                folder, join.read(folder / "studio.join"), join.read(folder / "watcher.join")
            )
        finally:
            broker.end()


def connected(as_whom: join.Join) -> Connection:
    """Return a connection, as the program itself makes one."""
    return Connection(
        as_whom.url,
        userid=as_whom.user,
        password=as_whom.secret,
        ssl=as_whom.tls() or False,
        connect_timeout=120,
    )


def test_everything_is_there(secured: Secured) -> None:
    """Both users get in over TLS, and every network's queues are there."""
    with connected(secured.watcher) as watcher:
        assert isinstance(watcher.connection.transport.sock, ssl.SSLSocket)
    with connected(secured.studio) as studio:
        for network in CATALOGUE:
            for way in ("paths", "bytes"):
                queue = names.orders_queue(network, way)
                studio.default_channel.queue_declare(queue, passive=True)


def wrong_ca(known: join.Join) -> join.Join:
    """Trust another hub's CA."""
    return replace(known, ca=certificates.new_ca(certificates.new_key()).decode())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (wrong_ca, "is not of the CA in the join file"),
        (lambda known: replace(known, ca=""), "is not of the CA in the join file"),
        (lambda known: replace(known, secret="guessed"), "does not take the secret of the user"),  # noqa: S106
        (lambda known: replace(known, user="guest", secret="guest"), "does not take the secret"),  # noqa: S106
        (lambda known: replace(known, url=f"{known.url}-2"), "does not let the user 'host' in"),
        (
            lambda known: replace(known, url=known.url.replace("localhost", "127.0.0.2")),
            "is not for the name '127.0.0.2'",
        ),
        (
            lambda known: replace(known, url=known.url.replace("localhost", "nas.invalid")),
            "no machine is known here by the hub's name, 'nas.invalid'",
        ),
        (
            lambda known: replace(known, url=f"amqps://localhost:{free_ports(1)[0]}/scissorsd"),
            "nothing listens at the hub's address",
        ),
    ],
    ids=(
        *("another CA", "the system's CAs", "wrong secret", "guest", "another vhost"),
        *("another name", "unknown name", "no broker"),
    ),
)
def test_what_is_wrong_is_told(secured: Secured, wrong: object, told: str) -> None:
    """What keeps a machine out is told in a line, which does not hold the secret."""
    assert callable(wrong)
    joined = wrong(secured.studio)
    with pytest.raises(Exception) as refused, connected(joined) as connection:  # noqa: PT011
        connection.connect()
    sentence = str(unreachable.in_words(refused.value, joined))
    assert told in sentence
    assert joined.secret not in sentence.replace("'guest'", "")
    assert len(sentence.splitlines()) == 2


def test_a_port_without_tls(broker: Broker, secured: Secured) -> None:
    """A server that does not speak TLS is told of as such."""
    joined = replace(secured.studio, url=f"amqps://localhost:{broker.port}/scissorsd")
    with pytest.raises(OSError) as refused, connected(joined) as connection:  # noqa: PT011
        connection.connect()
    assert "does not speak TLS" in str(unreachable.in_words(refused.value, joined))

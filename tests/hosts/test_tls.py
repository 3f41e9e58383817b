"""A broker that runs on the very files of `scissorsd hub init`, over TLS."""

import ssl
from dataclasses import replace

import pytest
from kombu import Connection

from scissorsd.core.catalogue import CATALOGUE
from scissorsd.hosts.joining import certificates, join, unreachable
from scissorsd.hosts.joining.definitions import HOST, WATCHER
from scissorsd.hosts.messages import names

from .broker import Broker, free_ports
from .studio import Studio
from .working import Host


def connected(as_whom: join.Join) -> Connection:
    """Return a connection, as the program itself makes one."""
    return Connection(
        as_whom.url,
        userid=as_whom.user,
        password=as_whom.secret,
        ssl=as_whom.tls() or False,
        connect_timeout=120,
        transport_options={"max_retries": 0},
    )


def test_everything_is_there(broker: Broker) -> None:
    """Both users get in over TLS, and every network's queues are there."""
    with connected(broker.joins[WATCHER]) as watcher:
        assert isinstance(watcher.connection.transport.sock, ssl.SSLSocket)
    with connected(broker.joins[HOST]) as studio:
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
def test_what_is_wrong_is_told(broker: Broker, wrong: object, told: str) -> None:
    """What keeps a machine out is told in a line, which does not hold the secret."""
    assert callable(wrong)
    joined = wrong(broker.joins[HOST])
    with pytest.raises(Exception) as refused, connected(joined) as connection:  # noqa: PT011
        connection.connect()
    sentence = str(unreachable.in_words(refused.value, joined))
    assert told in sentence
    assert joined.secret not in sentence.replace("'guest'", "")
    assert len(sentence.splitlines()) == 2


def test_a_port_without_tls(broker: Broker) -> None:
    """A server that does not speak TLS is told of as such."""
    joined = replace(broker.joins[HOST], url=f"amqps://localhost:{broker.port}/scissorsd")
    with pytest.raises(OSError) as refused, connected(joined) as connection:  # noqa: PT011
        connection.connect()
    assert "does not speak TLS" in str(unreachable.in_words(refused.value, joined))


@pytest.mark.full
def test_the_files_of_hub_init_are_all_it_takes(studio: Studio, broker: Broker) -> None:
    """A daemon with watcher.join has a host with studio.join cut for it, over TLS."""
    hub = {"hub": broker.joins[WATCHER].url, "join": str(broker.written / "watcher.join")}
    studio.configure(hosts=hub)
    with Host(broker.written / "studio.join", studio.place.folder, studio.models) as host:
        host.ready()
        daemon = studio.daemon()
        studio.place.put("mug.jpg")
        assert daemon.wait("job.finished", source="mug.jpg")["host"]
        daemon.stop()
    assert studio.files() == ["mug.png"]

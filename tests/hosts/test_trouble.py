"""The watcher's side in trouble: a full hub, a wrong secret, two watchers, two versions."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from end_to_end.driver import Workplace, wait_for
from kombu import Connection, Exchange, Producer, Queue

from scissorsd import __version__
from scissorsd.errors import HoldError
from scissorsd.hosts.engine import orders_queue
from scissorsd.hosts.joining.definitions import HOST, WATCHER
from scissorsd.hosts.joining.join import write
from scissorsd.hosts.messages import names
from scissorsd.hosts.watcher import dead_queues, sending
from scissorsd.hosts.watcher.line import answers_queue
from scissorsd.records.journal import Journal

from .broker import Hub
from .drawn_network import ROW
from .studio import QUICK, Studio
from .test_restarting import cut_by
from .test_watching import MOVED, done_once, put
from .working import NETWORK, Host, draw, order_for

pytestmark = pytest.mark.full


# --- the hub takes nothing -------------------------------------------------------------------


def test_a_hub_is_full(studio: Studio) -> None:
    """While the hub is short of memory orders wait at its door; then all go on, each once."""
    studio.configure(**MOVED)
    host = studio.host("one")
    daemon = studio.daemon(HUB_CONFIRMED=1)
    wait_for(lambda: daemon.told("host.there"))
    studio.hub.alarm()
    try:
        stems = put(studio, 6)
        daemon.wait("hub.full")
        wait_for(lambda: "it takes no orders" in studio.place.ask("status"))
    finally:
        studio.hub.alarm(on=False)
    daemon.wait("hub.takes_again")
    done_once(studio, stems, daemon)
    assert cut_by(host) == stems
    assert not daemon.told("job.held")


def test_a_daemon_stops_while_the_hub_is_full(studio: Studio) -> None:
    """What waits at the door of a full hub keeps no daemon from stopping."""
    studio.configure(**MOVED)
    studio.host("one")
    daemon = studio.daemon()
    wait_for(lambda: daemon.told("host.there"))
    studio.hub.alarm()
    try:
        stems = put(studio, 3)
        daemon.wait("hub.full")
        daemon.stop()
        assert not daemon.told("job.left")
    finally:
        studio.hub.alarm(on=False)
    done_once(studio, stems, studio.daemon())


def made_just_before_a_death(hub: Hub, queue: Queue) -> None:
    """Make a queue, and kill the broker at once: the queue takes nothing any more."""
    connection = dead_queues.connected(hub.joins[WATCHER])
    connection.default_channel.queue_delete(queue.name)
    queue(connection.default_channel).declare()
    hub.broker.kill()
    dead_queues.let_go(connection)
    hub.broker.revive()
    connection = dead_queues.connected(hub.joins[WATCHER])
    queue(connection.default_channel).declare()  # as a daemon does that connects
    dead_queues.let_go(connection)


def test_a_queue_of_answers_that_takes_nothing(studio: Studio) -> None:
    """A queue whose broker was killed just after it was made is found, and made anew."""
    studio.configure(**MOVED)
    studio.place.state.mkdir()
    journal = Journal(studio.place.state)
    queue = answers_queue(journal.id)
    journal.close()
    made_just_before_a_death(studio.hub, queue)
    daemon = studio.daemon(HUB_TAKES_WITHIN=5)
    daemon.wait("hub.queue_anew", queue=queue.name)
    studio.host("one")
    done_once(studio, put(studio, 3), daemon)


def test_a_queue_of_orders_that_takes_nothing(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of a network's: it is made anew once it has taken no order for long enough."""
    monkeypatch.setattr(sending, "_CONFIRMED_WITHIN", 3.0)
    queue = orders_queue(names.orders_queue(NETWORK))
    queue.no_declare = False
    made_just_before_a_death(hub, queue)
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    picture = draw(tmp_path / "in" / "a.jpg")
    order = order_for(picture, tmp_path / "in", tmp_path / "out")
    sender = sending.Sender(hub.joins[WATCHER])

    def is_sent() -> bool:
        with suppress(HoldError):
            sender.send(order)
            return True
        return False

    wait_for(is_sent)
    assert hub.count(queue.name) == 1
    sender._app.close()


# --- the secret ------------------------------------------------------------------------------


def test_a_wrong_secret(studio: Studio) -> None:
    """A secret that the hub does not take is told; the right one is found without a restart."""
    studio.configure(hosts={"here": 1}, **MOVED)
    right = studio.hub.joins[WATCHER]
    studio.hub.joins[WATCHER] = replace(right, secret="guessed")  # noqa: S106
    assert studio.hub.watcher_join.exists()
    daemon = studio.daemon()
    assert "does not take the secret" in daemon.wait("hub.away")["why"]
    studio.place.put("0.jpg")
    assert "host" not in daemon.wait("job.finished", source="0.jpg")
    wait_for(lambda: "does not take the secret" in studio.place.ask("status"))
    assert (
        "does not take the secret" in studio.place.run("doctor", "-c", studio.place.config).stdout
    )
    write(studio.hub.folder / "watcher.join", right)
    studio.hub.joins[WATCHER] = right
    daemon.wait("hub.back")
    studio.host("one", slots=8)
    daemon.wait("host.there")
    studio.place.put("1.jpg", number=1)
    assert daemon.wait("job.finished", source="1.jpg")["host"] == "one"
    done_once(studio, ["0", "1"], daemon)


# --- a reload --------------------------------------------------------------------------------


def test_a_reload(studio: Studio) -> None:
    """SIGHUP takes over all but the hub and the join file, which it says take a restart."""
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    studio.configure(hosts={"here": 2, "ahead": 5, "lease": "1h", "lost_after": "20s"})
    daemon.send(signal.SIGHUP)
    daemon.wait("config.reloaded")
    daemon.finished("0.jpg")
    assert not daemon.told("config.needs_restart")
    studio.configure(hosts={"here": 0, "hub": studio.hub.url.replace("127.0.0.1", "localhost")})
    daemon.send(signal.SIGHUP)
    daemon.wait("config.reloaded", times=2)
    assert daemon.told("config.needs_restart", option="hosts")
    studio.place.put("1.jpg", number=1)
    studio.host("one")
    assert daemon.wait("job.finished", source="1.jpg")["host"] == "one"
    daemon.stop()


# --- more than one watcher -------------------------------------------------------------------


@pytest.fixture
def other(hub: Hub, tmp_path: Path, models: Path) -> Iterator[Studio]:
    """Set up a second daemon's workplace with the same hub."""
    folder = tmp_path / "other"
    folder.mkdir()
    opened = Studio(Workplace(folder, models), hub, models)
    yield opened
    opened.close()


def test_two_watchers(studio: Studio, other: Studio) -> None:
    """Two daemons with one hub and the same hosts each have their own pictures come out, once."""
    both = (studio, other)
    for one in both:
        one.configure(**MOVED)
    hosts = [studio.host("one"), studio.host("two")]
    daemons = [one.daemon() for one in both]
    stems = [put(one, 8) for one in both]
    for one, mine, daemon in zip(both, stems, daemons, strict=True):
        done_once(one, mine, daemon)
        assert not daemon.told("answer.refused")
    assert cut_by(*hosts) == sorted(stems[0] + stems[1])


def test_two_watchers_with_one_outbox(studio: Studio, other: Studio) -> None:
    """The second daemon for whom hosts would write into an outbox holds its pictures."""
    studio.host("one")
    first = studio.daemon()
    studio.place.put("0.jpg")
    first.finished("0.jpg")
    rule = {"name": "all", "model": NETWORK, "when_no_subject": "publish"}
    shop = {"path": "inbox", "outbox": str(studio.place.outbox), "settle": "300ms"}
    hub = {"hub": other.hub.url, "join": str(other.hub.watcher_join), "here": 0}
    other.place.write_config({"hosts": hub}, shop={**shop, "rules": [rule]})
    second = other.daemon()
    other.place.put("1.jpg", number=1)
    assert "belongs to another" in second.wait("job.held")["why"]
    assert studio.files() == ["0.png"]
    first.stop()
    second.stop()


# --- versions --------------------------------------------------------------------------------


def of_version(studio: Studio, version: str, *options: str) -> Host:
    """Return a host whose scissorsd is of another version, once it takes orders."""
    folder = studio.place.folder / "other-version"
    folder.mkdir()
    said = f"import scissorsd\nscissorsd.__version__ = {version!r}\n"
    (folder / ROW).write_text((studio.models / ROW).read_text() + said)
    environment = {"PYTHONPATH": str(folder), "SCISSORSD_SECONDS": QUICK}
    words = ("--name", "other", *options)
    host = Host(studio.hub.studio_join, studio.place.folder, studio.models, *words, **environment)
    studio._hosts.append(host)
    return host.ready()


@pytest.mark.parametrize("same_version", [False, True])
def test_another_version(studio: Studio, *, same_version: bool) -> None:
    """A host of another version cuts along, but not where only the same is wanted."""
    studio.configure(hosts={"same_version": same_version}, **MOVED)
    old = of_version(studio, "0.1.9", "--slots", "1")
    daemon = studio.daemon()
    assert ("0.1.9" in daemon.wait("host.there", host="other")["trouble"]) is same_version
    studio.host("one", slots=1)
    daemon.wait("host.there", host="one")
    stems = put(studio, 8)
    done_once(studio, stems, daemon)
    assert bool(cut_by(old)) is not same_version


def test_another_format(studio: Studio) -> None:
    """A host of another format is told of in `status`, and gets no work; health is red for it."""
    daemon = studio.daemon()
    join = studio.hub.joins[HOST]
    said: dict[str, Any] = {"type": names.STANDING, "format": 2, "host": "new", "slots": 4}
    said |= {"version": __version__, "busy": 0, "takes": ["paths"], "models": {NETWORK: {}}}
    with Connection(join.url, userid=join.user, password=join.secret) as connection:
        to = Exchange(names.EVENTS, "topic", no_declare=True)
        producer = Producer(connection, to, "host.standing")

        def is_told() -> bool:
            producer.publish({**said}, serializer="json", declare=[])
            return "it speaks format 2" in " ".join(studio.place.ask("status").split())

        wait_for(is_told)
    daemon.stop()


def test_nobody_is_there(studio: Studio) -> None:
    """Pictures that wait while this machine only watches, and no host is there, are a trouble."""
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    health = ("health", "-c", studio.place.config)
    wait_for(lambda: "no host is there" in studio.place.run(*health).stdout)
    assert studio.place.run(*health).returncode != 0
    studio.host("one")
    daemon.finished("0.jpg")
    wait_for(lambda: studio.place.run(*health).returncode == 0)
    daemon.stop()

"""`doctor` sends a drawn picture through each host, by a real broker and real hosts."""

from pathlib import Path

import pytest
from end_to_end.driver import wait_for

from scissorsd.commands import doctor_hosts
from scissorsd.config import load
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.hosts.joining.definitions import WATCHER
from scissorsd.hosts.messages import names
from scissorsd.hosts.watcher import dead_queues, trial_orders
from scissorsd.settings import Hosts

from .broker import Hub
from .studio import Studio
from .test_watching import MOVED, done_once, put
from .working import NETWORK


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts of these tests say twice a second how they stand."""
    monkeypatch.setattr(trial_orders, "LISTEN", 2.0)


def found(studio: Studio) -> dict[str, str]:
    """Return what `doctor` says of each host, with its grade."""
    findings = doctor_hosts.examine(load(studio.place.config).config)
    said = [f"{each.grade} {each.message}" for each in findings]
    about = (one.partition(" host ") for one in said if " host " in one)
    return {rest.partition(":")[0]: f"{grade}{rest.partition(':')[2]}" for grade, _, rest in about}


def our_queues(hub: Hub) -> set[str]:
    """Return the queues that are there now."""
    return {row["name"] for row in hub.broker.asked("GET", f"queues/{hub.vhost}")}


def test_each_host_cuts_a_drawn_picture(studio: Studio) -> None:
    """Each host is told of by what it has cut, though they share a queue; nothing is left of it."""
    for name in ("one", "two"):
        studio.host(name)
    before = our_queues(studio.hub)
    said = found(studio)
    assert said.keys() == {"one", "two"}
    assert all(f"ok cut a drawn picture by {NETWORK} on cpu" in each for each in said.values())
    wait_for(lambda: our_queues(studio.hub) == before)
    wait_for(lambda: studio.hub.count(names.orders_queue(NETWORK, "bytes")) == 0)
    assert not studio.place.state.exists()
    assert studio.files() == []


@pytest.mark.full
def test_a_daemon_is_at_work_meanwhile(studio: Studio) -> None:
    """The daemon's pictures come out once, and it hears of none of the answers."""
    studio.configure(**MOVED)
    hosts = [studio.host(name, slots=1) for name in ("one", "two")]
    daemon = studio.daemon()
    wait_for(lambda: len(daemon.told("host.there")) == len(hosts))
    stems = put(studio, 12)
    daemon.wait("job.finished")
    said = studio.place.run("doctor", "-c", studio.place.config).stdout
    done_once(studio, stems, daemon)
    for host in ("one", "two"):
        assert f"ok    host {host}: cut a drawn picture by {NETWORK} on cpu in" in said
    assert not daemon.told("answer.refused")
    assert not daemon.told("order.given_again")


@pytest.mark.full
def test_hosts_that_cut_none(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is busy, one in trouble, and one without the network: each is told so."""
    monkeypatch.setattr(trial_orders, "PATIENCE", 3.0)
    host = studio.host("busy", "host.read=hang", slots=1)
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    wait_for(lambda: "busy has had it" in studio.place.ask("why", studio.place.inbox / "0.jpg"))
    studio.host("in trouble", "host.read=EIO*")
    said = found(studio)
    assert said["busy"].startswith("note it has not cut a drawn picture within 3 s, with 1 picture")
    assert said["in trouble"].startswith("bad something unforeseen went wrong: OSError")
    config = studio.place.config
    config.write_text(config.read_text().replace(NETWORK, "u2net"))
    assert said != found(studio)
    assert found(studio)["busy"].startswith("note it has none of the networks that rules name")
    host.__exit__(None, None, None)
    daemon.kill()


@pytest.mark.full
def test_no_host_is_there(studio: Studio) -> None:
    """That nobody is there is told, and is bad where this machine cuts nothing itself."""
    (last,) = list(doctor_hosts.examine(load(studio.place.config).config))[-1:]
    assert (last.grade, last.message) == ("bad", "no host is there")


@pytest.mark.full
def test_what_no_host_takes_is_gone_soon(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that no host has taken leaves the queue by itself, also if `doctor` was killed."""
    monkeypatch.setattr(trial_orders, "PATIENCE", 1.0)
    join, queue = hub.joins[WATCHER], names.orders_queue(NETWORK, "bytes")
    with dead_queues.connected(join) as connection:
        trial = trial_orders._Trial(join, connection, Hosts(join.url, Path("watcher.join")))
        for _ in range(3):
            trial._send(CATALOGUE[NETWORK])
        assert hub.count(queue) == 3
    wait_for(lambda: hub.count(queue) == 0)


@pytest.mark.full
def test_a_hub_that_is_full(studio: Studio) -> None:
    """A hub that takes no orders is what is told, not that hosts are silent."""
    studio.host("one")
    studio.hub.alarm()
    try:
        findings = list(doctor_hosts.examine(load(studio.place.config).config))
    finally:
        studio.hub.alarm(on=False)
    assert "takes no orders: it is short of memory" in findings[-1].message

"""What becomes of orders that are out while folders move, hosts are upgraded, or are no more."""

import signal

import pytest
import yaml
from end_to_end.driver import Workplace, wait_for

from scissorsd.hosts.messages import names

from .studio import Studio
from .test_restarting import cut_by, given_out
from .test_trouble import of_version
from .test_watching import MOVED, done_once, made_of, put, stands_still
from .working import NETWORK

pytestmark = pytest.mark.full


# --- a folder moves --------------------------------------------------------------------------


def moved(studio: Studio, name: str) -> None:
    """Move one of the folders, as docs/backup.md says it."""
    place = studio.place
    old = getattr(place, name)
    new = old.with_name(f"{name}-anew")
    old.rename(new)
    done = place.run("move", old, new, "-c", place.config)
    assert done.returncode == 0, done.stderr
    values = yaml.safe_load(place.config.read_text())
    values["inboxes"]["shop"]["path" if name == "inbox" else name] = str(new)
    place.config.write_text(yaml.safe_dump(values, sort_keys=False))
    setattr(place, name, new)


@pytest.mark.parametrize("bytes_", [0, "12MiB"])
@pytest.mark.parametrize("when", ["in line", "answered"])
@pytest.mark.parametrize("folders", [["inbox"], ["outbox"], ["inbox", "outbox"]])
def test_folders_move(studio: Studio, when: str, folders: list[str], bytes_: object) -> None:
    """Orders that are out while folders are renamed cost no picture, and hosts go on by path."""
    studio.configure(hosts={"bytes": bytes_}, **MOVED)
    fault = "host.read=stop" if when == "in line" else ""
    host = studio.host("one", fault, slots=1, HOST_FORGETS=1)
    first = studio.daemon("" if when == "in line" else "order.sent=stop@2")
    stems = put(studio, 3)
    if when == "in line":
        wait_for(lambda: stands_still(host))
        wait_for(lambda: studio.hub.count(names.orders_queue(NETWORK)) == 1)
        first.stop()
    else:
        wait_for(lambda: cut_by(host))
        first.kill()
    assert given_out(studio)
    for name in folders:
        moved(studio, name)
    host.process.send_signal(signal.SIGCONT)
    second = studio.daemon()
    done_once(studio, stems, second)

    def is_cut_by_path() -> bool:
        number = len(stems)
        stems.append(str(number))
        studio.place.put(f"{number}.jpg", number=number)
        third.wait("job.finished", source=f"{number}.jpg")
        return "host" in third.told("job.finished")[-1] and not third.told("order.carried")

    third = studio.daemon()
    wait_for(is_cut_by_path)
    done_once(studio, stems, third)


# --- hosts are no more -----------------------------------------------------------------------


def without_hosts(studio: Studio) -> None:
    """Take `hosts:` out of the configuration, as docs/hosts.md says it."""
    values = yaml.safe_load(studio.place.config.read_text())
    del values["hosts"]
    studio.place.config.write_text(yaml.safe_dump(values, sort_keys=False))


@pytest.mark.parametrize("back", [False, True])
def test_back_to_one_machine(studio: Studio, *, back: bool) -> None:
    """What was out is cut here; what a host stages later is removed at a start, with hosts or not.

    A reload says that it takes a restart, and goes on with hosts.
    """
    studio.configure(**MOVED)
    with_hosts = studio.place.config.read_text()
    host = studio.host("one", "decode=stop", slots=1)
    first = studio.daemon()
    stems = put(studio, 2)
    wait_for(lambda: stands_still(host))
    wait_for(lambda: studio.hub.count(names.orders_queue(NETWORK)) == 1)
    without_hosts(studio)
    first.send(signal.SIGHUP)
    first.wait("config.needs_restart", option="hosts")
    first.stop()
    second = studio.daemon()
    studio.wait_for_files(*made_of(*stems))
    host.process.send_signal(signal.SIGCONT)
    wait_for(lambda: host.events("order.cut"))
    second.stop()
    assert any(".scissorsd-" in file for file in studio.files())
    if back:
        studio.place.config.write_text(with_hosts)
    done_once(studio, stems, studio.daemon())


# --- a host is upgraded, or there twice ------------------------------------------------------


def test_a_host_is_upgraded(studio: Studio) -> None:
    """A host of an older version is ended with orders in hand, and goes on as a newer one."""
    studio.configure(**MOVED)
    old = of_version(studio, "0.1.9", "--slots", "2")
    daemon = studio.daemon()
    stems = put(studio, 8)
    daemon.wait("job.finished")
    assert old.stop() == 0
    new = studio.host("other")
    done_once(studio, stems, daemon)
    assert cut_by(old, new) == stems
    assert not daemon.told("answer.refused")
    assert not daemon.told("host.twin")


def test_two_hosts_of_one_name(studio: Studio) -> None:
    """Two workers that were given one name are told of, and each picture still comes out once."""
    studio.configure(**MOVED)
    hosts = [studio.host("one", slots=1) for _ in range(2)]
    daemon = studio.daemon()
    daemon.wait("host.twin", host="one")
    wait_for(lambda: "two hosts have this name" in " ".join(studio.place.ask("status").split()))
    stems = put(studio, 8)
    done_once(studio, stems, daemon)
    assert cut_by(*hosts) == stems
    assert len(daemon.told("host.twin")) == 1


def test_two_watchers_of_one_hub(studio: Studio) -> None:
    """Two machines give their pictures to one host: each hears of its own, and all come out."""
    folder = studio.place.folder.with_name("another")
    folder.mkdir()
    another = Studio(Workplace(folder, studio.models), studio.hub, studio.models)
    watchers = (studio, another)
    try:
        for one in watchers:
            one.configure(**MOVED)
        daemons = [one.daemon() for one in watchers]
        studio.host("one", "host.read=hang", slots=1)
        for one, words in zip(
            watchers, ("one has had it in hand", "It is in line at the hub"), strict=True
        ):
            path = one.place.put("0.jpg")
            wait_for(lambda one=one, path=path, w=words: w in one.place.ask("why", path))  # type: ignore[misc]
        studio.end_hosts()
        studio.host("two")
        for one, daemon in zip(watchers, daemons, strict=True):
            assert [entry.id for entry in one.place.entries()] == [1]
            done_once(one, ["0"], daemon)
    finally:
        another.close()

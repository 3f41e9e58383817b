"""Hosts that do not see the folders: pictures go over the hub, outputs come back, all for real."""

import io
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from end_to_end.driver import picture, wait_for
from kombu import Connection, Exchange, Producer
from PIL import Image

from scissorsd.hosts.joining.definitions import HOST
from scissorsd.hosts.messages import names
from scissorsd.hosts.messages.packing import teach_kombu

from .studio import Studio
from .test_watching import (
    GRAY,
    MOVED,
    an_answer,
    done_once,
    is_killed,
    put,
    stands_still,
    the_order,
)
from .working import Host

SMALL = "1KiB"  # than which every picture here is larger


def blind(
    studio: Studio, name: str = "blind", faults: str = "", *, slots: int = 2, view: str = "/nowhere"
) -> Host:
    """Start a host that sees no folder of the watcher's."""
    return studio.host(name, faults, slots=slots, maps=(f"/={view}",))


def takes(studio: Studio, name: str) -> list[str]:
    """Return what `status` says that a host takes."""
    hub = json.loads(studio.place.ask("status", "--json"))["hub"]
    found: list[str] = next((h["takes"] for h in hub["hosts"] if h["name"] == name), [])
    return found


def test_a_host_without_the_share(studio: Studio) -> None:
    """A host that sees no folder says so and cuts what comes over the hub, each picture once.

    Once that is known, no picture goes out by its path first.
    """
    studio.configure(**MOVED)
    host = blind(studio)
    daemon = studio.daemon()
    studio.place.put("0.jpg", number=0)
    assert daemon.wait("job.finished", source="0.jpg")["host"] == "blind"
    host.wait_for("host.blind")
    wait_for(lambda: takes(studio, "blind") == ["bytes"])
    assert len(daemon.told("order.carried")) == 1
    for number in range(1, 5):
        studio.place.put(f"{number}.jpg", number=number)
    done_once(studio, [str(number) for number in range(5)], daemon)
    assert {line.get("host") for line in daemon.told("job.finished")} == {"blind"}
    assert len(daemon.told("order.carried")) == 1
    assert host.stop() == 0, host.said()
    assert host.events("hub.says") == []


@pytest.mark.full
@pytest.mark.usefixtures("real_network")
def test_the_same_comes_out_by_both_ways(studio: Studio) -> None:
    """Over the hub comes out what does by path, to the byte: on a background, in review, failed."""
    behind = studio.place.folder / "blue.png"
    Image.new("RGB", (40, 30), "navy").save(behind)
    flat = {"kind": "flat", "format": "jpeg", "background": str(behind)}
    outputs = [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}, flat]
    rule: dict[str, Any] = {"when_no_subject": "review", "outputs": outputs, "source": "move"}
    pictures = {"a.jpg": picture("a.jpg"), "gray.jpg": GRAY, "bad.jpg": GRAY[:-40] + b"\0" * 40}
    pictures["b \udcff.jpg"] = picture("x.jpg")
    studio.configure(**rule)
    came_out: list[dict[str, bytes]] = []
    for start in (studio.host, lambda name: blind(studio, name)):
        name = f"host-{len(came_out)}"
        host = start(name)
        daemon = studio.daemon()
        for file, content in pictures.items():
            studio.place.put(file, content)
        wait_for(lambda: ended(studio) == len(pictures))
        assert {line.get("host") for line in daemon.told("job.finished")} == {name}
        daemon.stop()
        assert host.stop() == 0, host.said()
        came_out.append({f: (studio.place.outbox / f).read_bytes() for f in studio.files()})
        for folder in (studio.place.outbox, studio.place.state):
            shutil.rmtree(folder)
    assert "review/gray.png" in came_out[0]
    assert came_out[0] == came_out[1]


def ended(studio: Studio) -> int:
    """Count the jobs that are done or have failed."""
    return sum(entry.state in {"done", "failed"} for entry in studio.place.entries())


@pytest.mark.full
def test_beside_one_with_the_share(studio: Studio) -> None:
    """Of two hosts, one with the share and one without, each has work all the time."""
    studio.configure(**MOVED)
    studio.host("sees", slots=1)
    blind(studio, slots=1)
    daemon = studio.daemon()
    done_once(studio, put(studio, 16), daemon)
    cut = [line.get("host") for line in daemon.told("job.finished")]
    assert set(cut) == {"sees", "blind"}
    assert min(cut.count("sees"), cut.count("blind")) >= 4


@pytest.mark.full
@pytest.mark.parametrize("most", [SMALL, 0])
def test_over_the_limit(studio: Studio, most: object) -> None:
    """What is too large to go over the hub is cut here; once a host sees the folders, by that."""
    studio.configure(hosts={"bytes": most}, **MOVED)
    host = blind(studio)
    daemon = studio.daemon()
    studio.place.put("0.jpg", number=0)
    assert "host" not in daemon.wait("job.finished", source="0.jpg")
    host.wait_for("host.blind")
    studio.place.put("1.jpg", number=1)
    assert "host" not in daemon.wait("job.finished", source="1.jpg")
    studio.host("sees")
    daemon.wait("host.there", host="sees")
    studio.place.put("2.jpg", number=2)
    assert daemon.wait("job.finished", source="2.jpg")["host"] == "sees"
    done_once(studio, ["0", "1", "2"], daemon)


@pytest.mark.full
def test_it_sees_the_folders_again(studio: Studio) -> None:
    """A host whose share comes back says so and takes pictures by path again."""
    view = studio.place.folder / "view"
    host = blind(studio, view=str(view))
    daemon = studio.daemon()
    studio.place.put("0.jpg", number=0)
    daemon.finished("0.jpg")
    host.wait_for("host.blind")
    view.symlink_to("/")
    host.wait_for("host.sees")
    wait_for(lambda: takes(studio, "blind") == ["paths", "bytes"])
    studio.place.put("1.jpg", number=1)
    daemon.finished("1.jpg")
    assert len(daemon.told("order.carried")) == 1
    daemon.stop()


@pytest.mark.full
@pytest.mark.parametrize("place", ["host.read", "decode", "host.unanswered", "host.answered"])
def test_a_host_is_killed(studio: Studio, place: str) -> None:
    """A host that dies with pictures in hand costs none; the next cuts them alone, once."""
    studio.configure(**MOVED)
    doomed = blind(studio, "doomed", f"{place}=kill@2", slots=1)
    daemon = studio.daemon()
    stems = put(studio, 5)
    wait_for(lambda: is_killed(doomed))
    blind(studio, "heir")
    done_once(studio, stems, daemon)


@pytest.mark.full
def test_poison_among_innocents(studio: Studio) -> None:
    """A picture that crashes its host fails alone at the next, and the others are cut."""
    studio.configure(**MOVED)
    faults = "decode:1.jpg=segv*"
    doomed = blind(studio, "doomed", faults, slots=1)
    daemon = studio.daemon()
    put(studio, 3)
    doomed.process.wait()
    blind(studio, "heir", faults)
    assert "the decoder crashed" in daemon.wait("job.failed", source="1.jpg")["why"]
    wait_for(lambda: ended(studio) == 3)
    assert [entry.state for entry in studio.place.entries()].count("failed") == 1
    daemon.stop()


@pytest.mark.full
def test_the_daemon_is_killed(studio: Studio) -> None:
    """A daemon that dies with pictures on the hub begins them anew, and each comes out once."""
    studio.configure(**MOVED)
    blind(studio)
    dying = studio.daemon("publish.done=kill@2")
    stems = put(studio, 5)
    assert dying.exit_code() == -signal.SIGKILL
    done_once(studio, stems, studio.daemon())


@pytest.mark.full
@pytest.mark.parametrize("way", ["there", "back"])
def test_too_large_for_the_broker(studio: Studio, way: str) -> None:
    """Where the broker takes no message so large, there or back, the picture is cut here."""
    noise = Image.effect_noise((300, 200), 90).convert("RGB")
    buffer = io.BytesIO()
    noise.save(buffer, "JPEG")
    content = buffer.getvalue()
    studio.configure(outputs=[{"kind": "comparison", "format": "png"}], source="move")
    # RabbitMQ 4 looks at the second.
    limit = "N = {}, application:set_env(rabbit, max_message_size, N), "
    limit += "persistent_term:put(max_message_size, N)."
    most = len(content) + (4000 if way == "back" else -4000)  # an order without it is smaller
    studio.hub.broker.ctl("eval", limit.format(most))
    try:
        host = blind(studio)
        daemon = studio.daemon()
        studio.place.put("0.jpg", content)
        assert "host" not in daemon.wait("job.finished", source="0.jpg")
        held = daemon.told("job.held", source="0.jpg")
        assert len(held) == 1
        assert "too large for the hub" in held[0]["why"]
        assert len(host.events("order.returned")) == (2 if way == "back" else 1)
        assert not host.events("host.paused")
    finally:
        studio.hub.broker.ctl("eval", limit.format(134217728))
    daemon.stop()


@pytest.mark.full
@pytest.mark.parametrize(
    "forged",
    [
        {"path": "../0.png"},
        {"path": "other.png"},
        {"digest": "f" * 32},
        {"size": 8},
        {"temporary": ".scissorsd-x-1-1-0a0a0a0a-1.tmp"},
        {"data": []},
        {"data": [b"1234567", b"more"]},
    ],
    ids=str,
)
def test_a_forged_answer_is_refused(studio: Studio, forged: dict[str, Any]) -> None:
    """Outputs that are not what was asked for, or not as they are told, touch nothing."""
    host = blind(studio, faults="host.read=stop", slots=1)
    daemon = studio.daemon()
    dropped = studio.place.put("0.jpg")
    wait_for(lambda: stands_still(host))
    watcher, job, turn = the_order(studio)
    before = studio.files(), dropped.read_bytes()
    value = an_answer(job, turn)
    value["made"]["data"] = forged.get("data", [b"1234567"])
    told = {key: words for key, words in forged.items() if key != "data"}
    value["made"]["staged"][0] |= {"digest": "10436a6c3bfc3f9f077d3b7404438fb2"} | told
    send(studio, watcher, value)
    daemon.wait("answer.refused", host="forger")
    assert (studio.files(), dropped.read_bytes()) == before
    host.process.send_signal(signal.SIGCONT)
    assert daemon.wait("job.finished", source="0.jpg")["host"] == "blind"
    daemon.stop()


def send(studio: Studio, watcher: str, value: dict[str, Any]) -> None:
    """Send an answer with bytes as a host may."""
    teach_kombu()
    join = studio.hub.joins[HOST]
    with Connection(join.url, userid=join.user, password=join.secret) as connection:
        to = Exchange(names.ANSWERS, "direct", no_declare=True)
        Producer(connection, to, watcher).publish(value, serializer="msgpack", declare=[])


@pytest.mark.full
def test_nothing_of_the_watchers_is_touched(studio: Studio) -> None:
    """A host that has folders of its own under the watcher's names leaves them as they are."""
    own = studio.place.folder / "own"
    view = Path(f"{own}{studio.place.inbox}")
    view.mkdir(parents=True)
    other = Path(f"{own}{studio.place.outbox}")
    other.mkdir(parents=True)
    (other / ".scissorsd-owner").write_text("another's\n")
    blind(studio, view=str(own))
    daemon = studio.daemon()
    studio.place.put("0.jpg", number=0)
    daemon.finished("0.jpg")
    assert [path.name for path in other.iterdir()] == [".scissorsd-owner"]
    assert list(view.iterdir()) == []
    daemon.stop()

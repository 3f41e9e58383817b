"""One watcher and its hosts, all real: who is killed when, and that each picture is cut once."""

import io
import os
import random
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from end_to_end.deaths import whole
from end_to_end.driver import SIZE, Daemon, picture, wait_for
from kombu import Connection, Exchange, Producer
from PIL import Image

from scissorsd import __version__
from scissorsd.core.masking import Judgement
from scissorsd.hosts.joining.definitions import HOST, WATCHER
from scissorsd.hosts.messages import names
from scissorsd.hosts.messages.orders import Answer, Made, StagedFile, write_answer
from scissorsd.records.journal import Journal

from .studio import Studio, inode_and_ctime
from .working import NETWORK, Host

MOVED: dict[str, Any] = {
    "source": "move",
    "outputs": [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}],
}


def _gray() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", SIZE, "gray").save(buffer, "JPEG")
    return buffer.getvalue()


GRAY = _gray()  # in which there is nothing


def made_of(*stems: str) -> list[str]:
    """Return what is in the outbox when these pictures were cut under MOVED."""
    ways = ("{}.png", "masks/{}-mask.png", "processed/{}.jpg")
    return sorted(way.format(stem) for stem in stems for way in ways)


def put(studio: Studio, count: int) -> list[str]:
    """Put so many pictures into the inbox; return their stems."""
    for number in range(count):
        studio.place.put(f"{number}.jpg", number=number)
    return [str(number) for number in range(count)]


def done_once(studio: Studio, stems: list[str], *daemons: Daemon) -> None:
    """See that each picture came out once, whole, and that nothing else lies anywhere."""
    studio.wait_for_files(*made_of(*stems))
    daemon = daemons[-1]
    wait_for(lambda: all(entry.state == "done" for entry in studio.place.entries()))
    assert studio.place.files(studio.place.inbox) == []
    assert len(studio.place.entries()) == len(stems)
    assert all(whole(studio.place.outbox / f"{stem}.png") for stem in stems)
    told = Counter(line["source"] for each in daemons for line in each.told("job.finished"))
    assert set(told.values()) <= {1}
    daemon.stop()
    assert daemon.noise == []


def test_two_hosts_cut_for_a_watcher(studio: Studio) -> None:
    """Two hosts cut all that a watcher gives out: each picture once, and no litter is left."""
    studio.configure(**MOVED)
    studio.host("one")
    studio.host("two")
    daemon = studio.daemon()
    stems = put(studio, 12)
    for stem in stems:
        daemon.finished(f"{stem}.jpg")
    assert {line.get("host") for line in daemon.told("job.finished")} == {"one", "two"}
    done_once(studio, stems, daemon)


@pytest.mark.full
@pytest.mark.usefixtures("real_network")
def test_the_same_comes_out_as_here(studio: Studio) -> None:
    """What a host makes of a picture is, to the byte, what this machine makes of it; also a fault.

    A doubtful one goes to review/ with its note, a corrupt one to failed/.
    """
    outputs = [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}]
    rule: dict[str, Any] = {"when_no_subject": "review", "outputs": outputs, "source": "move"}
    pictures = {"a.jpg": picture("a.jpg"), "gray.jpg": GRAY, "bad.jpg": GRAY[:-40] + b"\0" * 40}
    pictures["bad.png"] = picture("x.png")[:60] + b"?" * 200
    came_out = []
    studio.host("one")
    for here in (0, 2):
        studio.configure(hosts={"here": here}, **rule)
        if here:
            studio.place.change_config(hosts={"hub": "amqp://127.0.0.1:1/x", **join_of(studio)})
        daemon = studio.daemon()
        for name, content in pictures.items():
            studio.place.put(name, content)
        wait_for(lambda: all_ended(studio, len(pictures)))
        finished = daemon.told("job.finished")
        assert {line.get("host") for line in finished} == {None if here else "one"}
        daemon.stop()
        came_out.append({f: (studio.place.outbox / f).read_bytes() for f in studio.files()})
        for folder in (studio.place.outbox, studio.place.state):
            shutil.rmtree(folder)
    assert "review/gray.png" in came_out[0]
    assert "failed/bad.png" in came_out[0]
    assert came_out[0] == came_out[1]


def join_of(studio: Studio) -> dict[str, str]:
    """Return the part of the configuration that names the join file."""
    return {"join": str(studio.hub.watcher_join)}


def all_ended(studio: Studio, count: int) -> bool:
    """Whether so many jobs have ended."""
    return [entry.state in {"done", "failed"} for entry in studio.place.entries()] == [True] * count


def test_a_name_is_taken_meanwhile(studio: Studio) -> None:
    """Where somebody puts a file into the place of an output, the output gets another name."""
    host = studio.host("one", "host.unanswered=stop", slots=1)
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    wait_for(lambda: stands_still(host))
    (studio.place.outbox / "0.png").write_bytes(b"mine")
    host.process.send_signal(signal.SIGCONT)
    daemon.finished("0.jpg")
    wait_for(lambda: studio.files() == ["0-jpg.png", "0.png"])
    assert (studio.place.outbox / "0.png").read_bytes() == b"mine"
    assert whole(studio.place.outbox / "0-jpg.png")
    daemon.stop()


@pytest.mark.full
def test_a_picture_is_replaced_meanwhile(studio: Studio) -> None:
    """Of a picture that is replaced while a host has it, the new one comes out, and only that."""
    host = studio.host("one", "host.unanswered=stop", slots=1)
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    wait_for(lambda: stands_still(host))
    (studio.place.inbox / "0.jpg").write_bytes(GRAY)
    host.process.send_signal(signal.SIGCONT)
    daemon.wait("job.withdrawn", source="0.jpg")
    assert daemon.wait("job.finished", source="0.jpg")["verdict"] == "no_subject"
    assert studio.files() == ["0.png"]
    assert len(daemon.told("job.finished")) == 1
    daemon.stop()


@pytest.mark.full
def test_what_no_host_can_is_cut_here(studio: Studio) -> None:
    """A picture that the only host does not find is cut by the machine that else only watches."""
    studio.configure(hosts={"bytes": 0})
    studio.host("blind", maps=(f"{studio.place.inbox}=/nowhere",))
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    assert "host" not in daemon.wait("job.finished", source="0.jpg")
    assert studio.files() == ["0.png"]
    assert daemon.told("order.given_again")
    daemon.stop()


@pytest.mark.full
@pytest.mark.parametrize("rule", [{"model": "u2net"}, {"second_opinion": "darkness"}])
def test_what_no_host_has_the_network_for_is_cut_here(studio: Studio, rule: dict[str, Any]) -> None:
    """The machine that else only watches cuts what hosts lack a network for, one of its own too."""
    studio.configure(**rule)
    studio.host("one")
    daemon = studio.daemon()
    daemon.wait("host.there")
    studio.place.put("0.jpg")
    assert "host" not in daemon.wait("job.finished", source="0.jpg")
    daemon.stop()


@pytest.mark.full
def test_an_outbox_has_one_watcher(studio: Studio) -> None:
    """What goes into an outbox of another watcher with hosts is held, and says whose it is."""
    studio.place.outbox.mkdir()
    (studio.place.outbox / ".scissorsd-owner").write_text("another\n")
    studio.host("one")
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    assert "belongs to another" in daemon.wait("job.held")["why"]
    (studio.place.outbox / ".scissorsd-owner").unlink()
    daemon.finished("0.jpg")
    daemon.stop()


@pytest.mark.full
def test_what_people_see(studio: Studio) -> None:
    """`status` has a row for each host, and `why` says who has a picture, or that it is in line.

    All of it while a host has a picture that comes to no end, and until the host is gone.
    """
    host = studio.host("one", "host.read=hang", slots=1)
    daemon = studio.daemon()
    first = studio.place.put("0.jpg")
    wait_for(lambda: "one has had it in hand" in studio.place.ask("why", first))
    second = studio.place.put("1.jpg", number=1)
    wait_for(lambda: "It is in line at the hub, 0 before it" in studio.place.ask("why", second))
    told = " ".join(studio.place.ask("status").split())
    assert f"the hub {studio.hub.url} is there since" in told
    assert "2 orders out" in told
    assert f"one {__version__} 1 1 0 " in told
    host.__exit__(None, None, None)
    daemon.wait("host.gone", host="one")
    wait_for(lambda: "it has been silent for" in studio.place.ask("status"))
    daemon.stop()


# --- a host is killed ------------------------------------------------------------------------


def is_killed(host: Host) -> bool:
    """Whether a host has died of its fault."""
    return host.process.poll() == -signal.SIGKILL


@pytest.mark.parametrize(
    "place",
    [
        "host.staged",
        *(
            pytest.param(place, marks=pytest.mark.full)
            for place in (
                "host.read",
                "decode",
                "write.unsynced",
                "host.unanswered",
                "host.answered",
            )
        ),
    ],
)
def test_a_host_is_killed(studio: Studio, place: str) -> None:
    """A host that dies wherever it may costs no picture; another cuts what it had, once."""
    studio.configure(**MOVED)
    doomed = studio.host("doomed", f"{place}=kill@2", slots=1)
    daemon = studio.daemon()
    stems = put(studio, 6)
    wait_for(lambda: is_killed(doomed))
    studio.host("heir")
    done_once(studio, stems, daemon)


@pytest.mark.full
@pytest.mark.parametrize("place", ["host.unanswered", "host.read"])
def test_a_host_that_slept_is_not_heard(studio: Studio, place: str) -> None:
    """What a host that stood still says too late is refused, and nothing is published twice."""
    studio.configure(**MOVED)
    zombie = studio.host("zombie", f"{place}=stop", slots=1)
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    wait_for(lambda: stands_still(zombie))
    studio.host("heir")
    assert daemon.wait("job.finished", source="0.jpg")["host"] == "heir"
    seen = inode_and_ctime(studio.place.outbox / "0.png")
    zombie.process.send_signal(signal.SIGCONT)
    daemon.wait("answer.refused", host="zombie")
    done_once(studio, ["0"], daemon)
    assert inode_and_ctime(studio.place.outbox / "0.png") == seen


def stands_still(host: Host) -> bool:
    """Whether a host is stopped, as SIGSTOP does it."""
    return state_of(host.process.pid) == "T"


def state_of(process: int) -> str:
    """Return the letter by which the kernel tells the state of a process; "" if there is none."""
    with suppress(OSError):
        status = Path(f"/proc/{process}/stat").read_text()
        return status.rpartition(") ")[2][0]
    return ""


@pytest.mark.full
def test_what_cuts_alone_ends_with_its_host(studio: Studio) -> None:
    """The process in which a host cuts what came back stages nothing once its host has died."""
    studio.configure(**MOVED)
    doomed = studio.host("doomed", "host.read=kill", slots=1)
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    wait_for(lambda: is_killed(doomed))
    second = studio.host("second", "host.read=stop", slots=1)
    tasks = Path(f"/proc/{second.process.pid}/task")
    (alone,) = wait_for(lambda: " ".join(c.read_text() for c in tasks.glob("*/children")).split())
    wait_for(lambda: state_of(int(alone)) == "T")
    second.process.kill()
    second.process.wait()
    studio.host("heir")
    assert daemon.wait("job.finished", source="0.jpg")["host"] == "heir"
    os.kill(int(alone), signal.SIGCONT)
    wait_for(lambda: state_of(int(alone)) in {"", "Z"})
    done_once(studio, ["0"], daemon)


@pytest.mark.full
def test_litter_that_comes_late_is_removed(studio: Studio) -> None:
    """A host that stages for what others have made, and dies then, leaves nothing for long."""
    studio.configure(**MOVED)
    zombie = studio.host("zombie", "decode=stop,host.staged=kill", slots=1)
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    wait_for(lambda: stands_still(zombie))
    studio.host("heir")
    assert daemon.wait("job.finished", source="0.jpg")["host"] == "heir"
    zombie.process.send_signal(signal.SIGCONT)
    wait_for(lambda: is_killed(zombie))
    done_once(studio, ["0"], daemon)


# --- the daemon is killed --------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize(
    "place",
    [
        "order.sent@2",
        "journal.begin.done@2",
        "publish.done@2",
        "journal.published@2",
        "journal.published.done@2",
        "journal.finish@2",
        "answer.unacknowledged@2",
    ],
)
def test_the_daemon_is_killed(studio: Studio, place: str) -> None:
    """A daemon that dies with orders out begins them anew; none is a suspect, none comes twice."""
    studio.configure(**MOVED)
    studio.host("one")
    at, _, number = place.partition("@")
    dying = studio.daemon(f"{at}=kill@{number}")
    stems = put(studio, 5)
    assert dying.exit_code() == -signal.SIGKILL
    assert all(entry.attempts <= 1 for entry in studio.place.entries())
    begun = [entry for entry in studio.place.entries() if entry.state == "begun"]
    assert all(entry.attempts == 0 for entry in begun)
    daemon = studio.daemon()
    done_once(studio, stems, daemon)


# --- the hub is killed -----------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("fate", ["kill", "wipe", "drop"])
def test_the_hub_is_killed(studio: Studio, fate: str) -> None:
    """A hub that dies, or loses its disk, with orders out and answers on it costs no picture."""
    studio.configure(**MOVED)
    studio.host("one", slots=2)
    daemon = studio.daemon()
    stems = put(studio, 4)
    daemon.wait("job.finished")
    if fate == "drop":
        studio.hub.drop_connections()
    else:
        studio.hub.broker.kill()
        daemon.wait("hub.away")
        if fate == "wipe":
            studio.hub.broker.wipe()
        studio.hub.broker.revive()
    for number in range(4, 8):
        studio.place.put(f"{number}.jpg", number=number)
    done_once(studio, [*stems, *(str(number) for number in range(4, 8))], daemon)


@pytest.mark.full
def test_without_a_hub_this_machine_cuts(studio: Studio) -> None:
    """Pictures are cut by this machine while the hub is away, and what was out comes back to it."""
    studio.configure(hosts={"here": 1}, **MOVED)
    studio.hub.broker.kill()
    daemon = studio.daemon()
    stems = put(studio, 3)
    done_once(studio, stems, daemon)
    assert {line.get("host") for line in daemon.told("job.finished")} == {None}


@pytest.mark.full
def test_an_order_is_lost_at_the_hub(studio: Studio) -> None:
    """What somebody has purged from the line is given out anew once hosts have nothing to do."""
    studio.configure(**MOVED)
    host = studio.host("one", "host.read=stop", slots=1)
    daemon = studio.daemon(HUB_IDLE=1)
    stems = put(studio, 2)
    wait_for(lambda: stands_still(host))
    join = studio.hub.joins[WATCHER]
    with Connection(join.url, userid=join.user, password=join.secret) as connection:
        channel = connection.default_channel
        wait_for(lambda: channel.queue_purge(names.orders_queue(NETWORK)))
    host.process.send_signal(signal.SIGCONT)
    done_once(studio, stems, daemon)
    assert any("had anything to do" in line["why"] for line in daemon.told("job.held"))


# --- answers that are not to be taken --------------------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [
        {"temporary": "../../inbox/0.jpg"},
        *(
            pytest.param(forged, marks=pytest.mark.full)
            for forged in (
                {"job": 1},
                {"turn": 1},
                {"path": "../0.png"},
                {"path": "other.png"},
                {"temporary": ".scissorsd-other-1-1-0a0a0a0a-1.tmp"},
            )
        ),
    ],
    ids=str,
)
def test_a_forged_answer_is_refused(studio: Studio, forged: dict[str, Any]) -> None:
    """What a host may say of other jobs, turns and files is refused, and touches nothing."""
    host = studio.host("one", "host.read=stop", slots=1)
    daemon = studio.daemon()
    picture = studio.place.put("0.jpg")
    wait_for(lambda: stands_still(host))
    watcher, job, turn = the_order(studio)
    before = studio.files(), picture.read_bytes()
    temporary = f".scissorsd-{watcher}-{job}-{turn}-0a0a0a0a-0123456789abcdef.tmp"
    value = an_answer(job + 1 if "job" in forged else job, forged.get("turn", turn))
    value["made"]["staged"][0] |= {"temporary": temporary} | {
        key: words for key, words in forged.items() if key in {"path", "temporary"}
    }
    send(studio, watcher, value)
    daemon.wait("answer.refused", host="forger")
    assert (studio.files(), picture.read_bytes()) == before
    host.process.send_signal(signal.SIGCONT)
    daemon.finished("0.jpg")
    daemon.stop()


@pytest.mark.parametrize(
    "what", ["link", *(pytest.param(what, marks=pytest.mark.full) for what in ("nothing", "short"))]
)
def test_what_lies_there_is_looked_at(studio: Studio, what: str) -> None:
    """An answer that fits is no use where its file is missing, short, or a link to another."""
    host = studio.host("one", "host.read=stop", slots=1)
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    wait_for(lambda: stands_still(host))
    watcher, job, turn = the_order(studio)
    value = an_answer(job, turn)
    temporary = f".scissorsd-{watcher}-{job}-{turn}-0a0a0a0a-0123456789abcdef.tmp"
    value["made"]["staged"][0]["temporary"] = temporary
    place = studio.place.outbox / temporary
    secret = studio.place.folder / "secret"
    secret.write_bytes(b"1234567")
    if what == "short":
        place.write_bytes(b"123")
    elif what == "link":
        place.symlink_to(secret)
    send(studio, watcher, value)
    daemon.wait("job.held", source="0.jpg")
    host.process.send_signal(signal.SIGCONT)
    daemon.finished("0.jpg")
    wait_for(lambda: studio.files() == ["0.png"])
    assert whole(studio.place.outbox / "0.png")
    assert secret.read_bytes() == b"1234567"
    daemon.stop()


def the_order(studio: Studio) -> tuple[str, int, int]:
    """Return the watcher, job and turn of the one order that is out."""
    journal = Journal(studio.place.state, read_only=True)
    try:
        (row,) = journal.file.rows("state = 'begun'")
        return journal.id, row["id"], row["turn"]
    finally:
        journal.close()


def an_answer(job: int, turn: int) -> dict[str, Any]:
    """Return the answer of a host for the picture 0.jpg, with one file of seven bytes."""
    staged = StagedFile("", "0.png", 7, "0" * 32)
    judgement = Judgement("ok", 1.0, 0.5, 0.0)
    told = (judgement, NETWORK, "", "cpu", "full", *SIZE, 0.1, ())
    made = Made((staged,), "0" * 32, {"width": "1", "height": "1", "taken": ""}, *told)
    return write_answer(Answer(job, turn, "0a0a0a0a", "forger", "0", 0.1, made=made))


def send(studio: Studio, watcher: str, value: dict[str, Any]) -> None:
    """Send an answer as a host may."""
    join = studio.hub.joins[HOST]
    with Connection(join.url, userid=join.user, password=join.secret) as connection:
        to = Exchange(names.ANSWERS, "direct", no_declare=True)
        Producer(connection, to, watcher).publish(value, serializer="json", declare=[])


# --- all of it, at random --------------------------------------------------------------------

SEEDS = [int(seed) for seed in os.environ.get("TORTURE_SEEDS", "1").split()]


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", SEEDS)
def test_torture(studio: Studio, seed: int) -> None:
    """Hosts, daemon and hub are killed at random while a folder is cut: each picture once.

    TORTURE_PICTURES=2000 TORTURE_SEEDS="1 2 3" in the environment ask for more of it.
    """
    count = int(os.environ.get("TORTURE_PICTURES", "60"))
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    studio.configure(**MOVED)
    hosts = {name: studio.host(name, slots=2) for name in ("one", "two", "three")}
    daemons = [studio.daemon()]
    stems = put(studio, count)
    fates = ["host"] * 10 + ["sleep"] * 3 + ["daemon"] * 2 + ["hub"] * 2 + ["wipe"]
    fates *= max(1, min(3, count // 60))
    chance.shuffle(fates)
    for number, fate in enumerate(fates):
        goal = number * count // (len(fates) + 2)
        wait_for(lambda goal=goal: done(studio) >= goal)  # type: ignore[misc]
        name = chance.choice(sorted(hosts))
        if fate == "host":
            hosts[name].process.kill()
            hosts[name].process.wait()
            hosts[name] = studio.host(name, slots=2)
        elif fate == "sleep":
            hosts[name].process.send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0.5, 15))
            hosts[name].process.send_signal(signal.SIGCONT)
        elif fate == "daemon":
            daemons[-1].kill()
            daemons.append(studio.daemon())
        else:
            studio.hub.broker.kill()
            if fate == "wipe":
                studio.hub.broker.wipe()
            studio.hub.broker.revive()
    done_once(studio, stems, *daemons)
    assert all(entry.state == "done" for entry in studio.place.entries())


def done(studio: Studio) -> int:
    """Count the pictures that are done."""
    return sum(entry.state == "done" for entry in studio.place.entries())

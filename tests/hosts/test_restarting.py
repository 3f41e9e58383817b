"""The daemon is started anew while hosts have pictures: what they make of them is taken over."""

import signal
from pathlib import Path

import pytest
from end_to_end.driver import Daemon, wait_for

from scissorsd.hosts.messages import names
from scissorsd.records.orders_sent import FILE, OrdersSent

from .studio import Studio
from .test_watching import MOVED, an_answer, done_once, put, send, stands_still, the_order
from .working import NETWORK, Host


def cut_by(*hosts: Host) -> list[str]:
    """Return what hosts have cut, each time that they did."""
    return sorted(Path(line["source"]).stem for one in hosts for line in one.events("order.cut"))


def given_out(studio: Studio) -> list[str]:
    """Return what hosts have, as a daemon that has ended had noted."""
    head = (studio.place.state / FILE).read_text().splitlines()[0]
    sent = OrdersSent(studio.place.state, head)
    sent.close()
    jobs = {job for job, _ in sent.out}
    begun = (one for one in studio.place.entries() if one.state == "begun" and not one.attempts)
    return [Path(one.path).stem for one in begun if one.id in jobs]


def test_what_is_out_is_taken_over(studio: Studio) -> None:
    """What hosts had when a daemon was stopped is cut once: the next one takes their answers."""
    studio.configure(**MOVED)
    host = studio.host("one", slots=2)
    first = studio.daemon()
    stems = put(studio, 8)
    first.wait("job.finished")
    first.stop()
    assert given_out(studio)
    second = studio.daemon()
    done_once(studio, stems, first, second)
    assert cut_by(host) == stems
    assert not second.told("answer.refused")


@pytest.mark.full
@pytest.mark.parametrize("here", [0, 2])
@pytest.mark.parametrize("place", ["order.sent@3", "journal.published@2", "journal.finish@2"])
def test_what_is_out_at_a_death_is_taken_over(studio: Studio, place: str, here: int) -> None:
    """Killed, too; and this machine, though it may cut by itself, lets hosts have what they had.

    Cut again is what was to get its name at that moment (its temporary files are gone), by either
    of the daemon's two workers, and an order that was on its way to the hub.
    """
    studio.configure(hosts={"here": here}, **MOVED)
    host = studio.host("one", slots=2)
    at, _, number = place.partition("@")
    first = studio.daemon(f"{at}=kill@{number}")
    first.wait("host.there")  # else this machine would cut them all meanwhile
    stems = put(studio, 6)
    assert first.exit_code() == -signal.SIGKILL
    left = given_out(studio)
    assert left or here
    second = studio.daemon()
    done_once(studio, stems, second)
    twice = {stem for stem in left if cut_by(host).count(stem) != 1}
    assert len(twice) <= 2
    assert set(cut_by(host)) <= set(stems)


@pytest.mark.full
def test_daemons_come_and_go(studio: Studio) -> None:
    """A daemon is stopped and started again and again; nothing is cut twice."""
    studio.configure(hosts={"ahead": 4}, **MOVED)
    hosts = [studio.host("one"), studio.host("two")]
    stems = put(studio, 30)
    daemons: list[Daemon] = []
    for number in range(5):
        daemons.append(studio.daemon())
        wait_for(lambda goal=4 * number + 1: len(cut_by(*hosts)) >= goal)  # type: ignore[misc]
        daemons[-1].stop()
    daemons.append(studio.daemon())
    done_once(studio, sorted(stems), *daemons)
    assert cut_by(*hosts) == sorted(stems)
    assert not any(daemon.told("answer.refused") for daemon in daemons)


@pytest.mark.full
@pytest.mark.parametrize("fate", ["wiped", "another hub", "the host dies", "not sent"])
def test_what_is_lost_meanwhile_is_cut(studio: Studio, fate: str) -> None:
    """An order that is lost while no daemon runs is soon given out anew, not after its lease."""
    studio.configure(**MOVED)
    host = studio.host("one", "host.read=hang*", slots=1)
    first = studio.daemon("journal.begin.done=kill@2" if fate == "not sent" else "")
    stems = put(studio, 2)
    if fate == "not sent":
        assert first.exit_code() == -signal.SIGKILL
    else:
        wait_for(lambda: studio.hub.count(names.orders_queue(NETWORK)) == 1)
        first.stop()
        assert len(given_out(studio)) == len(stems)
    host.__exit__(None, None, None)
    if fate == "wiped":
        studio.hub.broker.kill()
        studio.hub.broker.wipe()
        studio.hub.broker.revive()
    elif fate == "another hub":
        sent = studio.place.state / FILE  # as if that had been the hub when they were sent
        sent.write_text(sent.read_text().replace(studio.hub.vhost, "elsewhere"))
    studio.host("heir")
    done_once(studio, stems, first, studio.daemon())


@pytest.mark.full
@pytest.mark.parametrize("change", ["taken away", "replaced", "other rule"])
def test_what_nobody_waits_for_any_more(studio: Studio, change: str) -> None:
    """What hosts made of a picture that is gone, replaced, or under another rule is removed."""
    studio.configure(**MOVED)
    host = studio.host("one", slots=1)
    first = studio.daemon("order.sent=stop")
    picture = studio.place.put("0.jpg")
    wait_for(lambda: len(cut_by(host)) == 1)
    first.kill()
    if change == "taken away":
        picture.unlink()
    elif change == "replaced":
        studio.place.put("0.jpg", number=1)
    else:
        studio.configure(**MOVED, mask={"edges": "soft"})
    second = studio.daemon(HUB_KEPT=2)
    second.wait("answer.refused")
    if change == "taken away":
        studio.wait_for_files()
        second.stop()
        return
    done_once(studio, ["0"], second)
    assert cut_by(host) == ["0", "0"]


@pytest.mark.full
def test_a_forged_answer_before_its_picture(studio: Studio) -> None:
    """An answer that does not fit is refused also where it came before its picture had settled."""
    host = studio.host("one", "host.read=stop", slots=1)
    first = studio.daemon("order.sent=stop")
    studio.place.put("0.jpg")
    wait_for(lambda: stands_still(host))
    watcher, job, turn = the_order(studio)
    first.kill()
    value = an_answer(job, turn)
    value["made"]["staged"][0]["temporary"] = ".scissorsd-other-1-1-0a0a0a0a-1.tmp"
    send(studio, watcher, value)
    second = studio.daemon()
    second.wait("answer.refused", host="forger")
    host.process.send_signal(signal.SIGCONT)
    second.finished("0.jpg")
    assert studio.files() == ["0.png"]
    second.stop()


# --- the file in the state folder ------------------------------------------------------------


def test_orders_that_are_noted(tmp_path: Path) -> None:
    """What was sent and is not over is known to the next one, but not to another's."""
    sent = OrdersSent(tmp_path, "mine")
    for job in range(3):
        sent.sent(job, 7, 1.5)
    sent.over(1, 7)
    sent.over(5, 5)
    assert OrdersSent(tmp_path, "mine").out == {(0, 7): 1.5, (2, 7): 1.5}
    sent.close()
    sent.sent(9, 9, 1.0)
    assert (9, 9) not in OrdersSent(tmp_path, "mine").out
    assert OrdersSent(tmp_path, "another's").out == {}


@pytest.mark.parametrize(
    "damage", [b"", b"\xff\xfe\n", b"mine\n+ 1", b"mine\n+ 1 2 x\n- 3 4 5.0\n"]
)
def test_a_damaged_note_says_nothing(tmp_path: Path, damage: bytes) -> None:
    """A torn or foreign file is as none, and is written anew."""
    (tmp_path / FILE).write_bytes(damage)
    OrdersSent(tmp_path, "mine").sent(1, 2, 3.0)
    assert OrdersSent(tmp_path, "mine").out == {(1, 2): 3.0}


def test_the_file_does_not_grow(tmp_path: Path) -> None:
    """After thousands of orders only those that are out are in the file."""
    sent = OrdersSent(tmp_path, "mine")
    for job in range(12_000):
        sent.sent(job, 1, 1.0)
        sent.over(job, 1)
    assert len((tmp_path / FILE).read_bytes().splitlines()) < 10_100

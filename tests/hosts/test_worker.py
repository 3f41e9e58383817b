"""`scissorsd worker` as a real process, on a real broker."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from scissorsd.hosts.joining.definitions import HOST, WATCHER
from scissorsd.hosts.joining.join import write
from scissorsd.hosts.messages import names
from scissorsd.hosts.messages.carried import Carried
from scissorsd.hosts.messages.fence import refusal
from scissorsd.hosts.messages.orders import Answer, Root, Roots, write_order
from scissorsd.hosts.messages.packing import CONTENT_TYPE

from .broker import Hub
from .working import ID, NETWORK, PATIENCE, Host, Watcher

ORDERS = names.orders_queue(NETWORK)


@pytest.fixture
def watcher(hub: Hub, tmp_path: Path) -> Iterator[Watcher]:
    """Return who gives the orders."""
    (tmp_path / "watcher").mkdir()
    with closing(Watcher(hub, tmp_path / "watcher")) as watcher:
        yield watcher


def tls_join(hub: Hub) -> Path:
    """Return a join file for hosts that leads there over TLS."""
    known = hub.broker.joins[HOST]
    url = f"{known.url.rpartition('/')[0]}/{hub.vhost}"
    path = hub.folder / "tls.join"
    write(path, replace(hub.joins[HOST], url=url, ca=known.ca))
    return path


def left_in_line(hub: Hub) -> int:
    """Return how many orders the broker keeps, those in hand too, when no host is there."""
    return hub.count(ORDERS)


def made(answer: Answer) -> list[str]:
    """Return the temporary files of an answer."""
    assert answer.made is not None, answer.error
    return [one.temporary for one in answer.made.staged]


def test_orders_are_cut_and_answered(
    hub: Hub, watcher: Watcher, models_folder: Path, tmp_path: Path
) -> None:
    """What is ordered is staged and answered once; what fails or is no order is answered too.

    The host, here over TLS, says how it stands, finds what it has under another path, and ends when
    it is asked to.
    """
    sub, inbox = "may \udcff", watcher.inbox
    theirs = Roots(Root("/nas/in"), Root("/nas/out"))
    maps = ("--map", f"/nas/in={inbox}", "--map", f"/nas/out={watcher.outbox}")
    with Host(tls_join(hub), tmp_path, models_folder, "--name", "gpu-1", *maps) as host:
        host.ready()
        standing = watcher.standing()
        assert standing["host"] == "gpu-1"
        assert standing["takes"] == ["paths", "bytes"]
        assert standing["models"][NETWORK]["provider"] == "cpu"
        orders = [
            watcher.order(watcher.picture("a.jpg")),
            watcher.order(watcher.picture(f"{sub}/b.jpg"), roots=theirs),
        ]
        broken = inbox / "broken.jpg"
        broken.write_bytes(b"\xff\xd8\xff\xe0 no picture" * 9)
        orders.append(watcher.order(broken))
        for order in orders:
            watcher.give(order)
        watcher.give({**write_order(watcher.order(inbox / "a.jpg")), "colour": "red"})
        watcher.give({"noise": 1})
        answers = {answer.job: answer for answer in (watcher.answer() for _ in range(4))}
        for order in orders:
            assert refusal(order, answers[order.job]) == ""
        assert (watcher.outbox / made(answers[1])[0]).exists()
        assert (watcher.outbox / sub / made(answers[2])[0]).exists()
        failed, refused = answers[3].error, answers[4].error
        assert failed is not None
        assert not failed.host_only
        assert refused is not None
        assert (refused.kind, refused.host_only) == ("NotUnderstoodError", True)
        host.wait_for("order.refused", times=2)
        assert host.stop() == 0, host.said()
        assert host.events("hub.says") == []
    assert left_in_line(hub) == 0
    files = [path.name for path in watcher.outbox.rglob("*") if path.is_file()]
    assert len(files) == 3
    assert all(name.startswith(".scissorsd-") for name in files)  # none has got its name
    assert (inbox / "a.jpg").exists()


@pytest.mark.full
@pytest.mark.parametrize("place", ["host.read", "host.staged", "host.unanswered"])
def test_killed_in_the_middle(
    place: str, hub: Hub, watcher: Watcher, models_folder: Path, tmp_path: Path
) -> None:
    """An order whose host dies goes to another, and is answered once."""
    join = hub.studio_join
    with Host(join, tmp_path, models_folder, SCISSORSD_FAULTS=f"{place}=kill") as first:
        order = watcher.order(watcher.picture())
        watcher.give(order)
        first.process.wait(PATIENCE)
        with Host(join, tmp_path, models_folder) as second:
            answer = watcher.answer()
            assert refusal(order, answer) == ""
            assert (watcher.outbox / made(answer)[0]).exists()
            assert second.stop() == 0, second.said()
    assert left_in_line(hub) == 0
    assert hub.count(names.answers_queue(ID)) == 0


@pytest.mark.full
def test_killed_after_the_answer(
    hub: Hub, watcher: Watcher, models_folder: Path, tmp_path: Path
) -> None:
    """A host that dies before its order is off the line has it answered a second time."""
    join = hub.studio_join
    with Host(join, tmp_path, models_folder, SCISSORSD_FAULTS="host.answered=kill") as first:
        order = watcher.order(watcher.picture())
        watcher.give(order)
        first.process.wait(PATIENCE)
    with Host(join, tmp_path, models_folder) as second:
        answers = [watcher.answer(), watcher.answer()]
        assert second.stop() == 0, second.said()
    assert answers[0].nonce != answers[1].nonce
    assert set(made(answers[0])).isdisjoint(made(answers[1]))
    assert left_in_line(hub) == 0


@pytest.mark.full
def test_poison_among_innocents(
    hub: Hub, watcher: Watcher, models_folder: Path, tmp_path: Path
) -> None:
    """A picture that kills its host fails alone at the next, which goes on."""
    join, faults = hub.studio_join, "decode:poison.jpg=segv*"
    pictures = [watcher.picture(name) for name in ("a.jpg", "poison.jpg", "b.jpg", "c.jpg")]
    orders = [watcher.order(picture) for picture in pictures]
    for order in orders:
        watcher.give(order)
    options = ("--slots", "2")
    with Host(join, tmp_path, models_folder, *options, SCISSORSD_FAULTS=faults) as first:
        first.process.wait(PATIENCE)
    answers: dict[int, Answer] = {}
    with Host(join, tmp_path, models_folder, *options, SCISSORSD_FAULTS=faults) as second:
        while len(answers) < len(orders):
            answer = watcher.answer()
            answers[answer.job] = answer
        assert second.stop() == 0, second.said()
    poisoned = answers.pop(orders[1].job).error
    assert poisoned is not None
    assert (poisoned.kind, poisoned.host_only) == ("CorruptPictureError", False)
    assert "the decoder crashed (SIGSEGV)" in poisoned.what
    assert all(answer.error is None for answer in answers.values())


@pytest.mark.full
def test_a_share_that_is_gone_from_the_host(
    hub: Hub, watcher: Watcher, models_folder: Path, tmp_path: Path
) -> None:
    """The order goes back; until the folder is there again, what comes over the hub is taken."""
    seconds = "HOST_FIRST_PAUSE=0.2"
    with Host(
        hub.studio_join, tmp_path, models_folder, "--slots", "1", SCISSORSD_SECONDS=seconds
    ) as host:
        host.ready()
        order = watcher.order(watcher.picture())
        away = watcher.outbox.rename(tmp_path / "away")
        watcher.give(order)
        answer = watcher.answer()
        assert answer.error is not None
        assert (answer.error.kind, answer.error.host_only) == ("NotHereError", True)
        host.wait_for("host.blind")
        assert watcher.standing("takes", ["bytes"])["trouble"] == ""
        watcher.give(replace(order, turn=2))
        picture = watcher.inbox / order.source.path
        watcher.give(replace(order, turn=3, data=Carried(picture.read_bytes(), {})))
        carried = watcher.answer()
        assert (carried.turn, made(carried)) == (3, [""])
        assert len(host.events("order.returned")) == 1
        away.rename(watcher.outbox)
        host.wait_for("host.sees")
        again = watcher.answer()
        assert again.turn == 2
        assert made(again)
        assert watcher.standing("takes", ["paths", "bytes"])["trouble"] == ""
        assert host.stop() == 0, host.said()


@pytest.mark.full
@pytest.mark.parametrize("how", ["kill", "stop", "wipe", "freeze"])
def test_the_broker_goes_and_comes(
    how: str, hub: Hub, watcher: Watcher, models_folder: Path, tmp_path: Path
) -> None:
    """A host outlives its broker, says so once, and takes orders again when it is back."""
    with Host(hub.studio_join, tmp_path, models_folder) as host:
        host.ready()
        watcher.give(watcher.order(watcher.picture()))
        made(watcher.answer())
        {"stop": hub.broker.stop, "freeze": hub.broker.freeze}.get(how, hub.broker.kill)()
        host.wait_for("hub.away")
        if how == "wipe":
            hub.broker.wipe()
        hub.broker.revive()
        host.wait_for("hub.back")
        watcher.close()
        watcher.connect()
        watcher.give(watcher.order(watcher.picture("b.jpg")))
        made(watcher.answer())
        assert len(host.events("hub.away")) == 1
        assert host.stop() == 0, host.said()


@pytest.mark.full
def test_an_answer_waits_for_the_broker(
    hub: Hub, watcher: Watcher, models_folder: Path, tmp_path: Path
) -> None:
    """What was in hand when the broker went is answered once it is back; nothing fails."""
    with Host(hub.studio_join, tmp_path, models_folder) as host:
        host.ready()
        # First one goes there and back: a quorum queue whose broker is killed in the moment that it
        # is made may never take anything again.
        watcher.give(watcher.order(watcher.picture("first.jpg")))
        assert made(watcher.answer())
        order = watcher.order(watcher.picture("a.jpg", (3000, 2000)))
        watcher.give(order)
        hub.broker.kill()
        host.wait_for("hub.away")
        hub.broker.revive()
        watcher.close()
        watcher.connect()
        answer = watcher.answer()
        assert refusal(order, answer) == ""
        assert made(answer)
        host.wait_for("hub.back")
        assert host.stop() == 0, host.said()
        assert host.events("hub.says") == []


@pytest.mark.full
def test_asked_to_end_it_finishes_what_it_has(
    hub: Hub, watcher: Watcher, models_folder: Path, tmp_path: Path
) -> None:
    """On SIGTERM what is in hand is answered and off the line; the rest stays in it."""
    with Host(hub.studio_join, tmp_path, models_folder, "--slots", "2") as host:
        host.ready()
        orders = [watcher.order(watcher.picture(f"{n}.jpg", (1200, 900))) for n in range(8)]
        for order in orders:
            watcher.give(order)
        host.wait_for("order.cut")
        assert host.stop() == 0, host.said()
        ended = len(host.events("order.cut"))
    assert hub.count(names.answers_queue(ID)) == ended
    assert left_in_line(hub) == len(orders) - ended


@pytest.mark.full
def test_an_order_that_hangs(
    hub: Hub, watcher: Watcher, models_folder: Path, tmp_path: Path
) -> None:
    """An order that hangs is given back; when no slot is left the host ends to be started anew."""
    with Host(
        hub.studio_join,
        tmp_path,
        models_folder,
        *("--slots", "2"),
        SCISSORSD_FAULTS="host.read:slow.jpg=hang*",
        SCISSORSD_SECONDS="HOST_STALLED=1,HOST_LOOK=0.1",
    ) as host:
        host.ready()
        first = watcher.order(watcher.picture("slow.jpg"))
        second = replace(first, turn=2)
        for order in (first, second):  # the other slot takes the second
            watcher.give(order)
            answer = watcher.answer()
            assert answer.turn == order.turn
            assert answer.error is not None
            assert (answer.error.as_, answer.error.host_only) == ("stalled", True)
        assert host.process.wait(PATIENCE) == 75
    with Host(hub.studio_join, tmp_path, models_folder) as other:
        assert {watcher.answer().turn for _ in range(2)} == {1, 2}  # both came back
        assert other.stop() == 0, other.said()


_HEADERS: dict[str, Any] = {"lang": "py", "task": names.TASK, "id": "9-9", "retries": 0}
_JSON = "application/json"
_TASK = b'[[null], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'


@pytest.mark.full
def test_what_is_no_order_at_all(
    hub: Hub, watcher: Watcher, models_folder: Path, tmp_path: Path
) -> None:
    """Whatever else lies in the line is dropped; it ends no host, and is not given to the next."""
    strange = [
        (b"{}", _JSON, {}),
        (b"[[], {}, {}]", _JSON, {**_HEADERS, "task": "other"}),
        (b"\x80", "application/x-python-serialize", _HEADERS),
        (b"[[{", _JSON, _HEADERS),
        (b"\xc1", CONTENT_TYPE, _HEADERS),
        (b"[3, 4, 5]", _JSON, _HEADERS),
        (b"[3]", _JSON, _HEADERS),
        (b"5", _JSON, _HEADERS),
        (b"\xff", "", {}),
        (_TASK.replace(b'"chain": null', b'"chain": [{"task": "x"}]'), _JSON, _HEADERS),
        (_TASK, _JSON, {**_HEADERS, "eta": "2999-01-01T00:00:00"}),
        (_TASK, _JSON, {**_HEADERS, "timelimit": 5}),
        (_TASK, _JSON, _HEADERS),  # a task, and no order
    ]
    join = hub.joins[WATCHER]
    with Connection(join.url, userid=join.user, password=join.secret) as connection:
        channel = connection.default_channel
        for body, kind, headers in strange:
            message = channel.prepare_message(body, content_type=kind, headers=headers)
            channel.basic_publish(message, exchange=names.ORDERS, routing_key=ORDERS)
    with Host(hub.studio_join, tmp_path, models_folder, "--name", "one") as host:
        host.wait_for("order.refused", times=len(strange))
        order = watcher.order(watcher.picture())
        watcher.give(order)
        assert refusal(order, watcher.answer()) == ""
        assert host.stop() == 0
    assert left_in_line(hub) == 0

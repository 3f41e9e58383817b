"""By which way a picture goes out, by who is there: without a broker."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import Rule
from scissorsd.hosts.host.backgrounds import Backgrounds, as_files
from scissorsd.hosts.messages import names
from scissorsd.hosts.messages.orders import Fault
from scissorsd.hosts.watcher import ways
from scissorsd.hosts.watcher.presence import Presence
from scissorsd.settings import Hosts

from .test_orders import ORDER

NETWORKS = [CATALOGUE["u2net"]]
INBOX = ORDER.roots.inbox.path
HOSTS = Hosts("amqp://localhost", Path("join"), bytes=1000)
NOT_HERE = Fault("NotHereError", "no folder", host_only=True, as_="no folder")
NOW = 100.0


def there(**takes: tuple[str, ...]) -> Presence:
    """Return hosts that are there, each with two slots, by what they take."""
    presence = Presence(10.0)
    for name, words in takes.items():
        presence.note(said(name, takes=list(words)), NOW)
    return presence


def said(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return how a host says that it stands."""
    models = {"u2net": {"provider": "cpu", "sha256": ""}}
    return {"host": name, "format": names.FORMAT, "slots": 2, "models": models, **more}


def way(presence: Presence, size: int = 1000, **out: int) -> str:
    """Return how a picture goes out while so many are."""
    return ways.way_now(presence, HOSTS, NETWORKS, INBOX, size, out, NOW)


BOTH = ("paths", "bytes")


def test_who_sees_the_folders_has_its_fill_first() -> None:
    """Pictures go by path until those hosts have theirs; what is left goes to the others."""
    presence = there(sees=BOTH, blind=("bytes",))
    assert way(presence) == "paths"
    assert way(presence, paths=4) == "bytes"
    assert way(presence, paths=4, bytes=4) == ""
    assert way(presence, paths=3, bytes=4) == "paths"
    assert way(presence, 1001, paths=4) == ""
    assert way(there(), 1) == ""


def test_no_more_bytes_are_out_than_the_hub_can_hold() -> None:
    """However many slots there are, so many bytes of pictures are out at most."""
    presence = there(**{f"blind-{n}": ("bytes",) for n in range(10)})
    hosts = replace(HOSTS, bytes=ways.BYTES_OUT // 3)
    found = ways.way_now(presence, hosts, NETWORKS, INBOX, 5, {"bytes": 2}, NOW)
    assert found == "bytes"
    assert ways.way_now(presence, hosts, NETWORKS, INBOX, 5, {"bytes": 3}, NOW) == ""


def test_a_host_that_lacks_an_inbox_gets_that_by_bytes() -> None:
    """It counts for bytes there, for paths elsewhere; until it sees again, or for some minutes."""
    presence = there(one=BOTH)
    ways.note_trouble(presence, "one", NOT_HERE, ORDER, NOW)
    assert presence.hosts["one"].trouble == ""
    assert way(presence) == "bytes"
    assert presence.slots(NETWORKS, "/elsewhere", NOW) == {"paths": 2}
    assert presence.slots(NETWORKS, INBOX, NOW + 301) == {}  # silent by then
    presence.note(said("one", takes=["bytes"]), NOW)
    presence.note(said("one", takes=list(BOTH)), NOW)
    assert way(presence) == "paths"


def test_how_it_goes_out_again() -> None:
    """What was not there goes over the hub if it may; other trouble sends it by path elsewhere."""
    full = Fault("HoldError", "full", host_only=True, as_="full")
    large = Fault("TooLargeError", "large", host_only=True, as_="too large")

    def again(presence: Presence, fault: Fault, size: int = 100) -> str:
        order = replace(ORDER, source=replace(ORDER.source, size=size))
        return ways.way_after(presence, HOSTS, NETWORKS, order, fault, NOW)

    both, only = there(sees=BOTH, blind=("bytes",)), there(blind=("bytes",))
    assert (again(both, NOT_HERE), again(only, NOT_HERE)) == ("bytes", "bytes")
    assert (again(both, NOT_HERE, 1001), again(only, NOT_HERE, 1001)) == ("paths", "")
    assert (again(both, full), again(only, full)) == ("paths", "bytes")
    assert (again(both, large), again(only, large)) == ("paths", "")
    assert again(there(), NOT_HERE) == ""


def test_who_waits_for_nobody() -> None:
    """An order by path waits in vain where only hosts without the folders are left."""
    carried = replace(ORDER, data=ORDER.sent().data)
    assert ways.can_come(there(sees=BOTH), NETWORKS, ORDER, NOW) is True
    assert ways.can_come(there(sees=BOTH), NETWORKS, carried, NOW) is True
    assert ways.can_come(there(blind=("bytes",)), NETWORKS, ORDER, NOW) == "otherwise"
    assert ways.can_come(there(), NETWORKS, ORDER, NOW) is False


def test_what_is_too_large_stays_here() -> None:
    """Only while hosts are there, and none of them sees the folders."""
    rule = Rule("all", model="u2net")
    for presence, size, answer in (
        (there(blind=("bytes",)), 1001, True),
        (there(blind=("bytes",)), 1000, False),
        (there(sees=BOTH, blind=("bytes",)), 1001, False),
        (there(), 1001, False),
    ):
        assert ways.none_takes(presence, HOSTS, rule, INBOX, size, NOW) == answer


def test_what_no_host_has_the_network_for_stays_here() -> None:
    """Only while hosts are there that have other networks; one in trouble has its own still."""
    for rule, answer in (
        (Rule("all", model="u2net"), False),
        (Rule("all", model="u2netp"), True),
        (Rule("all", model="u2net", second_opinion="u2netp"), True),
    ):
        assert ways.none_takes(there(sees=BOTH), HOSTS, rule, INBOX, 1, NOW) == answer
        assert not ways.none_takes(there(), HOSTS, rule, INBOX, 1, NOW)
    presence = there(sees=BOTH)
    presence.note(said("other", takes=list(BOTH), models={"u2netp": {}}, trouble="ill"), NOW)
    assert not ways.none_takes(presence, HOSTS, Rule("all", model="u2netp"), INBOX, 1, NOW)


def test_two_hosts_of_one_name_are_told_of_once() -> None:
    """Two that speak in turn are two; one that has started again is not."""
    presence = Presence(10.0)
    for start, twins in (("a", []), ("a", []), ("b", []), ("b", []), ("a", ["x"]), ("b", [])):
        presence.note(said("x", takes=list(BOTH), start=start), NOW)
        assert presence.twins(NOW) == twins
    assert "two hosts have this name" in presence.statuses(NOW, "")[0].trouble
    presence.note(said("x", takes=list(BOTH), start="b"), NOW + 11)
    assert presence.twins(NOW + 11) == []
    assert presence.statuses(NOW + 11, "")[0].trouble == ""


def test_a_background_goes_along_until_every_host_has_it() -> None:
    """What each host that takes bytes says that it has is not sent again."""
    presence = there(one=BOTH, two=("bytes",), three=("paths",))
    presence.note(said("one", takes=list(BOTH), backgrounds=["a", "b"]), NOW)
    assert presence.lacking({"a", "b"}, NETWORKS, NOW) == {"a", "b"}
    presence.note(said("two", takes=["bytes"], backgrounds=["b"]), NOW)
    assert presence.lacking({"a", "b"}, NETWORKS, NOW) == {"a"}


def test_backgrounds_are_kept_and_lent() -> None:
    """What came once is there for later orders, as a file; the oldest go where they are many."""
    kept = Backgrounds()
    contents = kept.take({"sha": b"blue"}, {"/srv/blue.png": "sha"})
    with as_files(contents) as files:
        assert Path(files["/srv/blue.png"]).read_bytes() == b"blue"
    assert kept.take({}, {"/srv/other.png": "sha"}) == {"/srv/other.png": b"blue"}
    with pytest.raises(KeyError, match=r"/srv/red\.png"):
        kept.take({}, {"/srv/red.png": "red"})
    for number in range(40):
        kept.take({str(number): b"x"}, {"/p": str(number)})
    assert len(kept.known()) == 32
    assert "sha" not in kept.known()
    large = {name: bytes(50 << 20) for name in ("one", "two", "three")}
    assert set(kept.take(large, {"/p": "three"})) == {"/p"}
    assert kept.known() == ["two", "three"]

"""What lasts is told once and then rarely, and what happens ten thousand times fills no disk."""

import json

import pytest
from families import one_of_each_kind

from .driver import Daemon, Workplace, picture, wait_for
from .mounts import ended, health, stands, variables

MANY = 50


def size(daemon: Daemon) -> int:
    """Return how many bytes of log lines there are."""
    return len(daemon.transcript().encode())


def test_one_line_for_fifty(place: Workplace) -> None:
    """Fifty pictures that are held for the same reason make one line."""
    for number in range(MANY):
        place.put(f"{number}.jpg", number=number)
    daemon = place.start(variables=variables("read=EBUSY*"))
    wait_for(lambda: stands(daemon, place).held == MANY)
    wait_for(lambda: stands(daemon, place).working)  # and some of them again
    daemon.stop()
    (line,) = daemon.told("job.held")
    assert "Device or resource busy" in line["why"]
    assert place.files() == []


@pytest.mark.parametrize(
    "operation", one_of_each_kind(["write", "publish", "delete"], kept=["publish"])
)
def test_one_line_for_one_reason(place: Workplace, operation: str) -> None:
    """Pictures that are held for the same reason make one line, however often they are held."""
    place.configure({"name": "all", "source": "delete"})
    count = 4
    names = [f"{number}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        place.put(name, number=number)
    faults = f"{operation}=EBUSY*{2 * count}"
    daemon = place.start(variables=variables(faults))
    ended(daemon, *names)
    daemon.stop()
    (line,) = daemon.told("job.held")
    assert f"cannot {operation} " in line["why"]
    assert "Device or resource busy" in line["why"]
    assert line["held"] == 1
    assert len(place.files()) == count


@pytest.mark.full
def test_told_again_after_a_while(place: Workplace) -> None:
    """A hold that lasts is told of again when the time has come, with how many are held by then."""
    place.put("a.jpg")
    seconds = "FIRST_PAUSE=0.05,LONGEST_PAUSE=0.1,TELL_AGAIN=1"
    daemon = place.start(variables=variables("read=EIO*", seconds=seconds))
    daemon.wait("job.held")
    place.put("b.jpg")
    wait_for(lambda: stands(daemon, place).held == 2)
    assert wait_for(lambda: daemon.told("job.held", held=2))
    daemon.stop()


@pytest.mark.full
def test_away_is_told_again_after_a_while(place: Workplace) -> None:
    """An inbox that stays away is told of again when the time has come."""
    place.inbox.rmdir()
    daemon = place.start(variables=variables(seconds="TELL_AGAIN=1"))
    daemon.wait("inbox.away", times=3)
    assert len(set(map(json.dumps, [line["why"] for line in daemon.told("inbox.away")]))) == 1
    daemon.stop()


@pytest.mark.full
def test_a_thousand_equal_failures(place: Workplace) -> None:
    """A thousand pictures that fail alike have a reason each, but not a line each."""
    count = 1000
    for number in range(count):
        place.put(f"{number}.jpg", b"not a picture")
    daemon = place.start(variables=variables())
    wait_for(lambda: sum(e.state == "failed" for e in place.entries()) == count)
    place.put("good.jpg")
    daemon.finished("good.jpg")
    daemon.stop()
    assert len(daemon.told("job.failed")) == 100
    (told,) = daemon.told("job.failed_many")
    assert told["reason"].startswith(daemon.told("job.failed")[0]["why"])
    assert size(daemon) < 400 * count  # that each of them settled is told still
    notes = [name for name in place.files() if name.startswith("failed/")]
    assert len(notes) == count
    said = place.ask("why", place.inbox / f"{count - 1}.jpg")
    assert "It failed on" in said
    assert f"{count - 1}.jpg.txt" in said
    assert json.loads(place.ask("status", "--json"))["inboxes"][0]["failed"] == count


@pytest.mark.full
def test_one_file_that_fails_again_and_again(place: Workplace) -> None:
    """A file that is replaced by one bad picture after another is one failure in the journal."""
    daemon = place.start()
    for number in range(10):
        place.put("a.jpg", b"not a picture" + bytes(number))
        daemon.wait("job.failed", times=number + 1)
    assert [entry.state for entry in place.entries()] == ["failed"]
    assert place.files() == ["failed/a.jpg.txt"]
    place.put("a.jpg")
    daemon.finished("a.jpg")
    daemon.stop()
    assert place.files() == ["a.png"]


def test_the_unforeseen_is_traced_once(place: Workplace) -> None:
    """Failures that nobody foresaw, all alike, leave one traceback in the log."""
    for number in range(MANY):
        place.put(f"{number}.jpg", number=number)
    daemon = place.start(variables=variables("decode=raise*"))
    daemon.wait("job.failed", times=MANY)
    daemon.stop()
    (line,) = daemon.told("job.unforeseen")
    assert "UnforeseenError" in line["trace"]
    assert place.files() == sorted(f"failed/{number}.jpg.txt" for number in range(MANY))


def test_a_watcher_that_dies(place: Workplace) -> None:
    """A watcher that dies is started anew, and no picture is missed."""
    place.put("a.jpg")
    daemon = place.start(variables=variables("scan=raise*3"))
    daemon.finished("a.jpg")
    wait_for(lambda: health(place) == (0, ""))
    daemon.stop()
    assert len(daemon.told("inbox.watcher_died")) == 3
    assert all("UnforeseenError" in line["trace"] for line in daemon.told("inbox.watcher_died"))
    assert daemon.noise == []


@pytest.mark.full
def test_a_watcher_that_dies_for_ever(place: Workplace) -> None:
    """A watcher that dies again is left dead for a while; health and status say so."""
    (place.folder / "second").mkdir()
    rules = [{"name": "all", "model": "darkness"}]
    common = {"settle": "300ms", "rescan": "1s", "rules": rules}
    place.write_config(
        shop={"path": "inbox", "outbox": "outbox", "watch": "polling", **common},
        second={"path": "second", "outbox": "outbox2", **common},
    )
    place.put("sub/a.jpg")
    daemon = place.start(variables=variables("scan.folder=raise*", seconds="FIRST_PAUSE=300"))
    daemon.wait("inbox.watcher_died", times=2)
    wait_for(lambda: health(place) == (1, "inbox shop: its watcher died"))
    assert "inbox shop: its watcher died" in place.ask("status")
    said = "It waits, because of a trouble: its watcher died."
    # A process that gets no processor cannot look at the folder in time, and says that first.
    wait_for(lambda: said in place.ask("why", place.inbox / "sub" / "a.jpg"))
    (place.folder / "second" / "b.jpg").write_bytes(picture())
    daemon.finished("b.jpg")
    daemon.stop()
    assert len(daemon.told("inbox.watcher_died")) == 2

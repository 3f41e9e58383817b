"""A daemon that is stopped, killed and started again loses nothing and does nothing twice."""

import signal
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from families import one_of_each_kind

from .driver import FORMATS, Daemon, Workplace, wait_for


def finished(*daemons: Daemon) -> Counter[str]:
    """Count how often each picture was said to be cut."""
    return Counter(line["source"] for d in daemons for line in d.told("job.finished"))


def temporaries(place: Workplace) -> list[str]:
    """Return what lies under temporary names anywhere in the outbox."""
    return [path for path in place.files() if ".scissorsd-" in path]


def test_restart_does_nothing_twice(place: Workplace) -> None:
    """After a restart, what was cut stays as it is, and only what is new is cut."""
    for name in ("a.jpg", "a.png", "one/b.jpg"):
        place.put(name)
    place.put("bad.jpg", b"not a picture")
    first = place.start()
    first.finished("a.jpg", "a.png", "one/b.jpg")
    first.wait("job.failed", source="bad.jpg")
    first.stop()
    before = {path: (place.outbox / path).stat() for path in place.files()}
    place.put("new.jpg")
    second = place.start()
    second.wait("inbox.scanned")
    second.finished("new.jpg")
    second.stop()
    assert finished(second) == {"new.jpg": 1}
    assert not second.told("job.failed")
    assert set(place.files()) - before.keys() == {"new.png"}
    for path, status in before.items():
        assert (place.outbox / path).stat().st_mtime_ns == status.st_mtime_ns


def test_what_came_while_no_daemon_ran(place: Workplace) -> None:
    """Pictures that come, change or go between two runs are dealt with at the next start."""
    place.put("changed.jpg", number=1)
    gone = place.put("gone.jpg")
    first = place.start()
    first.finished("changed.jpg", "gone.jpg")
    first.stop()
    place.put("changed.jpg", number=20)
    place.put("came.jpg")
    gone.unlink()
    second = place.start()
    second.finished("changed.jpg", "came.jpg")
    second.stop()
    assert finished(second) == {"changed.jpg": 1, "came.jpg": 1}
    assert place.files() == ["came.png", "changed.png", "gone.png"]


@pytest.mark.parametrize(
    "number", one_of_each_kind([signal.SIGTERM, signal.SIGINT], kept=[signal.SIGTERM])
)
def test_stop_finishes_the_work_in_hand(place: Workplace, number: signal.Signals) -> None:
    """A stop in the middle ends with 0, finishes what is in hand and begins nothing more."""
    for index in range(12):
        place.put(f"{index}.jpg", number=index)
    daemon = place.start()
    daemon.wait("job.finished", times=2)
    daemon.stop(number)
    assert daemon.noise == []
    assert temporaries(place) == []
    done = [entry for entry in place.entries() if entry.state == "done"]
    assert len(done) == len(place.entries()) == len(place.files()) == len(finished(daemon))
    assert 2 <= len(done) < 12
    again = place.start()
    again.wait("job.finished", times=12 - len(done))
    again.stop()
    assert set(finished(daemon, again).values()) == {1}
    assert place.files() == sorted(f"{index}.png" for index in range(12))


@pytest.mark.full
def test_killed_in_the_middle(place: Workplace) -> None:
    """Killed again and again, every picture comes out once and its source is moved once."""
    names = [f"{folder}/{index}.jpg" for folder in ("x", "y") for index in range(6)]
    place.configure(
        {"name": "all", "source": "move", "outputs": [{"kind": "cutout"}, {"kind": "mask"}]}
    )
    for index, name in enumerate(names):
        place.put(name, number=index)
    points: list[Callable[[Daemon], object]] = [
        lambda daemon: daemon.told("picture.settled"),
        lambda daemon: temporaries(place) or len(finished(daemon)) >= 2,
        lambda daemon: place.files(place.outbox / "x") and finished(daemon),
        finished,
    ]
    runs = []
    for point in points:
        daemon = place.start()
        wait_for(partial(point, daemon))
        daemon.kill()
        runs.append(daemon)
    last = place.start()
    wait_for(lambda: not place.files(place.inbox))
    wait_for(lambda: {entry.state for entry in place.entries()} == {"done"})
    last.stop()
    stems = [name.removesuffix(".jpg") for name in names]
    assert place.files() == sorted(
        [f"{stem}.png" for stem in stems]
        + [f"{stem}-mask.png" for stem in stems]
        + [f"processed/{name}" for name in names]
    )
    assert sorted(entry.path for entry in place.entries()) == sorted(names)
    assert max(finished(*runs, last).values()) == 1


@pytest.mark.slow
def test_thirty_pictures_of_eight_formats(place: Workplace) -> None:
    """Thirty pictures of eight formats, stopped in the middle, come out once, as journalled."""
    names = []
    for index in range(30):
        suffix = list(FORMATS)[index % len(FORMATS)]
        names.append(f"shoot {index % 3}/{'deep/' * (index % 2)}picture{index}{suffix}")
        place.put(names[-1], number=index)
    first = place.start()
    first.wait("job.finished", times=10)
    first.stop()
    assert temporaries(place) == []
    assert len(place.files()) == len(finished(first)) < 30
    second = place.start()
    second.wait("job.finished", times=30 - len(finished(first)))
    second.stop()
    assert finished(first, second) == dict.fromkeys(names, 1)
    cutouts = sorted(name.rpartition(".")[0] + ".png" for name in names)
    assert place.files() == cutouts
    entries = place.entries()
    assert {entry.state for entry in entries} == {"done"}
    assert sorted(entry.path for entry in entries) == sorted(names)
    published = [path for entry in entries for path in entry.published]
    assert sorted(published) == [str(place.outbox / path) for path in cutouts]
    assert sorted(place.files(place.inbox)) == sorted(names)


@pytest.mark.full
def test_twice_told_leaves_at_once(place: Workplace) -> None:
    """A second signal ends a daemon that does not get done; the next start repairs all."""
    for index in range(4):
        place.put(f"{index}.jpg", number=index)
    daemon = place.start()
    daemon.wait("picture.settled")
    daemon.send(signal.SIGTERM)
    daemon.send(signal.SIGTERM)
    daemon.exit_code()
    again = place.start()
    wait_for(lambda: len(place.files()) == 4 and not temporaries(place))
    wait_for(lambda: {entry.state for entry in place.entries()} == {"done"})
    again.stop()
    assert place.files() == [f"{index}.png" for index in range(4)]
    assert max(finished(daemon, again).values()) == 1

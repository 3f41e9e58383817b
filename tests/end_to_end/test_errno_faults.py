"""Errors that should pass, at every operation on files: held, said, tried again, and once out.

The faults are injected (see `scissorsd.failpoints`): every error at every place, more than once.
"""

import errno
import os

import pytest
from families import one_of_each_kind

from .driver import Daemon, Workplace, picture, wait_for
from .mounts import ended, identity, stands, variables

ERRORS = (
    *("EBUSY", "ESTALE", "EIO", "ENOSPC", "EDQUOT", "EHOSTDOWN", "ETIMEDOUT"),
    *("EACCES", "EPERM", "EROFS"),
)
TIMES = 3  # so often in a row each operation fails
OPERATIONS = ("make", "read", "look", "write", "publish", "move", "delete", "remove")
LOOKS = ("list", "scan.folder", "scan.picture", "sight", "watch")
RULES: list[dict[str, object]] = [
    {"name": "moved", "match": "moved/**", "source": "move"},
    {"name": "deleted", "match": "deleted/**", "source": "delete"},
    {
        "name": "kept",
        "outputs": [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}],
    },
]
SOURCES = ("moved/a.jpg", "deleted/a.jpg", "a.jpg", "was-bad.jpg")
RESULTS = [
    *("a.png", "deleted/a.png", "masks/a-mask.png", "masks/was-bad-mask.png"),
    *("moved/a.png", "processed/moved/a.jpg", "was-bad.png"),
]


def put_all(place: Workplace) -> None:
    """Drop a picture under each rule, and one that is none."""
    for number, name in enumerate(SOURCES[:-1]):
        place.put(name, number=number)
    place.put(SOURCES[-1], b"not a picture")


def reasons(daemon: Daemon) -> list[str]:
    """Return why pictures were held, as it was told."""
    return [line["why"] for line in daemon.told("job.held")]


@pytest.mark.parametrize("error", one_of_each_kind(ERRORS, kept=["ENOSPC"]))
def test_passing_errors(place: Workplace, error: str) -> None:
    """Whatever fails three times with an error that should pass is held, and comes out once."""
    place.configure(*RULES)
    faults = [f"{operation}={error}*{TIMES}" for operation in OPERATIONS]
    daemon = place.start(variables=variables(*faults))
    put_all(place)
    daemon.wait("job.failed", source=SOURCES[-1])
    assert (place.outbox / "failed" / f"{SOURCES[-1]}.txt").exists()
    place.put(SOURCES[-1], number=9)
    ended(daemon, *SOURCES)
    daemon.stop()
    assert place.files() == RESULTS
    assert place.files(place.inbox) == ["a.jpg", "was-bad.jpg"]
    assert {entry.state for entry in place.entries()} == {"done"}
    assert len(daemon.told("job.failed")) == 1  # what was no picture
    said = reasons(daemon)
    strerror = os.strerror(getattr(errno, error))
    for operation in OPERATIONS:
        told = [why for why in said if f"cannot {operation} " in why and strerror in why]
        assert len(told) == 1, f"{operation}: {said}"
    if error == "EACCES":
        assert all("Give the user that scissorsd runs as access" in why for why in said)


@pytest.mark.parametrize("operation", one_of_each_kind(OPERATIONS, kept=["publish"]))
def test_lasting_errors(place: Workplace, operation: str) -> None:
    """While an operation goes on failing, sources stay whole; after a restart they come out once.

    What was published before stays as it is.
    """
    place.configure(*RULES)
    daemon = place.start(variables=variables(f"{operation}=EIO*"))
    put_all(place)
    if operation == "remove":  # only the reason of an earlier failure is ever removed
        daemon.wait("job.failed")
        place.put(SOURCES[-1], number=9)
    assert f"cannot {operation} " in daemon.wait("job.held")["why"]
    waiting = {"move": 1, "delete": 1, "remove": 1}.get(operation, len(SOURCES))
    wait_for(lambda: stands(daemon, place).held == waiting)
    daemon.wait("job.held")
    health = place.run("health", "-c", place.config)
    assert (health.returncode, health.stdout) == (0, "")
    daemon.stop()
    held = [entry for entry in place.entries() if entry.state in {"held", "published"}]
    early = operation in {"make", "look"}  # nothing is begun before these
    assert len(held) == (0 if early else waiting)
    for entry in held:
        assert (place.inbox / entry.path).exists()
    if waiting == len(SOURCES):
        whole = {name: picture(name, number=n) for n, name in enumerate(SOURCES[:-1])}
        for name, content in whole.items():
            assert (place.inbox / name).read_bytes() == content
        assert place.files() == []
    out = {name: identity(place.outbox / name) for name in place.files()}
    if operation != "remove":
        place.put(SOURCES[-1], number=9)
    again = place.start(variables=variables())
    wait_for(lambda: all(e.state == "done" for e in place.entries()) and place.files() == RESULTS)
    again.stop()
    assert place.files() == RESULTS
    for name in out.keys() & set(RESULTS):
        assert identity(place.outbox / name) == out[name]


@pytest.mark.full
@pytest.mark.parametrize("error", one_of_each_kind(ERRORS, kept=["EIO"]))
def test_errors_while_watching(place: Workplace, error: str) -> None:
    """Errors at any look at an inbox, and at the start of its watch, cost time and no picture."""
    place.configure(rescan="1s")
    place.put("sub/a.jpg")
    place.put("b.jpg")
    daemon = place.start(variables=variables(*(f"{look}={error}" for look in LOOKS)))
    strerror = os.strerror(getattr(errno, error))
    assert daemon.wait("inbox.away")["why"] == f"{place.inbox}: {strerror}"
    daemon.wait("inbox.back")
    assert strerror in daemon.wait("inbox.watched", mode="polling")["why"]
    assert strerror in daemon.wait("inbox.unseen")["why"]
    daemon.finished("sub/a.jpg", "b.jpg")
    place.put("c.jpg")
    daemon.finished("c.jpg")
    wait_for(lambda: not stands(daemon, place).unseen)
    daemon.stop()
    assert place.files() == ["b.png", "c.png", "sub/a.png"]
    assert len(daemon.told("job.finished")) == 3
    assert len(daemon.told("inbox.away")) == len(daemon.told("inbox.unseen")) == 1

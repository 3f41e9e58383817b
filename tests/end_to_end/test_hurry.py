"""`retry --held`: what is held need not wait for its pause to end."""

import pytest

from .driver import Workplace, wait_for
from .mounts import Mounts, heeds_permissions, needs_mounts, stands, variables

# Longer than any test waits: what comes out earlier was hurried.
NEVER = "FIRST_PAUSE=100000,LONGEST_PAUSE=100000"
NAMES = ("a.jpg", "b.jpg", "c.jpg")


@heeds_permissions
@pytest.mark.full
def test_held_pictures(unprivileged: Workplace) -> None:
    """Pictures that nobody may read are tried at once when that has been mended and asked for."""
    place = unprivileged
    pictures = [place.put(name, number=number) for number, name in enumerate(NAMES)]
    for path in pictures:
        path.chmod(0)
    daemon = place.start(variables=variables(seconds=NEVER))
    wait_for(lambda: stands(daemon, place).held == len(NAMES))
    answer = place.run("retry", pictures[0], "-c", place.config)
    assert "'scissorsd retry --held' has all that is held tried at once." in answer.stderr
    assert place.ask("retry", "--held") == "3 held pictures are tried at once.\n"
    daemon.wait("holds.hurried", held=len(NAMES))
    wait_for(lambda: stands(daemon, place).held == len(NAMES))  # for nothing was mended
    for path in pictures:
        path.chmod(0o644)
    place.ask("retry", "--held")
    daemon.finished(*NAMES)
    wait_for(lambda: stands(daemon, place).held == 0)
    assert place.ask("retry", "--held") == "Nothing is held.\n"
    daemon.stop()
    assert place.files() == ["a.png", "b.png", "c.png"]
    assert len(daemon.told("job.finished")) == len(NAMES)


@pytest.mark.full
@needs_mounts
def test_an_outbox_that_rests(place: Workplace, mounts: Mounts) -> None:
    """An outbox whose disk was read-only goes on at once, with what was never begun, too."""
    mounts.tmpfs(place.outbox)
    mounts.remount(place.outbox, "ro")
    for number, name in enumerate(NAMES):
        place.put(name, number=number)
    daemon = place.start(variables=variables(seconds=NEVER))
    wait_for(lambda: stands(daemon, place).paused and not stands(daemon, place).working)
    mounts.remount(place.outbox, "rw")
    said = place.ask("retry", "--held")
    assert f"The outbox {place.outbox} is tried at once, too." in said.splitlines()
    daemon.finished(*NAMES)
    daemon.stop()
    assert place.files() == ["a.png", "b.png", "c.png"]


@pytest.mark.full
def test_without_a_daemon(place: Workplace) -> None:
    """Without a daemon nothing is left behind: a start tries everything as it is."""
    place.put("a.jpg")
    place.start().finished("a.jpg")
    place.close()
    before = place.files(place.state)
    said = place.ask("retry", "--held")
    assert said == "No daemon runs now; all that is held is tried when one does.\n"
    assert place.files(place.state) == before


@pytest.mark.full
def test_with_paths(place: Workplace) -> None:
    """It goes with --failed, and not with pictures that are named."""
    place.put("a.jpg", b"no picture")
    daemon = place.start(variables=variables(seconds=NEVER))
    daemon.wait("job.failed")
    assert place.run("retry", "--held", place.inbox / "a.jpg", "-c", place.config).returncode == 2
    assert "Nothing is held." in place.ask("retry", "--held", "--failed")
    daemon.wait("job.failed", times=2)
    daemon.stop()

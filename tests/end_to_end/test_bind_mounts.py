"""An outbox that lies inside its inbox by a mount, at the start and later: nothing is cut again."""

from pathlib import Path

import pytest
from families import one_of_each_kind

from .driver import Workplace, wait_for
from .mounts import Mounts, health, needs_mounts, variables
from .test_spellings import OPTIONS

pytestmark = needs_mounts
QUICK = variables(seconds="LOOK_AGAIN=0.1")


@pytest.mark.parametrize("inside", one_of_each_kind(["cut", "."], kept=["cut"]))
@pytest.mark.parametrize("mounted", ["outbox", "inbox"])
def test_it_does_not_start(place: Workplace, mounts: Mounts, inside: str, mounted: str) -> None:
    """An outbox mounted from inside its inbox, or an inbox that shows its outbox, is refused."""
    place.put("a.png")
    if mounted == "outbox":
        (place.inbox / inside).mkdir(exist_ok=True)
        mounts.bind(place.inbox / inside, place.outbox)
    else:
        place.outbox.mkdir()
        mounts.bind(place.outbox, place.inbox / inside)
    command = ("watch", "inbox", "outbox", *OPTIONS)
    for answer in (place.run(*command), place.run("check", "-c", place.config)):
        assert answer.returncode == 78
        assert "results would be cut again" in answer.stderr
    assert place.files(place.outbox) == (["a.png"] if (inside, mounted) == (".", "outbox") else [])


@pytest.mark.full
def test_what_a_mount_entangles_later(place: Workplace, mounts: Mounts) -> None:
    """An outbox that a mount puts into its inbox bars the inbox until it is unmounted."""
    place.put("a.png")
    daemon = place.start(variables=QUICK)
    daemon.finished("a.png")
    (place.inbox / "cut").mkdir()
    mounts.bind(place.inbox / "cut", place.outbox)
    told = daemon.wait("inbox.barred", inbox="shop")
    assert "its outbox lies inside its own inbox: results would be cut again" in told["why"]
    wait_for(lambda: health(place)[0])
    _, said = health(place)
    assert "nothing of it is taken: its outbox lies inside its own inbox" in said
    assert "lies inside its own inbox" in place.ask("status")  # though the file is refused now
    place.put("b.png")
    daemon.wait("picture.settled", source="b.png")
    assert "because of a trouble: nothing of it is taken" in place.ask("why", place.inbox / "b.png")
    assert place.files() == []
    mounts.unmount(place.outbox)
    daemon.wait("inbox.unbarred")
    daemon.finished("b.png")
    daemon.stop()
    assert place.files() == ["a.png", "b.png"]
    assert len(daemon.told("job.finished")) == 2


@pytest.mark.full
def test_an_inbox_that_comes_back_entangled(place: Workplace, mounts: Mounts) -> None:
    """An inbox that was away and comes back with its outbox inside is barred at once."""
    disk = place.folder / "disk"
    (disk / "cut").mkdir(parents=True)
    (disk / "a.png").write_bytes(place.put("a.png").read_bytes())
    (place.inbox / "a.png").unlink()
    mounts.bind(disk / "cut", place.outbox)
    place.configure({"source": "keep"}, require_mount=True)
    daemon = place.start(variables=QUICK)
    daemon.wait("inbox.away")
    mounts.bind(disk, place.inbox)
    daemon.wait("inbox.barred")
    daemon.wait("picture.settled", source="a.png")
    assert place.files() == []
    daemon.stop()


@pytest.mark.full
def test_a_picture_moved_to_where_it_is_seen_again(place: Workplace, mounts: Mounts) -> None:
    """A folder for cut pictures that another mount shows in the inbox is refused too."""
    archive = place.folder / "archive"
    archive.mkdir()
    mounts.bind(archive, place.inbox / "seen")
    place.configure({"name": "all", "source": "move", "move_to": str(archive)})
    answer = place.run("check", "-c", place.config)
    assert answer.returncode == 78
    assert f"pictures moved to {archive} would be taken again by inboxes.shop" in answer.stderr
    place.configure({"name": "all", "source": "move", "move_to": str(archive)}, ignore=["seen/"])
    assert place.run("check", "-c", place.config).returncode == 0


def test_a_state_folder_mounted_from_the_inbox(place: Workplace, mounts: Mounts) -> None:
    """The state folder lies inside an inbox by whatever mount it does."""
    (place.inbox / "state").mkdir()
    mounts.bind(place.inbox / "state", place.state)
    answer = place.run("check", "-c", place.config)
    assert answer.returncode == 78
    assert "state: lies inside the inbox of inboxes.shop" in answer.stderr


def test_two_inboxes_that_are_one_by_a_mount(place: Workplace, mounts: Mounts) -> None:
    """Two inboxes that show the same folder would take its pictures twice."""
    other: Path = place.folder / "other"
    mounts.bind(place.inbox, other)
    place.write_config(a={"path": "inbox", "outbox": "out1"}, b={"path": "other", "outbox": "out2"})
    answer = place.run("check", "-c", place.config)
    assert "inboxes.b.path: is the same folder as inboxes.a.path" in answer.stderr

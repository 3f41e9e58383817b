"""An outbox that is full, read-only, forbidden or gone: everything waits, and nothing is lost."""

from pathlib import Path

import pytest
from families import one_of_each_kind

from .driver import Workplace, picture, wait_for
from .mounts import (
    Mounts,
    ended,
    health,
    heeds_permissions,
    needs_mounts,
    stands,
    variables,
)

SLOWLY = "FIRST_PAUSE=300"  # so that nothing is tried again during the test
NAMES = [f"{number}.jpg" for number in range(6)]
CUTOUTS = [f"{number}.png" for number in range(6)]


def fill(folder: Path) -> Path:
    """Leave no byte free on the file system of a folder."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return filler


@needs_mounts
def test_full(place: Workplace, mounts: Mounts) -> None:
    """A full outbox rests as a whole, keeps no half of a file, and goes on when there is room."""
    mounts.tmpfs(place.outbox, size="128k")
    filler = fill(place.outbox)
    for number, name in enumerate(NAMES):
        place.put(name, number=number)
    daemon = place.start(variables=variables(seconds=SLOWLY))
    reason = "No space left on device. Make room on that disk."
    assert daemon.wait("job.held")["why"].endswith(reason)
    wait_for(lambda: stands(daemon, place).held and not stands(daemon, place).working)
    shop = stands(daemon, place)
    assert shop.held <= 2  # no more than were in hand; the others were not even begun
    assert shop.ready == len(NAMES) - shop.held
    assert len(place.entries()) == shop.held
    assert place.files() == ["filler"]
    assert f"shop: held: {shop.held_kinds[0].why.splitlines()[0]}" in place.ask("status")
    assert health(place) == (0, "")
    held = next(entry for entry in place.entries() if entry.state == "held")
    assert "It is held since" in place.ask("why", Path(held.source))
    begun = {entry.path for entry in place.entries()}
    waiting = next(name for name in NAMES if name not in begun)
    said = place.ask("why", place.inbox / waiting)
    assert "It waits, because the outbox rests: cannot write" in said
    answer = place.run("retry", held.source, "-c", place.config)
    assert answer.returncode == 2
    assert "it is held, and tried again without being asked" in answer.stderr
    daemon.stop()
    again = place.start(variables=variables())
    again.wait("job.held")
    filler.unlink()
    again.finished(*NAMES)
    again.stop()
    assert place.files() == CUTOUTS
    assert len(again.told("job.finished")) == len(NAMES)
    assert not daemon.told("job.failed") + again.told("job.failed")


@pytest.mark.full
@needs_mounts
def test_read_only(place: Workplace, mounts: Mounts) -> None:
    """An outbox that is mounted read-only is noticed before anything is cut, and comes good."""
    mounts.tmpfs(place.outbox)
    mounts.remount(place.outbox, "ro")
    for number, name in enumerate(NAMES):
        place.put(name, number=number)
    daemon = place.start(variables={**variables(), "INVOCATION_ID": "of a service"})
    said = f"cannot write to the outbox {place.outbox}: Read-only file system."
    why = daemon.wait("job.held")["why"]
    assert why.startswith(said)
    assert "its unit does not name" in why
    assert said in wait_for(lambda: stands(daemon, place).held_why and place.ask("status"))
    assert place.entries() == []
    mounts.remount(place.outbox, "rw")
    daemon.finished(*NAMES)
    daemon.stop()
    assert place.files() == CUTOUTS
    assert len(daemon.told("job.held")) == 1


@pytest.mark.full
@heeds_permissions
def test_forbidden(unprivileged: Workplace) -> None:
    """An outbox without write permission is held and said, and comes good with the permission."""
    place = unprivileged
    place.outbox.mkdir()
    place.outbox.chmod(0o555)
    for number, name in enumerate(NAMES):
        place.put(name, number=number)
    daemon = place.start(variables=variables())
    assert daemon.wait("job.held")["why"] == (
        f"cannot write to the outbox {place.outbox}: Permission denied. "
        "Give the user that scissorsd runs as access."
    )
    wait_for(lambda: stands(daemon, place).held)
    said = place.ask("why", place.inbox / NAMES[0])
    assert "It waits, because the outbox rests" in said
    assert place.files() == []
    place.outbox.chmod(0o755)
    daemon.finished(*NAMES)
    daemon.stop()
    assert place.files() == CUTOUTS
    assert len(daemon.told("job.held")) == 1


@pytest.mark.full
@heeds_permissions
def test_forbidden_folder_in_an_outbox(unprivileged: Workplace) -> None:
    """Where only one folder of the outbox is forbidden, the other pictures come out."""
    place = unprivileged
    shut = place.outbox / "shut"
    shut.mkdir(parents=True)
    shut.chmod(0o555)
    place.put("shut/a.jpg")
    daemon = place.start(variables=variables())
    daemon.wait("job.held", source="shut/a.jpg")
    place.put("open/b.jpg")
    daemon.finished("open/b.jpg")
    assert place.files() == ["open/b.png"]
    shut.chmod(0o755)
    daemon.finished("shut/a.jpg")
    daemon.stop()
    assert place.files() == ["open/b.png", "shut/a.png"]


@needs_mounts
@pytest.mark.parametrize("source", one_of_each_kind(["keep", "move"], kept=["move"]))
def test_gone(place: Workplace, mounts: Mounts, source: str) -> None:
    """When the outbox's mount is gone, nothing is put into the folder that shows instead."""
    place.configure({"name": "all", "source": source})
    share = place.folder / "share"
    mounts.tmpfs(share)
    (share / "a.png").write_bytes(b"somebody's")
    mounts.bind(share, place.outbox)
    daemon = place.start(variables=variables())
    place.put("first.jpg")
    daemon.finished("first.jpg")
    mounts.unmount(place.outbox)
    place.put("a.jpg")
    away = f"{place.outbox} is a folder, but what is mounted there is gone."
    assert daemon.wait("job.held")["why"].startswith(f"the outbox is away: {away}")
    assert f"the outbox is away: {away}" in wait_for(
        lambda: stands(daemon, place).held_why and place.ask("status")
    )
    assert (place.inbox / "a.jpg").exists()
    assert list(place.outbox.iterdir()) == []
    mounts.bind(share, place.outbox)
    daemon.finished("a.jpg")
    daemon.stop()
    assert (share / "a.png").read_bytes() == b"somebody's"  # its name was not free after all
    moved = ["processed/a-jpg.jpg", "processed/first.jpg"]
    mine = ["a-jpg.png", "a.png", "first.png"]
    assert place.files() == (
        mine if source == "keep" else ["a-jpg.png", "a.png", "first.png", *moved]
    )
    assert len(daemon.told("job.finished")) == 2


@needs_mounts
def test_gone_before_the_first_picture(place: Workplace, mounts: Mounts) -> None:
    """An outbox that was a mount at the start is known to be one before anything is cut."""
    mounts.tmpfs(place.outbox)
    daemon = place.start(variables=variables())
    wait_for(lambda: stands(daemon, place).mode)
    mounts.unmount(place.outbox)
    place.put("a.jpg")
    assert "the outbox is away" in daemon.wait("job.held")["why"]
    daemon.stop()
    assert place.files() == []


@pytest.mark.full
@needs_mounts
def test_gone_between_publishing_and_moving(place: Workplace, mounts: Mounts) -> None:
    """A source is not moved into the folder that shows where the outbox was mounted."""
    place.configure({"name": "all", "source": "move"})
    share = place.folder / "share"
    mounts.tmpfs(share)
    mounts.bind(share, place.outbox)
    content = picture("a.jpg")
    place.put("a.jpg", content)
    daemon = place.start(variables=variables("move=EBUSY*"))
    daemon.wait("job.held")
    mounts.unmount(place.outbox)
    daemon.wait("job.held", times=2)
    assert "the outbox is away" in daemon.told("job.held")[1]["why"]
    daemon.stop()
    assert list(place.outbox.iterdir()) == []
    assert (place.inbox / "a.jpg").read_bytes() == content
    mounts.bind(share, place.outbox)
    again = place.start(variables=variables())
    ended(again, "a.jpg")
    again.stop()
    assert place.files() == ["a.png", "processed/a.jpg"]


@pytest.mark.full
def test_once_does_not_wait_for_a_full_disk(place: Workplace) -> None:
    """`once` gives up when the outbox stays full, whatever waits, and names every picture."""
    names = [f"{number}.jpg" for number in range(12)]
    for name in names:
        place.put(name)
    once = place.start("once", "-c", str(place.config), variables=variables("write=ENOSPC*"))
    assert once.exit_code() == 3, once.transcript()
    assert len(once.told("job.held")) < len(names)
    assert all(any(f"/{name}: " in line for line in once.noise) for name in names)

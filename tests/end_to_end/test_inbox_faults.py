"""An inbox that goes away is not an empty one: it resumes by itself, and nothing comes twice."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from families import one_of_each_kind

from .driver import Workplace, picture, wait_for
from .mounts import (
    Mounts,
    ended,
    health,
    heeds_permissions,
    identity,
    needs_mounts,
    stands,
    variables,
)

NEVER = "1h"  # between two scans: what is noticed is then noticed otherwise


@pytest.mark.full
def test_removed_and_made_anew(place: Workplace) -> None:
    """An inbox that is removed and made anew is watched again, and what was cut stays cut."""
    place.configure(rescan="1s")
    known = place.put("a.jpg")
    daemon = place.start()
    daemon.finished("a.jpg")
    kept = Path(shutil.copy2(known, place.folder / "kept.jpg"))
    shutil.rmtree(place.inbox)
    assert daemon.wait("inbox.away")["why"] == f"{place.inbox}: No such file or directory"
    place.inbox.mkdir()
    daemon.wait("inbox.back")
    assert daemon.wait("inbox.watched", times=2)["mode"] == "events"
    kept.rename(known)
    place.put("b.jpg")
    daemon.finished("b.jpg")
    daemon.stop()
    assert len(daemon.told("job.finished")) == 2
    assert place.files() == ["a.png", "b.png"]


@pytest.mark.full
def test_something_else_in_its_place(place: Workplace) -> None:
    """A file where the inbox should be is not an inbox, and health is bad meanwhile."""
    place.configure(rescan="1s")
    place.inbox.rmdir()
    place.inbox.write_bytes(b"")
    daemon = place.start()
    assert daemon.wait("inbox.away")["why"] == f"{place.inbox} is not a folder"
    wait_for(lambda: stands(daemon, place).away)
    assert health(place) == (1, f"inbox shop is away: {place.inbox} is not a folder")
    place.inbox.unlink()
    place.inbox.mkdir()
    place.put("a.jpg")
    daemon.finished("a.jpg")
    wait_for(lambda: health(place) == (0, ""))
    daemon.stop()


@needs_mounts
@pytest.mark.parametrize("require_mount", one_of_each_kind([True, False], kept=[True]))
def test_unmounted(place: Workplace, mounts: Mounts, *, require_mount: bool) -> None:
    """An inbox whose mount goes is away, not empty; it may come back as another device."""
    place.configure({"name": "all", "source": "keep"}, rescan="1s", require_mount=require_mount)
    below = place.put("below.jpg")  # hidden by the mount
    share, copy = place.folder / "share", place.folder / "copy"
    mounts.tmpfs(share)
    mounts.tmpfs(copy)
    (share / "a.jpg").write_bytes(picture())
    (share / "half.png").write_bytes(picture("half.png")[:200])
    mounts.bind(share, place.inbox)
    daemon = place.start()
    daemon.finished("a.jpg")
    daemon.wait("job.held", source="half.png")
    cut = identity(place.outbox / "a.png")
    mounts.unmount(place.inbox)
    gone = f"{place.inbox} is a folder, but what is mounted there is gone"
    assert daemon.wait("inbox.away")["why"] == gone
    wait_for(lambda: stands(daemon, place).away)
    assert f"shop: away: {gone}." in place.ask("status")
    assert health(place) == (1, f"inbox shop is away: {gone}")
    for name in ("a.jpg", "below.jpg", "new.jpg"):
        said = place.ask("why", place.inbox / name)
        assert f"The inbox 'shop' is away: {gone}. It goes on by itself." in said
    assert "It was cut on" in place.ask("why", place.inbox / "a.jpg")
    shutil.copytree(share, copy, dirs_exist_ok=True)
    (copy / "half.png").write_bytes(picture("half.png"))
    (copy / "new.jpg").write_bytes(picture())
    assert (copy / "a.jpg").stat().st_dev != (share / "a.jpg").stat().st_dev
    mounts.bind(copy, place.inbox)
    daemon.wait("inbox.back")
    daemon.finished("half.png", "new.jpg")
    assert "It was cut on" in place.ask("why", place.inbox / "a.jpg")
    daemon.stop()
    mounts.unmount(place.inbox)
    assert below.exists()
    assert place.files() == ["a.png", "half.png", "new.png"]
    assert len(daemon.told("job.finished")) == 3
    assert len(daemon.told("inbox.away")) == 1
    assert identity(place.outbox / "a.png") == cut


@pytest.mark.alone  # a tmpfs has the number of the last one only if nobody mounts one in between
@needs_mounts
@pytest.mark.parametrize("at_once", one_of_each_kind([True, False], kept=[True]))
def test_unmounted_between_two_scans(place: Workplace, mounts: Mounts, *, at_once: bool) -> None:
    """No scan is needed to notice that a disk went, nor to hear of what comes once it is back.

    Back at once, it has the numbers that it had, and nothing but the kernel knows that it went.
    """
    place.configure(rescan=NEVER)
    mounts.tmpfs(place.inbox)
    daemon = place.start()
    place.put("a.jpg")
    daemon.finished("a.jpg")
    numbers = place.inbox.stat()
    mounts.unmount(place.inbox)
    if not at_once:
        daemon.wait("inbox.away")
    mounts.tmpfs(place.inbox)
    now = place.inbox.stat()
    assert (now.st_dev, now.st_ino) == (numbers.st_dev, numbers.st_ino)
    daemon.wait("inbox.scanned", times=2)
    place.put("b.jpg")
    daemon.finished("b.jpg")
    daemon.stop()


@pytest.mark.full
@needs_mounts
@pytest.mark.parametrize("source", one_of_each_kind(["keep", "move"], kept=["move"]))
def test_retry_while_unmounted(place: Workplace, mounts: Mounts, source: str) -> None:
    """While its inbox is away a failed picture is not taken again, and that is said."""
    place.configure({"name": "all", "source": source}, rescan="1s")
    share = place.folder / "share"
    mounts.tmpfs(share)
    (share / "a.jpg").write_bytes(b"not a picture")
    mounts.bind(share, place.inbox)
    daemon = place.start()
    daemon.wait("job.failed")
    mounts.unmount(place.inbox)
    daemon.wait("inbox.away")
    wait_for(lambda: stands(daemon, place).away)
    answer = place.run("retry", place.inbox / "a.jpg", "-c", place.config)
    assert answer.returncode == 2
    assert f"{place.inbox / 'a.jpg'} cannot be taken again now" in answer.stderr
    assert "The inbox 'shop' is away" in answer.stderr
    assert place.files(place.inbox) == []
    mounts.bind(share, place.inbox)
    daemon.wait("inbox.back")
    wait_for(lambda: not stands(daemon, place).away)
    said = place.ask("retry", place.inbox / "a.jpg")
    assert said == f"{place.inbox / 'a.jpg'} will be taken again.\n"
    daemon.wait("job.failed", times=2)
    daemon.stop()


@pytest.mark.full
@needs_mounts
def test_a_folder_of_the_same_disk_as_a_mount(place: Workplace, mounts: Mounts) -> None:
    """A bind mount of a folder on the same file system counts as mounted, and as away without."""
    place.configure(rescan="1s", require_mount=True)
    share = place.folder / "share with a space"
    share.mkdir()
    (share / "a.jpg").write_bytes(picture())
    daemon = place.start()
    assert daemon.wait("inbox.away")["why"].endswith("what is mounted there is gone")
    mounts.bind(share, place.inbox)
    daemon.finished("a.jpg")
    mounts.unmount(place.inbox)
    daemon.wait("inbox.away", times=2)
    daemon.stop()


@needs_mounts
def test_a_reload_does_not_forget_the_mount(place: Workplace, mounts: Mounts) -> None:
    """After a reload a folder that was seen as a mount is still away when the mount is gone."""
    place.configure(rescan="1s")
    mounts.tmpfs(place.inbox)
    place.put("a.jpg")
    daemon = place.start()
    daemon.finished("a.jpg")
    place.configure(rescan="2s")
    mounts.unmount(place.inbox)
    daemon.send(signal.SIGHUP)
    daemon.wait("config.reloaded")
    daemon.wait("inbox.away")
    daemon.stop()


@pytest.mark.full
@needs_mounts
@pytest.mark.parametrize(
    "place_of_fault", one_of_each_kind(["look", "move", "delete"], kept=["move"])
)
def test_gone_while_in_hand(place: Workplace, mounts: Mounts, place_of_fault: str) -> None:
    """A worker that finds its picture gone with the inbox holds it, and it comes out once.

    `look` fails after cutting, `move` and `delete` when the outputs are out already.
    """
    source = "keep" if place_of_fault == "look" else place_of_fault
    place.configure({"name": "all", "source": source}, rescan=NEVER)
    share = place.folder / "share"
    mounts.tmpfs(share)
    mounts.bind(share, place.inbox)
    place.put("a.jpg")
    daemon = place.start(variables=variables(f"{place_of_fault}:a.jpg=EBUSY*"))
    assert "Device or resource busy" in daemon.wait("job.held")["why"]
    cut = identity(place.outbox / "a.png") if source != "keep" else None
    mounts.unmount(place.inbox)
    gone = f"{place.inbox} is a folder, but what is mounted there is gone."
    said = f"the inbox is away: {gone} Bring it back."
    assert daemon.wait("job.held", times=2)["why"] == said
    daemon.stop()
    assert not daemon.told("job.withdrawn")
    mounts.bind(share, place.inbox)
    again = place.start(variables=variables())
    ended(again, "a.jpg")
    again.stop()
    assert cut in {None, identity(place.outbox / "a.png")}
    outputs = ["a.png", "processed/a.jpg"] if source == "move" else ["a.png"]
    assert place.files() == outputs
    assert place.files(place.inbox) == (["a.jpg"] if source == "keep" else [])
    assert [entry.state for entry in place.entries()] == ["done"]


@pytest.mark.full
@heeds_permissions
def test_forbidden_folder_in_an_inbox(unprivileged: Workplace) -> None:
    """What may not be looked at in an inbox is said, costs the rest nothing, and comes good."""
    place = unprivileged
    place.configure(rescan="1s")
    place.put("shut/a.jpg")
    shut = place.inbox / "shut"
    shut.chmod(0)
    daemon = place.start()
    assert daemon.wait("inbox.unseen")["why"] == "shut: Permission denied"
    place.put("b.jpg")
    daemon.finished("b.jpg")
    wait_for(lambda: stands(daemon, place).unseen)
    assert "shop: cannot be looked at: shut: Permission denied." in place.ask("status")
    said = place.ask("why", shut / "a.jpg")
    assert said == f"{shut / 'a.jpg'} cannot be looked at (Permission denied).\n"
    shut.chmod(0o755)
    daemon.finished("shut/a.jpg")
    wait_for(lambda: not stands(daemon, place).unseen)
    daemon.stop()
    assert len(daemon.told("inbox.unseen")) == 1


@heeds_permissions
def test_forbidden_picture(unprivileged: Workplace) -> None:
    """A picture that may not be read is held and said, and comes out with the permission."""
    place = unprivileged
    picture_file = place.inbox / "a.jpg"
    descriptor = os.open(picture_file, os.O_WRONLY | os.O_CREAT, 0)
    os.write(descriptor, picture())
    os.close(descriptor)
    daemon = place.start(variables=variables())
    assert daemon.wait("job.held")["why"] == (
        f"cannot read {picture_file}: Permission denied. "
        "Give the user that scissorsd runs as access."
    )
    said = f"tried again, less and less often: cannot read {picture_file}"
    wait_for(lambda: said in place.ask("why", picture_file))  # it is in hand now and then
    picture_file.chmod(0o644)
    daemon.finished("a.jpg")
    daemon.stop()
    assert place.files() == ["a.png"]


@pytest.mark.full
def test_a_folder_that_cannot_be_listed_at_the_start(place: Workplace) -> None:
    """A first scan that could not look everywhere ends no job that a restart has to finish."""
    place.configure({"name": "all", "source": "move"}, rescan="1s")
    place.put("sub/a.jpg")
    daemon = place.start(variables=variables("move=EBUSY*"))
    daemon.wait("job.held")
    daemon.stop()
    cut = identity(place.outbox / "sub" / "a.png")
    again = place.start(variables=variables("scan.folder=EIO*2"))
    assert again.wait("inbox.unseen")["why"] == "sub: Input/output error"
    again.wait("job.closed")
    again.stop()
    assert identity(place.outbox / "sub" / "a.png") == cut
    assert place.files() == ["processed/sub/a.jpg", "sub/a.png"]
    assert not again.told("job.finished")

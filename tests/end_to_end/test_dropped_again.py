"""Outputs that were deleted, and pictures that are dropped again."""

import os
import shutil
from pathlib import Path

import pytest

from .driver import Workplace


def once(place: Workplace, *arguments: str) -> str:
    """Cut all that is there; give the sum."""
    done = place.run("once", "-c", str(place.config), *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


def drop_again(place: Workplace, name: str, kept: Path) -> None:
    """Take a picture away and copy it into the inbox anew, with its old time, as cp -p does."""
    (place.inbox / name).unlink()
    shutil.copy2(kept, place.inbox / name)


@pytest.mark.full
def test_deleted_and_dropped_again(place: Workplace) -> None:
    """A picture whose output was deleted is cut again when it is dropped again, under its name."""
    kept = Path(shutil.copy2(place.put("a.jpg"), place.folder / "kept.jpg"))
    assert "1 cut" in once(place)
    first = (place.outbox / "a.png").stat().st_ctime_ns
    drop_again(place, "a.jpg", kept)
    assert "Nothing to do" in once(place), "its output is there"
    assert (place.outbox / "a.png").stat().st_ctime_ns == first
    (place.outbox / "a.png").unlink()
    os.utime(place.inbox / "a.jpg", ns=((stat := kept.stat()).st_atime_ns, stat.st_mtime_ns))
    drop_again(place, "a.jpg", kept)
    assert "1 cut" in once(place)
    assert place.files() == ["a.png"]


@pytest.mark.full
def test_deleted_and_only_touched(place: Workplace) -> None:
    """Outputs that were collected are not made again because somebody touched the pictures."""
    picture = place.put("a.jpg")
    once(place)
    (place.outbox / "a.png").unlink()
    picture.chmod(0o600)
    assert "Nothing to do" in once(place)
    assert place.files() == []


@pytest.mark.full
def test_retry_makes_what_was_deleted(place: Workplace) -> None:
    """`why` says that an output is gone, and `retry` has it made again, also from processed/."""
    place.configure({"name": "all", "source": "move"})
    picture = place.put("a.jpg")
    content = picture.read_bytes()
    once(place)
    answer = place.run("retry", picture, "-c", place.config)
    assert answer.returncode == 2, "nothing is gone"
    (place.outbox / "a.png").unlink()
    assert "a.png (no longer there)" in place.ask("why", str(picture))
    assert "will be taken again" in place.ask("retry", str(picture))
    assert place.files() == []
    once(place)
    assert place.files() == ["a.png", "processed/a.jpg"]
    assert (place.outbox / "processed" / "a.jpg").read_bytes() == content


@pytest.mark.full
def test_an_output_that_is_seen_in_its_inbox(place: Workplace) -> None:
    """An output that appears in the inbox as the same file is told of, and never cut."""
    daemon = place.start()
    place.put("a.jpg")
    daemon.finished("a.jpg")
    (place.inbox / "cut").mkdir()
    os.link(place.outbox / "a.png", place.inbox / "cut" / "a.png")
    daemon.wait("picture.own")
    place.put("b.jpg")
    daemon.finished("b.jpg")
    assert place.files() == ["a.png", "b.png"]
    assert "scissorsd's own" in place.ask("why", str(place.inbox / "cut" / "a.png"))
    daemon.stop()

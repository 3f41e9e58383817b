import errno
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from scissorsd.core.settling import Sighting
from scissorsd.errors import HoldError, OverLimitsError, SourceChangedError
from scissorsd.folders import scanning, sources

LIMIT = 1 << 20


SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - another file system, not a hiding place


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Make an empty inbox."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Make a folder on another file system than the inbox's."""
    if not SHARED_MEMORY.is_dir() or SHARED_MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    with TemporaryDirectory(dir=SHARED_MEMORY, prefix="scissorsd-test-") as folder:
        yield Path(folder)


def put(path: Path, content: bytes = b"a picture") -> Path:
    """Put a file at a path, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def sighted(root: Path, path: str) -> Sighting:
    """Look at a file that must be there."""
    sighting = scanning.sight(root, path)
    assert sighting is not None
    return sighting


def names(folder: Path) -> list[str]:
    """Return the names of everything in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_source_that_changed_is_not_read(inbox: Path) -> None:
    """A file that was replaced since it was sighted is not read as the old one."""
    put(inbox / "a.jpg", b"old")
    sighting = sighted(inbox, "a.jpg")
    put(inbox / "new.jpg", b"new").rename(inbox / "a.jpg")
    with pytest.raises(SourceChangedError):
        sources.read_source(inbox, sighting, limit=LIMIT)
    with pytest.raises(SourceChangedError):
        sources.check_unchanged(inbox, sighting)


def test_source_that_changes_while_it_is_read(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that grows between the two looks around the reading counts as changed."""
    path = put(inbox / "a.jpg", b"half")
    sighting = sighted(inbox, "a.jpg")
    honest = os.fstat
    looks = []

    def fstat(handle: int) -> os.stat_result:
        looks.append(handle)
        if len(looks) == 2:
            with path.open("ab") as file:
                file.write(b" and the rest")
        return honest(handle)

    monkeypatch.setattr("scissorsd.folders.sources.os.fstat", fstat)
    with pytest.raises(SourceChangedError):
        sources.read_source(inbox, sighting, limit=LIMIT)


def test_source_that_was_taken_away(inbox: Path) -> None:
    """A file that is gone counts as changed, not as an error of the disk."""
    path = put(inbox / "a.jpg")
    sighting = sighted(inbox, "a.jpg")
    path.unlink()
    with pytest.raises(SourceChangedError):
        sources.read_source(inbox, sighting, limit=LIMIT)
    with pytest.raises(SourceChangedError):
        sources.check_unchanged(inbox, sighting)


def test_source_that_became_a_fifo(inbox: Path) -> None:
    """A file that was replaced by a FIFO does not hold the reader up."""
    path = put(inbox / "a.jpg")
    sighting = sighted(inbox, "a.jpg")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SourceChangedError):
        sources.read_source(inbox, sighting, limit=LIMIT)


def test_source_that_became_a_link(inbox: Path, tmp_path: Path) -> None:
    """A file that was replaced by a symbolic link is not read through it."""
    path = put(inbox / "a.jpg", b"mine")
    sighting = sighted(inbox, "a.jpg")
    path.unlink()
    path.symlink_to(put(tmp_path / "secret.jpg", b"ours"))
    with pytest.raises((HoldError, SourceChangedError)):
        sources.read_source(inbox, sighting, limit=LIMIT)
    with pytest.raises(SourceChangedError):
        sources.check_unchanged(inbox, sighting)


def test_source_over_the_limit_is_not_read(inbox: Path) -> None:
    """A file larger than the limit is refused by its size, with both numbers in the reason."""
    put(inbox / "a.jpg", b"x" * 2000)
    with pytest.raises(OverLimitsError, match=r"2,000 bytes; the limit is 1,999"):
        sources.read_source(inbox, sighted(inbox, "a.jpg"), limit=1999)


@pytest.mark.parametrize("fault", [errno.EBUSY, errno.ESTALE, errno.EACCES, errno.ETIMEDOUT])
def test_fault_that_should_pass_is_held(
    inbox: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    """A busy, stale, denied or unreachable source is held with a reason, for that picture only."""
    put(inbox / "a.jpg")
    sighting = sighted(inbox, "a.jpg")

    def refuse(*_: object) -> int:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr("scissorsd.folders.scanning.os.open", refuse)
    with pytest.raises(HoldError, match=os.strerror(fault)) as caught:
        sources.read_source(inbox, sighting, limit=LIMIT)
    assert not caught.value.outbox_wide
    assert bool(caught.value.advice) == (fault == errno.EACCES), "nobody need do anything else"


def test_delete_spares_a_replaced_source(inbox: Path) -> None:
    """A source is deleted when it is the sighted one, and left when it was replaced."""
    put(inbox / "a.jpg", b"one")
    first = sighted(inbox, "a.jpg")
    put(inbox / "a.jpg", b"another")
    with pytest.raises(SourceChangedError):
        sources.delete(inbox, first)
    assert names(inbox) == ["a.jpg"]
    sources.delete(inbox, sighted(inbox, "a.jpg"))
    assert names(inbox) == []


def test_move_within_a_file_system(inbox: Path, tmp_path: Path) -> None:
    """A move makes the folders it needs and keeps the inode."""
    put(inbox / "a.jpg", b"content")
    sighting = sighted(inbox, "a.jpg")
    target = tmp_path / "outbox" / "processed" / "a.jpg"
    sources.move(inbox, sighting, target, tag="1")
    assert target.stat().st_ino == sighting.inode
    assert names(inbox) == []


def test_move_to_another_file_system(inbox: Path, elsewhere: Path) -> None:
    """Across file systems a source is copied, verified, dated as before and only then removed."""
    content = os.urandom(3 << 20)
    path = put(inbox / "a.jpg", content)
    os.utime(path, ns=(1_000_000_000, 1_000_000_000))
    target = elsewhere / "processed" / "a.jpg"
    sources.move(inbox, sighted(inbox, "a.jpg"), target, tag="1")
    assert target.read_bytes() == content
    assert target.stat().st_mtime_ns == 1_000_000_000
    assert names(inbox) == []
    assert names(target.parent) == ["a.jpg"]


def test_copy_that_went_wrong_loses_nothing(
    inbox: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the copy does not read back as the original, the original stays and the copy goes."""
    put(inbox / "a.jpg", b"content")

    def tamper(_: Path, copy: Path) -> None:
        copy.write_bytes(b"c0ntent")

    monkeypatch.setattr("scissorsd.folders.no_replace.shutil.copystat", tamper)
    with pytest.raises(HoldError, match="differs"):
        sources.move(inbox, sighted(inbox, "a.jpg"), elsewhere / "a.jpg", tag="1")
    assert (inbox / "a.jpg").read_bytes() == b"content"
    assert names(elsewhere) == []


def test_source_replaced_during_the_copy_stays(
    inbox: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new picture put in place while the old one is copied away is not removed."""
    path = put(inbox / "a.jpg", b"old")
    sighting = sighted(inbox, "a.jpg")
    new = put(inbox / "b.jpg", b"new")

    def replace(*_: object) -> None:
        new.rename(path)

    monkeypatch.setattr("scissorsd.folders.no_replace.shutil.copystat", replace)
    with pytest.raises(SourceChangedError):
        sources.move(inbox, sighting, elsewhere / "a.jpg", tag="1")
    assert path.read_bytes() == b"new"


def test_interrupted_move_is_finished(inbox: Path, tmp_path: Path) -> None:
    """A move that had already happened when the program died counts as done."""
    put(inbox / "a.jpg")
    sighting = sighted(inbox, "a.jpg")
    target = tmp_path / "a.jpg"
    (inbox / "a.jpg").rename(target)
    sources.move(inbox, sighting, target, tag="1")
    assert target.exists()


def test_move_of_a_source_that_is_nowhere(inbox: Path, tmp_path: Path) -> None:
    """A source that is neither in the inbox nor at its target counts as changed."""
    put(inbox / "a.jpg")
    sighting = sighted(inbox, "a.jpg")
    (inbox / "a.jpg").unlink()
    with pytest.raises(SourceChangedError):
        sources.move(inbox, sighting, tmp_path / "a.jpg", tag="1")


def test_put_back_across_file_systems(inbox: Path, elsewhere: Path) -> None:
    """What was set aside on another file system comes back whole."""
    aside = put(elsewhere / "a.jpg", b"content")
    sources.put_back(aside, inbox / "a.jpg")
    assert (inbox / "a.jpg").read_bytes() == b"content"
    assert names(inbox) == ["a.jpg"]
    assert names(elsewhere) == []

import errno
import os
from pathlib import Path

import pytest

from scissorsd.errors import HoldError
from scissorsd.folders import publishing


def put(path: Path, content: bytes = b"a picture") -> Path:
    """Put a file at a path, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(folder: Path) -> list[str]:
    """Return the names of everything in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_publish_makes_folders_and_leaves_no_temporaries(tmp_path: Path) -> None:
    """Outputs appear whole, in folders made for them, and nothing else does."""
    outbox = tmp_path / "outbox"
    files = [(outbox / "a.png", b"cutout"), (outbox / "masks" / "deep" / "a.png", b"mask")]
    publishing.publish(files, tag="1")
    assert [path.read_bytes() for path, _ in files] == [b"cutout", b"mask"]
    assert names(outbox) == ["a.png", "masks"]
    assert names(outbox / "masks" / "deep") == ["a.png"]


def test_publish_is_all_written_before_anything_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While files are written, a reader sees only temporary names; an old output stays whole."""
    old = put(tmp_path / "a.png", b"old")
    while_syncing = []

    def fsync(_: int) -> None:
        while_syncing.append((old.read_bytes(), (tmp_path / "b.png").exists()))

    monkeypatch.setattr("scissorsd.folders.publishing.os.fsync", fsync)
    publishing.publish([(old, b"new"), (tmp_path / "b.png", b"more")], tag="1", own=old.__eq__)
    assert while_syncing[:2] == [(b"old", False)] * 2
    assert old.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("fault", "wide"), [(errno.ENOSPC, True), (errno.EROFS, True), (errno.EIO, False)]
)
def test_publish_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int, *, wide: bool
) -> None:
    """When the second file cannot be written, the first does not appear and no litter stays."""
    calls = []

    def fsync(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr("scissorsd.folders.publishing.os.fsync", fsync)
    with pytest.raises(HoldError) as caught:
        publishing.publish([(tmp_path / "a.png", b"1"), (tmp_path / "b.png", b"2")], tag="1")
    assert caught.value.outbox_wide is wide
    assert names(tmp_path) == []


def test_publish_at_the_longest_name(tmp_path: Path) -> None:
    """An output whose name has 255 bytes can be published: temporaries have names of their own."""
    path = tmp_path / ("x" * 251 + ".png")
    publishing.publish([(path, b"1")], tag="123456")
    assert names(tmp_path) == [path.name]


def test_temporaries_of_one_job_are_removed(tmp_path: Path) -> None:
    """Only the interrupted job's own litter is removed, not another's and not a user's file."""
    for name in (".scissorsd-7-0.tmp", ".scissorsd-7-1.tmp", ".scissorsd-78-0.tmp", "a.tmp"):
        put(tmp_path / name)
    publishing.remove_temporaries([tmp_path, tmp_path / "missing"], tag="7")
    assert names(tmp_path) == [".scissorsd-78-0.tmp", "a.tmp"]


def test_free_name(tmp_path: Path) -> None:
    """Names that are taken, even by a dangling link, get a number."""
    assert publishing.free_name(tmp_path, "a.jpg") == tmp_path / "a.jpg"
    (tmp_path / "a.jpg").symlink_to(tmp_path / "nothing")
    assert publishing.free_name(tmp_path, "a.jpg") == tmp_path / "a-2.jpg"
    put(tmp_path / "a-2.jpg")
    assert publishing.free_name(tmp_path, "a.jpg") == tmp_path / "a-3.jpg"

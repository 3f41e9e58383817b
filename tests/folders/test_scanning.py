import os
import socket
from pathlib import Path

import pytest

from scissorsd.core.settling import Sighting
from scissorsd.errors import SourceChangedError
from scissorsd.folders import scanning, sources

LIMIT = 1 << 20


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Make an empty inbox."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def put(path: Path, content: bytes = b"a picture") -> Path:
    """Put a file at a path, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def seen(root: Path, *, recursive: bool = True, ignore: tuple[str, ...] = ()) -> list[str]:
    """Return the paths that a scan of the whole inbox gives."""
    return sorted(s.path for s in scanning.scan(root, recursive=recursive, ignore=ignore))


def sighted(root: Path, path: str) -> Sighting:
    """Look at a file that must be there."""
    sighting = scanning.sight(root, path)
    assert sighting is not None
    return sighting


@pytest.mark.parametrize("inodes", [True, False])
def test_a_file_that_gets_another_number(inbox: Path, *, inodes: bool) -> None:
    """The same size and time under another inode is another file, but where none is kept."""
    picture = inbox / "a.jpg"
    picture.write_bytes(b"1234")
    first = scanning.sight(inbox, "a.jpg", inodes=inodes)
    assert first is not None
    assert [first] == list(scanning.scan(inbox, recursive=True, ignore=(), inodes=inodes))
    twin = inbox / "twin"
    twin.write_bytes(b"1234")
    os.utime(twin, ns=(first.mtime_ns, first.mtime_ns))
    twin.rename(picture)
    if inodes:
        with pytest.raises(SourceChangedError):
            sources.check_unchanged(inbox, first)
    else:
        sources.check_unchanged(inbox, first)
        assert sources.read_source(inbox, first, limit=100) == b"1234"
    os.utime(picture, ns=(0, 0))
    with pytest.raises(SourceChangedError):
        sources.check_unchanged(inbox, first)


def test_scan_gives_pictures_in_all_folders(inbox: Path) -> None:
    """A scan finds pictures at every depth, by their path relative to the inbox."""
    for name in ("a.jpg", "b.HEIC", "one/c.png", "one/two/d e.tiff"):
        put(inbox / name)
    put(inbox / "notes.txt")
    assert seen(inbox) == ["a.jpg", "b.HEIC", "one/c.png", "one/two/d e.tiff"]
    assert seen(inbox, recursive=False) == ["a.jpg", "b.HEIC"]


def test_scan_of_one_folder(inbox: Path) -> None:
    """A scan below a sub-folder gives only its pictures, still relative to the inbox."""
    put(inbox / "a.jpg")
    put(inbox / "one" / "two" / "b.jpg")
    found = [s.path for s in scanning.scan(inbox, "one", recursive=True, ignore=())]
    assert found == ["one/two/b.jpg"]


def test_sighting_tells_what_lstat_tells(inbox: Path) -> None:
    """A sighting carries the size, the time, the inode and the device of the file."""
    status = put(inbox / "a.jpg", b"12345").stat()
    (sighting,) = scanning.scan(inbox, recursive=True, ignore=())
    assert sighting == Sighting("a.jpg", 5, status.st_mtime_ns, status.st_ino, status.st_dev)
    assert sighting == scanning.sight(inbox, "a.jpg")


def test_links_are_not_followed(inbox: Path, tmp_path: Path) -> None:
    """Symbolic links to files and to folders are passed over, also when looked at directly."""
    outside = put(tmp_path / "outside" / "secret.jpg")
    (inbox / "link.jpg").symlink_to(outside)
    (inbox / "linked").symlink_to(outside.parent)
    (inbox / "loop").symlink_to(inbox)
    (inbox / "dangling.jpg").symlink_to(inbox / "nothing")
    assert seen(inbox) == []
    assert scanning.sight(inbox, "link.jpg") is None
    assert not scanning.is_folder(inbox / "linked")


def test_special_files_are_passed_over(inbox: Path) -> None:
    """A FIFO, a socket and a folder named like pictures are never taken for one."""
    os.mkfifo(inbox / "pipe.jpg")
    (inbox / "folder.jpg").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(inbox / "socket.jpg"))
        assert seen(inbox) == []
        assert scanning.sight(inbox, "pipe.jpg") is None
        assert scanning.sight(inbox, "folder.jpg") is None
    assert scanning.is_folder(inbox / "folder.jpg")


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg",
        "one/@eaDir/a.jpg",
        "._a.jpg",
        ".hidden/a.jpg",
        ".a.jpg.Ab12Cd",
        "a.jpg.part",
        "a.jpg.crdownload",
        "~$a.jpg",
        "#recycle/a.jpg",
        "__MACOSX/._a.jpg",
        ".syncthing.a.jpg.tmp",
        ".scissorsd-7-0.tmp",
    ],
)
def test_leavings_are_ignored(inbox: Path, name: str) -> None:
    """Thumbnails, recycle bins and half-done copies are ignored without being configured."""
    put(inbox / name)
    put(inbox / "real.jpg")
    assert seen(inbox) == ["real.jpg"]


def test_own_ignore_globs(inbox: Path) -> None:
    """A user's globs leave alone single files and whole folders."""
    for name in ("a.jpg", "a.draft.jpg", "old/b.jpg", "new/c.jpg"):
        put(inbox / name)
    assert seen(inbox, ignore=("*.draft.*", "old")) == ["a.jpg", "new/c.jpg"]


def test_names_that_are_not_utf8(inbox: Path) -> None:
    """A name of bytes that are not UTF-8 is found, looked at and read like any other."""
    name = os.fsdecode(b"caf\xe9 \xff.jpg")
    put(inbox / name, b"content")
    assert seen(inbox) == [name]
    assert sources.read_source(inbox, sighted(inbox, name), limit=LIMIT) == b"content"


def test_longest_name(inbox: Path) -> None:
    """A name of 255 bytes is found and read."""
    name = "é" * 125 + "a.jpg"
    assert len(os.fsencode(name)) == 255
    put(inbox / name)
    assert seen(inbox) == [name]


def test_folder_that_vanishes_during_the_scan(inbox: Path) -> None:
    """A folder that goes away in the middle of a scan costs its own pictures and no others."""
    put(inbox / "one" / "a.jpg")
    put(inbox / "b.jpg")
    put(inbox / "c.jpg")
    scan = scanning.scan(inbox, recursive=True, ignore=())
    found = [next(scan).path]
    (inbox / "one" / "a.jpg").unlink()
    (inbox / "one").rmdir()
    found += [sighting.path for sighting in scan]
    assert sorted(set(found) - {"one/a.jpg"}) == ["b.jpg", "c.jpg"]


def test_scan_of_a_missing_root_raises(inbox: Path) -> None:
    """A root that cannot be listed is an error, so that gone is never taken for empty."""
    inbox.rmdir()
    with pytest.raises(FileNotFoundError):
        seen(inbox)

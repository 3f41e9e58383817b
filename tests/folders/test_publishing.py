import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from scissorsd.core.settling import Sighting
from scissorsd.errors import HoldError, OverLimitsError, SourceChangedError
from scissorsd.folders import mounts, publishing, scanning, sources

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


def seen(root: Path, *, recursive: bool = True, ignore: tuple[str, ...] = ()) -> list[str]:
    """Return the paths that a scan of the whole inbox gives."""
    return sorted(s.path for s in scanning.scan(root, recursive=recursive, ignore=ignore))


def sighted(root: Path, path: str) -> Sighting:
    """Look at a file that must be there."""
    sighting = scanning.look(root, path)
    assert sighting is not None
    return sighting


def names(folder: Path) -> list[str]:
    """Return the names of everything in a folder."""
    return sorted(path.name for path in folder.iterdir())


# --- scan and look ---------------------------------------------------------------------------


@pytest.mark.parametrize("inodes", [True, False])
def test_a_file_that_gets_another_number(inbox: Path, *, inodes: bool) -> None:
    """The same size and time under another inode is another file, but where none is kept."""
    picture = inbox / "a.jpg"
    picture.write_bytes(b"1234")
    first = scanning.look(inbox, "a.jpg", inodes=inodes)
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
    assert sighting == scanning.look(inbox, "a.jpg")


def test_links_are_not_followed(inbox: Path, tmp_path: Path) -> None:
    """Symbolic links to files and to folders are passed over, also when looked at directly."""
    outside = put(tmp_path / "outside" / "secret.jpg")
    (inbox / "link.jpg").symlink_to(outside)
    (inbox / "linked").symlink_to(outside.parent)
    (inbox / "loop").symlink_to(inbox)
    (inbox / "dangling.jpg").symlink_to(inbox / "nothing")
    assert seen(inbox) == []
    assert scanning.look(inbox, "link.jpg") is None
    assert not scanning.is_folder(inbox / "linked")


def test_special_files_are_passed_over(inbox: Path) -> None:
    """A FIFO, a socket and a folder named like pictures are never taken for one."""
    os.mkfifo(inbox / "pipe.jpg")
    (inbox / "folder.jpg").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(inbox / "socket.jpg"))
        assert seen(inbox) == []
        assert scanning.look(inbox, "pipe.jpg") is None
        assert scanning.look(inbox, "folder.jpg") is None
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


# --- reading a source ------------------------------------------------------------------------


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


# --- publishing ------------------------------------------------------------------------------


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


# --- disposing of sources --------------------------------------------------------------------


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


def test_free_name(tmp_path: Path) -> None:
    """Names that are taken, even by a dangling link, get a number."""
    assert publishing.free_name(tmp_path, "a.jpg") == tmp_path / "a.jpg"
    (tmp_path / "a.jpg").symlink_to(tmp_path / "nothing")
    assert publishing.free_name(tmp_path, "a.jpg") == tmp_path / "a-2.jpg"
    put(tmp_path / "a-2.jpg")
    assert publishing.free_name(tmp_path, "a.jpg") == tmp_path / "a-3.jpg"


# --- the root --------------------------------------------------------------------------------


def test_root_away_and_back(inbox: Path) -> None:
    """A folder that is gone is away with a reason, and no longer so when it is back."""
    root = mounts.Root(inbox)
    assert root.why_away() == ""
    inbox.rmdir()
    assert root.why_away() == f"{inbox}: No such file or directory"
    put(inbox)
    assert root.why_away() == f"{inbox} is not a folder"
    inbox.unlink()
    inbox.mkdir()
    assert root.why_away() == ""


def test_root_that_must_be_a_mount(inbox: Path) -> None:
    """With require_mount, a plain folder where the mount should be is away."""
    assert mounts.Root(inbox, require_mount=True).why_away().endswith("is gone")
    assert mounts.Root(Path("/proc"), require_mount=True).why_away() == ""


def test_mount_that_drops(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that once was a mount is away when the bare folder below shows."""
    root = mounts.Root(inbox)
    monkeypatch.setattr("scissorsd.folders.mounts.os.path.ismount", lambda _: True)
    assert root.why_away() == ""
    monkeypatch.setattr("scissorsd.folders.mounts.os.path.ismount", lambda _: False)
    assert "what is mounted there is gone" in root.why_away()


def test_outbox_is_made_once(tmp_path: Path) -> None:
    """An outbox is made at first; when it goes away later it is held, not made anew."""
    root = mounts.Root(tmp_path / "deep" / "outbox")
    root.prepare()
    assert root.path.is_dir()
    root.path.rmdir()
    with pytest.raises(HoldError, match="away") as caught:
        root.prepare()
    assert caught.value.outbox_wide
    assert not root.path.exists()
    root.path.mkdir()
    root.prepare()


def test_mount_types() -> None:
    """The kernel's own file systems are known by type, and network ones are not trusted."""
    assert mounts.mount_type(Path("/proc/self")) == "proc"
    assert mounts.raises_events("ext4")
    assert mounts.raises_events(mounts.mount_type(Path("/proc")))
    for remote in ("cifs", "nfs4", "9p", "virtiofs", "fuse.sshfs", "fuseblk"):
        assert not mounts.raises_events(remote)
    assert mounts.keeps_inodes("ext4")
    assert mounts.keeps_inodes("nfs4")
    for forgetful in ("vfat", "exfat", "cifs", "fuse.sshfs"):
        assert not mounts.keeps_inodes(forgetful)

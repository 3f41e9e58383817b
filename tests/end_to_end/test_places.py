"""Where folders really are, whatever they are called: links, second mounts, other spellings."""

from pathlib import Path, PurePath, PurePosixPath

import pytest

from scissorsd.folders import mounts as kernel
from scissorsd.folders import real_paths
from scissorsd.folders.mounts import Changes, Mount
from scissorsd.folders.real_paths import Location, Spot, below, locate, same

from .mounts import Mounts, needs_mounts


def within(inner: Path, outer: Path) -> str | None:
    """Return where one folder lies in the other."""
    found = locate((inner, outer))
    return found[inner].within(found[outer])


def seen_in(inner: Path, outer: Path) -> set[str]:
    """Return where one folder, or a part of it, is seen in the other."""
    found = locate((inner, outer))
    return set(found[inner].seen_in(found[outer]))


def test_spellings_of_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative, through `..`, through a link, with a last slash: it is one folder."""
    inbox = tmp_path / "in"
    inbox.mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    (tmp_path / "deep" / "in").symlink_to(inbox)
    monkeypatch.chdir(inbox)
    for spelling in (".", "../in", "../in/", "../link/../in", f"{tmp_path}/./in//"):
        assert same(Path(spelling).absolute(), inbox), spelling
    assert not same(tmp_path / "deep", inbox)
    assert within(tmp_path / "deep" / "in" / "new" / "one", inbox) == "new/one"
    assert within(inbox / ".." / "deep", inbox) is None


@needs_mounts
def test_a_folder_mounted_from_inside_another(tmp_path: Path, mounts: Mounts) -> None:
    """A second mount of a folder lies in the folders that hold the first; so does what is in it."""
    inbox, outbox = tmp_path / "in", tmp_path / "out"
    (inbox / "cut" / "more").mkdir(parents=True)
    mounts.bind(inbox / "cut", outbox)
    assert within(outbox, inbox) == "cut"
    assert within(outbox / "more", inbox) == "cut/more"
    assert within(outbox / "not" / "yet", inbox) == "cut/not/yet"
    assert within(inbox, outbox) is None
    assert seen_in(outbox, inbox) == {"cut"}
    mounts.tmpfs(inbox / "cut")  # and now something else stands there
    assert within(outbox, inbox) is None
    assert seen_in(outbox, inbox) == set()


@needs_mounts
def test_a_folder_mounted_twice(tmp_path: Path, mounts: Mounts) -> None:
    """Both mounts of a folder, or of a folder above it, are the same folder."""
    inbox = tmp_path / "in"
    (inbox / "a").mkdir(parents=True)
    mounts.bind(inbox, tmp_path / "same")
    mounts.bind(tmp_path, tmp_path.parent / f"{tmp_path.name}-above")
    assert same(inbox, tmp_path / "same")
    assert same(inbox, tmp_path.parent / f"{tmp_path.name}-above" / "in")
    assert within(tmp_path / "same" / "a", inbox) == "a"
    assert within(inbox / "a", tmp_path / "same") == "a"


@needs_mounts
def test_what_is_mounted_inside_a_folder(tmp_path: Path, mounts: Mounts) -> None:
    """A folder that is mounted inside another is seen there, and so is a part of one."""
    inbox, outbox = tmp_path / "in", tmp_path / "out"
    (outbox / "part").mkdir(parents=True)
    mounts.bind(outbox, inbox / "results")
    assert within(outbox, inbox) == "results"
    mounts.unmount(inbox / "results")
    assert seen_in(outbox, inbox) == set()
    mounts.bind(outbox / "part", inbox / "results")
    assert within(outbox, inbox) is None
    assert seen_in(outbox, inbox) == {"results"}
    mounts.tmpfs(outbox / "disk")
    mounts.bind(outbox / "disk", inbox / "more")
    assert seen_in(outbox, inbox) == {"results", "more"}


@needs_mounts
def test_neighbours_on_one_file_system_are_no_one(tmp_path: Path, mounts: Mounts) -> None:
    """Two folders of one disk, each mounted at its place, have nothing to do with each other."""
    for name in ("in", "out", "inner"):
        (tmp_path / "disk" / name).mkdir(parents=True)
    mounts.bind(tmp_path / "disk" / "in", tmp_path / "inbox")
    mounts.bind(tmp_path / "disk" / "out", tmp_path / "outbox")
    mounts.bind(tmp_path / "disk" / "inner", tmp_path / "inbox2")
    for one in ("inbox", "outbox", "inbox2"):
        for other in {"inbox", "outbox", "inbox2"} - {one}:
            assert seen_in(tmp_path / one, tmp_path / other) == set()


def share(source: str, root: str, below: str = "") -> Location:
    """Return the location of a folder on a mount of a share."""
    point = Path("/mnt") / f"{source}{root}".replace("/", "-")
    mount = Mount(1, "0:50", root, str(point), "cifs", source)
    spot = real_paths._spot(mount, point / below, PurePath())
    return Location(point / below, point / below, spot=spot)


def test_two_mounts_of_one_share() -> None:
    """What two mounts of one server have in common is known by the names of server and folder."""
    photos = share("//nas/photos", "/")
    assert share("//nas/photos/cut", "/").within(photos) == "cut"
    assert share("//nas/photos/cut", "/cut").within(photos) == "cut"  # as some kernels tell it
    assert share("//nas/photos", "/cut").within(photos) == "cut"  # and a part of a mount
    assert share("//nas/photos", "/", "cut/deep").within(share("//nas/photos/cut", "/")) == "deep"
    assert share("//nas/photographs", "/").within(photos) is None
    assert share("//nas/photos", "/in").within(share("//nas/photos", "/out")) is None
    assert share("//other/photos", "/cut").within(photos) is None
    assert share("nas:/a", "/", "in").within(share("nas:/b", "/", "in")) is None  # one to Linux


def test_what_the_kernel_tells_of_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Escaped names are read; of two mounts at one place the later one counts."""
    table = tmp_path / "mountinfo"
    table.write_text(
        "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        r"21 20 8:2 /my\040cut /srv/a\040b rw shared:1 master:2 - btrfs /dev/sdb rw" + "\n"
        "22 20 0:33 / /srv/x rw - tmpfs tmpfs rw\n"
        "23 20 0:34 / /srv/x rw - nfs4 nas:/photos rw\n"
    )
    monkeypatch.setattr(kernel, "_TABLE", table)
    monkeypatch.setattr(kernel, "_mount_number", lambda _: None)
    assert kernel.mount_of(Path("/srv/a b/deep")) == Mount(
        21, "8:2", "/my cut", "/srv/a b", "btrfs", "/dev/sdb", parent=20
    )
    assert kernel.mount_type(Path("/srv/x")) == "nfs4"
    assert kernel.mount_type(Path("/srv/xy")) == "ext4"
    found = kernel.mount_of(Path("/srv/a b/deep"))
    assert found is not None
    assert real_paths._spot(found, Path("/srv/a b/deep"), PurePath()) == Spot(
        "8:2", PurePosixPath("/my cut/deep"), PurePath(), keeps_inodes=True
    )
    monkeypatch.setattr(kernel, "_TABLE", tmp_path / "none")
    assert kernel.mount_type(Path("/srv")) == ""


@needs_mounts
def test_mounts_that_change_are_noticed(tmp_path: Path, mounts: Mounts) -> None:
    """Whatever is mounted or unmounted is told of once; nothing else is."""
    changes = Changes()
    assert not changes.any()
    mounts.tmpfs(tmp_path / "x")
    assert changes.any()
    assert not changes.any()
    mounts.unmount(tmp_path / "x")
    assert changes.any()
    changes.close()
    assert not changes.any()


def test_which_folder_holds_a_path(tmp_path: Path) -> None:
    """The innermost folder that holds it, by any spelling; a link is itself, not what it shows."""
    outer, inner = tmp_path / "a", tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "link").symlink_to(inner)
    (inner / "l.jpg").symlink_to(tmp_path)
    assert below((outer, inner), inner / "x.jpg") == (1, "x.jpg")
    assert below((outer,), tmp_path / "link" / "l.jpg") == (0, "b/l.jpg")
    assert below((outer,), outer / ".." / "x.jpg") is None
    assert below((outer,), tmp_path / "link" / ".." / "x.jpg") == (0, "x.jpg")


def test_a_path_as_the_folder_lists_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file system takes one name for another, the listed one is given."""
    folder = tmp_path / "Shoot"
    folder.mkdir()
    (folder / "CAF\u00c9.JPG").touch()
    monkeypatch.setattr("os.path.lexists", lambda _: True)  # as where case makes no difference
    assert real_paths.as_listed(tmp_path, "Shoot/cafe\u0301.jpg") == "Shoot/CAF\u00c9.JPG"
    assert real_paths.as_listed(tmp_path, "Shoot/other.jpg") == "Shoot/other.jpg"


def test_what_stands_in_the_way(tmp_path: Path) -> None:
    """A file at the path, or on the way to it, is told; what is not there yet is none."""
    (tmp_path / "file").touch()
    paths = [tmp_path / "file", tmp_path / "file" / "x", tmp_path / "new" / "x", tmp_path]
    obstacles = [locate([path])[path].obstacle for path in paths]
    assert obstacles == [tmp_path / "file", tmp_path / "file", None, None]
    assert [locate([path])[path].gone for path in paths] == [False, True, True, False]

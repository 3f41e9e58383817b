"""Only what is still our own is removed, and only a folder that is empty."""

import os
from pathlib import Path

import pytest

from scissorsd.errors import HoldError
from scissorsd.folders import removing
from scissorsd.folders.publishing import digest_of
from scissorsd.folders.removing import Own, look, remove_all

CONTENT = b"cutout"
OTHER = b"touche"  # of the same length


def own(place: Path) -> Own:
    """Write a file, and return all that there is to know it by."""
    place.write_bytes(CONTENT)
    return Own(place, len(CONTENT), digest_of(CONTENT), place.stat().st_mtime_ns)


def test_a_file_that_is_still_the_very_one_is_removed(tmp_path: Path) -> None:
    """What was removed before is none the worse."""
    files = [own(tmp_path / "a"), own(tmp_path / "b")]
    files[1].place.unlink()
    seen = [look(file) for file in files]
    assert [one.found for one in seen] == ["own", "gone"]
    assert remove_all(seen)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_content_or_time_is_another(tmp_path: Path) -> None:
    """Size, content and time must agree, as far as they are known."""
    file = own(tmp_path / "a")
    status = file.place.stat()
    file.place.write_bytes(OTHER)
    os.utime(file.place, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert look(file).found == "other"
    assert look(Own(file.place, file.size, b"", file.mtime_ns)).found == "own"  # as far as is known
    os.utime(file.place, ns=(1, 1))
    assert look(Own(file.place, file.size, b"", file.mtime_ns)).found == "other"
    assert look(Own(file.place, file.size, digest_of(OTHER))).found == "own"
    assert look(Own(file.place, file.size)).found == "other"  # by nothing but its size: never


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "dangling"])
def test_what_is_no_regular_file_is_another(tmp_path: Path, kind: str) -> None:
    """A link to the very file is not the file, and no pipe is waited for."""
    file = own(tmp_path / "a")
    moved = file.place.rename(tmp_path / "elsewhere")
    if kind == "link":
        file.place.symlink_to(moved)
    elif kind == "dangling":
        file.place.symlink_to(tmp_path / "nowhere")
    elif kind == "folder":
        file.place.mkdir()
    else:
        os.mkfifo(file.place)
    seen = look(file)
    assert seen.found == "other"
    assert remove_all([seen])
    assert os.path.lexists(file.place)


def test_a_file_that_is_replaced_after_the_look_stays(tmp_path: Path) -> None:
    """Even one with the same bytes: somebody has just put it there."""
    file = own(tmp_path / "a")
    seen = look(file)
    other = tmp_path / "b"
    other.write_bytes(CONTENT)
    other.replace(file.place)
    assert not remove_all([seen])
    assert file.place.read_bytes() == CONTENT


def test_what_cannot_be_told_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share that fails is not one from which the file is gone."""
    file = own(tmp_path / "a")

    def fail(_: Path) -> os.stat_result:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "lstat", fail)
    with pytest.raises(HoldError, match="Input/output error"):
        look(file)


# --- folders ------------------------------------------------------------------------------------


def test_a_folder_is_looked_at(tmp_path: Path) -> None:
    """Its last change is that of its entries or of itself."""
    (tmp_path / "a/b").mkdir(parents=True)
    status = (tmp_path / "a/b").stat()
    found = removing.look_at_folder(tmp_path, "a/b")
    assert found == removing.Folder(status.st_ino, max(status.st_mtime, status.st_ctime))
    os.utime(tmp_path / "a/b", (1, 1))  # as copy programs do
    there = removing.look_at_folder(tmp_path, "a/b")
    assert there is not None
    assert there.changed >= status.st_ctime


def test_what_lies_behind_a_link_is_no_folder_of_the_inbox(tmp_path: Path) -> None:
    """Nor is the link itself, a file, or what is not there."""
    (tmp_path / "elsewhere/b").mkdir(parents=True)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a").symlink_to(tmp_path / "elsewhere")
    (inbox / "file").touch()
    for folder in ("a", "a/b", "file", "file/b", "gone"):
        assert removing.look_at_folder(inbox, folder) is None


def test_an_inbox_that_is_itself_a_link_has_folders(tmp_path: Path) -> None:
    """It is looked through by that path, too."""
    (tmp_path / "real/a").mkdir(parents=True)
    (tmp_path / "inbox").symlink_to(tmp_path / "real")
    assert removing.look_at_folder(tmp_path / "inbox", "a") is not None


@pytest.mark.parametrize("litter", [".DS_Store", "Thumbs.db", "@eaDir/", "empty/"])
def test_a_folder_with_anything_in_it_stays(tmp_path: Path, litter: str) -> None:
    """What is hidden counts, and so does an empty folder."""
    folder = tmp_path / "a"
    folder.mkdir()
    thing = folder / litter
    thing.mkdir() if litter.endswith("/") else thing.touch()
    assert not removing.is_empty(folder)
    assert not removing.remove_folder(folder)
    assert thing.exists()


def test_an_empty_folder_is_removed(tmp_path: Path) -> None:
    """And one that is gone by then is no error."""
    folder = tmp_path / "a"
    folder.mkdir()
    assert removing.is_empty(folder)
    assert removing.remove_folder(folder)
    assert not removing.remove_folder(folder)
    assert not folder.exists()

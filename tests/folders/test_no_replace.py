"""A file gets its name only where nothing is, by whatever a file system has to offer."""

import errno
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from scissorsd import atomic
from scissorsd.folders import no_replace

Way = Callable[[Path, Path], object]


def by_placeholder(origin: Path, place: Path) -> None:
    """Take a place as where there are neither links nor renaming without replacing."""
    no_replace._reserve_and_rename(origin, place, secrets.token_bytes(8))


WAYS = (no_replace._link_and_unlink, no_replace._renameat2, by_placeholder)


@pytest.fixture(params=WAYS, ids=["link", "rename", "placeholder"])
def way(request: pytest.FixtureRequest) -> Way:
    """Return each way of taking a place."""
    chosen: Way = request.param
    return chosen


def put(path: Path, content: bytes = b"x") -> Path:
    """Write a file."""
    path.write_bytes(content)
    return path


def test_a_free_place_is_taken(tmp_path: Path, way: Way) -> None:
    """A file whose place is free has it afterwards, and its old name is gone."""
    way(put(tmp_path / "draft", b"whole"), tmp_path / "a.png")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.png": b"whole"}


@pytest.mark.parametrize("there", ["file", "folder", "dangling link"])
def test_a_taken_place_is_left(tmp_path: Path, way: Way, there: str) -> None:
    """Whatever is at the place stays, and the file keeps its old name."""
    draft, place = put(tmp_path / "draft"), tmp_path / "a.png"
    if there == "file":
        put(place, b"theirs")
    elif there == "folder":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / "nothing")
    with pytest.raises(FileExistsError):
        way(draft, place)
    assert draft.read_bytes() == b"x"
    assert there != "file" or place.read_bytes() == b"theirs"
    assert there != "dangling link" or place.is_symlink()


def test_of_many_one_takes_the_place(tmp_path: Path, way: Way) -> None:
    """Of eight who want one place at the same moment one gets it, and seven files stay drafts."""
    for turn in range(20):
        place = tmp_path / f"{turn}.png"
        start = threading.Barrier(8)
        won: list[int] = []

        def race(number: int, place: Path = place, start: threading.Barrier = start) -> None:
            draft = put(tmp_path / f"draft-{number}", str(number).encode())
            start.wait()
            try:
                way(draft, place)
            except FileExistsError:
                draft.unlink()
            else:
                won.append(number)  # noqa: B023 - this turn's, which ends before the next

        threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert place.read_bytes() == str(won[0]).encode()
    assert len(list(tmp_path.iterdir())) == 20


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EACCES, errno.EMLINK])
def test_without_links_the_next_way_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Where a file system refuses links, a place is taken by its next best way, and kept."""
    monkeypatch.setattr("scissorsd.folders.no_replace.os.link", raising(number))
    no_replace.rename(put(tmp_path / "draft", b"1"), tmp_path / "a.png")
    with pytest.raises(FileExistsError):
        no_replace.rename(put(tmp_path / "draft", b"2"), tmp_path / "a.png")
    monkeypatch.setattr(no_replace, "_libc_function", lambda _: None)  # nor renameat2
    with pytest.raises(FileExistsError):
        no_replace.rename(tmp_path / "draft", tmp_path / "a.png")
    no_replace.rename(tmp_path / "draft", tmp_path / "b.png")
    assert [(tmp_path / name).read_bytes() for name in ("a.png", "b.png")] == [b"1", b"2"]


def test_a_killed_link_is_gone_on_with(tmp_path: Path) -> None:
    """Killed between link and unlink, or asked twice over NFS: the place is still one's own."""
    draft = put(tmp_path / "draft")
    os.link(draft, tmp_path / "a.png")
    no_replace.rename(draft, tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_killed_placeholder_is_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A placeholder left by a process that was killed is known by its owner, and by no other."""
    place = tmp_path / "a.png"

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("scissorsd.folders.no_replace.os.link", raising(errno.EPERM))
        patch.setattr(no_replace, "_renameat2", lambda *_: False)
        patch.setattr(Path, "rename", die)
        with pytest.raises(KeyboardInterrupt):
            no_replace.rename(put(tmp_path / "draft", b"whole"), place, tag="mine")
    assert no_replace.is_reserved(place, "mine")
    assert not no_replace.is_reserved(place, "theirs")
    with pytest.raises(FileExistsError):
        no_replace.rename(put(tmp_path / "other"), place, tag="theirs")
    no_replace.rename(tmp_path / "draft", place, tag="mine")
    assert place.read_bytes() == b"whole"


def test_a_rename_that_was_done_and_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a server has renamed and its answer was lost, the file is left where it is now."""
    honest = Path.rename

    def lost(origin: Path, place: Path) -> None:
        honest(origin, place)
        raise OSError(errno.EHOSTDOWN, "Host is down")

    monkeypatch.setattr(Path, "rename", lost)
    by_placeholder(put(tmp_path / "draft", b"the only copy"), tmp_path / "a.jpg")
    assert (tmp_path / "a.jpg").read_bytes() == b"the only copy"


def test_a_link_that_was_made_and_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a server has linked and its answer was lost, the place is taken all the same."""
    honest = os.link

    def lost(origin: Path, place: Path, *, follow_symlinks: bool) -> None:
        honest(origin, place, follow_symlinks=follow_symlinks)
        raise OSError(errno.EAGAIN, "Try again")

    monkeypatch.setattr("scissorsd.folders.no_replace.os.link", lost)
    no_replace.rename(put(tmp_path / "draft", b"whole"), tmp_path / "a.png")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.png": b"whole"}


def test_an_old_name_that_cannot_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file may not lose its old name it gets no new one, and the reason is told."""
    draft = put(tmp_path / "draft", b"whole")
    honest = Path.unlink

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        if path == draft:
            raise OSError(errno.EACCES, "Permission denied")
        honest(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(PermissionError):
        no_replace.rename(draft, tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["draft"]


def test_a_place_that_is_the_file_itself(tmp_path: Path) -> None:
    """Where a place turns out to be the file's own by another path, its only copy stays."""
    (tmp_path / "inbox").mkdir()
    (tmp_path / "processed").symlink_to("inbox")
    picture = put(tmp_path / "inbox" / "a.jpg", b"the only copy")
    with pytest.raises(FileExistsError):
        no_replace.rename(picture, tmp_path / "processed" / "a.jpg")
    assert picture.read_bytes() == b"the only copy"


def raising(number: int) -> Callable[..., None]:
    """Return what fails with this error."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def test_temporary_names_never_clash(tmp_path: Path) -> None:
    """Of many temporary names no two are the same; those of one tag are found, and no others."""
    names = {atomic.temporary(tmp_path, "7") for _ in range(1000)}
    assert len(names) == 1000
    mine, theirs = atomic.temporary(tmp_path, "7"), atomic.temporary(tmp_path, "77")
    put(mine)
    put(theirs)
    assert atomic.temporaries(tmp_path, "7") == [mine]


def test_a_small_file_is_written_whole(tmp_path: Path) -> None:
    """A small file of our own replaces its older self; where it cannot, nothing is left behind."""
    atomic.write_atomically(tmp_path / "status.json", b"1")
    atomic.write_atomically(tmp_path / "status.json", b"2")
    assert (tmp_path / "status.json").read_bytes() == b"2"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        atomic.write_atomically(tmp_path / "folder", b"3")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "status.json"]

from pathlib import Path

import pytest

from scissorsd.errors import HoldError
from scissorsd.folders import mounts


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

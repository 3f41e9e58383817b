"""`service install --make-folders`: what it makes, and what it never touches."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from scissorsd.config import from_values
from scissorsd.service import make_folders
from scissorsd.settings import Config

ME = pwd.getpwuid(os.geteuid()).pw_name
ELSE = pwd.getpwnam("nobody")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")


def configured(folder: Path, **inbox: object) -> Config:
    """Return a configuration with an inbox, an outbox and a destination, none of them there."""
    shop = {
        "path": str(folder / "srv" / "in"),
        "outbox": str(folder / "srv" / "out"),
        "rules": [
            {
                "source": "move",
                "move_to": str(folder / "gone"),
                "outputs": [{"folder": str(folder / "web")}],
            }
        ],
        **inbox,
    }
    values = {"state": str(folder / "state"), "inboxes": {"shop": shop}}
    return from_values(values, base=folder).config


def test_made_once(tmp_path: Path) -> None:
    """Inbox, outbox and destination are made and told of; a second time there is nothing to do."""
    config = configured(tmp_path)
    shown = list(make_folders.shown(config, ME))
    names = ("srv/in", "srv/out", "gone", "web")
    assert shown == [f"would make {tmp_path / name} for {ME}" for name in names]
    assert not list(tmp_path.iterdir())
    said = [line for line in make_folders.make(config, ME) if not line.startswith(" ")]
    modes = [(tmp_path / name).stat().st_mode & 0o7777 for name in names]
    assert modes == [0o775, 0o755, 0o755, 0o755]
    assert [line.split(" (")[0] for line in said] == [f"made {tmp_path / name}" for name in names]
    assert list(make_folders.make(config, ME)) == []


@needs_root
def test_whose_they_are(tmp_path: Path) -> None:
    """They are the account's; the folder above that was made stays root's, and what was there."""
    (tmp_path / "gone").mkdir(0o700)
    assert list(make_folders.make(configured(tmp_path), "nobody"))
    owners = {name: (tmp_path / name).stat().st_uid for name in ("srv/in", "srv", "gone")}
    assert owners == {"srv/in": ELSE.pw_uid, "srv": 0, "gone": 0}
    assert (tmp_path / "gone").stat().st_mode & 0o777 == 0o700


@needs_root
@pytest.mark.parametrize("how", ["another's", "open", "a link of another", "through a link"])
def test_where_others_have_a_hand(tmp_path: Path, how: str) -> None:
    """Nothing is made below a folder or a link that others could turn elsewhere meanwhile."""
    srv, elsewhere = tmp_path / "srv", tmp_path / "elsewhere"
    elsewhere.mkdir()
    if "link" in how:
        srv.symlink_to(elsewhere)
        os.lchown(srv if how == "a link of another" else elsewhere, ELSE.pw_uid, 0)
    else:
        srv.mkdir()
        if how == "open":
            srv.chmod(0o777)
        else:
            os.chown(srv, ELSE.pw_uid, 0)
    said = list(make_folders.make(configured(tmp_path), "nobody"))
    assert len(said) == 4
    for line, name in zip(said, ("in", "out"), strict=False):
        assert line.startswith(f"WARNING: {srv / name} was not made: ")
    assert not list(elsewhere.iterdir())
    assert (tmp_path / "gone").is_dir()


def test_by_a_link_of_ones_own(tmp_path: Path) -> None:
    """A link that only root (or oneself) can have put there is followed."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "srv").symlink_to(tmp_path / "disk")
    list(make_folders.make(configured(tmp_path), None))
    assert (tmp_path / "disk" / "in").is_dir()


def test_what_must_be_a_mount_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that must be a mount, or lies on one of fstab's that is not mounted, is left."""
    list(make_folders.make(configured(tmp_path, require_mount=True), None))
    assert not (tmp_path / "srv" / "in").exists()
    assert (tmp_path / "srv" / "out").is_dir()
    nas = tmp_path / "nas"
    monkeypatch.setattr(make_folders, "_FSTAB", tmp_path / "fstab")
    (tmp_path / "fstab").write_text(f"# none\nUUID=1 / ext4\n//nas/x {nas} cifs _netdev 0 0\n")
    (said,) = make_folders.make(configured(tmp_path, path=str(nas / "in")), None)
    assert "is in" in said
    assert "not mounted now" in said
    assert not nas.exists()


def test_the_dry_run_shows_them(tmp_path: Path) -> None:
    """Standard output is the unit alone; what would be made is told beside it."""
    file = tmp_path / "scissorsd.yaml"
    file.write_text(f"state: {tmp_path}\ninboxes: {{a: {{path: {tmp_path}/in, outbox: /x/out}}}}\n")
    command = [sys.executable, "-m", "scissorsd", "service", "install", "--user", "-c", str(file)]
    bare, shown = (
        subprocess.run(
            [*command, "--dry-run", *more], capture_output=True, text=True, check=True, timeout=300
        )
        for more in ([], ["--make-folders"])
    )
    assert shown.stdout == bare.stdout
    assert f"would make {tmp_path}/in" in shown.stderr
    assert not (tmp_path / "in").exists()

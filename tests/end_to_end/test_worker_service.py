"""`scissorsd worker --service`: what it writes, what it refuses, and what it takes away."""

import stat
import subprocess
from pathlib import Path

import pytest

from scissorsd.hosts.joining.join import Join, write

from . import test_service_install as service
from .test_service_install import files

UNIT = "etc/systemd/system/scissorsd-worker.service"
JOIN = "etc/scissorsd/studio.join"
BESIDE = ["etc/sysusers.d/scissorsd.conf", "etc/tmpfiles.d/scissorsd.conf"]


@pytest.fixture
def join(tmp_path: Path) -> Path:
    """Return a join file."""
    write(tmp_path / "studio.join", Join("amqps://nas.local:5671/scissorsd", "host", "a secret"))
    return tmp_path / "studio.join"


def run(join: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    """Run `scissorsd worker` as a user would."""
    return service.run(join, *words, command="worker")


def test_install_and_uninstall(join: Path, tmp_path: Path) -> None:
    """The unit has the options, the join file is for one user; twice is as once; all goes again."""
    root = tmp_path / "root"
    words = ("--root", root, "--slots", 3, "--map", "/srv/shop=/mnt/my shop", "--model", "u2netp")
    said = run(join, "--service", "install", *words)
    assert (said.returncode, said.stderr) == (0, "")
    assert files(root) == sorted([UNIT, JOIN, *BESIDE])
    assert stat.S_IMODE((root / JOIN).stat().st_mode) == 0o600
    command = 'studio.join --model u2netp --map "/srv/shop=/mnt/my shop" --slots 3\n'
    assert f"worker /etc/scissorsd/{command}" in (root / UNIT).read_text()
    assert "Next: systemctl enable --now scissorsd-worker" in said.stdout
    again = run(join, "--service", "install", *words)
    assert f"{root / UNIT} is as it should be" in again.stdout
    gone = run(join, "--service", "uninstall", "--root", root)
    assert (gone.returncode, files(root)) == (0, [JOIN])
    assert "Left:" in gone.stdout


@pytest.mark.full
def test_the_unit_is_shown(join: Path, tmp_path: Path) -> None:
    """What is shown is what install writes, byte for byte."""
    shown = run(join, "--service", "show", "--name", "gpu 1")
    run(join, "--service", "install", "--name", "gpu 1", "--root", tmp_path / "root")
    assert shown.stdout == (tmp_path / "root" / UNIT).read_text()


@pytest.mark.full
def test_what_is_refused(join: Path, tmp_path: Path) -> None:
    """Over somebody else's unit, and with options that cannot be, nothing is written."""
    root = tmp_path / "root"
    said = run(join, "--service", "install", "--root", root, "--model", "u3net")
    assert (said.returncode, root.exists()) == (2, False)
    assert "there is no network 'u3net'" in said.stderr
    assert run(tmp_path / "no.join", "--service", "install", "--root", root).returncode != 0
    (root / UNIT).parent.mkdir(parents=True)
    (root / UNIT).write_text("[Unit]\n")
    said = run(join, "--service", "install", "--root", root)
    assert "was not written by scissorsd" in said.stderr
    assert files(root) == [UNIT]


@pytest.mark.full
def test_beside_the_daemons_service(join: Path, tmp_path: Path) -> None:
    """What both services need stays as the daemon's has it, and stays when the host's goes."""
    root = tmp_path / "root"
    for name in ("scissorsd.service", "scissorsd-worker.service"):
        (root / UNIT).parent.mkdir(parents=True, exist_ok=True)
        (root / UNIT).with_name(name).write_text('# Written by "scissorsd service install"\n')
    for name in BESIDE:
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text('# Written by "scissorsd service install"\n# with more\n')
    run(join, "--service", "install", "--root", root)
    assert "with more" in (root / BESIDE[1]).read_text()
    run(join, "--service", "uninstall", "--root", root)
    assert files(root) == sorted([JOIN, *BESIDE, "etc/systemd/system/scissorsd.service"])

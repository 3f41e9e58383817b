"""`scissorsd service`: what it writes, what it refuses, and what it takes away."""

import subprocess
import sys
from pathlib import Path

import pytest

from scissorsd.service import target, unit, unit_for_config

UNIT = "etc/systemd/system/scissorsd.service"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration with an inbox, an outbox and a destination elsewhere."""
    for name in ("shop/inbox", "shop/outbox", "näh 50%"):
        (tmp_path / name).mkdir(parents=True)
    file = tmp_path / "scissorsd.yaml"
    file.write_text(
        f"""\
state: {tmp_path}/state
models: /var/lib/scissorsd/models
inboxes:
  shop:
    path: {tmp_path}/shop/inbox
    outbox: {tmp_path}/shop/outbox
    rules:
      - {{source: move, move_to: "{tmp_path}/näh 50%"}}
"""
    )
    return file


def run(*words: object, command: str = "service") -> "subprocess.CompletedProcess[str]":
    """Run `scissorsd service`, or another command that has to do with one, as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "scissorsd", command, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def files(root: Path) -> list[str]:
    """Return every file below a folder."""
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def test_install_and_uninstall(config: Path, tmp_path: Path) -> None:
    """Three files are written, told of, and taken away again; nothing else is touched."""
    root = tmp_path / "root"
    said = run("install", "-c", config, "--root", root)
    assert (said.returncode, said.stderr) == (0, "")
    written = [UNIT, "etc/sysusers.d/scissorsd.conf", "etc/tmpfiles.d/scissorsd.conf"]
    assert files(root) == sorted(written)
    for name in written:
        assert f"wrote {root}/{name}" in said.stdout
    assert "Next: systemctl enable --now scissorsd" in said.stdout
    text = (root / UNIT).read_text()
    assert f"run -c {config}\n" in text
    for folder in ("shop/inbox", "shop/outbox", "state"):
        assert f"ReadWritePaths={tmp_path}/{folder}\n" in text
    assert f'ReadWritePaths="{tmp_path}/näh 50%%"\n' in text
    assert "ReadWritePaths=/var/lib" not in text  # StateDirectory= allows that
    assert f"d {tmp_path}/state 0750 scissorsd" in (root / written[2]).read_text()
    again = run("install", "-c", config, "--root", root)
    assert "is as it should be" in again.stdout
    gone = run("uninstall", "--root", root)
    assert (gone.returncode, files(root)) == (0, [])
    assert "Left as they are: the configuration" in gone.stdout
    assert config.exists()


def test_the_dry_run_shows_what_install_writes(config: Path, tmp_path: Path) -> None:
    """The unit goes to standard output, byte for byte, and nowhere else."""
    root = tmp_path / "root"
    shown = run("install", "-c", config, "--root", root, "--dry-run")
    assert not root.exists()
    run("install", "-c", config, "--root", root)
    assert shown.stdout == (root / UNIT).read_text()


def test_one_users_service(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one file in that user's own settings, and tells of lingering."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/anna/.config")
    root = tmp_path / "root"
    said = run("install", "--user", "-c", config, "--root", root)
    assert files(root) == ["home/anna/.config/systemd/user/scissorsd.service"]
    assert "systemctl --user enable --now scissorsd" in said.stdout
    assert "loginctl enable-linger" in said.stdout
    run("uninstall", "--user", "--root", root)
    assert files(root) == []


def test_a_bad_configuration_writes_nothing(config: Path, tmp_path: Path) -> None:
    """Its problems are told with their lines, and the exit status is 78."""
    config.write_text(config.read_text().replace("outbox:", "outbx:"))
    root = tmp_path / "root"
    said = run("install", "-c", config, "--root", root)
    assert said.returncode == 78
    assert f"{config}:" in said.stderr
    assert not root.exists()


def test_no_configuration_is_told_what_to_do(tmp_path: Path) -> None:
    """The command that it names puts a good configuration there."""
    file = tmp_path / "new" / "mine.yaml"
    said = run("install", "-c", file, "--root", tmp_path / "root")
    assert said.returncode == 78
    assert "Traceback" not in said.stderr
    command = next(line for line in said.stderr.splitlines() if "mkdir -p" in line)
    subprocess.run(["/bin/sh", "-c", command], check=True, timeout=300)
    assert run("install", "-c", file, "--root", tmp_path / "root").returncode == 0


@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_somebody_elses_unit_is_left_alone(config: Path, tmp_path: Path, verb: str) -> None:
    """A unit without our mark is neither written over nor removed, nor is anything beside it."""
    unit_file = tmp_path / "root" / UNIT
    unit_file.parent.mkdir(parents=True)
    unit_file.write_text("[Service]\nExecStart=/bin/true\n")
    options = ["-c", config] if verb == "install" else []
    said = run(verb, *options, "--root", tmp_path / "root")
    assert said.returncode == 2
    assert "left as it is" in said.stderr
    assert files(tmp_path / "root") == [UNIT]
    assert unit_file.read_text() == "[Service]\nExecStart=/bin/true\n"


def test_a_folder_that_is_not_there_is_told_with_the_command(config: Path, tmp_path: Path) -> None:
    """An outbox that is missing would keep the service from starting."""
    (tmp_path / "shop" / "outbox").rmdir()
    said = run("install", "-c", config, "--root", tmp_path / "root")
    assert f"WARNING: {tmp_path}/shop/outbox is not there" in said.stdout


def test_mounts_are_reached_through_the_folder_above(config: Path) -> None:
    """An inbox that must be a mount is not named itself: it would look mounted for ever."""
    text = config.read_text().replace("    path:", "    require_mount: true\n    path:")
    config.write_text(text)
    shown = unit_for_config.unit_text(target.Target(), config)
    folder = config.parent
    assert f"ReadWritePaths={folder}/shop\n" in shown
    assert f"{folder}/shop/inbox" not in shown


def test_inbox_and_outbox_side_by_side_are_one(tmp_path: Path) -> None:
    """In a folder of their own they are named as one, so that a source that moves is not copied."""
    file = tmp_path / "scissorsd.yaml"
    file.write_text(
        "state: /var/lib/scissorsd\n"
        "inboxes:\n"
        "  shop: {path: /srv/shop/inbox, outbox: /srv/shop/outbox}\n"
        "  anna: {path: /home/anna/in, outbox: /home/anna/out}\n"
        "  top: {path: /srv/in, outbox: /srv/out}\n"
    )
    lines = unit_for_config.unit_text(target.Target(), file).splitlines()
    named = [line for line in lines if line.startswith(("ReadWritePaths=/srv", "BindPaths="))]
    assert named == [
        "BindPaths=/home/anna/in",
        "BindPaths=/home/anna/out",
        "ReadWritePaths=/srv/shop",
        "ReadWritePaths=/srv/in",
        "ReadWritePaths=/srv/out",
    ]


def test_home_is_that_of_the_service(tmp_path: Path) -> None:
    """~ in the configuration is the account's home, not that of root who installs it."""
    file = tmp_path / "scissorsd.yaml"
    file.write_text(
        "state: /var/lib/scissorsd\ninboxes:\n  a: {path: ~/inbox, outbox: /srv/o/out}\n"
    )
    shown = unit_for_config.unit_text(target.Target(), file)
    keys = ("ReadWritePaths=/srv", "ReadWritePaths=/var/lib", "BindPaths=")
    named = [line for line in shown.splitlines() if line.startswith(keys)]
    assert named == ["ReadWritePaths=/srv/o/out"]  # StateDirectory= allows the other


def test_every_written_file_carries_the_mark() -> None:
    """What `uninstall` may remove is known by its first line."""
    for content in (unit.text(unit.Unit()), unit.sysusers(), unit.tmpfiles()):
        assert content.startswith(unit.MARK)

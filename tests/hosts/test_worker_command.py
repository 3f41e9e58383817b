"""What `scissorsd worker` says to a person who starts it wrong."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scissorsd.hosts.joining.join import Join, write

from .broker import Hub, free_ports


def said(join: Path, *options: str, models: Path) -> str:
    """Return what it says when it refuses to begin."""
    done = subprocess.run(
        [sys.executable, "-m", "scissorsd", "worker", str(join), "--models", str(models), *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode in {1, 2}, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_hub_that_is_not_there(tmp_path: Path, models_folder: Path) -> None:
    """Where nothing listens it says so, and that the join file may be read by others."""
    join = tmp_path / "studio.join"
    (port,) = free_ports(1)
    write(join, Join(f"amqp://127.0.0.1:{port}/scissorsd", "host", "secret"))
    join.chmod(0o644)
    words = said(join, "--model", "u2netp", models=models_folder)
    assert "nothing listens at the hub's address" in words
    assert "chmod 600" in words


@pytest.mark.full
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "u3net"], "there is no network 'u3net'"),
        (["--providers", "tpu"], "there is no provider 'tpu'"),
        (["--map", "/srv/shop"], "is not THEIRS=OURS"),
        (["--slots", "0"], "0 is not in the range"),
    ],
)
def test_options_that_cannot_be(
    options: list[str], words: str, tmp_path: Path, models_folder: Path
) -> None:
    """An option that makes no sense is refused before anything is connected."""
    join = tmp_path / "studio.join"
    write(join, Join("amqp://127.0.0.1:1/scissorsd", "host", "secret"))
    assert words in said(join, *options, models=models_folder)


@pytest.mark.full
def test_a_join_file_that_is_not_there(tmp_path: Path, models_folder: Path) -> None:
    """Without a join file it says which one, and what to do."""
    words = said(tmp_path / "studio.join", models=models_folder)
    assert "studio.join cannot be read: No such file or directory" in words


@pytest.mark.full
def test_a_wrong_secret(hub: Hub, tmp_path: Path, models_folder: Path) -> None:
    """A hub that does not take the secret, or lacks the network's queue, is told apart."""
    join = tmp_path / "wrong.join"
    write(join, replace(hub.joins["host"], secret="no secret"))  # noqa: S106
    words = said(join, "--model", "u2netp", models=models_folder)
    assert "does not take the secret of the user 'host'" in words
    write(join, hub.joins["host"])
    words = said(join, "--model", "silueta", models=models_folder)
    assert "lacks what it should have" in words

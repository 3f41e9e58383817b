"""Many processes, one outbox: nothing is lost, twice or half there, whoever is killed and when."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from .driver import Workplace, picture
from .rivals import Contest, digests

# Folders to hold the contest in besides those of the tests, each by one path or by several, as
# `SCISSORSD_SHARED_FOLDERS=/mnt/smb=/mnt/smb2,/mnt/nfs=/mnt/nfs2`.
SHARED = os.environ.get("SCISSORSD_SHARED_FOLDERS", "")
ROUNDS = int(os.environ.get("SCISSORSD_ROUNDS", "2"))


@pytest.fixture
def shared_memory() -> Iterator[Path]:
    """Yield an empty folder in shared memory, a file system of its own."""
    root = Path("/dev/shm")  # noqa: S108 - it is a file system of its own
    if not root.is_dir():
        pytest.skip("there is no shared memory here")
    folder = Path(mkdtemp(dir=root))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.full
def test_three_processes(tmp_path: Path, models_folder: Path) -> None:
    """Three killed twice each lose no original and put out every cutout and mask once."""
    contest = Contest([tmp_path / "out"], processes=3, pictures=6, kills=2, seed=14)
    assert contest.hold(tmp_path / "work", models_folder) == contest.expected()


@pytest.mark.full
def test_on_another_disk(tmp_path: Path, shared_memory: Path, models_folder: Path) -> None:
    """The same where originals are copied to another file system before they go."""
    contest = Contest([shared_memory / "out"], processes=2, pictures=6, kills=2, seed=5)
    assert contest.hold(tmp_path / "work", models_folder) == contest.expected()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_many_rounds(tmp_path: Path, shared_memory: Path, models_folder: Path, seed: int) -> None:
    """Six processes killed eight times each, on this file system and on another, lose nothing."""
    for folder in (tmp_path, shared_memory):
        contest = Contest([folder / "out"], processes=6, pictures=10, kills=8, seed=seed)
        work = tmp_path / f"work-{folder.name}"
        assert contest.hold(work, models_folder) == contest.expected()


@pytest.mark.system
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mounts", [part for part in SHARED.split(",") if part] or ["none"])
def test_shared_folders(tmp_path: Path, models_folder: Path, mounts: str) -> None:
    """The same on a share that every process sees through another mount of its own."""
    if mounts == "none":
        pytest.skip("SCISSORSD_SHARED_FOLDERS names no folders")
    roots = [Path(root) for root in mounts.split("=")]
    for seed in range(ROUNDS):
        folder = Path(mkdtemp(dir=roots[0]))
        outboxes = [root / folder.name / "out" for root in roots]
        contest = Contest(outboxes, processes=3, pictures=6, kills=2, seed=seed)
        assert contest.hold(tmp_path / str(seed), models_folder) == contest.expected()
        shutil.rmtree(folder)


@pytest.mark.full
def test_many_cuts_at_once(tmp_path: Path, place: Workplace) -> None:
    """Eight `cut`s into one folder: of one name one comes out whole, and the others say so."""
    pictures = []
    for number in range(8):
        folder = tmp_path / f"camera-{number}"
        folder.mkdir()
        pictures.append(folder / "IMG_1.jpg")
        pictures[-1].write_bytes(picture(number=number))
    out = tmp_path / "cut"
    command = [sys.executable, "-m", "scissorsd", "cut", "--model", "u2netp", "--edges", "soft"]
    environment = place._environment
    runs = [
        subprocess.Popen(
            [*command, "-o", f"{out}/", str(path)],
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for path in pictures
    ]
    said = [run.communicate(timeout=300)[1] for run in runs]
    assert sorted(run.returncode for run in runs) == [0] + [1] * 7
    assert sum("is there already" in text for text in said) == 7
    assert [path.name for path in out.iterdir()] == ["IMG_1.png"]
    assert len(digests([out])) == 1

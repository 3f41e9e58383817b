"""A place for real daemons to work at."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from .driver import Workplace
from .mounts import Mounts, Unprivileged, mounted


@pytest.fixture
def place(tmp_path: Path, models_folder: Path) -> Iterator[Workplace]:
    """Set up a workplace; whatever still runs there in the end is killed."""
    workplace = Workplace(tmp_path, models_folder)
    yield workplace
    workplace.close()


@pytest.fixture
def unprivileged(tmp_path: Path, models_folder: Path) -> Iterator[Workplace]:
    """Set up a workplace whose daemons heed permissions."""
    workplace = Unprivileged(tmp_path, models_folder)
    yield workplace
    workplace.close()


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    """Mount what the test asks for."""
    with mounted() as found:
        yield found


@pytest.fixture
def other_disk() -> Iterator[Path]:
    """Yield an empty folder on another file system than that of the inbox."""
    shared_memory = Path("/dev/shm")  # noqa: S108 - it is a file system of its own
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == Path.cwd().stat().st_dev:
        pytest.skip("there is no second file system here")
    folder = Path(mkdtemp(dir=shared_memory))
    yield folder
    shutil.rmtree(folder)

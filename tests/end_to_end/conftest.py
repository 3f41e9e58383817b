"""A place for real daemons to work at."""

from collections.abc import Iterator
from pathlib import Path

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

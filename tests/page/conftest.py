"""A place for a daemon and the page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end.driver import Workplace


@pytest.fixture
def place(tmp_path: Path, models_folder: Path) -> Iterator[Workplace]:
    """Set up a workplace; whatever still runs there in the end is killed."""
    workplace = Workplace(tmp_path, models_folder)
    yield workplace
    workplace.close()

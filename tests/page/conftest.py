"""A real journal, and the page's addresses under a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end.driver import Workplace

from .served import Served, served


@pytest.fixture
def place(tmp_path: Path, models_folder: Path) -> Iterator[Workplace]:
    """Set up a workplace; whatever still runs there in the end is killed."""
    workplace = Workplace(tmp_path, models_folder)
    yield workplace
    workplace.close()


@pytest.fixture
def page(place: Workplace) -> Iterator[Served]:
    """Serve the files of a workplace; its configuration is read when it is first asked."""
    with served(place) as server:
        yield server

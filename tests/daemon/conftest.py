"""A place for real daemons to work at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .driver import Workplace

# Cases that inflict faults; they are being brought into the everyday run one file at a time.
FAULTS = {
    "test_desk",
    *("test_errno_faults", "test_hard_arrivals", "test_inbox_faults", "test_journal_faults"),
    *("test_kills", "test_memory", "test_names", "test_not_pictures", "test_outbox_faults"),
    *("test_source_faults", "test_stalled_share", "test_telling"),
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of the files above as a fault."""
    for item in items:
        if item.path.stem in FAULTS:
            item.add_marker("fault")


@pytest.fixture
def place(tmp_path: Path, models_folder: Path) -> Iterator[Workplace]:
    """Set up a workplace; whatever still runs there in the end is killed."""
    workplace = Workplace(tmp_path, models_folder)
    yield workplace
    workplace.close()

"""One broker for all tests of a process, started when the first asks for it; a vhost for each."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end.driver import Workplace

from .broker import Broker, Hub, temporary_folder
from .studio import Studio

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """Start a broker; nothing of it is left running."""
    with temporary_folder() as folder:
        started = Broker(Path(folder) / "broker")
        try:
            started.start()
            yield started
        finally:
            started.end()


@pytest.fixture
def hub(broker: Broker, tmp_path: Path) -> Iterator[Hub]:
    """Give the test a vhost with the users, rights and queues of `scissorsd hub init`.

    A test may kill, stop, freeze and wipe the broker; it is up again for the next.
    """
    name = f"test-{next(_numbers)}"
    broker.revive()
    broker.add(name)
    yield Hub(broker, name, tmp_path)
    broker.revive()
    broker.remove(name)


@pytest.fixture
def studio(hub: Hub, tmp_path: Path, models_folder: Path) -> Iterator[Studio]:
    """Set up a daemon's workplace with a hub; whatever still runs there in the end is killed."""
    folder = tmp_path / "place"
    folder.mkdir()
    opened = Studio(Workplace(folder, models_folder), hub, models_folder)
    yield opened
    opened.close()

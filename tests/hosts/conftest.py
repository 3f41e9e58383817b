"""One broker for all tests of a process, started when the first asks for it; a vhost for each."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end.driver import Workplace

from scissorsd.core.catalogue import Model

from .broker import Broker, Hub, temporary_folder
from .drawn_network import make_known, write_drawn
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


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Model]:
    """Write the drawn network once."""
    folder = tmp_path_factory.mktemp("models")
    return folder, write_drawn(folder)


@pytest.fixture
def models(
    request: pytest.FixtureRequest,
    drawn: tuple[Path, Model],
    models_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Return a models folder whose u2netp is drawn, or real for tests with `real_network`."""
    if "real_network" in request.fixturenames:
        return models_folder
    folder, row = drawn
    make_known(row, folder, monkeypatch)
    return folder


@pytest.fixture
def real_network() -> None:
    """Let the test have u2netp as it is."""


@pytest.fixture
def studio(hub: Hub, tmp_path: Path, models: Path) -> Iterator[Studio]:
    """Set up a daemon's workplace with a hub; whatever still runs there in the end is killed."""
    folder = tmp_path / "place"
    folder.mkdir()
    opened = Studio(Workplace(folder, models), hub, models)
    yield opened
    opened.close()

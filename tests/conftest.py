"""What many tests stand on: the real weights of u2netp, fetched once by our own code."""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from scissorsd.core.catalogue import CATALOGUE
from scissorsd.errors import WeightsError
from scissorsd.inference import weights

# A machine that is busy is no fault: no test asserts that anything is fast.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_configure() -> None:
    """Let Ctrl-C reach what tests start, even in the background of a shell that ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow ones first, so that no worker begins one when the others are at their end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """Return a folder that holds the verified weights of u2netp."""
    model = CATALOGUE["u2netp"]
    named = weights.default_folder()
    try:
        if weights.find(model, named):
            return named
    except WeightsError:
        pass  # somebody's own bad file, which is not ours to touch
    folder = Path.home() / ".u2net"
    weights.locate(model, folder)
    return folder


@pytest.fixture(scope="session")
def u2netp(models_folder: Path) -> Path:
    """Return the path of the verified u2netp.onnx."""
    return models_folder / CATALOGUE["u2netp"].file

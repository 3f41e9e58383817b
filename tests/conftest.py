"""What many tests stand on: the real weights of u2netp, fetched once by our own code."""

from pathlib import Path

import pytest

from scissorsd.core.catalogue import CATALOGUE
from scissorsd.errors import WeightsError
from scissorsd.inference import weights


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

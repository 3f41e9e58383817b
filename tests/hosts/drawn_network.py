"""u2netp as a drawn network that takes no time, for tests that are about hosts and not about masks.

u2netp itself takes half a second of a processor for each picture. What is drawn here has its name,
so that queues, orders and status are as they are; a test's processes learn of it as they start.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from end_to_end.networks import write_darkness

from scissorsd.core.catalogue import CATALOGUE, Model

from .working import NETWORK

ROW = "sitecustomize.py"  # Python runs it as it starts, where its folder is on the path
_ROW = """from scissorsd.core import catalogue
from scissorsd.core.catalogue import Model
catalogue.CATALOGUE[{name!r}] = {row!r}
"""


def write_drawn(folder: Path) -> Model:
    """Write a models folder with the drawn network and what makes it known; return its row."""
    file = folder / CATALOGUE[NETWORK].file
    sha256 = write_darkness(file, sure=True)["sha256"]
    size = file.stat().st_size
    row = replace(CATALOGUE[NETWORK], sha256=sha256, size=size, url=None, wheel=None)
    (folder / ROW).write_text(_ROW.format(name=NETWORK, row=row))
    return row


def make_known(row: Model, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process, and all that it starts, know u2netp as it is drawn in a folder."""
    monkeypatch.setitem(CATALOGUE, NETWORK, row)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)

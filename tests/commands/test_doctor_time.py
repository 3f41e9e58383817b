"""`doctor --time` finds out anew, on the real network, what is the fastest here."""

from dataclasses import replace
from pathlib import Path

import pytest

from scissorsd.commands import configuration
from scissorsd.commands.doctor_time import time_anew
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.inference.demands import Demands
from scissorsd.inference.timings import Speeds
from scissorsd.machine import usable_cpus
from scissorsd.settings import Config

MODEL = CATALOGUE["u2netp"]


@pytest.fixture
def config(u2netp: Path, tmp_path: Path) -> Config:
    """Return a configuration that leaves the choice of the provider to the program."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / MODEL.file).symlink_to(u2netp)
    path = tmp_path / "scissorsd.yaml"
    path.write_text(
        "models: models\nstate: state\nprecision: full\ninboxes: {a: {path: in, outbox: out}}\n"
    )
    return configuration.load(path)


@pytest.mark.full
def test_it_is_timed_anew(config: Config) -> None:
    """What was known is measured again, told in words, and remembered where a daemon looks."""
    speeds, key = Speeds((config.models,)), Demands("full", usable_cpus()).key(MODEL)
    speeds.remember(key, {"openvino": 1000.0, "cpu": 2000.0})
    first, found = time_anew([MODEL], config.models, config)
    assert first.message.startswith("u2netp: timing openvino, cpu; ")
    if found.grade == "ok":  # else the machine was busy all the time, and it says so
        assert " is the one to use" in found.message
        assert all(seconds < 1000 for seconds in speeds.known(key).values())
    else:
        assert "could not be timed: other work of the machine disturbed it" in found.message


def test_what_a_person_decided_is_not_timed(config: Config) -> None:
    """With providers that are named, or a GPU that is required, there is nothing to find out."""
    for decided in (replace(config, providers=("cpu",)), replace(config, require_gpu=True)):
        (finding,) = time_anew([MODEL], config.models, decided)
        assert "nothing was timed" in finding.message

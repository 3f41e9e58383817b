"""Providers that fail in the middle of the work: the pictures come out all the same."""

import json
from importlib.util import find_spec
from typing import Any

import pytest
from families import one_of_each_kind

from scissorsd.inference.providers import PROVIDERS
from scissorsd.machine import expects_gpu

from .driver import Workplace, wait_for


def _models(place: Workplace) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(place.ask("status", "--json"))["providers"]
    return told


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is for x86-64 only")
@pytest.mark.parametrize("error", one_of_each_kind(["ENOMEM", "ENODEV", "raise"], kept=["ENOMEM"]))
def test_the_next_provider_takes_over(place: Workplace, error: str) -> None:
    """A provider that fails at run time costs a retry on the next one, not a picture."""
    place.change_config(providers=["openvino", "cpu"])
    daemon = place.start(variables={"SCISSORSD_FAULTS": f"infer.openvino={error}@2*"})
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        place.put(name)
        daemon.finished(name)
    fell_back = daemon.wait("session.fell_back", asked="openvino")
    (model,) = wait_for(lambda: [m for m in _models(place) if m["provider"] == "cpu"])
    daemon.stop()
    assert fell_back["provider"] == "cpu"
    assert [line["provider"] for line in daemon.told("job.finished")] == ["openvino", "cpu", "cpu"]
    assert place.files() == ["a.png", "b.png", "c.png"]
    assert not daemon.told("job.failed")
    assert not daemon.told("job.held")
    assert list(model["refused"]) == ["openvino"]


@pytest.mark.full
def test_status_names_what_was_asked_for(place: Workplace) -> None:
    """Status tells which providers were asked for, in order, and why those before are not used.

    Of a GPU that nobody has it tells in JSON only.
    """
    place.change_config(providers="auto")
    daemon = place.start()
    (model,) = wait_for(lambda: _models(place))
    said = place.ask("status")
    daemon.stop()
    assert model["asked"][0] == "cuda"  # a trial orders the others
    assert {*model["asked"]} == {*PROVIDERS}
    before = model["asked"][: model["asked"].index(model["provider"])]
    assert list(model["refused"]) == before
    assert f"darkness runs on {model['provider']}" in said
    told = [provider for provider in before if provider != "cuda" or expects_gpu()]
    assert all((f"not on {p}: " in said) is (p in told) for p in before)


def test_a_required_gpu_is_not_replaced(place: Workplace) -> None:
    """With `require_gpu` and no GPU that works the daemon refuses to start, and says why."""
    place.change_config(providers="auto", require_gpu=True)
    place.put("a.jpg")
    answer = place.run("run", "-c", place.config)
    if answer.returncode == 0:
        pytest.skip("a GPU works here")
    assert answer.returncode == 1
    assert "scissorsd: No GPU opens the model darkness" in answer.stderr
    assert "cuda:" in answer.stderr
    assert place.files() == []

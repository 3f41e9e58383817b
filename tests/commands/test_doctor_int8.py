"""What `doctor` tells of int8."""

from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path

import pytest

from scissorsd.commands import configuration, doctor_machine
from scissorsd.commands.findings import Finding
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.inference import int8_cache
from scissorsd.inference.demands import Demands
from scissorsd.inference.int8 import Findings, Int8
from scissorsd.inference.timings import Speeds
from scissorsd.machine import usable_cpus
from scissorsd.settings import Config

MODEL = CATALOGUE["u2netp"]

needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason="openvino is for x86-64 only"
)


@pytest.fixture
def config(u2netp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return a configuration under which u2netp may be computed in int8; nothing else is tried."""
    monkeypatch.setattr(doctor_machine, "probe", lambda *_: [])
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / MODEL.file).symlink_to(u2netp)
    path = tmp_path / "scissorsd.yaml"
    path.write_text(
        "models: models\nstate: state\nprecision: fast\n"
        "inboxes: {a: {path: in, outbox: out, rules: [{model: u2netp}]}}\n"
    )
    return configuration.load(path)


def told(config: Config | None, models: Path | None = None) -> Finding:
    """Return the one finding about int8."""
    (finding,) = [f for f in doctor_machine.examine(config, models) if "int8" in f.message]
    return finding


@needs_openvino
def test_each_standing_is_told(config: Config) -> None:
    """Not tried, taken and where it lies, gone, refused and why: each is told in its own words."""
    int8 = Int8(Speeds((config.state,)), Demands("fast", usable_cpus()), log=None)
    network = config.models / int8.places(MODEL)[0].name

    def tried(difference: float, times_as_fast: float) -> None:
        int8.remember(MODEL, Findings(difference, times_as_fast))

    finding = told(config)
    assert finding.grade == "note"
    assert "was not tried yet" in finding.message
    assert "by itself after some seconds" in finding.advice
    tried(0.0013, 2.1)
    assert "its file is gone" in told(config).message
    int8_cache.write(network, MODEL, b"<net/>1234")
    finding = told(config)
    assert (finding.grade, finding.advice) == ("ok", "")
    assert finding.message.endswith(
        f"is taken: 2.10 times as fast, masks differ by 0.0013: {network}"
    )
    assert f"(weights of {int8.standing(MODEL).bits} bits)" in finding.message
    tried(0.0187, 2.1)
    assert (
        "refused: its masks differ by 0.0187 from float32's, and may by 0.01"
        in told(config).message
    )
    tried(0.0013, 1.01)
    assert "refused: it is 1.01 times as fast" in told(config).message


@needs_openvino
def test_why_it_cannot_be_had(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another precision, other providers, other weights and a missing OpenVINO are each told."""
    for changed, reason in (
        (replace(config, precision="full"), "`precision: full` has it computed in float32"),
        (replace(config, precision="auto"), "`precision: auto` has it computed in float32"),
        (replace(config, providers=("cpu",)), "OpenVINO, which is not among the providers"),
        (replace(config, require_gpu=True), "OpenVINO, which is not among the providers"),
    ):
        assert reason in told(changed).message
    assert "`precision: auto`" in told(None, config.models).message
    other = replace(MODEL, sha256=None)
    assert (
        "no table for these weights" in told(replace(config, catalogue={"u2netp": other})).message
    )
    monkeypatch.setattr(int8_cache, "version", missing)
    assert "openvino is not installed" in told(config).message


def missing(name: str) -> str:
    """Stand in for a package that is not installed."""
    raise PackageNotFoundError(name)


def test_a_bad_model_file_hides_nothing(config: Config) -> None:
    """A file that is not the model's is told as such, and the examination goes on."""
    (config.models / "u2net.onnx").write_bytes(b"not it")
    findings = list(doctor_machine.examine(config, None))
    assert [f.grade for f in findings if "u2net.onnx" in f.message] == ["bad"]
    assert "inotify" in " ".join(f.message for f in findings)

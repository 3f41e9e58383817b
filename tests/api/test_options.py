"""MaskOptions, Output and CustomModel are the configuration's words, with its meanings."""

import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scissorsd import CustomModel, MaskOptions, Output, UsageError
from scissorsd.config import from_values
from scissorsd.config.custom_models import CustomModelSection
from scissorsd.config.outputs import MaskSection, OutputSection
from scissorsd.core import rules
from scissorsd.core.catalogue import Model

SHA256 = "0" * 64
SHARP: dict[str, Any] = {"edges": "sharp"}


def words_of(options: type[MaskOptions | Output | CustomModel]) -> dict[str, object]:
    """Return the options by name, with their defaults."""
    return {each.name: each.default for each in fields(options) if each.init}


def test_they_are_the_configurations() -> None:
    """Every option that a rule's mask, output or custom model has is there, and no other."""
    assert list(words_of(MaskOptions)) == list(MaskSection.model_fields)
    assert set(words_of(Output)) == set(OutputSection.model_fields) - {"folder", "name"}
    assert list(words_of(CustomModel)) == list(CustomModelSection.model_fields)


def test_defaults_are_the_configurations() -> None:
    """Of each option the default that is shown is the one that the configuration has."""
    for options, section in (
        (MaskOptions, MaskSection),
        (Output, OutputSection),
        (CustomModel, CustomModelSection),
    ):
        for name, default in words_of(options).items():
            known = section.model_fields[name].get_default(call_default_factory=True)
            if not section.model_fields[name].is_required():
                assert default == (tuple(known) if isinstance(known, list) else known), name
    assert MaskOptions().parsed == rules.MaskOptions()
    assert Output().parsed == rules.Output()
    assert Output(kind="flat").parsed.format == "jpeg"


def test_they_mean_what_a_rule_means(tmp_path: Path) -> None:
    """The words of a rule come to the same in Python as in a configuration."""
    Image.new("RGB", (8, 8)).save(tmp_path / "paper.png")
    output: dict[str, object] = {
        "kind": "flat",
        "format": "png",
        "depth": 16,
        "background": str(tmp_path / "paper.png"),
        "crop": "subject",
        "margin": "7.5%",
        "aspect": "8:10",
        "size": "400x500",
        "enlarge": "2.50x",
        "shadow": "soft",
        "metadata": "keep",
    }
    mask = {"edges": "best", "threshold": 0.5, "shrink": "2px", "feather": 1.5, "holes": "fill"}
    custom = {"file": "/srv/own.onnx", "sha256": SHA256, "size": 1024, "std": [1.0, 0.5, 0.25]}
    inbox = {
        "path": str(tmp_path / "in"),
        "outbox": str(tmp_path / "out"),
        "rules": [{"mask": mask, "outputs": [output]}],
    }
    values = {"inboxes": {"a": inbox}, "custom_models": {"own": custom}}
    config = from_values(values, base=tmp_path, folders=False).config
    (rule,) = config.inboxes[0].rules
    assert Output(**output).parsed == rule.outputs[0]  # type: ignore[arg-type]
    assert MaskOptions(**mask).parsed == rule.mask  # type: ignore[arg-type]
    own = CustomModel(**custom | {"file": Path("/srv/own.onnx")})  # type: ignore[arg-type]
    assert own.parsed == config.catalogue["own"]
    assert isinstance(own.parsed, Model)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Output(quality=0), "Output: quality: 0 is out of bounds; at least 1"),
        (lambda: Output(quality="best"), "is neither a whole number, such as 90, nor lossless"),  # type: ignore[arg-type]
        (lambda: Output(margin="60%"), "Output: margin: 60% is too much; at most 45% or 4096px"),
        (lambda: Output(format="jpeg"), "a cutout cannot be jpeg; use png, webp, avif or tiff"),
        (lambda: Output(kind="flat", background="#12"), "neither a colour nor a picture"),
        (lambda: Output(outline_colour="rde"), "is no colour"),
        (lambda: Output(format="webp", depth=16), "webp has no 16 bits"),
        (lambda: Output(size=10**6), "Output: size: "),
        (lambda: MaskOptions(**SHARP), "MaskOptions: edges: 'sharp' is not known here; use"),
        (lambda: MaskOptions(threshold=1.5), "threshold: 1.5 is out of bounds; less than 1"),
        (lambda: MaskOptions(grow=1, shrink=1), "a mask either grows or shrinks"),
        (lambda: CustomModel(file="a.onnx", sha256="12"), "CustomModel: sha256: "),
        (lambda: CustomModel(file="a.onnx", sha256=SHA256, std=(1, 1, 0)), "std.2: 0 is out of"),
    ],
)
def test_what_cannot_be(make: Callable[[], object], said: str) -> None:
    """What a configuration would refuse is refused in its words, when it is made."""
    with pytest.raises(UsageError) as caught:
        make()
    assert said in str(caught.value).replace("'60%'", "60%")


def test_what_has_no_effect() -> None:
    """What a configuration would warn of is warned of, at the line that has it."""
    with pytest.warns(UserWarning, match="background has no effect: only a flat has one") as told:
        Output(background="red")
    assert told[0].filename == __file__


def test_they_are_data() -> None:
    """They compare, hash, show what was asked for, are changed by `replace`, and can be pickled."""
    white = Output(kind="flat", margin="5%")
    assert white == Output(kind="flat", margin="5%")
    assert len({white, Output(kind="flat", margin="5%"), Output()}) == 2
    assert replace(white, size=800).parsed.size == 800
    assert "margin='5%'" in repr(white)
    assert "parsed" not in repr(white)
    back = pickle.loads(pickle.dumps(white))  # noqa: S301 - our own
    assert (back, back.parsed) == (white, white.parsed)
    with pytest.raises(UsageError):
        replace(white, quality=1000)

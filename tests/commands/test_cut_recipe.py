from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from scissorsd.commands.cut_recipe import Recipe, format_by_name, recipe_of
from scissorsd.commands.cut_streams import STREAM, refuse_several
from scissorsd.core.rules import Output
from scissorsd.errors import UsageError

RULES = (
    {"name": "all", "model": "u2netp", "mask": {"edges": "best"}},
    {"name": "drafts", "skip": True},
    {"name": "b/all"},
)


def config(folder: Path) -> Path:
    """Write a configuration of two inboxes, of which both have a rule `all`."""
    inboxes = {
        "a": {"path": "a", "outbox": "a-cut", "rules": [dict(rule) for rule in RULES]},
        "b": {"path": "b", "outbox": "b-cut", "rules": [{"name": "all", "model": "u2net"}]},
    }
    path = folder / "scissorsd.yaml"
    path.write_text(yaml.safe_dump({"state": "state", "models": "models", "inboxes": inboxes}))
    return path


def asked(file: Path | None, rule: str | None, given: Sequence[str] = ()) -> Recipe:
    """Return the recipe for a rule of a configuration."""
    options: dict[str, Any] = {"model": "u2net", "edges": "auto", "kinds": (), "models": None}
    options |= {"second_opinion": ""}
    return recipe_of({**options, "background": "white", "config": file, "rule": rule}, given)


def test_a_rule_by_name(tmp_path: Path) -> None:
    """A rule is named by its name or, where two inboxes have such, with its inbox."""
    file = config(tmp_path)
    recipe = asked(file, "a/all")
    assert (recipe.rule.model, recipe.rule.mask.edges) == ("u2netp", "best")
    assert (recipe.inbox, recipe.models) == ("a", tmp_path / "models")
    assert asked(file, "b/all").rule.model == "u2net"
    assert asked(file, "a/b/all").rule.name == "b/all"


@pytest.mark.parametrize(
    ("rule", "given", "words"),
    [
        ("al", (), "has no rule 'al'\nThere are: a/all, a/drafts, a/b/all, b/all."),
        ("all", (), "2 inboxes have a rule 'all'\nSay which: --rule 'a/all' or --rule 'b/all'."),
        ("drafts", (), "the rule 'drafts' makes nothing: it says 'skip: true'"),
        ("a/all", ("kinds",), "--kind does not go with --rule; the rule says it"),
        ("a/all", ("second_opinion",), "--second-opinion does not go with --rule"),
        (None, (), "-c goes with --rule"),
    ],
)
def test_words(tmp_path: Path, rule: str | None, given: Sequence[str], words: str) -> None:
    """A rule that is not meant clearly, or makes nothing, is asked for in words."""
    with pytest.raises(UsageError) as refused:
        asked(config(tmp_path), rule, given)
    assert words in str(refused.value)


NONE = dict.fromkeys(("format", "quality", "size", "crop", "margin", "background", "out"))


def by_options(kinds: Sequence[str] = (), **options: str) -> tuple[Output, ...]:
    """Return the outputs that options ask for."""
    usual = {"model": "u2netp", "edges": "auto", "models": None, "config": None, "rule": None}
    usual |= {"second_opinion": ""}
    return recipe_of({**usual, **NONE, "kinds": kinds, **options}, tuple(options)).rule.outputs


@pytest.mark.parametrize(
    ("kinds", "options", "words"),
    [
        ((), {"format": "jpeg"}, "--format: a cutout cannot be jpeg; use png, "),
        ((), {"format": "gif"}, "--format: 'gif' is not known here"),
        (("cutout", "mask"), {"format": "webp"}, "--format: a mask cannot be webp; use png"),
        ((), {"format": "webp", "quality": "101"}, "--quality: 101 is out of bounds; at most 100"),
        ((), {"format": "webp", "quality": "fine"}, "--quality: 'fine' is neither a whole number"),
        ((), {"size": "7"}, "--size: '7' is too little; a side has at least 16 pixels"),
        ((), {"crop": "face"}, "--crop: 'face' is not known here"),
        ((), {"margin": "a bit"}, "--margin: 'a bit' is not a length"),
        ((), {"size": "100", "margin": "60px"}, "--margin: leaves no room"),
        (("flat",), {"background": "teel"}, "is neither a colour nor a picture that exists"),
        ((), {"second_opinion": "u3net"}, "there is no model 'u3net'; known are: u2net, "),
        ((), {"second_opinion": "u2netp"}, "--second-opinion u2netp: that is the network itself"),
    ],
)
def test_options_that_cannot_be(kinds: Sequence[str], options: dict[str, str], words: str) -> None:
    """An option of an output is refused in the words of the configuration."""
    with pytest.raises(UsageError) as refused:
        by_options(kinds, **options)
    assert words in str(refused.value)


def test_options_without_effect(capsys: pytest.CaptureFixture[str]) -> None:
    """What no kind heeds is told once; what one of them does is asked for in earnest."""
    by_options(("cutout", "mask"), background="teal", quality="80")
    assert capsys.readouterr().err.splitlines() == [
        "scissorsd: --background has no effect: only a flat has one",
        "scissorsd: --quality has no effect: png is lossless",
    ]
    _, flat = by_options(("cutout", "flat"), background="teal", quality="80")
    assert (flat.format, flat.background, flat.quality) == ("jpeg", "teal", 80)
    assert capsys.readouterr().err == ""


def test_a_format_by_its_name(tmp_path: Path) -> None:
    """The ending of the one file says its format, if its kind may have that."""
    assert format_by_name(Path("a.WEBP"), ()) == "webp"
    assert format_by_name(Path("a.jpeg"), ("flat",)) == "jpeg"
    assert format_by_name(None, ()) is None
    assert format_by_name(STREAM, ()) is None
    assert format_by_name(Path("a.jpg"), ()) is None
    assert format_by_name(Path("a.webp"), ("mask",)) is None
    assert format_by_name(Path("a.webp"), ("cutout", "flat")) is None
    (tmp_path / "a.webp").mkdir()
    assert format_by_name(tmp_path / "a.webp", ()) is None


@pytest.mark.parametrize(
    ("pictures", "outputs", "out"),
    [
        (("a.jpg", "b.jpg"), 1, STREAM),
        (("a.jpg",), 2, STREAM),
        (("-",), 1, Path("folder")),
        (("-",), 2, Path("a.png")),
    ],
)
def test_more_than_a_stream_takes(pictures: Sequence[str], outputs: int, out: Path) -> None:
    """Several results, and those without a name, go through no stream."""
    with pytest.raises(UsageError):
        refuse_several([Path(name) for name in pictures], (Output(),) * outputs, out)

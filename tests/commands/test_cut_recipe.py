from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from scissorsd.commands.cut_recipe import Recipe, recipe_of
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
        (None, (), "-c goes with --rule"),
    ],
)
def test_words(tmp_path: Path, rule: str | None, given: Sequence[str], words: str) -> None:
    """A rule that is not meant clearly, or makes nothing, is asked for in words."""
    with pytest.raises(UsageError) as refused:
        asked(config(tmp_path), rule, given)
    assert words in str(refused.value)

"""Wishes: what a person asked of one picture, laid over its rule whenever it is planned."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from scissorsd.core.rules import Edges, Holes, Rule


@dataclass(frozen=True, slots=True)
class Wish:
    """Options for one picture; what is None or "" is as the rule has it."""

    model: str = ""
    edges: Edges | None = None
    keep: Literal["all", "largest"] | None = None  # these three as in MaskOptions
    holes: Holes | None = None
    threshold: float | None = None
    second_opinion: str = ""

    def over(self, rule: Rule) -> Rule:
        """Return a rule with this wish laid over it.

        The network that a person names cuts the picture: no other one is asked, unless he names
        that, too.
        """
        if self == NO_WISH:
            return rule
        asked = _asked(self)
        other = asked.pop("second_opinion", "")
        if model := asked.pop("model", ""):
            rule = replace(rule, model=model, second_opinion="")
        if other:
            rule = replace(rule, second_opinion=other)
        return replace(rule, mask=replace(rule.mask, **asked))

    def and_then(self, later: "Wish") -> "Wish":
        """Return both wishes as one; of two that contradict each other the later holds."""
        return replace(self, **_asked(later))

    def in_words(self) -> str:
        """Return what is asked: "model u2netp, edges best"; "" for nothing."""
        asked = _asked(self).items()
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asked)

    def to_json(self) -> str:
        """Return it as the job journal keeps it; "" for nothing."""
        return json.dumps(_asked(self)) if _asked(self) else ""


NO_WISH = Wish()


def wish_of(text: str) -> Wish:
    """Return the wish that the job journal keeps as this text."""
    known = Wish.__dataclass_fields__
    values = json.loads(text) if text else {}
    return Wish(**{name: value for name, value in values.items() if name in known})


def _asked(wish: Wish) -> dict[str, Any]:
    return {name: value for name, value in asdict(wish).items() if value not in {None, ""}}

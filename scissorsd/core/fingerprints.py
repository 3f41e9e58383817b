"""The fingerprint of a rule: a job that was begun goes on only under a rule that says the same."""

import hashlib
import json
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from functools import lru_cache
from typing import Any

from scissorsd.core.rules import Edges, MaskOptions, Output, Rule

# Defaults that have changed since: what was one is left out for ever, what is one now is not.
_FORMER_EDGES: Edges = "fine"
_FORMER_ENLARGE = "yes"
_FORMER_DEFAULTS: dict[tuple[type, str], object] = {
    (MaskOptions, "edges"): _FORMER_EDGES,
    (Rule, "mask"): MaskOptions(edges=_FORMER_EDGES),
    (Output, "enlarge"): _FORMER_ENLARGE,
}


@lru_cache(maxsize=256)  # a list of the page asks for each picture in it
def fingerprint(rule: Rule) -> str:
    """Return a text that two rules share if all their settings are the same; 32 hex digits.

    Settings at their defaults are left out, so that a version which adds a setting still knows the
    rules that do not use it; where a default has changed, that is the one of the first version.
    """
    text = json.dumps(_settings(rule), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def fingerprint_of_look(rule: Rule) -> str:
    """Return a text that two rules share if what they make of a picture is the same."""
    return fingerprint(
        Rule(
            "",
            model=rule.model,
            second_opinion=rule.second_opinion,
            mask=rule.mask,
            outputs=rule.outputs,
        )
    )


def with_former_defaults(rule: Rule) -> Rule:
    """Return what a rule was when it left to the defaults what it leaves to them now."""
    mask, now = rule.mask, Output()
    if mask.edges == MaskOptions().edges:
        mask = replace(mask, edges=_FORMER_EDGES)
    outputs = (
        replace(one, enlarge=_FORMER_ENLARGE) if one.enlarge == now.enlarge else one
        for one in rule.outputs
    )
    return replace(rule, mask=mask, outputs=tuple(outputs))


def is_said_by_repr(rule: Rule) -> bool:
    """Tell whether the oldest plans, which are texts, say all that a rule makes."""
    enlarged = (one.enlarge for one in rule.outputs if one.heeds_enlarge)
    return not rule.second_opinion and all(word == _FORMER_ENLARGE for word in enlarged)


def _settings(value: object) -> object:
    if isinstance(value, Output) and not value.heeds_enlarge:
        value = replace(value, enlarge=_FORMER_ENLARGE)
    if is_dataclass(value):
        values = {field: getattr(value, field.name) for field in fields(value)}
        return {f.name: _settings(v) for f, v in values.items() if v != _left_out(type(value), f)}
    if isinstance(value, tuple):
        return [_settings(part) for part in value]
    return value


def _left_out(owner: type, field: Field[Any]) -> object:
    if (owner, field.name) in _FORMER_DEFAULTS:
        return _FORMER_DEFAULTS[owner, field.name]
    return field.default if field.default_factory is MISSING else field.default_factory()

"""The fingerprint of a rule: a job that was begun goes on only under a rule that says the same."""

import hashlib
import json
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from scissorsd.core.rules import Rule


def fingerprint(rule: Rule) -> str:
    """Return a text that two rules share if all their settings are the same; 32 hex digits.

    Settings at their defaults are left out, so that a version which adds a setting still knows the
    rules that do not use it.
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


def _settings(value: object) -> object:
    if is_dataclass(value):
        values = {field: getattr(value, field.name) for field in fields(value)}
        return {f.name: _settings(v) for f, v in values.items() if v != _default(f)}
    if isinstance(value, tuple):
        return [_settings(part) for part in value]
    return value


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()

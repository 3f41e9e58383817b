"""What a new configuration changes about the rules, and how many pictures are stale by it."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import structlog

from scissorsd.core.rules import Length
from scissorsd.records.journal import Journal
from scissorsd.settings import Inbox

log = structlog.get_logger("scissorsd")


def tell(journal: Journal, before: Inbox, after: Inbox) -> None:
    """Log how the rules of an inbox have changed, and how many pictures are stale by now."""
    if before.rules == after.rules:
        return
    old, new = ({rule.name: rule for rule in inbox.rules} for inbox in (before, after))
    for name in new.keys() - old.keys():
        log.info("rule.added", inbox=after.name, rule=name)
    for name in old.keys() - new.keys():
        log.info("rule.removed", inbox=after.name, rule=name)
    for name in new.keys() & old.keys():
        if changes := list(differences(old[name], new[name])):
            log.info("rule.changed", inbox=after.name, rule=name, changes=changes)
    if count := len(journal.recuts.stale(after.path, after.rules)):
        log.info(
            "rules.stale",
            inbox=after.name,
            pictures=count,
            advice="'scissorsd recut --stale' cuts them by the rules as they are now",
        )


def differences(before: object, after: object, where: str = "") -> Iterator[str]:
    """Yield each setting that differs, in words: "outputs 2 margin: 5% → 10%"."""
    if before == after:
        return
    if isinstance(before, Length) or type(before) is not type(after):
        yield f"{where}: {_in_words(before)} → {_in_words(after)}"
    elif is_dataclass(before):
        for field in fields(before):
            inner = f"{where} {field.name}".strip()
            yield from differences(getattr(before, field.name), getattr(after, field.name), inner)
    elif isinstance(before, tuple) and isinstance(after, tuple) and all(map(is_dataclass, after)):
        if len(before) != len(after):
            yield f"{where}: {_in_words(before)} → {_in_words(after)}"
        for number, (one, other) in enumerate(zip(before, after, strict=False), 1):
            yield from differences(one, other, f"{where} {number}")
    else:
        yield f"{where}: {_in_words(before)} → {_in_words(after)}"


def _in_words(value: object) -> str:
    if isinstance(value, Length):
        return f"{value.amount:g}{value.unit}"
    if isinstance(value, tuple):
        return ", ".join(map(_in_words, value)) or "none"
    if is_dataclass(value):
        return str(getattr(value, "kind", value))
    return str(value) or "none"

"""Values against the schema; pydantic's errors become our problems here and nowhere else."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from scissorsd.config.problems import Document, Loc, Problem, meant, quoted
from scissorsd.config.schema import Configuration
from scissorsd.config.sections import Section, section_of

_LISTS_OF_SECTIONS = ("rules", "outputs")
_ROUNDS = 10  # taking the broken parts out can uncover others, a few levels deep
_SYNONYMS = {"gpu": "cuda"}  # which is spelled like cpu
_NO_VALUE = "has no value; leave it out, or put what begins with # in quotes"


@dataclass(frozen=True, slots=True)
class Validated:
    """What of a configuration could be understood, for the checks that look at several parts.

    The parts that are `broken` were reported and then left to their defaults; where not even that
    was possible there is no configuration.
    """

    document: Document
    configuration: Configuration | None
    problems: tuple[Problem, ...]
    broken: frozenset[Loc]

    def whole(self, *loc: str | int) -> bool:
        """Whether nothing at or below this place is broken."""
        return not any(broken[: len(loc)] == loc for broken in self.broken)


def validate(document: Document, base: Path) -> Validated:
    """Find every value that the schema refuses; relative paths begin at `base`."""
    values: dict[str, object] = deepcopy(document.values)
    configuration, errors = _attempt(values, base)
    problems = [_problem(error, document) for error in errors]
    reported = {problem.loc for problem in problems}
    empty = [loc for loc in _empty(values, ()) if loc not in reported]
    problems += [Problem(loc, _NO_VALUE) for loc in empty]
    broken: set[Loc] = {_prune(values, loc) for loc in empty}
    for _ in range(_ROUNDS):
        for error in errors:
            loc = _prune(values, _place(error))
            if error["type"] != "extra_forbidden":
                broken.add(loc)
        if not errors or () in broken:
            break
        configuration, errors = _attempt(values, base)
    return Validated(document, configuration, tuple(problems), frozenset(broken))


def _attempt(
    values: dict[str, object], base: Path
) -> tuple[Configuration | None, list[ErrorDetails]]:
    try:
        return Configuration.model_validate(values, context={"base": base}), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _empty(value: object, loc: Loc) -> Iterator[Loc]:
    if value is None:
        yield loc
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _empty(inner, (*loc, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _empty(inner, (*loc, index))


def _place(error: ErrorDetails) -> Loc:
    """Return the place of what has to go: for a missing key, the section that lacks it."""
    loc = error["loc"]
    return loc[:-1] if error["type"] == "missing" or loc[-1:] == ("[key]",) else loc


def _prune(values: dict[str, object], loc: Loc) -> Loc:
    """Take a value out and return where it was; in a list the others keep their numbers."""
    holder: Any = values
    for depth, part in enumerate(loc[:-1]):
        inner = holder.get(part) if isinstance(holder, dict) else holder[part]
        if not isinstance(inner, dict | list):
            return _prune(values, loc[: depth + 1])
        holder = inner
    if isinstance(holder, dict) and loc:
        holder.pop(loc[-1], None)
    elif loc and loc[-2] in _LISTS_OF_SECTIONS:
        holder[loc[-1]] = {}
    elif loc:
        return _prune(values, loc[:-1])
    return loc


def problems_of(error: ValidationError, document: Document) -> list[Problem]:
    """Return what pydantic found wrong in a document, or in a section that stands for one."""
    return [_problem(found, document) for found in error.errors(include_url=False)]


def _problem(error: ErrorDetails, document: Document) -> Problem:
    loc = _place(error)
    shown = document.shown(loc, error["input"])
    sentence = SENTENCES.get(error["type"])
    about_key = error["type"] == "extra_forbidden"
    empty = error["input"] is None and not about_key
    message = _NO_VALUE if empty else (sentence or _fallback)(error, shown)
    mark = None if error["loc"] == loc else document.keys.get(loc)  # of what lacks a key, or is one
    return Problem(loc, message, about_key=about_key, mark=mark)


def _fallback(error: ErrorDetails, shown: str) -> str:
    return f"{error['msg']} (got {shown})"


def _refused(error: ErrorDetails, shown: str) -> str:
    subject = "" if isinstance(error["input"], list | dict) else f"{shown} "
    return f"{subject}{error['ctx']['error']}"


def _text(error: ErrorDetails, shown: str) -> str:
    if isinstance(error["input"], bool | int | float):
        return f"{shown} is not text to YAML; put it in quotes: '{shown}'"
    return f"expected text, got {shown}"


def _unknown(error: ErrorDetails, _: str) -> str:
    *holder, key = error["loc"]
    section: type[Section] = Configuration
    for part in holder:
        field = section.model_fields.get(str(part))
        section = (section_of(field.annotation) if field else None) or section
    known = list(section.model_fields)
    hint = meant(str(key), known) or f"; known are {', '.join(known)}"
    return f"unknown key {quoted(str(key))}{hint}"


def _choice(error: ErrorDetails, shown: str) -> str:
    expected = str(error["ctx"]["expected"]).replace("'", "")
    word = shown.strip("'")
    hint = meant(_SYNONYMS.get(word, word), expected.replace(" or ", ", ").split(", "))
    return f"{shown} is not known here{hint}; use {expected}"


def _length(error: ErrorDetails, _: str) -> str:
    wanted = error["ctx"].get("min_length", error["ctx"].get("max_length"))
    got = error["ctx"]["actual_length"]
    return f"needs {wanted} values, got {got}" if got else "is empty; it needs at least one entry"


def _bound(key: str, words: str) -> Callable[[ErrorDetails, str], str]:
    return lambda error, shown: f"{shown} is out of bounds; {words} {error['ctx'][key]:g}"


SENTENCES: dict[str, Callable[[ErrorDetails, str], str]] = {  # pydantic's error type → ours
    "missing": lambda error, _: f"{quoted(str(error['loc'][-1]))} is missing",
    "extra_forbidden": _unknown,
    "model_type": lambda _, shown: f"expected keys with values, got {shown}",
    "dict_type": lambda _, shown: f"expected keys with values, got {shown}",
    "list_type": lambda _, shown: f"expected a list, got {shown}",
    "string_type": _text,
    "string_unicode": lambda *_: "has characters that are not UTF-8",
    "bool_type": lambda _, shown: f"expected true or false, got {shown}",
    "int_type": lambda _, shown: f"expected a whole number, got {shown}",
    "float_type": lambda _, shown: f"expected a number, got {shown}",
    "finite_number": lambda _, shown: f"expected a number, got {shown}",
    "literal_error": _choice,
    "value_error": _refused,
    "too_short": _length,
    "too_long": _length,
    "greater_than": _bound("gt", "more than"),
    "greater_than_equal": _bound("ge", "at least"),
    "less_than": _bound("lt", "less than"),
    "less_than_equal": _bound("le", "at most"),
    "invalid_key": lambda *_: "a key must be text",
}

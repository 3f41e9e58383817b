"""What is found wrong in a configuration, and the one line that tells a person about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

from scissorsd.plain_text import (
    escape_unprintable,
)

Loc = tuple[str | int, ...]
_LONGEST = 60  # characters of a user's value that one line shows


class Mark(NamedTuple):
    """A place in the file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem or warning: where it is and what to say.

    `about_key` points at the key itself and leaves it out of the trail; `mark` overrides the place.
    """

    loc: Loc
    message: str
    warning: bool = False
    about_key: bool = False
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a configuration, and where in which file each of them stands.

    `texts` holds what was written for a value that YAML does not read as text (`no`, `007`).
    """

    origin: str
    values: dict[str, object]
    keys: Mapping[Loc, Mark] = field(default_factory=dict)
    spots: Mapping[Loc, Mark] = field(default_factory=dict)
    texts: Mapping[Loc, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def lines(self, problems: list[Problem]) -> tuple[str, ...]:
        """Return a line for each problem, in the order of the file."""
        placed = sorted(problems, key=lambda problem: self._mark(problem) or Mark(0, 0))
        return tuple(dict.fromkeys(self._line(problem) for problem in placed))

    def at(self, loc: Loc) -> object:
        """Return the value at a place, or None."""
        value: object = self.values
        for part in loc:
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def shown(self, loc: Loc, value: object) -> str:
        """Return a value the way a person should meet it in a sentence."""
        if isinstance(value, dict | list):
            return "a list" if isinstance(value, list) else "keys with values"
        text = self.texts.get(loc, value if isinstance(value, str) else repr(value))
        return quoted(text) if isinstance(value, str) else shortened(text)

    def _line(self, problem: Problem) -> str:
        mark = self._mark(problem)
        trail = self._trail(problem.loc[:-1] if problem.about_key else problem.loc)
        place = f"{self.origin}:{mark.line}:{mark.column}" if mark else self.origin
        parts = [place, "warning" if problem.warning else "", trail, problem.message]
        return ": ".join(part for part in parts if part)

    def _mark(self, problem: Problem) -> Mark | None:
        if problem.mark or not self.spots:
            return problem.mark
        loc = problem.loc
        if problem.about_key and loc in self.keys:
            return self.keys[loc]
        while loc and loc not in self.spots:
            loc = loc[:-1]
        return self.spots.get(loc)

    def _trail(self, loc: Loc) -> str:
        trail = ""
        for end, part in enumerate(loc):
            holder = self.at(loc[:end])
            if isinstance(part, str):
                word = shortened(part) or "''"
                trail += f".{word}" if trail else word
            elif isinstance(holder, list):
                trail += f"[{_element(loc[end - 1] if end else '', part, holder)}]"
        return trail


def _element(key: str | int, index: int, holder: list[object]) -> str:
    """Name an element of a list by the user's own word for it, else by its number from 1."""
    element = holder[index] if index < len(holder) else None
    fields = element if isinstance(element, dict) else {}
    name, kind = fields.get("name"), fields.get("kind")
    if key == "rules" and isinstance(name, str) and name:
        return shortened(name)
    if key == "outputs" and isinstance(kind, str):
        return f"{index + 1} {shortened(kind)}"
    return str(index + 1)


def shortened(text: str) -> str:
    """Make a text fit to stand in one line: no control characters, not too long."""
    line = escape_unprintable(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def quoted(text: str) -> str:
    """Return a user's text in quotes."""
    return f"'{shortened(text)}'"


def meant(word: str, known: list[str]) -> str:
    """Return `(did you mean 'source'?)` with a space before it, or ''."""
    close = get_close_matches(word.lower(), known, n=1)
    return f" (did you mean {quoted(close[0])}?)" if close else ""

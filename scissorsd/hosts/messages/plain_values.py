"""Frozen dataclasses to plain values, and back: strictly, and nothing is guessed.

Plain is what JSON has; and bytes, which travel by packing.py.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class NotPlainError(Exception):
    """A value is not of the type that belongs there; it says where, and what is there."""


def plain(value: object) -> Any:  # noqa: ANN401 - what JSON has
    """Return the plain value of a dataclass, a tuple, a mapping, or of what is plain already.

    A field that Python's own words forbid to be called so ends in `_`, which is left out.
    """
    if is_dataclass(value):
        return {_key(one.name): plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return value


def built(kind: type[T], value: object) -> T:
    """Return the dataclass that a plain value stands for.

    Every field must be there, and nothing else; each must be of its type. Raises NotPlainError.
    """
    result: T = _built(kind, value)
    return result


def _built(kind: Any, value: Any) -> Any:  # noqa: ANN401 - a type as annotations have it
    if is_dataclass(kind):
        return _dataclass(kind, value)
    origin, parts = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return _first_that_fits(parts, value)
    if origin is Literal:
        return _one_of(parts, value)
    if origin is tuple:
        return _tuple(parts, value)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(parts[1], value)
    return _scalar(kind, value)


def _dataclass(kind: Any, value: Any) -> Any:  # noqa: ANN401
    if not isinstance(value, dict):
        raise NotPlainError(f" is not {kind.__name__}")
    hints = _hints(kind)
    if unknown := [key for key in value if key not in hints]:
        raise NotPlainError(f" has an unknown key {unknown[0]!r}")
    if missing := [key for key in hints if key not in value]:
        raise NotPlainError(f" is without {missing[0]!r}")
    given = {}
    for key, (name, hint) in hints.items():
        with _at(f".{key}"):
            given[name] = _built(hint, value[key])
    return kind(**given)


def _first_that_fits(kinds: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401
    reasons = []
    for kind in kinds:
        try:
            return _built(kind, value)
        except NotPlainError as error:
            reasons.append((is_dataclass(kind), error))
    raise max(reasons, key=lambda reason: reason[0])[1]  # what is wrong within says most


def _one_of(words: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401
    if not any(type(value) is type(word) and value == word for word in words):
        raise NotPlainError(f" is {value!r:.80}, which is none of {', '.join(map(repr, words))}")
    return value


def _tuple(kinds: tuple[Any, ...], value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    if not isinstance(value, list):
        raise NotPlainError(f" is {value!r:.80}, which is no list")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    elif len(kinds) != len(value):
        raise NotPlainError(f" has {len(value)} parts instead of {len(kinds)}")
    parts = []
    for number, (kind, one) in enumerate(zip(kinds, value, strict=True)):
        with _at(f"[{number}]"):
            parts.append(_built(kind, one))
    return tuple(parts)


def _mapping(kind: Any, value: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, dict):
        raise NotPlainError(f" is {value!r:.80}, which is no mapping")
    values = {}
    for key, one in value.items():
        with _at(f"[{key!r:.80}]"):
            values[_scalar(str, key)] = _built(kind, one)
    return values


def _scalar(kind: Any, value: Any) -> Any:  # noqa: ANN401
    if kind is NoneType and value is None:
        return None
    fits = type(value) in {int, float} if kind is float else type(value) is kind  # bool is no int
    if not fits or kind not in {str, int, float, bool, bytes}:
        raise NotPlainError(f" is {value!r:.80}, which is not {kind.__name__}")
    if kind is float and not math.isfinite(value):
        raise NotPlainError(f" is {value}, which is no number")
    return value


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Say of a fault at which place it was found."""
    try:
        yield
    except NotPlainError as error:
        raise NotPlainError(f"{place}{error}") from None


@cache
def _hints(kind: Any) -> dict[str, tuple[str, Any]]:  # noqa: ANN401
    """Return, by its key, the name and type of each field."""
    hints = get_type_hints(kind)
    return {_key(one.name): (one.name, hints[one.name]) for one in fields(kind)}


def _key(name: str) -> str:
    return name.rstrip("_")

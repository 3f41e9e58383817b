"""Durations, sizes and counts as people write them: `2s`, `512MiB`, `250M`.

Each parser raises ValueError with the end of a sentence that begins with what the user wrote.
"""

import re
from collections.abc import Callable
from fractions import Fraction

_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z]*)")
_SECONDS = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
_BYTES = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_COUNTS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def seconds(value: object) -> float:
    """Parse a duration; a bare number is seconds."""
    if _is_number(value):
        return float(Fraction(str(value)))
    number, unit = _split(value)
    if number is None or unit not in _SECONDS:
        raise ValueError("is not a duration; write a number with ms, s, m or h, such as 2s")
    return float(number * _SECONDS[unit])


def size(value: object) -> int:
    """Parse a size; a bare number is bytes."""
    return _whole(value, _BYTES, "is not a size; write a number with MiB, GiB, MB or GB")


def count(value: object) -> int:
    """Parse a count."""
    return _whole(value, _COUNTS, "is not a count; write a number, with k or M if you like: 250M")


def within(least: str, most: str, parse: Callable[[object], float]) -> Callable[[float], float]:
    """Give a check that a parsed quantity lies between two others, themselves included."""

    def check(value: float) -> float:
        if value < parse(least):
            raise ValueError(f"is too little; at least {least}")
        if value > parse(most):
            raise ValueError(f"is too much; at most {most}")
        return value

    return check


def _whole(value: object, units: dict[str, int], complaint: str) -> int:
    number, unit = _split(value) if isinstance(value, str) else (value, "")
    if not _is_number(number) or isinstance(number, float) or unit.lower() not in units:
        raise ValueError(complaint)
    return int(Fraction(str(number)) * units[unit.lower()])


def _split(value: object) -> tuple[Fraction | None, str]:
    match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    return (Fraction(match[1]), match[2]) if match else (None, "")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        return False
    return 0 <= value <= 10**15  # neither negative, infinite nor NaN


def said_seconds(value: float) -> str:
    """Write a duration the way the configuration has it."""
    for unit in ("h", "m", "s"):
        amount = value / float(_SECONDS[unit])
        if amount >= 1 and amount == int(amount):
            return f"{int(amount)}{unit}"
    return f"{value:g}s" if value >= 1 else f"{value * 1000:g}ms"


def said_size(value: int) -> str:
    """Write a size the way the configuration has it."""
    for unit in ("GiB", "MiB", "GB", "MB", "KiB"):
        if value and value % _BYTES[unit.lower()] == 0:
            return f"{value // _BYTES[unit.lower()]}{unit}"
    return f"{value} bytes"


def said_count(value: int) -> str:
    """Write a count the way the configuration has it."""
    for unit, factor in (("M", 10**6), ("k", 10**3)):
        if value and value % factor == 0:
            return f"{value // factor}{unit}"
    return str(value)

"""Durations, sizes, counts, lengths and frames as people write them: `2s`, `512MiB`, `250M`, `2%`.

Each parser raises ValueError with the end of a sentence that begins with what the user wrote.
"""

import re
from collections.abc import Callable
from fractions import Fraction

from scissorsd.core.rules import Length

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
_LENGTH = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)\s*(px|%|)", re.IGNORECASE | re.ASCII)
_FRAME = re.compile(r"(\d{1,9})\s*(?:[x×*]\s*(\d{1,9})\s*)?(?:px)?", re.IGNORECASE | re.ASCII)
_ASPECT = re.compile(
    r"(\d{1,5}(?:\.\d{1,3})?)\s*[:/x×]\s*(\d{1,5}(?:\.\d{1,3})?)", re.IGNORECASE | re.ASCII
)
_TIMES = re.compile(r"(\d{1,2}(?:\.\d{1,2})?)\s*[x×]", re.IGNORECASE | re.ASCII)
_MOST_TIMES = 16  # that a picture may be enlarged to, where not all is allowed
_LEAST_SIDE, _MOST_SIDE = 16, 16384  # pixels; some formats hold less (core.formats)
_LARGEST = 1e6  # of what a picture's values are divided by
_NARROWEST = 20  # the longer side to the shorter
_COUNTS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def seconds(value: object) -> float:
    """Parse a duration; a bare number is seconds."""
    if _is_number(value):
        return float(Fraction(str(value)))
    number, unit = _split(value)
    if number is None or unit not in _SECONDS:
        raise ValueError("is not a duration; write a number with ms, s, m, h or d, such as 2s")
    return float(number * _SECONDS[unit])


def kept_for(value: object) -> float | None:
    """Parse how long something is kept: a day at least, since 3m is not a quarter."""
    if value is None:
        return None
    if not isinstance(value, str) or not _split(value)[1]:
        raise ValueError("is not a time to keep things; write how many days, such as 90d")
    return within("1d", "36500d", seconds)(seconds(value))


def size(value: object) -> int:
    """Parse a size; a bare number is bytes."""
    return _whole(value, _BYTES, "is not a size; write a number with MiB, GiB, MB or GB")


def count(value: object) -> int:
    """Parse a count."""
    return _whole(value, _COUNTS, "is not a count; write a number, with k or M if you like: 250M")


def within(least: str, most: str, parse: Callable[[object], float]) -> Callable[[float], float]:
    """Return a check that a parsed quantity lies between two others, themselves included."""

    def check(value: float) -> float:
        if value < parse(least):
            raise ValueError(f"is too little; at least {least}")
        if value > parse(most):
            raise ValueError(f"is too much; at most {most}")
        return value

    return check


def scale(value: object) -> float | None:
    """Parse what a picture's values are divided by; None: by its own maximum."""
    if value == "maximum":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LARGEST:
        raise ValueError("is no scale; write a number above 0, such as 255, or maximum")
    return float(value)


def length(value: object) -> Length:
    """Parse a length; a bare number is pixels."""
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    match = _LENGTH.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("is not a length; write a number with px or %, such as 12px or 1.5%")
    if match[1].startswith("-"):
        raise ValueError("is less than nothing")
    return Length(float(match[1]), "%" if match[2] == "%" else "px")


def length_within(*, percent: float, pixels: float) -> Callable[[Length], Length]:
    """Return a check that a length is at most this much, whichever its unit is."""

    def check(value: Length) -> Length:
        if value.amount > (percent if value.unit == "%" else pixels):
            raise ValueError(f"is too much; at most {percent:g}% or {pixels:g}px")
        return value

    return check


def frame(value: object) -> tuple[int, int] | int:
    """Parse a picture's size in pixels: its longer side, or its width and height."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    match = _FRAME.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(
            "is not a size in pixels; write the longer side, such as 2000, or width and height, "
            "such as 2000x2000"
        )
    sides = [int(side) for side in match.groups() if side is not None]
    if min(sides) < _LEAST_SIDE:
        raise ValueError(f"is too little; a side has at least {_LEAST_SIDE} pixels")
    if max(sides) > _MOST_SIDE:
        raise ValueError(f"is too much; a side has at most {_MOST_SIDE} pixels")
    return (sides[0], sides[1]) if len(sides) > 1 else sides[0]


def enlarge(value: object) -> str:
    """Parse how much a picture may be enlarged: no, yes (to YAML: false, true), or `2x`."""
    word = {True: "yes", False: "no"}.get(value) if isinstance(value, bool) else value
    if isinstance(word, str) and word.strip() in {"no", "yes"}:
        return word.strip()
    match = _TIMES.fullmatch(word.strip()) if isinstance(word, str) else None
    if match is None or not 1 < float(match[1]) <= _MOST_TIMES:
        raise ValueError(f"is neither no, yes nor a factor such as 2x (above 1, to {_MOST_TIMES})")
    return f"{float(match[1]):g}x"


def aspect(value: object) -> tuple[int, int]:
    """Parse width to height, in the smallest whole numbers: `4:5`, `8:10` and `0.8:1` are one."""
    match = _ASPECT.fullmatch(value.strip()) if isinstance(value, str) else None
    width, height = (Fraction(match[1]), Fraction(match[2])) if match else (0, 0)
    if not width or not height:
        raise ValueError("is not an aspect; write width to height, such as 1:1 or 4:5")
    if max(width, height) > _NARROWEST * min(width, height):
        raise ValueError(f"is too narrow; at most {_NARROWEST}:1 or 1:{_NARROWEST}")
    ratio = Fraction(width) / height
    return ratio.numerator, ratio.denominator


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
    for unit in ("d", "h", "m", "s"):
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


def said_length(value: Length) -> str:
    """Write a length for a person to read."""
    return f"{value.amount:g} {value.unit}"


def said_frame(value: tuple[int, int] | int) -> str:
    """Write a picture's size for a person to read."""
    if isinstance(value, int):
        return f"{value} pixels on the longer side"
    return f"{value[0]} × {value[1]}"


def said_aspect(value: tuple[int, int]) -> str:
    """Write width to height the way the configuration has it."""
    return f"{value[0]}:{value[1]}"

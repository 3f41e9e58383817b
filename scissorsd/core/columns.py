"""Text on a terminal: how many columns it takes, and how it is made to take fewer.

Terminals differ in what they make of some emoji. Where they do, the wider answer is given here: a
line may come out a little short, and is never broken by it.
"""

import unicodedata
from collections.abc import Iterator

_JOINER = "\u200d"  # ties emoji into one, where the font has it
_AS_EMOJI = "\ufe0f"  # after a character that is wide by this alone
_NOTHING = {"Mn", "Me", "Cf"}  # categories: accents of their own, formatting


def columns(text: str) -> int:
    """Return how many columns a text without control characters takes, at most."""
    return len(text) if text.isascii() else sum(map(_columns_of, clusters(text)))


def clusters(text: str) -> Iterator[str]:
    """Split a text into what is not to be parted: a character with its accents, an emoji."""
    cluster = ""
    for character in text:
        if cluster and (cluster.endswith(_JOINER) or _width(character) == 0):
            cluster += character
            continue
        if cluster:
            yield cluster
        cluster = character
    if cluster:
        yield cluster


def shorten(text: str, room: int, *, dots: str = "…") -> str:
    """Leave out the middle of a text that takes more columns than there is room.

    A third of what stays is its end: there a name has its number and its ending.
    """
    if columns(text) <= room:
        return text
    left = room - columns(dots)
    if left < 1:
        return dots[: max(0, room)]
    end = _within(list(clusters(text))[::-1], left // 3 if left > 2 else 0)[::-1]  # noqa: PLR2004 - a column each for both ends, and one for the beginning
    tail = "".join(end)
    head = "".join(_within(list(clusters(text)), left - columns(tail)))
    return f"{head}{dots}{tail}"


def padded(text: str, width: int) -> str:
    """Return a text with spaces after it, up to so many columns."""
    return text + " " * (width - columns(text))


def wrapped(text: str, room: int) -> list[str]:
    """Break a text between words; a word that is too long for a line, as a path, stays whole."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and columns(longer) > room:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]


def hanging(text: str, room: int, *, under: int = 2) -> list[str]:
    """Break each line of a text between words; what follows stands `under` columns further in."""
    lines: list[str] = []
    for line in text.split("\n"):
        words = line.lstrip(" ")
        indent = " " * (len(line) - len(words))
        if columns(line) <= room:
            lines.append(line)
            continue
        first, *rest = wrapped(words, max(1, room - len(indent) - under))
        lines += [(indent + first).rstrip(), *(f"{indent}{' ' * under}{more}" for more in rest)]
    return lines


def _within(parts: list[str], room: int) -> list[str]:
    """Return as many of the first parts as there is room for."""
    taken: list[str] = []
    for part in parts:
        room -= _columns_of(part)
        if room < 0:
            break
        taken.append(part)
    return taken


def _columns_of(cluster: str) -> int:
    wide = sum(map(_width, cluster))
    return max(wide, 2) if _AS_EMOJI in cluster else wide


def _width(character: str) -> int:
    if unicodedata.category(character) in _NOTHING:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

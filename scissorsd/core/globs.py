"""The globs of the configuration: `**` crosses folders; `*`, `?` and `[...]` stay within a name.

`{a,b}` are alternatives. A pattern without "/" is matched against the name at any depth; one that
ends in "/" means everything in that folder. Case does not count: cameras and phones write `.JPG`.
Nor does it count how a letter is composed: a Mac may write `ü` as two characters.
"""

import re
import unicodedata
from functools import lru_cache

_TOKEN = re.compile(
    r"(?<![^/{,])\*\*/"  # whole folders, any number of them, none too
    r"|\*\*|\*|\?"
    r"|\[!?\]?[^\]]*\]"
    r"|[{},]|.",
    re.DOTALL,
)


def matches(pattern: str, path: str) -> bool:
    """Whether a path ("/" between folders, relative) falls under the pattern."""
    composed = path if path.isascii() else unicodedata.normalize("NFC", path)
    return _compiled(pattern).fullmatch(composed) is not None


def literal_start(pattern: str) -> str:
    """Return how every path begins that falls under the pattern, folded; "" where that is open."""
    if "/" not in pattern:
        return ""
    start = re.split(r"[*?\[{]", pattern, maxsplit=1)[0]
    return unicodedata.normalize("NFC", start).casefold()


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    pattern = unicodedata.normalize("NFC", pattern)
    if pattern.endswith("/"):
        pattern += "**"
    regex = "".join(_translated(pattern))
    anywhere = "" if "/" in pattern else "(?:.*/)?"
    try:
        return re.compile(anywhere + regex, re.IGNORECASE | re.DOTALL)
    except re.error:  # an odd bracket or brace: take every character as itself
        return re.compile(anywhere + re.escape(pattern), re.IGNORECASE | re.DOTALL)


def _translated(pattern: str) -> list[str]:
    parts: list[str] = []
    depth = 0
    for piece in _TOKEN.findall(pattern):
        if piece == "{":
            depth += 1
            parts.append("(?:")
        elif piece == "}" and depth:
            depth -= 1
            parts.append(")")
        elif piece == "," and depth:
            parts.append("|")
        else:
            parts.append(_WILDCARDS.get(piece) or _literal_or_class(piece))
    return parts


_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _literal_or_class(piece: str) -> str:
    if len(piece) == 1:
        return re.escape(piece)
    body = piece[1:-1]
    if body in {"", "!"}:
        return re.escape(piece)
    negation = "^" if body.startswith("!") else ""
    ranges = re.findall(r"(.)-(.)|(.)", body.removeprefix("!"), re.DOTALL)
    members = (
        re.escape(one) if one else f"{re.escape(first)}-{re.escape(last)}"
        for first, last, one in ranges
    )
    return f"(?!/)[{negation}{''.join(members)}]"

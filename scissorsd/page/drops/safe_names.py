"""Names as people send them, made into names that any file system and any screen can bear.

Pure: text in, text out. What is shown is always shown as text; so `<` and `"` may stay.
"""

import re
import unicodedata

from scissorsd.core.file_names import fit

LONGEST = 200  # bytes of a name
DEEPEST = 16  # folders
LONGEST_PATH = 1000  # bytes

# Control characters, and what turns the direction of writing, so that gpj.exe reads as exe.jpg.
_UNSAFE = {"Cc", "Cs", "Zl", "Zp"}
_TURNS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_SLASHES = set("/\\")
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE
)


def safe_path(path: str) -> str:
    """Return a relative path of safe names; "" where none of them is left.

    Empty names, `.` and `..` fall away: nothing leads out of where the path begins.
    """
    names = [name for part in path.split("/") if (name := safe_name(part))]
    return "/".join([*names[:-1][:DEEPEST], *names[-1:]])


def safe_name(text: str) -> str:
    """Return one safe name for a text; "" where nothing is left of it."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(c for c in composed if not _is_unsafe(c)).strip()
    kept = kept.lstrip(". \u00a0").rstrip(". \u00a0")
    stem, dot, suffix = kept.rpartition(".")
    stem, suffix = (stem.rstrip(), dot + suffix.strip()) if stem else (kept, "")
    first, dot, rest = stem.partition(".")
    if _RESERVED.fullmatch(first.rstrip()):
        stem = f"{first.rstrip()}_{dot}{rest}"
    return fit(stem, suffix, LONGEST) if stem else ""


def numbered(name: str, number: int) -> str:
    """Return the name that a file gets where others have it: `mug-2.jpg`."""
    if number == 1:
        return name
    stem, dot, suffix = name.rpartition(".")
    stem, suffix = (stem, dot + suffix) if stem else (name, "")
    return fit(stem, f"-{number}{suffix}", LONGEST)


def _is_unsafe(character: str) -> bool:
    return (
        character in _SLASHES or character in _TURNS or unicodedata.category(character) in _UNSAFE
    )

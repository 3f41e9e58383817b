"""What the texts in a configuration must be: names, paths, folders, globs, templates, colours.

Each function returns the text ready for use, or raises ValueError. The error's text is the end of a
sentence that begins with what the user wrote.
"""

import os
import re
from pathlib import Path, PurePosixPath

from pydantic import ValidationInfo
from pydantic_core import PydanticKnownError

from scissorsd.config.problems import meant
from scissorsd.core.file_names import NAME_FIELDS
from scissorsd.core.rules import Quality

_FIELD = re.compile(r"\{([^{}]*)\}")
_MOST_WORKERS = 256
_OPAQUE = 255
_BEST_QUALITY = 100
_HEX = re.compile(r"[0-9A-Fa-f]{3}(?:[0-9A-Fa-f]{3})?")
_MIDDLES = ("center", "centre", "middle")
_PLACES = ("top", "bottom", "left", "right", *_MIDDLES)


def line(text: str) -> str:
    """Check a name or a glob: one line, not empty."""
    if not text.strip():
        raise ValueError("is empty")
    if not text.isprintable():
        raise ValueError("has a character that does not print")
    return text


def listed(value: object) -> object:
    """Take one text where a list may stand for a list of one."""
    return [value] if isinstance(value, str) else value


def place(value: object, info: ValidationInfo) -> Path:
    """Make a path absolute: from the home folder where it begins with ~, else from `base`."""
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    path = Path(os.path.expanduser(line(value)))  # noqa: PTH111 (Path's own raises RuntimeError)
    if str(path).startswith("~"):
        raise ValueError(_why_no_home(str(path)))
    return Path(os.path.abspath(_base(info) / path))  # noqa: PTH100 (resolve would ask the disk)


def _why_no_home(path: str) -> str:
    if path.partition("/")[0] == "~":
        return "begins at the home folder (~), and there is none here: HOME is not set"
    return "names a user who is not known here"


def _base(info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    return base if isinstance(base, Path) else Path.cwd()


def destination(text: str) -> str:
    """Return an absolute folder, or one inside the outbox, without its last slash; "": that."""
    expanded = os.path.expanduser(text)  # noqa: PTH111 (see place)
    if expanded.startswith("~"):
        raise ValueError(_why_no_home(expanded))
    if expanded.startswith("/"):
        return os.path.abspath(line(expanded))  # noqa: PTH100 (see place)
    return _inside(expanded)


def _inside(text: str) -> str:
    if text and not text.isprintable():
        raise ValueError("has a character that does not print")
    if "\\" in text:
        raise ValueError("has a backslash; folders are separated by /")
    if ".." in text.split("/"):
        raise ValueError("leaves the outbox")
    folder = PurePosixPath(text).as_posix()
    return "" if folder == "." else folder


def template(text: str) -> str:
    """Check a name's template: inside the outbox, whatever its fields hold."""
    line(text)
    for field in _FIELD.findall(text):
        if field not in NAME_FIELDS:
            known = " ".join(f"{{{word}}}" for word in NAME_FIELDS)
            hint = meant(field, list(NAME_FIELDS))
            raise ValueError(f"has the unknown field {{{field}}}{hint}; known are {known}")
    rest = _FIELD.sub("", text)
    if "{" in rest or "}" in rest:
        raise ValueError("has a brace without its partner")
    if "\\" in text:
        raise ValueError("has a backslash; folders are separated by /")
    if text.startswith(("/", "~")):
        raise ValueError("must not begin a path of its own; it stands inside the outbox")
    if {".", ".."} & set(rest.split("/")):
        raise ValueError("leaves the outbox, or may")
    if text.endswith("/"):
        raise ValueError("is a folder; the file's own name is missing")
    return text


def background(text: str, info: ValidationInfo) -> str:
    """Return an opaque colour as it is, or the absolute path of a picture that exists."""
    if _is_colour(text):
        return text
    path = place(text, info)
    if os.path.isfile(path):  # noqa: PTH113 (Path's raises where it may not look)
        return str(path)
    raise ValueError(f"is neither a colour nor a picture that exists{_meant_colour(text)}")


def colour(text: str) -> str:
    """Return an opaque colour as it is."""
    if not _is_colour(text):
        raise ValueError(f"is no colour{_meant_colour(text)}; use a name or '#f4f4f4'")
    return text


def _is_colour(text: str) -> bool:
    from PIL import ImageColor  # noqa: PLC0415 (only where a colour is set)

    try:
        values = ImageColor.getrgb(text)
    except ValueError:
        return False
    if len(values) > len("RGB") and values[-1] != _OPAQUE:
        raise ValueError("is a transparent colour; an opaque one is needed")
    return max(values) <= _OPAQUE


def _meant_colour(text: str) -> str:
    from PIL import ImageColor  # noqa: PLC0415 (only where a colour is wrong)

    return meant(text, [f"#{text}"] if _HEX.fullmatch(text) else list(ImageColor.colormap))


def depth(value: object) -> str:
    """Return the bits of a sample as `core.rules.Output` has them: a number may be 8 or 16."""
    word = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(word, str) or word not in {"8", "16", "same"}:
        raise ValueError("is no depth; use 8, 16 or same")
    return word


def quality(value: object) -> Quality:
    """Return a quality: a number, or the word lossless."""
    if isinstance(value, str):
        if value.strip() == "lossless":
            return "lossless"
        raise ValueError("is neither a whole number, such as 90, nor lossless")
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticKnownError("int_type")
    if not 1 <= value <= _BEST_QUALITY:
        bound = "least 1" if value < 1 else f"most {_BEST_QUALITY}"
        raise ValueError(f"is out of bounds; at {bound}")
    return value


def alignment(value: object) -> object:
    """Bring the words for a place into their usual form: `bottom-left`, `left bottom`, `centre`."""
    words = re.split(r"[\s_-]+", value.strip().lower()) if isinstance(value, str) else []
    known = sorted(words, key=_PLACES.index) if set(words) <= set(_PLACES) else []
    sides = [word for word in known if word not in _MIDDLES]
    usual = " ".join(sides) if sides else "center"
    return usual if known else value


def workers(value: object) -> int | None:
    """Return the number of workers; None is auto."""
    if value == "auto":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_WORKERS:
        raise ValueError(f"is neither auto nor a number from 1 to {_MOST_WORKERS}")
    return value


def providers(names: list[str]) -> list[str]:
    """Check that no provider stands twice, and that auto stands alone."""
    if len(set(names)) < len(names):
        raise ValueError("names a provider twice")
    if "auto" in names and len(names) > 1:
        raise ValueError("has auto beside others; auto stands alone")
    return names


def sha256(text: str) -> str:
    """Return a SHA-256 in lower case."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError("is not a SHA-256: 64 hexadecimal digits, as sha256sum FILE prints")
    return text.lower()

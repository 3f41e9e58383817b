"""What the texts in a configuration must be: names, paths, folders, globs, templates, colours.

Each function gives the text ready for use, or raises ValueError with the end of a sentence that
begins with what the user wrote.
"""

import os
import re
from pathlib import Path, PurePosixPath

from pydantic import ValidationInfo
from pydantic_core import PydanticKnownError

from scissorsd.config.findings import meant
from scissorsd.core.rules import NAME_FIELDS

_FIELD = re.compile(r"\{([^{}]*)\}")
_MOST_WORKERS = 256
_OPAQUE = 255


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
        raise ValueError("names a user who is not known here")
    return Path(os.path.abspath(_base(info) / path))  # noqa: PTH100 (resolve would ask the disk)


def _base(info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    return base if isinstance(base, Path) else Path.cwd()


def folder_in_outbox(text: str) -> str:
    """Give a folder inside the outbox, without its last slash; empty is the outbox itself."""
    if text.startswith(("/", "~")):
        raise ValueError("must be a folder inside the outbox, not an absolute path")
    return _inside(text)


def destination(text: str) -> str:
    """Give an absolute folder, or one inside the outbox."""
    expanded = os.path.expanduser(text)  # noqa: PTH111 (see place)
    if expanded.startswith("~"):
        raise ValueError("names a user who is not known here")
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
    """Give an opaque colour as it is, or the absolute path of a picture that exists."""
    from PIL import ImageColor  # noqa: PLC0415 (only where a background is set)

    try:
        colour = ImageColor.getrgb(text)
    except ValueError:
        path = place(text, info)
        if os.path.isfile(path):  # noqa: PTH113 (Path's raises where it may not look)
            return str(path)
        hint = meant(text, list(ImageColor.colormap))
        raise ValueError(f"is neither a colour nor a picture that exists{hint}") from None
    if len(colour) > len("RGB") and colour[-1] != _OPAQUE:
        raise ValueError("is a transparent colour; a flat needs an opaque one")
    return text


def workers(value: object) -> int | None:
    """Give the number of workers; None is auto."""
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
    """Give a SHA-256 in lower case."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError("is not a SHA-256: 64 hexadecimal digits, as sha256sum FILE prints")
    return text.lower()

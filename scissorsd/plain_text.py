"""Text that any terminal and parser can take."""

from typing import Any


def printable(value: Any) -> Any:  # noqa: ANN401 - whatever a log line carries
    """Escape undecodable bytes in strings, also within lists."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple):
        return [printable(part) for part in value]
    return value


# Control characters, and those that turn the direction of writing or end a line.
_CONTROLS = (*range(32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_ESCAPES = {code: chr(code).encode("unicode_escape").decode() for code in _CONTROLS}


def plain(text: str) -> str:
    """Escape whatever in a line would make a terminal do anything but show it."""
    return str(printable(text)).translate(_ESCAPES)


def one_line(reason: str) -> str:
    """Join what happened and what to do into sentences on one line."""
    return " ".join(part if part.endswith(".") else part + "." for part in reason.splitlines())

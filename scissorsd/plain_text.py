"""Text that a log, a terminal or one line of a message can take: all escaping of names is here."""

# Control characters, and those that turn the direction of writing or end a line.
_CONTROLS = (*range(32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_ESCAPES = {code: chr(code).encode("unicode_escape").decode() for code in _CONTROLS}


def escape_undecodable(text: str) -> str:
    r"""Escape bytes of a name that are not UTF-8: \xe9."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def for_terminal(text: str) -> str:
    """Escape whatever in a line would make a terminal do anything but show it."""
    return escape_undecodable(text).translate(_ESCAPES)


def escape_unprintable(text: str) -> str:
    """Escape every character that does not print, so that the text stays in one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_line(reason: str) -> str:
    """Join what happened and what to do into sentences on one line."""
    return " ".join(part if part.endswith(".") else part + "." for part in reason.splitlines())

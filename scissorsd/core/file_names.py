"""What files are called: templates and their fields, and names that every file system takes."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NAME_LIMIT = 255  # bytes in one file name, on nearly every file system
SHORT_NAME_LIMIT = 143  # ... but where names are encrypted (eCryptfs, as on Synology's NAS)
# What FAT, exFAT, NTFS and so SMB forbid in a name (Microsoft, "Naming Files, Paths, and
# Namespaces"); some file systems forbid bytes that are not UTF-8, too.
_FORBIDDEN = re.compile(r"""[<>:"|?*\\\x00-\x1f\x7f\ud800-\udfff]""")
# The fields that a picture's own file tells: known once it is decoded.
OF_THE_PICTURE = ("taken", "width", "height")
NAME_FIELDS = (
    *("stem", "ext", "rule", "inbox", "kind", "date"),
    *(*OF_THE_PICTURE, "parent", "counter"),
)
Facts = Mapping[str, str]  # the fields of OF_THE_PICTURE
UNKNOWN: Facts = MappingProxyType({field: f"{{{field}}}" for field in OF_THE_PICTURE})
_FIELD = re.compile(r"\{(\w+)\}")
_DIGITS = 4  # of a counter, at least


@dataclass(frozen=True, slots=True)
class Naming:
    """What the file system of an outbox takes of a name."""

    limit: int = NAME_LIMIT  # bytes
    portable: bool = False  # no characters that some file system forbids

    def name(self, body: str, suffix: str) -> str:
        """Return a name that it takes."""
        if self.portable:
            body = _FORBIDDEN.sub("-", body)
            suffix = _FORBIDDEN.sub("-", suffix)
            if not suffix and body != body.rstrip(". "):  # which Windows cuts off
                body = body.rstrip(". ") + "_"
        return fit(body, suffix, self.limit)

    def path(self, path: str) -> str:
        """Return a relative path of which it takes every part."""
        return "/".join(self.name(*_split(part)) for part in path.split("/")) if path else ""


AS_IT_IS = Naming()


def _split(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem else (name, "")


def fields_of(template: str) -> frozenset[str]:
    """Return the names of the fields that a template has."""
    return frozenset(_FIELD.findall(template))


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return a template with its fields filled in; no value leaves its folder."""
    return template.format_map({key: harmless(value) for key, value in values.items()})


def counted(number: int) -> str:
    """Return a counter as names have it."""
    return f"{number:0{_DIGITS}}"


def harmless(value: str) -> str:
    """Make a value that a template may use as a whole folder name without leaving the outbox."""
    return value.replace("/", "-") if value.strip(".") else value.replace(".", "_")


def joined(*parts: str) -> str:
    """Join parts of a path without letting pathlib fold a name that is only dots."""
    first, *rest = (part for part in parts if part)
    return "/".join([first.rstrip("/"), *(part.strip("/") for part in rest)])


def folder_of(path: str) -> str:
    """Return the folder of a path; "" where it has none."""
    return path.rpartition("/")[0]


def fit(body: str, suffix: str, limit: int = NAME_LIMIT) -> str:
    """Join a name so that it fits in so many bytes; a body cut short ends in its hash."""
    if len(_encoded(body + suffix)) <= limit:
        return body + suffix
    if len(_encoded(suffix)) > limit // 2:  # an extension in name only
        body, suffix = body + suffix, ""
    end = "~" + hashlib.sha256(_encoded(body)).hexdigest()[:8] + suffix
    while len(_encoded(body + end)) > limit:
        body = body[:-1]
    return body + end


def name_key(path: str) -> str:
    """Return what two paths share when some file system would take them for one name.

    Unicode's canonical caseless match (The Unicode Standard, 3.13, definition D145).
    """
    return _decomposed(_decomposed(path).casefold())


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

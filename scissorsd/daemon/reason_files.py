"""The files that say why a picture was set aside or waits for a person, and which one it is."""

import os
import re
from pathlib import Path

from scissorsd.core.file_names import Naming
from scissorsd.folders import publishing
from scissorsd.records.journal_rows import storable

_PICTURE = b"Picture: "


def reason_file(picture: Path, naming: Naming) -> Path:
    """Return the path of the file that says what is the matter with a picture, beside it."""
    return picture.with_name(naming.name(picture.name, ".txt"))


def note(reason: str, picture: Path, *, rule: str, inbox: str) -> bytes:
    """Return the content of a reason file: the reason, the picture, and its rule."""
    under = os.fsencode(f"Rule: {rule} (inbox {inbox})")
    return b"\n".join([os.fsencode(reason), b"", _picture_line(picture), under, b""])


def is_note_of(picture: Path, place: Path) -> bool:
    """Whether the file at a place is the reason that was given for this picture."""
    return _picture_line(picture) in publishing.read_small_file(place).splitlines()


def is_reason_for(picture: Path, place: Path) -> bool:
    """Whether a file, where the journal has a picture's reason, is one for a picture so called.

    It may name the picture by another path, by which its inbox was known then.
    """
    name = _picture_line(Path("/") / picture.name).removeprefix(_PICTURE)
    lines = publishing.read_small_file(place).splitlines()
    return any(line.startswith(_PICTURE) and line.endswith(name) for line in lines)


def is_untouched(reason: str, picture: Path, rule: str, content: bytes) -> bool:
    """Whether the content of a reason file is word for word what was written for a picture.

    The inbox may have had another name, and another path, than now.
    """
    text = os.fsdecode(content)
    parts = re.fullmatch(r"(.*)\n\nPicture: (.*)\nRule: (.*) \(inbox [^\n]*\)\n", text, re.DOTALL)
    name = os.fsdecode(_picture_line(Path("/") / picture.name).removeprefix(_PICTURE))
    return (
        parts is not None
        and storable(parts[1]) == reason
        and parts[2].endswith(name)
        and "\n" not in parts[2] + parts[3]
        and parts[3] == rule
    )


def _picture_line(picture: Path) -> bytes:
    return _PICTURE + os.fsencode(repr(str(picture))[1:-1])

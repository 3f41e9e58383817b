"""A zip as it goes over the line: stored, never whole in memory, never on the disk."""

import os
import stat
import time
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from scissorsd.core.file_names import name_key
from scissorsd.folders.scanning import open_no_follow
from scissorsd.plain_text import escape_undecodable

LEFT_OUT = "left-out.txt"
_CHUNK = 256 << 10  # bytes
_LARGE = 1 << 31  # of a file: its entry is zip64's from the start
_MODE = stat.S_IFREG | 0o644
_FIRST, _LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # that a zip can tell


@dataclass(frozen=True, slots=True)
class Item:
    """A file, and the name that it is to have in the zip: a relative path."""

    path: Path
    name: str


class _Line:
    """What a zip is written to; it can be neither read nor wound back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Have nothing to do: what was written is taken in time."""

    def close(self) -> None:
        """Have nothing to close."""

    def taken(self) -> bytes:
        """Return what was written since."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def zipped(items: Iterable[Item]) -> Iterator[bytes]:
    """Yield a zip of files in pieces; what cannot be read is told of in its last entry."""
    line, names, left_out = _Line(), Names(), list[str]()
    with zipfile.ZipFile(line, "w", zipfile.ZIP_STORED) as archive:
        for item in items:
            shown = escape_undecodable(item.name)
            try:
                file = open_no_follow(item.path)
            except OSError as error:
                left_out.append(f"{shown}: cannot be read: {error.strerror}")
                continue
            if file is None:
                left_out.append(f"{shown}: is no longer there")
                continue
            with file:
                try:
                    yield from _entry(archive, line, file, names.free(item.name))
                except OSError as error:
                    left_out.append(f"{shown}: is not whole: {error.strerror}")
        if left_out:
            text = "".join(f"{sentence}\n" for sentence in left_out)
            archive.writestr(_about(names.free(LEFT_OUT), time.time()), text)
            yield line.taken()
    yield line.taken()


def _entry(archive: zipfile.ZipFile, line: _Line, file: BinaryIO, name: str) -> Iterator[bytes]:
    status = os.fstat(file.fileno())
    about = _about(name, status.st_mtime)
    with archive.open(about, "w", force_zip64=status.st_size >= _LARGE) as entry:
        while chunk := file.read(_CHUNK):
            entry.write(chunk)
            yield line.taken()


def _about(name: str, changed: float) -> zipfile.ZipInfo:
    when = time.localtime(changed)[:6]
    about = zipfile.ZipInfo(name, min(max(when, _FIRST), _LAST))
    about.external_attr = _MODE << 16
    return about


class Names:
    """The names in a zip: in one form, and no two that some file system takes for one."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, name: str) -> str:
        """Return this name or, where it is taken, the first free of `a-2.png`, `a-3.png` …."""
        tidy = name.encode("utf-8", "surrogateescape").decode(errors="replace")
        path = PurePosixPath(unicodedata.normalize("NFC", tidy).replace("\\", "_"))
        candidate, number = path, 1
        while (key := name_key(str(candidate))) in self._taken:
            number += 1
            candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
        self._taken.add(key)
        return str(candidate)

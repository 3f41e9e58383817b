"""What lies in the folders of an outbox: each is listed once, however often it is asked for."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from scissorsd.core.settling import Sighting
from scissorsd.folders.holding import hold_on_error
from scissorsd.folders.scanning import sighting_from_stat


class Listing:
    """The files below a folder, as they were when each folder was first asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: dict[str, dict[str, Sighting | None]] = {}

    def file(self, path: str) -> Sighting | None:
        """Return the sighting of a regular file; None where there is none."""
        folder, _, name = path.rpartition("/")
        return self._listed(folder).get(name)

    def fillings(self, path: str, gap: str, form: str) -> set[str]:
        """Return what stands in the gap of a path in the paths that are there; `form` is a regex.

        In all gaps of one path there is the same.
        """
        found: set[tuple[str, str]] = {("", "")}  # how the path begins, what fills its gaps
        for part in path.split("/"):
            found = {
                (f"{begin}/{name}" if begin else name, filled or filling)
                for begin, filling in found
                for name, filled in self._filled(begin, part, gap, re.escape(filling) or form)
            }
        return {filling for _, filling in found}

    def _filled(self, folder: str, part: str, gap: str, form: str) -> Iterator[tuple[str, str]]:
        if gap not in part:
            yield part, ""
            return
        first, *others = (re.escape(text) for text in part.split(gap))
        wanted = re.compile(f"{first}({form})" + r"\1".join(others))
        for name in self._listed(folder):
            if match := wanted.fullmatch(name):
                yield name, match[1]

    def _listed(self, folder: str) -> dict[str, Sighting | None]:
        if folder not in self._folders:
            self._folders[folder] = dict(_files(self.root / folder))
        return self._folders[folder]


def _files(folder: Path) -> Iterator[tuple[str, Sighting | None]]:
    """Yield what lies in a folder, if it is there; None stands for what is no regular file."""
    with hold_on_error(f"list {folder}"):
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    yield entry.name, sighting_from_stat(entry.name, status, inodes=True)
        except (FileNotFoundError, NotADirectoryError):
            return

"""What lies in the folders of an outbox: each is listed once, however often it is asked for."""

import os
import re
from collections.abc import Iterator, Mapping
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

    def fillings(self, path: str, gaps: Mapping[str, str]) -> list[dict[str, str]]:
        """Return what stands in the gaps of a path in the paths that are there.

        A gap is a character, with a regex of what may fill it; the same one is filled alike.
        """
        begins = "/" if path.startswith("/") else ""
        found: list[tuple[str, dict[str, str]]] = [(begins, {})]  # how it begins, and its gaps
        for part in path.strip("/").split("/"):
            found = [
                (f"{begin.rstrip('/')}/{name}" if begin else name, filled | more)
                for begin, filled in found
                for name, more in self._filled(begin, part, gaps, filled)
            ]
        return [filled for _, filled in found]

    def _filled(
        self, folder: str, part: str, gaps: Mapping[str, str], filled: Mapping[str, str]
    ) -> Iterator[tuple[str, dict[str, str]]]:
        there = [gap for gap in gaps if gap in part]
        if not there:
            yield part, {}
            return
        wanted = re.escape(part)
        for number, gap in enumerate(there):
            form = re.escape(filled[gap]) if gap in filled else gaps[gap]
            first, *others = wanted.split(re.escape(gap))
            wanted = f"{first}(?P<g{number}>{form})" + f"(?P=g{number})".join(others)
        pattern = re.compile(wanted)
        for name in self._listed(folder):
            if match := pattern.fullmatch(name):
                yield name, {gap: match[f"g{number}"] for number, gap in enumerate(there)}

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

"""Sub-folders of an inbox that we have emptied are removed, where the inbox asks for it.

A folder goes when every picture that was in it was moved or deleted by us, nobody has put anything
in or taken anything out since, and an hour has passed. A copy that is under way has made its folder
later than that, or filled it: the kernel removes no folder in which there is anything.
"""

import threading
import time
from collections.abc import Iterable
from pathlib import Path

import structlog

from scissorsd import failpoints
from scissorsd.core.keeping import REST, emptied_folders, folders_above, has_rested, may_go
from scissorsd.folders import removing
from scissorsd.folders.mounts import Root
from scissorsd.records.house_file import HouseFile
from scissorsd.settings import Inbox

log = structlog.get_logger("scissorsd")

EMPTIED_REST = failpoints.seconds("EMPTIED_REST", REST)


class EmptiedFolders:
    """One look for emptied folders in an inbox."""

    def __init__(
        self, inbox: Inbox, root: Root, house: HouseFile, stopping: threading.Event
    ) -> None:
        self.troubles: list[str] = []
        self._inbox = inbox
        self._root = root
        self._house = house
        self._stopping = stopping
        # Of folders from which we have removed another: when.
        self._emptied = house.emptied(inbox.path)
        self._touched: set[str] = set()  # the same, by this run

    def remove(self, pictures: Iterable[tuple[str, float]], now: float) -> int:
        """Remove the folders that these pictures have left empty; return how many.

        A picture is its path in the inbox, and the moment at which we moved or deleted it.
        """
        rested = self._rested(emptied_folders(pictures), now)
        return sum(self._is_removed(folder, seen) for folder, seen in rested.items())

    def _rested(self, emptied: dict[str, float], now: float) -> dict[str, removing.Folder]:
        """Return the folders that nobody but us has touched, the deepest first."""
        rested = {}
        for folder, disposed in emptied.items():
            if self._stopping.is_set():
                return {}
            if not may_go(folder, self._inbox.ignore, self._inbox.rules):
                continue
            try:
                there = removing.look_at_folder(self._inbox.path, folder)
            except OSError as error:
                self._note(folder, error)
                continue
            ours = max(disposed, self._emptied.get(folder, 0.0))
            if there is None:
                self._emptied.pop(folder, None)
            elif has_rested(there.changed, ours, now, EMPTIED_REST):
                rested[folder] = there
        return rested

    def _is_removed(self, folder: str, before: removing.Folder) -> bool:
        """Remove a folder, if it is empty and as it was but for what we have removed in it."""
        path = self._inbox.path / folder
        if self._stopping.is_set() or self._root.why_away():
            return False
        try:
            there = removing.look_at_folder(self._inbox.path, folder)
            if there is None or there.inode != before.inode or not removing.is_empty(path):
                return False
            if there != before and folder not in self._touched:
                return False
            above = folders_above(folder)[-1:]
            if above:  # it changes by that, and the next run must know that it was us
                self._emptied[above[0]] = time.time()
                self._house.keep_emptied(self._inbox.path, self._emptied)
            if not removing.remove_folder(path):
                return False
        except OSError as error:
            self._note(folder, error)
            return False
        self._touched.update(above)
        self._emptied.pop(folder, None)
        log.debug("housekeeping.removed", inbox=self._inbox.name, folder=str(path))
        return True

    def _note(self, folder: str, error: OSError) -> None:
        path: Path = self._inbox.path / folder
        self.troubles.append(f"the emptied folder {path} stays: {error.strerror or error}")

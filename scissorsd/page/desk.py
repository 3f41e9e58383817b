"""What every address of the page works with: the configuration, the journal, the folders."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scissorsd.core.settling import Sighting
from scissorsd.page.seen import Seen
from scissorsd.records import status_file
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.status_file import DaemonStatus
from scissorsd.settings import Config, Inbox, Page


@dataclass(slots=True)
class Desk:
    """What the page knows of; any thread may use it."""

    config: Config  # it has a page; its inboxes include the quick desk, where there is one
    vouch: Callable[[str, Sighting], None]  # tell the daemon that a file (inbox, sighting) is whole
    stir: Callable[[], None] = lambda: None  # something has changed here: whoever looks may look
    seen: Seen = field(init=False)  # which failed pictures need not be shown any more
    _journal: Journal | None = None
    _is_of: tuple[int, int] | None = None  # the file that it was opened of
    _replaced: list[Journal | None] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.seen = Seen(self.own_folder)

    @property
    def page(self) -> Page:
        """How the page is configured."""
        return self.config.page or Page()

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.config.state

    @property
    def own_folder(self) -> Path:
        """Where the page keeps what is its own: previews, uploads that are not whole yet."""
        return self.config.state / "page"

    def inbox(self, name: str) -> Inbox | None:
        """Return an inbox by its name."""
        return next((inbox for inbox in self.config.inboxes if inbox.name == name), None)

    def journal(self) -> Journal | None:
        """Return the journal, opened to be read, or None where there is none yet.

        One that was put into its place meanwhile (`restore`) is opened anew. Raises JournalError.
        """
        with self._lock:
            there = _identity(self.state / FILE)
            if there != self._is_of:
                self._replaced.append(self._journal)  # which others may still be asking
                self._journal, self._is_of = None, None
            if self._journal is None and there is not None:
                self._journal = Journal(self.state, read_only=True)
                self._is_of = there
            return self._journal

    def standing(self) -> DaemonStatus | None:
        """Return what the daemon last wrote of itself; see `records/status_file.py`."""
        return status_file.read(self.state)

    def close(self) -> None:
        """Close the journal."""
        with self._lock:
            for journal in filter(None, [self._journal, *self._replaced]):
                journal.close()
            self._replaced.clear()
            self._journal, self._is_of = None, None


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another that was put into its place; None where none is."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino

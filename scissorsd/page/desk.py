"""What every address of the page works with: the configuration, the journal, the folders."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scissorsd.core.settling import Sighting
from scissorsd.records import status_file
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.status_file import DaemonStatus
from scissorsd.settings import Config, Inbox, Page

QUICK = "quick"  # the inbox that is the page's own desk


@dataclass(slots=True)
class Desk:
    """What the page knows of; any thread may use it."""

    config: Config  # its inboxes include the quick desk, where there is one
    page: Page
    origin: Path | None  # the configuration file, as the commands take it with -c; or none
    vouch: Callable[[str, Sighting], None]  # tell the daemon that a file (inbox, sighting) is whole
    _journal: Journal | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

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
        """Return the journal, opened to be read, or None where there is none yet."""
        with self._lock:
            if self._journal is None and (self.state / FILE).exists():
                self._journal = Journal(self.state, read_only=True)
            return self._journal

    def standing(self) -> DaemonStatus | None:
        """Return what the daemon last wrote of itself; see `records/status_file.py`."""
        return status_file.read(self.state)

    def close(self) -> None:
        """Close the journal."""
        with self._lock:
            if self._journal is not None:
                self._journal.close()
                self._journal = None

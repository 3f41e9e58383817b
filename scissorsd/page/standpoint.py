"""From where a question is answered: the journal, the inboxes as it knows them, and the daemon."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scissorsd.commands.lookup import as_journalled
from scissorsd.config.quick_desk import NAME as QUICK
from scissorsd.page.desk import Desk
from scissorsd.records import lock
from scissorsd.records.journal import Journal
from scissorsd.records.pictures_view import PicturesView
from scissorsd.records.state_folders import StateFolder
from scissorsd.records.status_file import DaemonStatus, InboxStatus
from scissorsd.settings import Inbox


@dataclass(frozen=True)
class Standpoint:
    """The state folder at the moment of a question."""

    desk: Desk
    journal: Journal | None  # None: nothing was ever cut
    runs: bool  # a daemon works on it

    @cached_property
    def state(self) -> StateFolder:
        """The state folder, whose inboxes have the paths by which the journal knows them."""
        state = StateFolder(self.desk.state, self.desk.config)
        return state if self.runs else as_journalled(state, self.journal)

    @cached_property
    def view(self) -> PicturesView | None:
        """The pictures of the journal."""
        return PicturesView(self.journal.file) if self.journal is not None else None

    @property
    def inboxes(self) -> tuple[Inbox, ...]:
        """Every inbox, by its path in the journal."""
        return self.state.config.inboxes

    def inbox(self, name: str) -> Inbox | None:
        """Return an inbox by its name, by its path in the journal."""
        return next((inbox for inbox in self.inboxes if inbox.name == name), None)

    @cached_property
    def names(self) -> dict[str, str]:
        """The name of each inbox by its path in the journal."""
        return {str(inbox.path): inbox.name for inbox in self.inboxes}

    @cached_property
    def stands(self) -> DaemonStatus | None:
        """What the daemon says of itself; None while none runs."""
        return self.desk.standing() if self.runs else None

    def live(self, name: str) -> InboxStatus | None:
        """Return what the daemon says of an inbox, if one runs."""
        inboxes = self.stands.inboxes if self.stands is not None else ()
        return next((inbox for inbox in inboxes if inbox.name == name), None)

    def path_of(self, name: str) -> str:
        """Return the path of an inbox in the journal, or ""."""
        inbox = self.inbox(name)
        return str(inbox.path) if inbox is not None else ""

    def of_source(self, name: str, path: str) -> Path | None:
        """Return where a picture lies, or lay when it was dropped."""
        inbox = self.inbox(name)
        return inbox.path / path if inbox is not None else None


def stand_at(desk: Desk) -> Standpoint:
    """Return how it is now. Raises JournalError where the journal cannot be read."""
    return Standpoint(desk, desk.journal(), lock.is_running(desk.state))


def batch_of(inbox: str, path: str) -> str | None:
    """Return the gesture with which a picture came to the quick desk: MODEL-EDGES/BATCH/…."""
    folders = path.split("/")[:-1]
    return folders[1] if inbox == QUICK and len(folders) > 1 else None

"""What the journal knows of the picture that an address names; no address is a path on the disk."""

from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from scissorsd.core.formats import FORMATS
from scissorsd.page.desk import Desk
from scissorsd.page.naming import UnknownPictureError, named, no_such_inbox
from scissorsd.page.standpoint import stand_at
from scissorsd.plain_text import escape_undecodable
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Entry
from scissorsd.settings import Inbox

_SUFFIXES = tuple(suffix for row in FORMATS.values() for suffix in row.suffixes)


@dataclass(frozen=True, slots=True)
class Found:
    """The latest job of a picture, and its inbox under the paths by which the journal knows it."""

    inbox: Inbox
    entry: Entry
    journal: Journal

    @property
    def name(self) -> str:
        """The picture's file name, as a sentence can hold it."""
        return escape_undecodable(Path(self.entry.path).name)

    @property
    def outputs(self) -> tuple[tuple[str, Path], ...]:
        """Kind and place of each output; a note that lies beside them is none."""
        return outputs_of(self.entry)


def outputs_of(entry: Entry) -> tuple[tuple[str, Path], ...]:
    """Return kind and place of each output; an older version left the kinds uncertain: ""."""
    if entry.kinds:
        return tuple(zip(entry.kinds, map(Path, entry.published), strict=False))
    pictures = (path for path in entry.published if path.lower().endswith(_SUFFIXES))
    return tuple(("", Path(path)) for path in pictures)


def desk_of(request: Request) -> Desk:
    """Return what the page works with."""
    desk = request.app.state.desk
    if not isinstance(desk, Desk):
        raise TypeError("app.state.desk is not set")
    return desk


def asked_for(request: Request, *, behind: int) -> Found:
    """Find the picture that an address names, before so many parts `behind` it; or refuse."""
    return find(desk_of(request), *named(request, behind=behind))


def find(desk: Desk, inbox_name: str, path: str) -> Found:
    """Find the latest job of a picture by its inbox's name and its path there; or refuse."""
    at = stand_at(desk)
    inbox = at.inbox(inbox_name)
    if inbox is None:
        raise no_such_inbox(inbox_name)
    entries = at.journal.entries.of_source(inbox.path, path) if at.journal is not None else []
    if at.journal is None or not entries:
        raise UnknownPictureError(inbox_name, path)
    return Found(inbox, entries[0], at.journal)

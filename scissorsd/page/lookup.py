"""How an address names a picture, and what the journal knows of it.

`/api/v1/pictures/INBOX/PATH/…`: every part is the bytes of a name, percent-encoded, so that names
which are not UTF-8 can be asked for too. What is found is found in the journal; no address is a
path of the file system.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from scissorsd.commands.lookup import as_journalled
from scissorsd.core.formats import FORMATS
from scissorsd.page.answers import Refusal
from scissorsd.page.desk import Desk
from scissorsd.plain_text import escape_undecodable
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Entry
from scissorsd.records.state_folders import StateFolder
from scissorsd.settings import Inbox

_PICTURES = b"/api/v1/pictures/"
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
    return find(desk_of(request), *_named(request, behind))


def find(desk: Desk, inbox_name: str, path: str) -> Found:
    """Find the latest job of a picture by its inbox's name and its path there; or refuse."""
    journal = desk.journal()
    if desk.inbox(inbox_name) is None:
        raise Refusal(404, "no_inbox", f"There is no inbox {escape_undecodable(inbox_name)!r}.")
    entries: list[Entry] = []
    if journal is not None:
        state = as_journalled(StateFolder(desk.state, desk.config), journal)
        inbox = next(inbox for inbox in state.config.inboxes if inbox.name == inbox_name)
        entries = journal.entries.of_source(inbox.path, path)
    if journal is None or not entries:
        raise Refusal(
            404,
            "no_picture",
            f"Nothing is known yet of {escape_undecodable(path)!r} in {inbox_name}.",
            "A picture is known from the moment at which scissorsd begins to cut it.",
        )
    return Found(inbox, entries[0], journal)


def _named(request: Request, behind: int) -> tuple[str, str]:
    """Read the inbox's name and the picture's path out of an address, as they were sent."""
    raw: bytes = request.scope["raw_path"]
    parts = raw.partition(_PICTURES)[2].split(b"/")
    inbox, *path = [unquote_to_bytes(part) for part in parts[: len(parts) - behind]] or [b""]
    if not path or any(part in {b"", b".", b".."} or {0, 47} & set(part) for part in path):
        raise Refusal(404, "no_picture", "This address names no picture.")
    return os.fsdecode(inbox), os.fsdecode(b"/".join(path))

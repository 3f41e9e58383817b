"""Remove a picture from the quick desk, and what came of it: files that are our own, no others."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from scissorsd.core.settling import Sighting
from scissorsd.daemon.reason_files import is_untouched
from scissorsd.folders import publishing, removing
from scissorsd.folders.removing import Own
from scissorsd.page.answers import Refusal
from scissorsd.page.naming import shown
from scissorsd.page.standpoint import Standpoint
from scissorsd.records.discarding import Discards
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Entry
from scissorsd.records.judging_lock import judging
from scissorsd.settings import Inbox


def discard_waiting(inbox: Inbox | None, sighting: Sighting) -> None:
    """Remove a picture that no job has yet, as it was seen."""
    if inbox is not None:
        own = Own(inbox.path / sighting.path, sighting.size, mtime_ns=sighting.mtime_ns)
        removing.remove_all([removing.look(own)])


def discard_job(at: Standpoint, found: Entry) -> None:
    """Remove a picture with all its versions. Raises Refusal while it is being cut."""
    folder = at.desk.state
    with judging(folder), closing(Journal(folder)) as journal:
        discards = Discards(journal.file)
        versions = discards.versions(found)
        if at.runs and any(entry.state in {"begun", "published"} for entry in versions):
            raise _in_hand(found)
        for entry in versions:
            seen = [removing.look(own) for own in (*discards.own_files(entry), *_note(entry))]
            removing.remove_all(seen)
            if not discards.strike_out(entry):
                raise _in_hand(found)


def _note(entry: Entry) -> Iterator[Own]:
    """Yield the file that says why a picture failed, if it is as it was written."""
    if entry.state == "failed" and entry.set_aside:
        note = Path(entry.set_aside[0])
        content = publishing.read_small_file(note)
        if is_untouched(entry.reason, Path(entry.source), entry.rule, content):
            yield Own(note, len(content), publishing.digest_of(content))


def _in_hand(entry: Entry) -> Refusal:
    what = f"{shown(entry.path)} is being cut at this moment"
    return Refusal(409, "in_hand", what, "Discard it when it is out.")

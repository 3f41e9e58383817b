"""One folder, one history: the job journal knows folders by their spelling, and follows it.

Where a configuration says `/srv/shop` and the journal knows the same folder as `/mnt/shop`, by a
link or by another mount, its pictures are known all the same.
"""

from dataclasses import replace
from pathlib import Path

import structlog

from scissorsd.folders import real_paths
from scissorsd.records.journal import Folder, Journal
from scissorsd.settings import Inbox

log = structlog.get_logger("scissorsd")


def recorded(journal: Journal, inbox: Inbox) -> Inbox:
    """Return an inbox under the paths by which its journal knows its folders.

    Only where the journal does not know a path are the folders looked at, and with patience.
    """
    return replace(
        inbox,
        path=_recorded(journal, "inbox", inbox.path),
        outbox=_recorded(journal, "outbox", inbox.outbox),
    )


def _recorded(journal: Journal, what: Folder, folder: Path) -> Path:
    if journal.is_spelling(what, folder):
        return folder
    known = journal.spellings(what)
    found = real_paths.locate({folder, *known}) if known else {}
    return next((k for k in sorted(known) if found[k].same_as(found[folder])), folder)


def follow(journal: Journal, inbox: Inbox) -> None:
    """Let the journal know an inbox and its outbox by their paths as they are spelled now."""
    known = recorded(journal, inbox)
    if known.path != inbox.path:
        journal.respell_inbox(known.path, inbox.path)
    if known.outbox != inbox.outbox:
        journal.respell_outbox(known.outbox, inbox.outbox)
    for old, new in ((known.path, inbox.path), (known.outbox, inbox.outbox)):
        if old != new:
            log.info("folder.respelled", known_as=str(old), now=str(new))

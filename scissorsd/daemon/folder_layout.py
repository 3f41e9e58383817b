"""Watching how the folders lie to each other while the daemon runs: mounts come, go and change.

What was right at the start may be wrong later: an outbox that is mounted from inside its inbox, an
inbox that comes back at a place where another process works. Such an inbox is barred: nothing of it
is taken until that has passed.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scissorsd import failpoints
from scissorsd.config import why_entangled
from scissorsd.errors import AlreadyRunningError, JournalError
from scissorsd.folders import mounts, real_paths
from scissorsd.folders.claims import Claims
from scissorsd.records import respelling
from scissorsd.records.journal import Journal
from scissorsd.settings import Config, Inbox

LOOK_AGAIN = failpoints.seconds("LOOK_AGAIN", 10.0)  # while something is barred


@dataclass(frozen=True, slots=True)
class Barred:
    """The inboxes of which nothing may be taken now, and why."""

    why: Mapping[str, str]


class FolderWatch:
    """Looks at the folders in a thread of its own, when there is reason to; one look at a time."""

    def __init__(self, tell: Callable[[Barred], None]) -> None:
        self._tell = tell
        self._claims = Claims()
        self._changes = mounts.Changes()
        self._thread: threading.Thread | None = None
        self._wanted = False
        self._barred = False
        self._next_look = 0.0

    def claim(self, config: Config) -> None:
        """Claim every inbox with its outbox; AlreadyRunningError names who has one of them."""
        for name, owner in self._taken(config).items():
            inbox = next(inbox for inbox in config.inboxes if inbox.name == name)
            raise AlreadyRunningError(
                f"another scissorsd ({owner}) cuts what is in {inbox.path} into {inbox.outbox}",
                "Stop it first, or choose another outbox.",
            )

    def want(self) -> None:
        """Ask for a look soon."""
        self._wanted = True

    def beat(self, config: Config, journal: Journal, now: float) -> None:
        """Begin a look if one is due; what it finds is told later."""
        if self._changes.any() or (self._barred and now >= self._next_look):
            self._wanted = True
        if self._wanted and (self._thread is None or not self._thread.is_alive()):
            self._wanted = False
            self._next_look = now + LOOK_AGAIN
            self._thread = threading.Thread(
                target=self._look, args=(config, journal), name="look at the folders", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Let others have the folders."""
        self._claims.close()
        self._changes.close()

    def _look(self, config: Config, journal: Journal) -> None:
        taken = self._taken(config)
        why = {name: f"another scissorsd ({owner}) works on it" for name, owner in taken.items()}
        why |= why_entangled(config)
        for inbox in config.inboxes:
            why.setdefault(inbox.name, _why_unknown(journal, inbox))
        barred = {name: reason for name, reason in why.items() if reason}
        self._barred = bool(barred)
        self._tell(Barred(barred))

    def _taken(self, config: Config) -> dict[str, str]:
        """Claim what can be; give each inbox that another process has claimed, and which."""
        found = real_paths.locate({p for i in config.inboxes for p in (i.path, i.outbox)})
        pairs = {inbox.name: (found[inbox.path], found[inbox.outbox]) for inbox in config.inboxes}
        self._claims.keep(pairs.values())
        taken = {name: self._claims.take(*pair) for name, pair in pairs.items()}
        return {name: owner for name, owner in taken.items() if owner}


def _why_unknown(journal: Journal, inbox: Inbox) -> str:
    """Let the journal know the folder by its path, if it was away until now; else say why not."""
    try:
        respelling.follow(journal, inbox)
    except JournalError as error:
        return str(error)
    return ""

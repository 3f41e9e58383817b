"""Check how the folders lie to each other while the daemon runs: mounts come, go and change.

What was right at the start may be wrong later: an outbox is mounted from inside its inbox, or an
inbox comes back where another process works. Such an inbox is barred: nothing of it is taken until
that has passed.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from scissorsd import failpoints
from scissorsd.config import why_entangled
from scissorsd.errors import AlreadyRunningError, JournalError
from scissorsd.folders import mounts, real_paths
from scissorsd.folders.claims import Claims
from scissorsd.records import respelling
from scissorsd.records.journal import Journal
from scissorsd.settings import Config, Inbox

log = structlog.get_logger("scissorsd")

# Seconds between two checks while an inbox is barred.
LOOK_AGAIN = failpoints.seconds("LOOK_AGAIN", 10.0)


@dataclass(frozen=True, slots=True)
class Barred:
    """The inboxes of which nothing may be taken now, and why."""

    why: Mapping[str, str]


class LayoutCheck:
    """Checks the folders in a thread of its own when there is a reason to; one check at a time."""

    def __init__(self, tell: Callable[[Barred], None]) -> None:
        self._tell = tell
        self._claims = Claims()
        self._changes = mounts.Changes()
        self._thread: threading.Thread | None = None
        self._is_wanted = False
        self._is_barred = False
        self._next_check = 0.0

    def claim(self, config: Config) -> None:
        """Claim every inbox with its outbox.

        Raises AlreadyRunningError, with the name of the process that has one of them.
        """
        for name, owner in self._taken(config).items():
            inbox = next(inbox for inbox in config.inboxes if inbox.name == name)
            raise AlreadyRunningError(
                f"another scissorsd ({owner}) cuts what is in {inbox.path} into {inbox.outbox}",
                "Stop it first, or choose another outbox.",
            )

    def request(self) -> None:
        """Ask for a check soon."""
        self._is_wanted = True

    def beat(self, config: Config, journal: Journal, now: float) -> None:
        """Start a check if one is due; its result goes on the queue as `Barred`."""
        if self._changes.any() or (self._is_barred and now >= self._next_check):
            self._is_wanted = True
        if self._is_wanted and (self._thread is None or not self._thread.is_alive()):
            self._next_check = now + LOOK_AGAIN
            check = threading.Thread(
                target=self._check, args=(config, journal), name="look at the folders", daemon=True
            )
            with suppress(RuntimeError):  # no thread can be started now: the next beat tries again
                check.start()
                self._thread, self._is_wanted = check, False

    def close(self) -> None:
        """Release all claims."""
        self._claims.close()
        self._changes.close()

    def _check(self, config: Config, journal: Journal) -> None:
        taken = self._taken(config)
        why = {name: f"another scissorsd ({owner}) works on it" for name, owner in taken.items()}
        why |= why_entangled(config)
        for inbox in config.inboxes:
            why.setdefault(inbox.name, _why_unknown(journal, inbox))
        barred = {name: reason for name, reason in why.items() if reason}
        self._is_barred = bool(barred)
        self._tell(Barred(barred))

    def _taken(self, config: Config) -> dict[str, str]:
        """Claim every inbox; return those that another process has claimed, with that process."""
        locations = real_paths.locate({p for i in config.inboxes for p in (i.path, i.outbox)})
        pairs = {i.name: (locations[i.path], locations[i.outbox]) for i in config.inboxes}
        self._claims.keep(pairs.values())
        taken = {name: self._claims.take(*pair) for name, pair in pairs.items()}
        return {name: owner for name, owner in taken.items() if owner}


def follow_spelling(journal: Journal, inbox: Inbox) -> None:
    """Let the journal know an inbox's folders by their paths as they are spelled now."""
    for old, new in respelling.follow(journal, inbox):
        log.info("folder.respelled", known_as=str(old), now=str(new))


def _why_unknown(journal: Journal, inbox: Inbox) -> str:
    """Note the inbox's path in the journal, if it was away until now; return why not, or ""."""
    try:
        follow_spelling(journal, inbox)
    except JournalError as error:
        return str(error)
    return ""

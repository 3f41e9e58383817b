"""What lies in the inboxes and waits: pictures that no job has yet.

An inbox is looked through as the daemon does it, in a thread of its own, since a share may hang,
and only where something may have changed: the status file tells of a backlog, something of what
was found waits still, or its folder was changed. A long look is followed by a long pause. Of what
is known to the journal and stays as it is a number is kept, so that the next look passes over it.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from scissorsd.commands.lookup import inbox_unavailable_reason
from scissorsd.core.rules import choose
from scissorsd.core.settling import Sighting
from scissorsd.errors import JournalError
from scissorsd.folders.mounts import Root, keeps_inodes, mount_type
from scissorsd.folders.scanning import scan
from scissorsd.page.standpoint import Standpoint
from scissorsd.records.journal import Journal
from scissorsd.records.pictures_view import KnownAs
from scissorsd.settings import Inbox

_PAUSE = 2.0  # seconds between two looks, at least
_FACTOR = 20  # and so many times as long as the last one took; while nothing changes, more
_IDLE_FACTOR = 100
_ALONE = 10.0  # seconds between two looks while no daemon tells of a backlog
_PATIENCE = 2.0  # seconds that an answer waits for the first look
_TRUST = 600.0  # seconds after which all is asked of the journal again


@dataclass(frozen=True, slots=True)
class Waiting:
    """A picture that lies in an inbox."""

    inbox: str
    sighting: Sighting
    rule: str
    is_anew: bool  # an earlier version of it is in the journal

    @property
    def version(self) -> tuple[str, int, int]:
        """By what the journal knows it in its inbox."""
        return self.sighting.path, *self.sighting.version

    @property
    def key(self) -> tuple[int, str, str]:
        """By when it came."""
        return self.sighting.ctime_ns, self.inbox, self.sighting.path


@dataclass(slots=True)
class _Look:
    """What was seen of one inbox."""

    found: tuple[Waiting, ...] = ()
    passed: set[int] = field(default_factory=set)  # hashes of what the journal has for good
    since: float = 0.0  # monotonic: that is trusted from then on
    ended: float = 0.0  # monotonic; 0: never looked
    seen: float = 0.0  # monotonic: when it was last looked through as a whole
    took: float = 0.0
    was_idle: bool = False  # the last look saw what the one before had seen
    changed_ns: int = 0  # the folder's mtime as it was looked through
    wanted: bool = False
    added: dict[Waiting, float] = field(default_factory=dict)  # monotonic: when, by us
    turn: int = 0  # of the last job that was begun before `found` was asked of the journal
    thread: threading.Thread | None = None


class Inboxes:
    """What waits in all inboxes. Any thread may ask."""

    def __init__(self) -> None:
        self._looks: dict[str, _Look] = {}
        self._lock = threading.Lock()
        self._journal: Journal | None = None
        self.generation = 0  # counts up with every change

    def expect(self, inbox: str) -> None:
        """Have an inbox looked through before the next answer: something was put there."""
        with self._lock:
            self._looks.setdefault(inbox, _Look()).wanted = True

    def add(self, at: Standpoint, inbox: Inbox, sighting: Sighting, rule: str) -> None:
        """Note a file that we have put there: it waits from now on, whenever it is looked for next.

        Raises JournalError.
        """
        known = at.inbox(inbox.name) or inbox
        with self._lock:
            look = self._looks.setdefault(inbox.name, _Look())
            before = None
            if at.view is not None:
                if not look.found:  # else what is there may have been begun since its turn
                    look.turn = at.view.last_turn()
                if at.view.known_as(known.path, sighting) != "new":
                    return  # the daemon was quicker
                before = at.view.of(known.path, sighting.path)
            one = Waiting(inbox.name, sighting, rule, before is not None)
            look.added[one] = monotonic()
            if one not in look.found:
                look.found = (*look.found, one)
                self.generation += 1

    def found(self, at: Standpoint, *, patience: float = _PATIENCE) -> list[Waiting]:
        """Return what waits, the last that came first."""
        threads = [thread for inbox in at.inboxes if (thread := self._begin(at, inbox))]
        deadline = monotonic() + patience
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))
        waiting = [one for inbox in at.inboxes for one in self._still(at, inbox)]
        return sorted(waiting, key=lambda one: one.key, reverse=True)

    def _begin(self, at: Standpoint, inbox: Inbox) -> threading.Thread | None:
        """Begin to look through an inbox, if it is time; return the thread that does."""
        with self._lock:
            if at.journal is not self._journal:  # another was put into its place
                self._journal = at.journal
                for look in self._looks.values():
                    look.since, look.turn, look.wanted = 0.0, 0, True
            look = self._looks.setdefault(inbox.name, _Look())
            if look.thread is not None and look.thread.is_alive():
                return None  # it hangs, or is long: what was seen before is told meanwhile
            now = monotonic()
            factor = _IDLE_FACTOR if look.was_idle and not look.wanted else _FACTOR
            pause = max(0.0 if look.wanted else _PAUSE, look.took * factor)
            if look.ended and now - look.ended < pause:
                return None
            look.thread = threading.Thread(
                target=self._look_through,
                args=(at, inbox, look, look.wanted or not look.ended),
                name=f"look through {inbox.name}",
                daemon=True,
            )
            look.wanted = False
            look.thread.start()
            return look.thread

    def _look_through(self, at: Standpoint, inbox: Inbox, look: _Look, wanted: bool) -> None:  # noqa: FBT001 - of a thread
        folder = _as_configured(at, inbox)
        began = monotonic()
        try:
            if inbox_unavailable_reason(at.state, inbox):
                return  # gone is not empty
            if Root(folder, require_mount=inbox.require_mount).why_away():
                return
            changed_ns = folder.stat().st_mtime_ns
            alone = not at.runs and began - look.seen > max(_ALONE, look.took * _IDLE_FACTOR)
            is_due = wanted or alone or look.found or changed_ns != look.changed_ns
            if not (is_due or _has_backlog(at, inbox)):
                return
            if began - look.since > _TRUST:
                look.passed, look.since = set(), began
            turn = at.view.last_turn() if at.view is not None else 0
            since = monotonic()  # what is added from now on was begun after that turn, if at all
            found = tuple(_waiting(at, inbox, folder, look.passed))
        except (OSError, JournalError):
            return  # the daemon tells of an inbox that went away, the next answer of a journal
        finally:
            look.ended = monotonic()
        look.seen, look.took = look.ended, look.ended - began
        look.changed_ns = changed_ns
        self._tell(look, found, turn, since)

    def _tell(self, look: _Look, found: tuple[Waiting, ...], turn: int, since: float) -> None:
        with self._lock:
            look.added = {one: when for one, when in look.added.items() if when >= since}
            found += tuple(one for one in look.added if one not in found)  # came behind the look
            look.was_idle = found == look.found
            self.generation += not look.was_idle
            look.found, look.turn = found, turn

    def _still(self, at: Standpoint, inbox: Inbox) -> tuple[Waiting, ...]:
        """Return what still waits of what was seen, by the journal as it is now."""
        with self._lock:
            look = self._looks[inbox.name]
            if not look.found or at.view is None:
                return look.found
            turn = at.view.last_turn()
            taken = at.view.taken_since(look.turn) if turn > look.turn else set()
            where = str(inbox.path)
            if taken:
                left = tuple(w for w in look.found if (where, *w.version) not in taken)
                self.generation += left != look.found
                look.found = left
            look.turn = turn
            return look.found


def _waiting(at: Standpoint, inbox: Inbox, folder: Path, passed: set[int]) -> Iterator[Waiting]:
    """Yield what lies in an inbox and is not in the journal; note what need not be asked again."""
    inodes = keeps_inodes(mount_type(folder))
    for sighting in scan(folder, recursive=inbox.recursive, ignore=inbox.ignore, inodes=inodes):
        mark = hash((sighting, sighting.ctime_ns))
        if mark in passed:
            continue
        rule = choose(inbox.rules, sighting.path)
        known: KnownAs = "new"
        if rule is None or rule.skip:
            known = "ended"
        elif at.view is not None:
            known = at.view.known_as(inbox.path, sighting)
        if known == "ended":
            passed.add(mark)
        elif known == "new" and rule is not None:
            before = at.view.of(inbox.path, sighting.path) if at.view is not None else None
            yield Waiting(inbox.name, sighting, rule.name, before is not None)


def _as_configured(at: Standpoint, inbox: Inbox) -> Path:
    """Return the path at which an inbox lies now, whatever the journal calls it."""
    own = at.desk.inbox(inbox.name)
    return own.path if own is not None else inbox.path


def _has_backlog(at: Standpoint, inbox: Inbox) -> bool:
    stands = at.desk.standing() if at.runs else None
    live = next((i for i in stands.inboxes if i.name == inbox.name), None) if stands else None
    return live is not None and bool(live.settling or live.ready)

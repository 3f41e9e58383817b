"""What lies in the inboxes now, for `check`: by rule, what of it is cut, how long the rest takes.

Nothing is changed, and nothing waits for a share that hangs.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

from scissorsd.commands.lookup import (
    as_it_stands,
    inbox_unavailable_reason,
)
from scissorsd.core import eta
from scissorsd.core.rules import choose
from scissorsd.core.settling import Sighting
from scissorsd.folders import mounts, real_paths, scanning
from scissorsd.plain_text import for_terminal
from scissorsd.records.journal import Journal
from scissorsd.records.state_folders import StateFolder
from scissorsd.settings import Config, Inbox

_PATIENCE = 10.0  # seconds without another picture, after which a scan is given up
_LAST = 200  # jobs that the pace is taken from


@dataclass(slots=True)
class _Count:
    """What of an inbox has been counted."""

    inbox: Inbox
    by_rule: Counter[str] = field(default_factory=Counter)  # "": under none
    cut: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    trouble: str = ""  # why not all of it could be counted

    def left(self) -> int:
        """Return how many pictures are still to be cut."""
        wanted = (rule.name for rule in self.inbox.rules if not rule.skip)
        return sum(self.by_rule[n] - self.cut[n] - self.failed[n] for n in set(wanted))


def count(config: Config) -> Iterator[str]:
    """Say what lies in each inbox, and how long what is left takes by the last known pace."""
    with as_it_stands(config) as (state, journal, remark):
        if remark:
            yield for_terminal(remark)
        hang = real_paths.that_hang(inbox.path for inbox in state.config.inboxes)
        left, whole = 0, True
        for inbox in state.config.inboxes:
            if inbox.quick and not inbox.path.exists():  # the daemon makes it
                continue
            counted = _count(state, inbox, journal, hangs=inbox.path in hang)
            left += counted.left()
            whole = whole and not counted.trouble
            yield from map(for_terminal, _in_words(counted))
        yield _how_long(left, journal, known=not remark, whole=whole)


def _count(state: StateFolder, inbox: Inbox, journal: Journal | None, *, hangs: bool) -> _Count:
    counted = _Count(inbox)
    counted.trouble = inbox_unavailable_reason(state, inbox)
    if hangs and not counted.trouble:
        counted.trouble = f"The inbox {inbox.name!r} does not answer now."
    if counted.trouble:
        return counted
    for sighting in _sightings(inbox, counted):
        rule = choose(inbox.rules, sighting.path)
        name = rule.name if rule is not None else ""
        counted.by_rule[name] += 1
        if rule is not None and not rule.skip:
            state_of_it = _known_as(journal, inbox, sighting)
            counted.cut[name] += state_of_it in {"done", "published"}
            counted.failed[name] += state_of_it == "failed"
    return counted


def _known_as(journal: Journal | None, inbox: Inbox, sighting: Sighting) -> str:
    known = journal.known(inbox.path, sighting.path) if journal is not None else None
    if known is None or known.version != sighting.version or known.removed:
        return ""
    return known.state


def _sightings(inbox: Inbox, counted: _Count) -> Iterator[Sighting]:
    """Yield what a scan of an inbox sees; note in the count what ended it early."""
    seen: SimpleQueue[Sighting | str] = SimpleQueue()
    Thread(target=_scan, args=(inbox, seen), daemon=True).start()
    try:
        while isinstance(sighting := seen.get(timeout=_PATIENCE), Sighting):
            yield sighting
        counted.trouble = sighting
    except Empty:
        counted.trouble = f"The inbox {inbox.name!r} does not answer any more; there may be more."


def _scan(inbox: Inbox, tell: "SimpleQueue[Sighting | str]") -> None:
    """Tell of every picture of an inbox, and in the end why there may be more, or ""."""
    unseen: list[str] = []

    def cannot_see(path: str, error: OSError) -> None:
        unseen.append(f"{path}: {error.strerror or error}")

    root = mounts.Root(inbox.path, require_mount=inbox.require_mount)
    try:
        if away := root.why_away():
            tell.put(f"The inbox {inbox.name!r} is away: {away}.")
            return
        found = scanning.scan(
            inbox.path, recursive=inbox.recursive, ignore=inbox.ignore, unseen=cannot_see
        )
        for sighting in found:
            tell.put(sighting)
    except OSError as error:
        tell.put(f"The inbox {inbox.name!r} cannot be looked at: {error.strerror or error}.")
        return
    more = f" (and {len(unseen) - 1} more)" if len(unseen) > 1 else ""
    tell.put(f"Some of it cannot be looked at: {unseen[0]}{more}." if unseen else "")


# --- in words --------------------------------------------------------------------------------


def _in_words(counted: _Count) -> Iterator[str]:
    inbox = counted.inbox
    total = counted.by_rule.total()
    if total or not counted.trouble:
        yield f"{inbox.name}: {_pictures(total)} now"
        for name in dict.fromkeys(rule.name for rule in inbox.rules):
            if counted.by_rule[name]:
                yield f"  {name}: {_fate(counted, name)}"
        if unmatched := counted.by_rule[""]:
            yield f"  under no rule: {unmatched}, left alone"
    if counted.trouble:
        yield f"{inbox.name}: {counted.trouble}"


def _fate(counted: _Count, name: str) -> str:
    number = counted.by_rule[name]
    if all(rule.skip for rule in counted.inbox.rules if rule.name == name):
        return f"{number}, left alone"
    known = {"cut": counted.cut[name], "failed": counted.failed[name]}
    known["to be cut"] = number - sum(known.values())
    parts = [f"{n} {word}" for word, n in known.items() if n]
    return ", ".join(parts)


def _how_long(left: int, journal: Journal | None, *, known: bool, whole: bool) -> str:
    if not left:
        of_what = "" if whole else " of what could be counted"
        return f"Nothing{of_what} is left to be cut."
    at_least = "" if whole else "At least "
    head = f"{at_least}{_pictures(left)} {'is' if left == 1 else 'are'} left to be cut"
    jobs = [] if journal is None else journal.entries.latest(_LAST)
    cut = any(entry.published for entry in jobs)
    each = eta.seconds_each((entry.begun_at, entry.ended_at) for entry in jobs) if cut else None
    if each is None:
        why = "nothing was ever cut here" if known else "the job journal cannot be asked"
        return f"{head}; how long that takes is unknown: {why}."
    return f"{head}: about {eta.in_words(left * each)}, at the pace of the last {_jobs(len(jobs))}."


def _pictures(number: int) -> str:
    return "1 picture" if number == 1 else f"{number} pictures"


def _jobs(number: int) -> str:
    return "one" if number == 1 else str(number)

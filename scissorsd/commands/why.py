"""The command `why`: why a file was taken, ignored, held or set aside."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic

from scissorsd.commands.lookup import (
    as_journalled,
    find_in_inbox,
    inbox_unavailable_reason,
    missing_outputs,
    open_journal,
    path_in_outbox,
    unavailable_reason,
)
from scissorsd.commands.messages import moment, removed_by_keep
from scissorsd.core.ignored_names import is_picture_name, why_ignored
from scissorsd.core.masking import said_numbers
from scissorsd.core.rules import choose
from scissorsd.core.settling import Sighting
from scissorsd.core.wishes import Wish, wish_of
from scissorsd.folders import scanning
from scissorsd.plain_text import for_terminal, one_line
from scissorsd.records import lock, state_folders, status_file
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Entry
from scissorsd.records.reviews import Reviews
from scissorsd.records.state_folders import StateFolder
from scissorsd.records.status_file import InboxStatus, OrderStatus
from scissorsd.service import accounts
from scissorsd.settings import Inbox

NO_DAEMON = "It will be taken when a daemon runs; none does now."


def answer(path: Path, config: Path | None, state: Path | None) -> Iterator[str]:
    """Say it by every state folder that knows the path; one sentence a line, fit for a terminal."""
    states = state_folders.about(path, config, state)
    for known in states:
        if len(states) > 1:
            yield for_terminal(f"{state_folders.in_words(known)}:")
        yield from map(for_terminal, _why(known, path))


def _why(state: StateFolder, path: Path) -> Iterator[str]:
    journal = open_journal(state)
    try:
        yield from why_in(as_journalled(state, journal), journal, path)
    finally:
        if journal is not None:
            journal.close()


def why_in(state: StateFolder, journal: Journal | None, path: Path) -> Iterator[str]:
    """Say it by one state, under the paths by which its journal knows the inboxes."""
    in_inbox = find_in_inbox(state, journal, path)
    if in_inbox is None:
        yield from _why_elsewhere(state, journal, path)
        return
    inbox, relative = in_inbox
    entries = journal.entries.of_source(inbox.path, relative) if journal is not None else []
    unavailable = inbox_unavailable_reason(state, inbox)
    if unavailable:  # a share that hangs would hang us too, and gone is not empty
        yield from _tell(state, entries, look=False)
        yield unavailable
        return
    try:
        sighting = scanning.sight(inbox.path, relative)
    except OSError as error:
        yield from _tell(state, entries)
        yield f"{path} cannot be looked at ({error.strerror})."
        return
    if sighting is None:
        yield from _tell(state, entries)
        yield why_not_a_file(path)
        return
    ignored = why_not_wanted(inbox, relative)
    if ignored:
        yield ignored
        return
    entry = next((e for e in entries if (e.size, e.mtime_ns) == sighting.version), None)
    if entry is not None:
        yield from _tell(state, [entry])
        yield from _why_denied(state, entry, path)
        return
    if entries:
        yield f"It has changed since it was last cut ({describe(state, entries[0])})"
    yield from _why_soon(state, inbox, sighting, journal)


def _why_soon(
    state: StateFolder, inbox: Inbox, sighting: Sighting, journal: Journal | None
) -> Iterator[str]:
    """Say what will become of a picture that nothing is recorded of as it is now."""
    own = journal.stamps.own_file(inbox.path, sighting) if journal is not None else ""
    if own:
        yield own_file(own)
        return
    rule = choose(inbox.rules, sighting.path)
    yield in_rule(inbox, rule.name if rule else "?")
    yield why_waiting(state, inbox, sighting)


def _why_elsewhere(state: StateFolder, journal: Journal | None, path: Path) -> Iterator[str]:
    owners: list[Entry] = []
    if journal is not None:
        place = path_in_outbox(state, path)
        owners = journal.entries.of_output(place)
        owners = owners or [review.entry for review in Reviews(journal.file).of_note(place)]
    if owners:
        for entry in owners:
            yield f"{path} belongs to {entry.source}."
            yield from _tell(state, [entry])
        return
    yield in_no_inbox(state, path)


def in_no_inbox(state: StateFolder, path: Path) -> str:
    """Say that a path lies in none of the inboxes."""
    inboxes = ", ".join(str(inbox.path) for inbox in state.config.inboxes)
    return f"{path} lies in no inbox; the inboxes are: {inboxes}."


def in_rule(inbox: Inbox, rule: str) -> str:
    """Say which rule takes a picture."""
    return f"It falls under the rule {rule!r} of the inbox {inbox.name!r}."


def asked_with(wish: Wish) -> str:
    """Say what a person has asked of a picture."""
    asked = wish.in_words()
    return f"It was asked for with: {asked}. 'scissorsd recut --as-ruled' takes that back."


def own_file(place: str) -> str:
    """Say that a file is one that scissorsd put out."""
    return f"It is left alone: it is a file of scissorsd's own, {place}, seen by another path."


def why_not_a_file(path: Path) -> str:
    """Say what is at a path where no regular file is."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        return f"There is no file at {path} now ({error.strerror})."
    if stat.S_ISLNK(mode):
        return f"{path} is a symbolic link; those are never followed. Put the file itself here."
    if stat.S_ISDIR(mode):
        return f"{path} is a folder; ask about a file in it."
    return f"{path} is not a regular file (a pipe, socket or device); it is ignored."


def why_not_wanted(inbox: Inbox, relative: str) -> str:
    """Say why a path in an inbox is left alone, by its name alone; or '' where it is taken."""
    ignored = why_ignored(relative, inbox.ignore)
    if ignored:
        return f"It is ignored: {ignored}."
    if "/" in relative and not inbox.recursive:
        return f"It is ignored: it lies in a sub-folder, and {inbox.name!r} has 'recursive: false'."
    if not is_picture_name(relative):
        return "It is ignored: its name does not end as a picture's does (.jpg, .png, .heic, …)."
    rule = choose(inbox.rules, relative)
    if rule is None:
        return f"It is ignored: no rule of the inbox {inbox.name!r} matches {relative!r}."
    if rule.skip:
        return f"It is ignored: the rule {rule.name!r} matches it and says 'skip: true'."
    return ""


def why_waiting(state: StateFolder, inbox: Inbox, sighting: Sighting) -> str:
    """Say what a picture waits for of which nothing is recorded yet."""
    if not lock.is_running(state.folder):
        return NO_DAEMON
    stands = status_file.read(state.folder)
    live = next((i for i in stands.inboxes if i.name == inbox.name), None) if stands else None
    return why_not_yet(live, inbox, sighting)


def why_not_yet(live: InboxStatus | None, inbox: Inbox, sighting: Sighting) -> str:
    """Say the same by what a daemon that runs says of the inbox."""
    if live is not None and live.trouble:
        return f"It waits, because of a trouble: {live.trouble}."
    if live is not None and (held := why_held(live, sighting)):
        return held
    return (
        f"It waits until it has not changed for {inbox.settle:g} s, and for its turn; it is seen "
        f"at the latest by the next scan (every {inbox.rescan:g} s)."
    )


def why_held(live: InboxStatus, sighting: Sighting) -> str:
    """Say why a picture is not taken yet that is there and of which nothing is recorded, or ''."""
    if live.away or live.silent:
        return unavailable_reason(live)
    if live.paused:
        return f"It waits, because the outbox rests: {one_line(live.paused)}"
    if why := next((held.why for held in live.tries if held.path == sighting.path), ""):
        return f"It is held and tried again, less and less often: {one_line(why)}"
    if sighting.size == 0:
        return "It is empty; it is looked at again until something is in it."
    return ""


def _tell(state: StateFolder, entries: Sequence[Entry], *, look: bool = True) -> Iterator[str]:
    for entry in entries:
        yield describe(state, entry, look=look)
        if entry.wish:
            yield asked_with(wish_of(entry.wish))


def _why_denied(state: StateFolder, entry: Entry, path: Path) -> Iterator[str]:
    """Say whose a picture is that is held because somebody may not do something with it."""
    denied = any(os.strerror(number) in entry.reason for number in (errno.EACCES, errno.EPERM))
    if entry.state not in {"held", "published"} or not denied:
        return
    daemon = accounts.of_daemon(state.folder)
    who = f"; scissorsd works as {daemon.name}" if daemon is not None else ""
    yield (
        f"It belongs to {accounts.whose(path) or 'nobody who can be told'}, and its folder to "
        f"{accounts.whose(path.parent)}{who}. 'scissorsd doctor' tries all folders, and says what "
        "lets it in."
    )


def describe(state: StateFolder, entry: Entry, *, look: bool = True) -> str:
    """Say how a job stands; `look` at its outputs unless their share is known to hang."""
    when = moment(entry.ended_at or entry.begun_at)
    reason = one_line(entry.reason)
    match entry.state:
        case "done":
            gone = missing_outputs(entry) if look else set()
            lost = removed_by_keep(entry, "review") or "no longer there"
            outputs = (f"{p} ({lost})" if p in gone else p for p in entry.published)
            fate = ", ".join(outputs) or "nothing"
            moved = f" The picture itself is now {entry.moved_to}." if entry.moved_to else ""
            if swept := removed_by_keep(entry, "processed"):
                moved = f" The picture itself was moved to {entry.moved_to}, and {swept}."
            return (
                f"It was cut on {when} under the rule {entry.rule!r}{_by(entry)}{_verdict(entry)}: "
                f"{fate}.{_doubt(entry)}{_judged(entry)}{moved}"
            )
        case "failed":
            aside = f" See {entry.set_aside[0]}." if entry.set_aside else ""
            if swept := removed_by_keep(entry, "failed"):
                aside = f" What was set aside was {swept}."
            return (
                f"It failed on {when} under the rule {entry.rule!r}: {reason}{aside} It is taken "
                "again when the file changes, or by 'scissorsd retry'."
            )
        case "held":
            runs = lock.is_running(state.folder)
            how = ", less and less often" if runs else " when scissorsd runs; it does not now"
            return f"It is held since {when} and tried again{how}: {reason}"
        case "published":
            left = "what is left is to dispose of the source"
            return f"It was cut on {when}; {left}. {reason}".strip()
        case "again":
            return "It was asked for again and will be taken by the daemon."
        case "begun":
            return _where_it_is(state, entry) or (
                f"It is being cut under the rule {entry.rule!r}, since {when}."
            )


def _where_it_is(state: StateFolder, entry: Entry) -> str:
    """Say which host has a picture, or how far it is from that; "" where none is to cut it."""
    live = status_file.read(state.folder) if lock.is_running(state.folder) else None
    orders = live.hub.orders if live is not None and live.hub is not None else ()
    waiting = [order for order in orders if not order.host]
    for order in orders:
        if order.source == entry.source and order.host:
            since = monotonic() - order.since
            return f"{order.host} has had it in hand for {since:.0f} s{_travels(order)}."
        if order.source == entry.source:
            before = waiting.index(order)
            return f"It is in line at the hub, {before} before it{_travels(order)}."
    return ""


def _travels(order: OrderStatus) -> str:
    return "; the picture itself went over the hub" if order.way == "bytes" else ""


def _by(entry: Entry) -> str:
    return f" by {entry.model}" if entry.model else ""


def _verdict(entry: Entry) -> str:
    return f", verdict {entry.verdict}" if entry.verdict else ""


def _doubt(entry: Entry) -> str:
    """Say how sure the network was of the subject, where there is one."""
    said = said_numbers(entry.numbers) if entry.verdict in {"ok", "doubtful"} else ""
    return f" {said}" if said else ""


def _judged(entry: Entry) -> str:
    """Say what a person made of it, or that it waits for one."""
    if entry.in_review:
        return " It waits for you in review/: 'scissorsd accept' or 'scissorsd reject' it."
    if not entry.judged:
        return ""
    is_there = bool(entry.published) and not entry.swept_at("review")
    back = " 'scissorsd accept' takes it back." if is_there else ""
    return f" It was {entry.judged} by you on {moment(entry.judged_at)}." + (
        back if entry.judged == "rejected" else ""
    )

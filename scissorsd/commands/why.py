"""The answers of `status`, `why` and `retry`: from the journal and how the daemon stands."""

import errno
import os
import re
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import get_args

from scissorsd.core.ignored_names import is_picture_name, why_ignored
from scissorsd.core.rules import REVIEW_FOLDER, Verdict, choose
from scissorsd.core.settling import Sighting
from scissorsd.daemon.naming import own_file
from scissorsd.daemon.set_aside import is_reason_for
from scissorsd.errors import PlaceTakenError, ScissorsError, UsageError
from scissorsd.folders import mounts, publishing, real_paths, scanning, sources
from scissorsd.plain_text import one_line, plain
from scissorsd.records import lock, respelling, status_file
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.journal_rows import Entry
from scissorsd.records.state_folders import DEFAULT_CONFIG, StateFolder, is_own
from scissorsd.records.status_file import DaemonStatus, InboxStatus, kinds_of_held
from scissorsd.service import accounts
from scissorsd.settings import Inbox

LAST_JOBS = 10


# --- status ----------------------------------------------------------------------------------


def status(state: StateFolder) -> dict[str, object]:
    """Return everything `status --json` tells, as plain values."""
    running = lock.is_running(state.folder)
    stands = status_file.read(state.folder)
    live = {i.name: i for i in stands.inboxes} if stands is not None and running else {}
    journal = _journal(state)
    known = {inbox.name: inbox for inbox in _as_journalled(state, journal).config.inboxes}
    inboxes = []
    waiting = journal.entries.unfinished() if journal is not None else []
    for inbox in state.config.inboxes:
        now = live.get(inbox.name)
        path = known[inbox.name].path
        counts = journal.entries.counts(path) if journal is not None else {}
        verdicts = journal.entries.verdicts(path) if journal is not None else {}
        inboxes.append(
            {
                "name": inbox.name,
                "path": str(inbox.path),
                "outbox": str(inbox.outbox),
                "watch": now.mode if now else "",
                "why": now.why if now else "",
                "away": now.away if now else "",
                "trouble": now.trouble if now else "",
                "settling": now.settling if now else 0,
                "settled": now.ready if now else 0,
                "working": now.working if now else 0,
                "held": now.held if now else counts.get("held", 0) + counts.get("published", 0),
                "held_why": now.held_why if now else "",
                "held_kinds": _held_kinds(inbox, now, waiting),
                "unseen": now.unseen if now else "",
                "done": counts.get("done", 0),
                "failed": counts.get("failed", 0),
                "verdicts": {verdict: verdicts.get(verdict, 0) for verdict in get_args(Verdict)},
                "review": verdicts.get("review", 0),
                "advice": _advice(state, inbox, stands, verdicts),
            }
        )
    return {
        "running": running,
        "healthy": not status_file.troubles(state.folder),
        "troubles": status_file.troubles(state.folder),
        "pid": stands.pid if stands is not None and running else None,
        "state": str(state.folder),
        "config": stands.config if stands is not None else "",
        "started_at": stands.started_at if stands is not None and running else None,
        "seconds_left": stands.seconds_left if stands is not None and running else None,
        "silent_s": round(monotonic() - stands.beat, 1) if stands is not None and running else None,
        "providers": [asdict(p) for p in stands.providers]
        if stands is not None and running
        else [],
        "refused": asdict(stands.refusal)
        if stands is not None and running and stands.refusal
        else None,
        "mistakes": list(state.mistakes),
        "inboxes": inboxes,
        "jobs": [_plain(entry) for entry in journal.entries.latest(LAST_JOBS)] if journal else [],
    }


def _held_kinds(
    inbox: Inbox, now: InboxStatus | None, waiting: Iterable[Entry]
) -> list[dict[str, object]]:
    """Return the kinds of what is held: as the daemon has them or, without one, by the journal."""
    kinds = now.held_kinds if now else ()
    if not kinds and (now is None or now.held):
        left = [e for e in waiting if e.inbox == str(inbox.path) and e.state != "begun"]
        kinds = kinds_of_held((e.path, e.reason or _LEFT, _without_names(e)) for e in left)
    return [asdict(kind) for kind in kinds]


_LEFT = "What is left is to dispose of the source."


def _without_names(entry: Entry) -> str:
    """Return the reason of an entry as far as it may be that of others."""
    stem, _, ending = entry.path.rpartition(".")
    return re.sub(rf"/{re.escape(stem or ending)}(?=[.-]|$)", "/…", entry.reason)


def _advice(
    state: StateFolder, inbox: Inbox, stands: DaemonStatus | None, verdicts: Mapping[str, int]
) -> str:
    """Say how to look at what a person should look at, or nothing where there is none."""
    unsure = verdicts.get("doubtful", 0) + verdicts.get("no_subject", 0)
    if not unsure:
        return ""
    command = ["scissorsd", "sheet", str(inbox.outbox)]
    if stands is not None and stands.config not in {"", str(DEFAULT_CONFIG)}:
        command += ["-c", stands.config]
    elif not is_own(state.folder) and (stands is None or not stands.config):
        command += ["--state", str(state.folder)]
    folder = f"look at {inbox.outbox / REVIEW_FOLDER}; or " if verdicts["review"] else ""
    return f"{folder}see all at a glance, these first: {shlex.join(command)}"


def _plain(entry: Entry) -> dict[str, object]:
    return {**asdict(entry), "source": entry.source}


def _journal(state: StateFolder) -> Journal | None:
    if not (state.folder / FILE).exists():
        return None
    return Journal(state.folder, read_only=True)


# --- why -------------------------------------------------------------------------------------


def why(state: StateFolder, path: Path) -> Iterator[str]:
    """Say why a file was taken, ignored, held or set aside; one sentence a line."""
    journal = _journal(state)
    state = _as_journalled(state, journal)
    place = _in_inbox(state, journal, path)
    if place is None:
        yield from _why_elsewhere(state, journal, path)
        return
    inbox, relative = place
    entries = journal.entries.of_source(inbox.path, relative) if journal is not None else []
    hindrance = _why_not_to_be_seen(state, inbox)
    if hindrance:  # a share that hangs would hang us too, and gone is not empty
        yield from (_told(state, entry, look=False) for entry in entries)
        yield hindrance
        return
    try:
        sighting = scanning.sight(inbox.path, relative)
    except OSError as error:
        yield from (_told(state, entry) for entry in entries)
        yield f"{path} cannot be looked at ({error.strerror})."
        return
    if sighting is None:
        yield from (_told(state, entry) for entry in entries)
        yield _why_not_a_file(path)
        return
    ignored = _why_not_wanted(inbox, relative)
    if ignored:
        yield ignored
        return
    entry = next((e for e in entries if (e.size, e.mtime_ns) == sighting.version), None)
    if entry is not None:
        yield _told(state, entry)
        yield from _why_denied(state, entry, path)
        return
    if entries:
        yield f"It has changed since it was last cut ({_told(state, entries[0])})"
    yield from _why_soon(state, inbox, sighting, journal)


def _why_soon(
    state: StateFolder, inbox: Inbox, sighting: Sighting, journal: Journal | None
) -> Iterator[str]:
    """Say what will become of a picture that nothing is recorded of as it is now."""
    own = own_file(inbox.path, sighting, journal) if journal is not None else ""
    if own:
        yield f"It is left alone: it is a file of scissorsd's own, {own}, seen by another path."
        return
    rule = choose(inbox.rules, sighting.path)
    yield f"It falls under the rule {rule.name if rule else '?'!r} of the inbox {inbox.name!r}."
    yield _why_waiting(state, inbox, sighting.size)


def _as_journalled(state: StateFolder, journal: Journal | None) -> StateFolder:
    """Return a state whose inboxes have the paths by which its journal knows them.

    A daemon that runs has seen to it that they are the same; and a share of its may hang.
    """
    if journal is None or lock.is_running(state.folder):
        return state
    inboxes = tuple(respelling.recorded(journal, inbox) for inbox in state.config.inboxes)
    return replace(state, config=replace(state.config, inboxes=inboxes))


def _in_inbox(state: StateFolder, journal: Journal | None, path: Path) -> tuple[Inbox, str] | None:
    """Return the inbox in which a path lies, and its path there as the journal or folder has it.

    However it is spelled: through links and other mounts, in other case where that is the same.
    """
    hang = [inbox.path for inbox in state.config.inboxes if _why_not_to_be_seen(state, inbox)]
    below = real_paths.below([inbox.path for inbox in state.config.inboxes], path, but=hang)
    if below is None or below[1] == ".":
        return None
    number, relative = below
    inbox = state.config.inboxes[number]
    known = journal is not None and journal.entries.of_source(inbox.path, relative)
    if not known and inbox.path not in hang:
        relative = real_paths.as_listed(inbox.path, relative)
    return inbox, relative


def _why_elsewhere(state: StateFolder, journal: Journal | None, path: Path) -> Iterator[str]:
    owners = journal.entries.of_output(_in_outbox(state, path)) if journal is not None else []
    if owners:
        for entry in owners:
            yield f"{path} belongs to {entry.source}."
            yield _told(state, entry)
        return
    inboxes = ", ".join(str(inbox.path) for inbox in state.config.inboxes)
    yield f"{path} lies in no inbox; the inboxes are: {inboxes}."


def _in_outbox(state: StateFolder, path: Path) -> str:
    """Return the path of an output as the journal has it: below its outbox."""
    outboxes = [inbox.outbox for inbox in state.config.inboxes]
    below = real_paths.below(outboxes, path)
    return str(path if below is None else outboxes[below[0]] / below[1])


def _why_not_a_file(path: Path) -> str:
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        return f"There is no file at {path} now ({error.strerror})."
    if stat.S_ISLNK(mode):
        return f"{path} is a symbolic link; those are never followed. Put the file itself here."
    if stat.S_ISDIR(mode):
        return f"{path} is a folder; ask about a file in it."
    return f"{path} is not a regular file (a pipe, socket or device); it is ignored."


def _why_not_wanted(inbox: Inbox, relative: str) -> str:
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


def _why_waiting(state: StateFolder, inbox: Inbox, size: int) -> str:
    if not lock.is_running(state.folder):
        return "It will be taken when a daemon runs; none does now."
    stands = status_file.read(state.folder)
    live = next((i for i in stands.inboxes if i.name == inbox.name), None) if stands else None
    if live is not None and live.trouble:
        return f"It waits, because of a trouble: {live.trouble}."
    if live is not None and live.paused:
        return f"It waits, because the outbox rests: {one_line(live.paused)}"
    if size == 0:
        return "It is empty; it is looked at again until something is in it."
    return (
        f"It waits until it has not changed for {inbox.settle:g} s, and for its turn; it is seen "
        f"at the latest by the next scan (every {inbox.rescan:g} s)."
    )


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


def _why_not_to_be_seen(state: StateFolder, inbox: Inbox) -> str:
    """Say why nothing in the inbox can be looked at now, or nothing."""
    stands = status_file.read(state.folder) if lock.is_running(state.folder) else None
    live = next((i for i in stands.inboxes if i.name == inbox.name), None) if stands else None
    if live is not None and live.away:
        return f"The inbox {inbox.name!r} is away: {live.away}. It goes on by itself."
    if live is not None and live.silent:
        return f"The inbox {inbox.name!r} does not answer: {live.silent}. It goes on by itself."
    return ""


def _told(state: StateFolder, entry: Entry, *, look: bool = True) -> str:
    """Say how it stands; with a `look` at its outputs, but where a share is known to hang."""
    when = _moment(entry.ended_at or entry.begun_at)
    reason = one_line(entry.reason)
    match entry.state:
        case "done":
            gone = _gone(entry) if look else set()
            outputs = (f"{p} (no longer there)" if p in gone else p for p in entry.published)
            fate = ", ".join(outputs) or "nothing"
            verdict = f", verdict {entry.verdict}" if entry.verdict else ""
            moved = f" The picture itself is now {entry.moved_to}." if entry.moved_to else ""
            return f"It was cut on {when} under the rule {entry.rule!r}{verdict}: {fate}.{moved}"
        case "failed":
            aside = f" See {entry.set_aside[0]}." if entry.set_aside else ""
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
            return f"It is being cut under the rule {entry.rule!r}, since {when}."


def _gone(entry: Entry) -> set[str]:
    """Return those of its outputs that are no longer there; what cannot be looked at may be."""
    looks = {path: partial(_may_be_there, Path(path)) for path in entry.published}
    return {path for path, is_there in real_paths.run_with_patience(looks).items() if not is_there}


def _may_be_there(path: Path) -> bool:
    try:
        return publishing.exists(path)
    except ScissorsError:  # denied, say
        return True


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


# --- retry -----------------------------------------------------------------------------------


def retry(state: StateFolder, paths: Sequence[Path], *, failed: bool) -> Iterator[str]:
    """Take failed pictures again; one sentence for each. Raises UsageError where it cannot be."""
    if not (state.folder / FILE).exists():
        raise UsageError(f"nothing was ever cut on the state folder {state.folder}")
    journal = Journal(state.folder)
    try:
        state = _as_journalled(state, journal)
        entries = (
            journal.entries.failures() if failed else [_failed(state, journal, p) for p in paths]
        )
        for entry in entries:
            try:
                _check_inbox(state, entry)
                yield plain(_again(journal, entry))
            except ScissorsError as error:
                if not failed:
                    raise
                yield plain(one_line(str(error)))  # the others are taken all the same
    finally:
        journal.close()


def where_failed(states: Sequence[StateFolder], path: Path) -> StateFolder:
    """Return the state in which a picture failed, of those that know its folder; else the first."""
    for state in states:
        journal = _journal(state)
        if journal is not None:
            with suppress(UsageError):
                _failed(_as_journalled(state, journal), journal, path)
                return state
    return states[0]


def _failed(state: StateFolder, journal: Journal, path: Path) -> Entry:
    place = _in_inbox(state, journal, path)
    if place is None:
        found = journal.entries.of_output(_in_outbox(state, path))
    else:
        found = journal.entries.of_source(place[0].path, place[1])
    entry = next((e for e in found if e.state == "failed" or _lacks_outputs(e)), None)
    waiting = next((entry for entry in found if entry.state in {"held", "published"}), None)
    if entry is None and waiting is not None:
        how = "without being asked" if lock.is_running(state.folder) else "when scissorsd runs"
        raise UsageError(
            f"{path} did not fail: it is held, and tried again {how}",
            one_line(waiting.reason),
        )
    if entry is None:
        raise UsageError(
            f"{path} is not a picture that failed, or whose outputs are gone",
            f"Ask 'scissorsd why {path}' how it stands.",
        )
    return entry


def _lacks_outputs(entry: Entry) -> bool:
    """Whether it was cut, and what came of it is no longer all there."""
    return entry.state == "done" and bool(_gone(entry))


def _check_inbox(state: StateFolder, entry: Entry) -> None:
    """Raise UsageError unless the inbox is there; else a file could go where a mount hides it."""
    inbox = next((i for i in state.config.inboxes if str(i.path) == entry.inbox), None)
    if inbox is None:
        return
    hindrance = _why_not_to_be_seen(state, inbox)
    if not hindrance:
        away = mounts.Root(inbox.path, require_mount=inbox.require_mount).why_away()
        hindrance = f"The inbox {inbox.name!r} is away: {away}." if away else ""
    if hindrance:
        raise UsageError(f"{entry.source} cannot be taken again now", hindrance)


def _again(journal: Journal, entry: Entry) -> str:
    aside = entry.set_aside if entry.state == "failed" else ("", *filter(None, [entry.moved_to]))
    note, *moved = (Path(path) for path in aside or ("",))
    source = Path(entry.source)
    if moved and publishing.exists(moved[0]):
        try:
            publishing.make_folder(source.parent)
            sources.put_back(moved[0], source)
        except PlaceTakenError as error:
            raise UsageError(
                f"{source} cannot be put back: a file of that name is there"
            ) from error
    elif not source.exists():
        return f"{source} is no longer there; nothing to take again."
    if note.name and is_reason_for(source, note):
        publishing.remove(note)
    journal.ask_again(entry.id)
    return f"{source} will be taken again."

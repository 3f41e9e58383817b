"""The command `status`: what is known of the daemon, its inboxes and the last jobs."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from time import monotonic
from typing import get_args

from scissorsd.commands.lookup import as_journalled, open_journal
from scissorsd.core.rules import REVIEW_FOLDER, Verdict
from scissorsd.records import lock, status_file
from scissorsd.records.journal import Entry
from scissorsd.records.state_folders import DEFAULT_CONFIG, State, is_own
from scissorsd.records.status_file import InboxStanding, Standing, kinds_of_held
from scissorsd.settings import Inbox

LAST_JOBS = 10


def status(state: State) -> dict[str, object]:
    """Return everything `status --json` tells, as plain values."""
    running = lock.is_running(state.folder)
    stands = status_file.read(state.folder)
    live = {i.name: i for i in stands.inboxes} if stands is not None and running else {}
    journal = open_journal(state)
    known = {inbox.name: inbox for inbox in as_journalled(state, journal).config.inboxes}
    inboxes = []
    waiting = journal.unfinished() if journal is not None else []
    for inbox in state.config.inboxes:
        now = live.get(inbox.name)
        path = known[inbox.name].path
        counts = journal.counts(path) if journal is not None else {}
        verdicts = journal.verdicts(path) if journal is not None else {}
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
        "jobs": [_plain(entry) for entry in journal.latest(LAST_JOBS)] if journal else [],
    }


def _held_kinds(
    inbox: Inbox, now: InboxStanding | None, waiting: Iterable[Entry]
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
    state: State, inbox: Inbox, stands: Standing | None, verdicts: Mapping[str, int]
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

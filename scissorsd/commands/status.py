"""The command `status`: what is known of the daemon, its inboxes and the last jobs."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import get_args

from scissorsd import __version__
from scissorsd.commands.lookup import as_journalled, open_journal, waiting_in_review
from scissorsd.core.rules import REVIEW_FOLDER, Verdict
from scissorsd.records import lock, state_folders, status_file
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Entry
from scissorsd.records.reviews import Reviews
from scissorsd.records.state_folders import StateFolder, is_own
from scissorsd.records.status_file import (
    DaemonStatus,
    HeldKind,
    HubStatus,
    InboxStatus,
    PageStatus,
    ProviderStatus,
    Refusal,
    kinds_of_held,
)
from scissorsd.settings import DEFAULT_CONFIG, Inbox

LAST_JOBS = 10
_DISPOSAL_LEFT = "What is left is to dispose of the source."


@dataclass(frozen=True, slots=True)
class InboxOverview:
    """One inbox; the fields are the keys of `status --json`, in its order.

    What only a daemon knows is "" or 0 while none runs.
    """

    name: str
    path: str
    outbox: str
    watch: str  # "events" or "polling"
    why: str  # it is watched so
    away: str  # why it is not there
    trouble: str  # why its watcher does not work
    settling: int
    settled: int
    working: int
    held: int
    held_why: str  # the reason of one of them, or of the whole outbox
    held_kinds: tuple[HeldKind, ...]
    unseen: str  # what of it could not be looked at
    done: int
    failed: int
    verdicts: Mapping[str, int]
    review: int  # pictures of which something waits in review/ now
    advice: str  # how to look at what a person should look at


@dataclass(frozen=True, slots=True)
class Overview:
    """A state folder; the fields are the keys of `status --json`, in its order.

    What only a running daemon knows is None or empty while none runs.
    """

    running: bool
    healthy: bool
    troubles: Sequence[str]
    pid: int | None
    version: str  # of this command
    daemon_version: str | None  # of the daemon that runs
    state: str  # the folder
    config: str  # the file of the daemon that runs or ran last, or "" without one
    started_at: float | None  # seconds since the epoch
    seconds_left: float | None  # that the backlog will take
    silent_s: float | None  # since the control loop's last beat
    providers: tuple[ProviderStatus, ...]
    refused: Refusal | None  # a changed configuration that was not taken over
    mistakes: tuple[str, ...]  # of the configuration file as it is now
    page: PageStatus | None  # where it listens, or why it does not
    hub: HubStatus | None  # over which other machines cut along, and these
    inboxes: tuple[InboxOverview, ...]
    jobs: tuple[Entry, ...]  # the latest first


def of_all(config: Path | None, state: Path | None) -> tuple[Overview | None, list[Overview]]:
    """Return the overview to show in full, if there is one to choose, and the others known here."""
    chosen, others = state_folders.to_show(config, state)
    return (
        overview(chosen) if chosen is not None else None,
        [overview(other) for other in others],
    )


def as_json(chosen: Overview | None, others: Sequence[Overview]) -> str:
    """Return what `status --json` prints: one overview or, where none is chosen, all of them."""
    if chosen is not None:
        return json.dumps(values_of(chosen), indent=2)
    return json.dumps({"states": [values_of(other) for other in others]}, indent=2)


def values_of(overview: Overview) -> dict[str, object]:
    """Return what `status --json` prints of one."""
    jobs = [{**asdict(entry), "source": entry.source} for entry in overview.jobs]
    for job in jobs:
        del job["plan"]  # the journal's own
    return {**asdict(overview), "jobs": jobs}


def overview(state: StateFolder) -> Overview:
    """Return all that is known of a state folder: of its status file and its job journal."""
    journal = open_journal(state)
    try:
        return overview_of(state, journal)
    finally:
        if journal is not None:
            journal.close()


def overview_of(state: StateFolder, journal: Journal | None) -> Overview:
    """Do the same with a journal that is open."""
    running = lock.is_running(state.folder)
    last = status_file.read(state.folder)  # of the daemon that runs, or ran last
    live = last if running else None
    troubles = status_file.troubles(state.folder)
    return Overview(
        running=running,
        healthy=not troubles,
        troubles=troubles,
        pid=live.pid if live else None,
        version=__version__,
        daemon_version=live.version if live else None,
        state=str(state.folder),
        config=last.config if last else "",
        started_at=live.started_at if live else None,
        seconds_left=live.seconds_left if live else None,
        silent_s=round(monotonic() - live.beat, 1) if live else None,
        providers=live.providers if live else (),
        refused=live.refusal if live else None,
        mistakes=state.mistakes,
        page=live.page if live else None,
        hub=live.hub if live else None,
        inboxes=tuple(_inboxes(state, last, live, journal)),
        jobs=tuple(journal.entries.latest(LAST_JOBS)) if journal else (),
    )


def _inboxes(
    state: StateFolder,
    last: DaemonStatus | None,
    live: DaemonStatus | None,
    journal: Journal | None,
) -> list[InboxOverview]:
    nows = {inbox.name: inbox for inbox in live.inboxes} if live else {}
    journalled = as_journalled(state, journal).config.inboxes
    unfinished = journal.entries.unfinished() if journal else []
    overviews = []
    for inbox, recorded in zip(state.config.inboxes, journalled, strict=True):
        verdicts = journal.entries.verdicts(recorded.path) if journal else {}
        waiting = [entry for entry in unfinished if entry.inbox == str(recorded.path)]
        in_review = Reviews(journal.file).waiting(recorded.path) if journal else []
        review = waiting_in_review(in_review)
        overviews.append(
            _inbox(
                inbox,
                nows.get(inbox.name),
                counts=journal.entries.counts(recorded.path) if journal else {},
                verdicts=verdicts,
                review=review,
                waiting=waiting,
                advice=_advice(state, inbox, last, verdicts, review),
            )
        )
    return overviews


def _inbox(
    inbox: Inbox,
    now: InboxStatus | None,
    *,
    counts: Mapping[str, int],
    verdicts: Mapping[str, int],
    review: int,
    waiting: Sequence[Entry],
    advice: str,
) -> InboxOverview:
    return InboxOverview(
        name=inbox.name,
        path=str(inbox.path),
        outbox=str(inbox.outbox),
        watch=now.mode if now else "",
        why=now.why if now else "",
        away=now.away if now else "",
        trouble=now.trouble if now else "",
        settling=now.settling if now else 0,
        settled=now.ready if now else 0,
        working=now.working if now else 0,
        held=now.held if now else counts.get("held", 0) + counts.get("published", 0),
        held_why=now.held_why if now else "",
        held_kinds=_held_kinds(now, waiting),
        unseen=now.unseen if now else "",
        done=counts.get("done", 0),
        failed=counts.get("failed", 0),
        verdicts={verdict: verdicts.get(verdict, 0) for verdict in get_args(Verdict)},
        review=review,
        advice=advice,
    )


def _held_kinds(now: InboxStatus | None, waiting: Sequence[Entry]) -> tuple[HeldKind, ...]:
    """Return the kinds of what is held: as the daemon has them or, without one, by the journal."""
    if now and (now.held_kinds or not now.held):
        return now.held_kinds
    held = (entry for entry in waiting if entry.state != "begun")
    return kinds_of_held((e.path, e.reason or _DISPOSAL_LEFT, _without_names(e)) for e in held)


def _without_names(entry: Entry) -> str:
    """Return the reason of an entry as far as it may be that of others."""
    stem, _, ending = entry.path.rpartition(".")
    return re.sub(rf"/{re.escape(stem or ending)}(?=[.-]|$)", "/…", entry.reason)


def _advice(
    state: StateFolder,
    inbox: Inbox,
    last: DaemonStatus | None,
    verdicts: Mapping[str, int],
    review: int,
) -> str:
    """Say how to look at what a person should look at, or '' where there is none."""
    if not review + verdicts.get("doubtful", 0) + verdicts.get("no_subject", 0):
        return ""
    options: list[str] = []
    if last is not None and last.config not in {"", str(DEFAULT_CONFIG)}:
        options = ["-c", last.config]
    elif not is_own(state.folder) and (last is None or not last.config):
        options = ["--state", str(state.folder)]
    sheet = shlex.join(["scissorsd", "sheet", str(inbox.outbox), *options])
    at_a_glance = f"see all at a glance, these first: {sheet}"
    if not review:
        return at_a_glance
    reviewed = inbox.outbox / REVIEW_FOLDER
    accept, reject = (
        shlex.join(["scissorsd", verb, str(reviewed / "NAME"), *options])
        for verb in ("accept", "reject")
    )
    return (
        f"look at {reviewed}; {accept} puts a picture into its place, {reject} sets it aside; "
        f"or {at_a_glance}"
    )

"""What a daemon does before its control loop: job journal, last run's death, sessions, memory."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from scissorsd.core.catalogue import Model
from scissorsd.core.rules import Rule
from scissorsd.daemon import oom, recovery
from scissorsd.daemon.memory import MemoryBudget, in_mb
from scissorsd.daemon.supervision import run_with_limit
from scissorsd.errors import JournalDamagedError, ScissorsError
from scissorsd.inference.sessions import Sessions
from scissorsd.inference.timings import Speeds
from scissorsd.inference.weights import Progress
from scissorsd.machine import memory_bounds
from scissorsd.plain_text import one_line
from scissorsd.records import journal_file, orders_sent, status_file
from scissorsd.records.interrupted import STARVED
from scissorsd.records.journal import Journal
from scissorsd.settings import Config

log = structlog.get_logger("scissorsd")

SWEEP_LIMIT = 5.0  # seconds that a start waits for temporary files to be removed


def open_journal(state: Path) -> Journal:
    """Open the job journal of a state folder; a damaged one is set aside for a new one."""
    try:
        return Journal(state)
    except JournalDamagedError as error:
        aside = journal_file.set_aside(state)
        log.error("journal.set_aside", why=error.what, now=str(aside))  # noqa: TRY400 - for a person
        return Journal(state)


def blame_last_run(state: Path, opened: Journal, kills: oom.KillRecord) -> None:
    """Count the death of the last run, if it died, against the pictures that were in hand."""
    crashed = status_file.watch_for_crashes(state)
    if crashed:
        log.warning("daemon.crashed", what="the last run crashed; suspects work alone now")
    starved = kills.last_death()
    if starved:
        log.warning(
            "daemon.out_of_memory",
            what=f"the kernel ended the last run for want of memory, while it was {starved}",
            advice="give it more memory, or a smaller `memory:`, `workers: 1`, model u2netp",
        )
        opened.interrupted.hold(recovery.CRASH - 1, STARVED)
    else:
        opened.interrupted.hold(recovery.CRASH - 1 if crashed else 0)


def sweep_temporaries(opened: Journal, *, hosts: bool) -> None:
    """Remove the temporary files of interrupted jobs, before any of these goes on.

    With `hosts` (a hub is configured) those that a host may still answer for are left to the hub.
    Where none is any more, what hosts have made since of their last orders is removed, too.
    """
    interrupted = opened.interrupted.jobs(hosts=not hosts)
    if not hosts:
        given_out = orders_sent.jobs_of(opened.file.path.parent, opened.id)
        interrupted += [(job, opened.entries.folders(job)) for job in given_out]

    def sweep() -> None:
        for job_id, folders in interrupted:
            with suppress(ScissorsError):  # its next worker sweeps, too, or says why not
                recovery.sweep(opened, job_id, folders)

    run_with_limit(sweep, "clear up", SWEEP_LIMIT)


def open_sessions(config: Config, catalogue: Mapping[str, Model], progress: Progress) -> Sessions:
    """Open every model that is needed at once; `progress` is called while one is fetched."""
    sessions = Sessions(
        models=catalogue,
        folder=config.models,
        providers="auto" if "auto" in config.providers else config.providers,
        require_gpu=config.require_gpu,
        precision=config.precision,
        progress=progress,
        speeds=Speeds((config.models, config.state)),
    )
    rules = _needed_at_once(config)
    models = {rule.model for rule in rules}
    for model in sorted(models):
        sessions.open(model)
    for model in sorted({rule.second_opinion for rule in rules if rule.second_opinion} - models):
        try:
            sessions.open(model)
        except ScissorsError as error:  # pictures are cut without it
            log.warning("second_opinion.missing", model=model, why=one_line(str(error)))
    return sessions


def _needed_at_once(config: Config) -> list[Rule]:
    """Return every rule of which the networks are opened; of the quick desk's the usual one.

    That one, too, only where there is no other inbox: the rest are opened when a picture asks.
    """
    rules = [rule for inbox in config.inboxes if not inbox.quick for rule in inbox.rules]
    rules = rules or [rule for inbox in config.inboxes for rule in inbox.rules[:1]]
    return [rule for rule in rules if not rule.skip]


def places(config: Config) -> dict[str, list[str]]:
    """Name the folders that pictures are dropped into, and those that cutouts appear in.

    The page's own desk is not among them.
    """
    inboxes = [inbox for inbox in config.inboxes if not inbox.quick]
    return {
        "folders": [str(inbox.path) for inbox in inboxes],
        "outboxes": [str(inbox.outbox) for inbox in inboxes],
    }


def memory_budget(wanted: int) -> MemoryBudget:
    """Return the memory for pictures: `wanted` bytes, within what the networks leave."""
    bounds = memory_bounds()
    budget = MemoryBudget(wanted, bounds)
    if budget.ceiling < wanted:
        tightest = bounds[0]
        log.info(
            "memory.limited",
            configured=wanted,
            ceiling=budget.ceiling,
            why=f"{tightest.who} gives {in_mb(tightest.total)}, and {in_mb(tightest.held)} of "
            "it are held",
        )
    return budget

"""The ways off the line: a picture is let go of, held, or fails and is set aside."""

import traceback
from dataclasses import replace
from pathlib import Path

from scissorsd.core.rules import Job
from scissorsd.daemon.making import RefusedByRuleError
from scissorsd.daemon.outcomes import (
    SHORT_OF_MEMORY,
    Bench,
    Changed,
    Failed,
    Held,
    Outcome,
    Task,
)
from scissorsd.daemon.set_aside import set_aside
from scissorsd.errors import (
    HoldError,
    JournalError,
    LeftToHostError,
    PictureError,
    PlaceTakenError,
    ScissorsError,
    SessionError,
    SourceChangedError,
    TruncatedPictureError,
    WeightsError,
)
from scissorsd.folders import publishing


def off_the_line(task: Task, job: Job, bench: Bench, error: Exception) -> Outcome:
    """Decide what a fault means for the picture: gone, held, or failed."""
    match error:
        case SourceChangedError():
            return let_go(task, job, bench, error)
        case TruncatedPictureError() if not task.last_attempt:
            truncated = Held(str(error), truncated=True, kind="truncated")
            return hold(job, bench, truncated)
        case HoldError() | WeightsError() | SessionError() | JournalError():
            is_left = isinstance(error, LeftToHostError)  # its job stays begun
            return held(error) if is_left else hold(job, bench, held(error))
        case MemoryError():
            return _short_of_memory(task, job, bench)
        case ScissorsError():
            return fail(task, job, bench, error)
    unforeseen = PictureError(
        f"something unforeseen went wrong: {type(error).__name__}: {error}",
        "This is a fault of scissorsd; please report it, with the picture if you can.",
    )
    outcome = fail(task, job, bench, unforeseen)
    trace = "".join(traceback.format_exception(error))
    return replace(outcome, trace=trace) if isinstance(outcome, Failed) else outcome


def held(error: ScissorsError) -> Held:
    """Return that a picture is tried again after a pause, because of an error that may pass."""
    if isinstance(error, HoldError):
        return Held(str(error), outbox_wide=error.outbox_wide, kind=error.kind)
    return Held(str(error), kind=type(error).__name__)


def _short_of_memory(task: Task, job: Job, bench: Bench) -> Outcome:
    """Try a picture for which memory did not do alone, and in the end no more."""
    if not task.last_attempt:
        return hold(job, bench, SHORT_OF_MEMORY)
    short = PictureError(
        "there is not enough memory for this picture, though it was tried alone",
        "Give scissorsd more (ulimit -v, the container's or the service's limit), or make the "
        "picture smaller; then 'scissorsd retry' asks for it.",
    )
    return fail(task, job, bench, short)


def let_go(task: Task, job: Job, bench: Bench, error: SourceChangedError) -> Outcome:
    """End a job whose picture is no longer the one that settled; unless the inbox is away."""
    try:
        if task.lies_at:
            bench.journal.recuts.give_up(job.id)
            return Changed(f"{error}; what had come of it stays")
        task.inbox_root.must_be_there()
        known = bench.journal.known(task.inbox.path, task.source.path)
        aside = bench.journal.set_aside_at(job)
        if len(aside) > 1 and publishing.is_there(Path(aside[1])):
            reason = bench.journal.reason(job)  # it was set aside, and only to be journalled
            bench.journal.fail(job, reason, aside)
            return Failed(reason)
        if known is not None and known.state == "published":
            bench.journal.finish(job)  # its outputs are out; its source is gone
        else:
            bench.journal.withdraw(job)
    except HoldError as away:
        return hold(job, bench, held(away))
    except JournalError as journal_error:
        return held(journal_error)
    return Changed(str(error))


def hold(job: Job, bench: Bench, outcome: Held) -> Held:
    """Journal that a picture is tried again after a pause."""
    try:
        bench.journal.hold(job, outcome.reason)
    except JournalError as error:
        return replace(outcome, reason=f"{outcome.reason}; and {error}")
    return outcome


def fail(task: Task, job: Job, bench: Bench, error: ScissorsError) -> Failed | Held:
    """Set a picture aside: its reason and, where the rule disposes of sources, the source.

    Where nothing can be put beside it, the reason is in the job journal, and the source stays.
    """
    reason = str(error)
    try:
        task.outbox_root.prepare()
        try:
            aside = set_aside(task, job, bench, reason)
        except (PictureError, PlaceTakenError) as fault:
            aside = ()
            reason = f"{reason}\nand it could not be set aside: {fault}"
    except (HoldError, JournalError, SourceChangedError) as fault:
        reason = f"{error}\nand it could not be set aside: {fault}"
        return hold(job, bench, replace(held(fault), reason=reason))
    judgement = error.judgement if isinstance(error, RefusedByRuleError) else None
    verdict, numbers = (judgement.verdict, judgement.numbers) if judgement else ("", {})
    try:
        bench.journal.fail(job, reason, aside, verdict=verdict, numbers=numbers)
    except JournalError as fault:  # it is set aside; the next try only journals it
        outcome = hold(job, bench, replace(held(fault), reason=reason))
        return replace(outcome, reason=f"{outcome.reason}\nand it could not be journalled: {fault}")
    return Failed(reason)

"""The one log line of each job."""

import structlog

from scissorsd.daemon.inbox_state import TELL_AGAIN
from scissorsd.daemon.outcomes import Changed, Done, Ended, Failed, LeftAlone, Outcome, Task
from scissorsd.plain_text import one_line
from scissorsd.rate_limit import RateLimiter

log = structlog.get_logger("scissorsd")

# At most so many lines within TELL_AGAIN:
ECHOES = 3  # of files of our own that are seen in an inbox
LINES = 100  # of equal failures


class JobLines:
    """Writes the line of each job, but not ten thousand equal failures, which could fill a disk.

    The reason of each failure is also in its note and in the journal.
    """

    def __init__(self) -> None:
        self._failures = RateLimiter(LINES + 1, TELL_AGAIN)
        self._traces = RateLimiter(1, TELL_AGAIN)
        self._echoes = RateLimiter(ECHOES, TELL_AGAIN)

    def write(self, ended: Ended, now: float) -> None:
        """Log what came of a job; what is held is logged more rarely, by `InboxState`."""
        task, outcome = ended.task, ended.outcome
        if self._may_write(task, outcome, now):
            _write(ended)
        trace = outcome.trace if isinstance(outcome, Failed) else ""
        reason = trace and trace.splitlines()[-1].replace(task.source.path, "…")
        if trace and self._traces.left(reason, now):
            log.error("job.unforeseen", source=task.source.path, trace=trace)

    def _may_write(self, task: Task, outcome: Outcome, now: float) -> bool:
        if isinstance(outcome, LeftAlone) and outcome.echo:
            return self._echoes.left(task.inbox.name, now) > 0
        return not isinstance(outcome, Failed) or self._may_write_failure(task, outcome, now)

    def _may_write_failure(self, task: Task, failed: Failed, now: float) -> bool:
        reason = failed.reason.replace(task.source.path, "…")
        left = self._failures.left(f"{task.inbox.name}: {reason}", now)
        if left == 1:
            why = "so many failed for this reason that their lines are left out for a while"
            log.warning("job.failed_many", inbox=task.inbox.name, why=why, reason=one_line(reason))
        return left > 1


def _write(ended: Ended) -> None:
    task, outcome = ended.task, ended.outcome
    bound_log = log.bind(inbox=task.inbox.name, rule=task.rule.name, source=task.source.path)
    match outcome:
        case Done(verdict=None):
            bound_log.info("job.closed", why="its outputs were out already")
        case Done():
            more: dict[str, object] = {"remarks": outcome.remarks} if outcome.remarks else {}
            if outcome.host:
                more["host"] = outcome.host
            if outcome.asked:
                more |= {"asked": outcome.asked, "agreement": outcome.numbers.get("agreement")}
            bound_log.info(
                "job.finished",
                outputs=outcome.outputs,
                model=outcome.model,
                provider=outcome.provider,
                precision=outcome.precision,
                width=outcome.width,
                height=outcome.height,
                verdict=outcome.verdict,
                doubt=round(outcome.numbers.get("doubt", 0.0), 3),
                wait_s=round(ended.wait_s, 3),
                infer_s=round(outcome.infer_s, 3),
                total_s=round(ended.total_s, 3),
                **more,
            )
            if outcome.stays:
                bound_log.warning("source.stays", why=one_line(outcome.stays))
        case LeftAlone(echo=True):
            bound_log.warning("picture.own", why=outcome.reason)
        case LeftAlone():
            bound_log.debug("picture.left_alone", why=outcome.reason)
        case Failed():
            bound_log.error("job.failed", why=one_line(outcome.reason))
        case Changed():
            bound_log.info("job.withdrawn", why=outcome.reason)

"""What the daemon tells people: the one line of each job, and how each inbox stands."""

from collections.abc import Iterable

import structlog

from scissorsd import failpoints
from scissorsd.daemon.inbox_state import TELL_AGAIN, Desk
from scissorsd.daemon.outcomes import Changed, Done, Ended, Failed, LeftAlone, Outcome, Task
from scissorsd.folders.watching import InboxWatcher
from scissorsd.inference.sessions import Sessions
from scissorsd.plain_text import one_line
from scissorsd.rate_limit import RateLimit
from scissorsd.records.status_file import InboxStanding, ProviderStanding, kinds_of_held

log = structlog.get_logger("scissorsd")

ECHOES = 3  # files of our own that are seen in an inbox; so many are told of within TELL_AGAIN
LINES = 100  # so many equal failures are told of within TELL_AGAIN
# Seconds: in one step before a watcher counts as stalled, in hand before a picture does.
STALLED = failpoints.seconds("STALLED", 30.0)


class JobLines:
    """Writes the line of each job; ten thousand equal failures must not fill a disk.

    The reason of each failure is in its note and in the journal all the same.
    """

    def __init__(self) -> None:
        self._failures = RateLimit(LINES + 1, TELL_AGAIN)
        self._traces = RateLimit(1, TELL_AGAIN)
        self._echoes = RateLimit(ECHOES, TELL_AGAIN)

    def write(self, ended: Ended, now: float) -> None:
        """Tell what came of a job; what is held is told by its desk, more rarely."""
        task, outcome = ended.task, ended.outcome
        if self._may_tell(task, outcome, now):
            _tell(ended)
        trace = outcome.trace if isinstance(outcome, Failed) else ""
        reason = trace and trace.splitlines()[-1].replace(task.source.path, "…")
        if trace and self._traces.left(reason, now):
            log.error("job.unforeseen", source=task.source.path, trace=trace)

    def _may_tell(self, task: Task, outcome: Outcome, now: float) -> bool:
        if isinstance(outcome, LeftAlone) and outcome.echo:
            return self._echoes.left(task.inbox.name, now) > 0
        return not isinstance(outcome, Failed) or self._may_tell_of(task, outcome, now)

    def _may_tell_of(self, task: Task, failed: Failed, now: float) -> bool:
        reason = failed.reason.replace(task.source.path, "…")
        left = self._failures.left(f"{task.inbox.name}: {reason}", now)
        if left == 1:
            why = "so many failed for this reason that their lines are left out for a while"
            log.warning("job.failed_many", inbox=task.inbox.name, why=why, reason=one_line(reason))
        return left > 1


def _tell(ended: Ended) -> None:
    task, outcome = ended.task, ended.outcome
    said = log.bind(inbox=task.inbox.name, rule=task.rule.name, source=task.source.path)
    match outcome:
        case Done(verdict=None):
            said.info("job.closed", why="its outputs were out already")
        case Done():
            remarks = {"remarks": outcome.remarks} if outcome.remarks else {}
            said.info(
                "job.finished",
                outputs=outcome.outputs,
                model=outcome.model,
                provider=outcome.provider,
                width=outcome.width,
                height=outcome.height,
                verdict=outcome.verdict,
                wait_s=round(ended.wait_s, 3),
                infer_s=round(outcome.infer_s, 3),
                total_s=round(ended.total_s, 3),
                **remarks,
            )
            if outcome.stays:
                said.warning("source.stays", why=one_line(outcome.stays))
        case LeftAlone(echo=True):
            said.warning("picture.own", why=outcome.reason)
        case LeftAlone():
            said.debug("picture.left_alone", why=outcome.reason)
        case Failed():
            said.error("job.failed", why=one_line(outcome.reason))
        case Changed():
            said.info("job.withdrawn", why=outcome.reason)


def provider_standings(sessions: Sessions) -> tuple[ProviderStanding, ...]:
    """Tell where each loaded model runs."""
    return tuple(
        ProviderStanding(
            model=opening.model,
            provider=opening.provider,
            precision=opening.precision,
            asked=opening.asked,
            refused=dict(opening.refused),
        )
        for opening in sessions.providers_in_use().values()
    )


def inbox_standing(
    desk: Desk, watcher: InboxWatcher, in_hand: Iterable[tuple[Task, float]], now: float
) -> InboxStanding:
    """Tell how one inbox stands; `in_hand` is every picture in hand, and since when."""
    holds = [desk.paused, *desk.held.values()]
    return InboxStanding(
        name=desk.name,
        path=str(desk.inbox.path),
        outbox=str(desk.inbox.outbox),
        mode=desk.watched.mode if desk.watched is not None and not desk.away else "",
        why=desk.watched.why if desk.watched is not None else "",
        away=desk.away,
        trouble=_trouble(desk, watcher, in_hand, now),
        silent=_silence(desk, watcher, now),
        settling=len(desk.settler),
        ready=len(desk.ready),
        working=len(desk.working),
        held=len(desk.held),
        held_why=next((hold.reason for hold in holds if hold is not None), ""),
        paused=desk.paused.reason if desk.paused is not None else "",
        unseen=desk.unseen,
        held_kinds=kinds_of_held((path, h.reason, h.kind) for path, h in desk.held.items()),
    )


def _silence(desk: Desk, watcher: InboxWatcher, now: float) -> str:
    since = watcher.busy_since
    if since is None or now - since <= STALLED:
        return ""
    return f"{desk.inbox.path} has not answered for {now - since:.0f} s"


def _trouble(
    desk: Desk, watcher: InboxWatcher, in_hand: Iterable[tuple[Task, float]], now: float
) -> str:
    if not watcher.is_alive():
        return "its watcher died"
    if silence := _silence(desk, watcher, now):
        return silence
    if desk.barred:
        return f"nothing of it is taken: {desk.barred}"
    for task, given in in_hand:
        if task.inbox.name == desk.name and now - given > STALLED:
            return f"{task.source.path} has been in hand for {now - given:.0f} s"
    return ""

"""What the daemon writes to its status file: where it, its models and its inboxes stand."""

from collections.abc import Collection
from math import isinf

from scissorsd import failpoints
from scissorsd.daemon.inbox_state import InboxState
from scissorsd.daemon.outcomes import Task
from scissorsd.folders.watching import InboxWatcher
from scissorsd.inference.sessions import Sessions
from scissorsd.records.status_file import (
    InboxStatus,
    ProviderStatus,
    Try,
    kinds_of_held,
    next_tries,
)

# Seconds: in one step before a watcher counts as stalled, in hand before a picture does.
STALLED = failpoints.seconds("STALLED", 30.0)


def provider_statuses(sessions: Sessions) -> tuple[ProviderStatus, ...]:
    """Return where each loaded model runs."""
    return tuple(
        ProviderStatus(
            model=opening.model,
            provider=opening.provider,
            precision=opening.precision,
            asked=opening.asked,
            refused=dict(opening.refused),
        )
        for opening in sessions.providers_in_use().values()
    )


def inbox_status(
    state: InboxState, watcher: InboxWatcher, in_hand: Collection[tuple[Task, float]], now: float
) -> InboxStatus:
    """Return how one inbox stands; `in_hand` is every picture in hand, and since when."""
    outbox, pictures = state.holds.outbox, state.holds.pictures
    return InboxStatus(
        name=state.name,
        path=str(state.inbox.path),
        outbox=str(state.inbox.outbox),
        mode=state.watched.mode if state.watched is not None and not state.away else "",
        why=state.watched.why if state.watched is not None else "",
        away=state.away,
        trouble=_trouble(state, watcher, in_hand, now),
        silent=_silence(state, watcher, now),
        settling=len(state.settler),
        ready=len(state.ready),
        working=len(state.working),
        held=len(pictures),
        held_why=next(
            (wait.reason for wait in (outbox, *pictures.values()) if wait is not None), ""
        ),
        paused=outbox.reason if outbox is not None else "",
        unseen=state.unseen,
        held_kinds=kinds_of_held((path, h.reason, h.kind) for path, h in pictures.items()),
        paused_until=outbox.until if outbox is not None else 0.0,
        tries=next_tries(
            Try(path, hold.reason, 0.0 if isinf(hold.until) else hold.until)
            for path, hold in pictures.items()
        ),
    )


def _silence(state: InboxState, watcher: InboxWatcher, now: float) -> str:
    since = watcher.busy_since
    if since is None or now - since <= STALLED:
        return ""
    return f"{state.inbox.path} has not answered for {now - since:.0f} s"


def _trouble(
    state: InboxState, watcher: InboxWatcher, in_hand: Collection[tuple[Task, float]], now: float
) -> str:
    if not watcher.is_alive():
        return "its watcher died"
    if silence := _silence(state, watcher, now):
        return silence
    if state.barred:
        return f"nothing of it is taken: {state.barred}"
    for task, since in in_hand:
        if task.inbox.name == state.name and now - since > STALLED:
            return f"{task.source.path} has been in hand for {now - since:.0f} s"
    return ""

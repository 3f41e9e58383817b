"""How many pictures wait, are cut, are done, failed or are held; and how many wait for a person.

They add up: a picture is in one of these states; one that failed and was marked as seen is in that.
Those in review are told beside that; they are done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from weakref import WeakKeyDictionary

from scissorsd.page.standpoint import Standpoint
from scissorsd.page.view.cards import JOURNALLED, state_of, state_told
from scissorsd.page.view.waiting import Waiting
from scissorsd.records.journal import Journal
from scissorsd.records.pictures_view import PicturesView, Scope

Counts = dict[str, int]


_SAID = {"done": "done", "review": "to review", "failed": "failed", "held": "held"}
_REMEMBERED = 100  # scopes
_TRUST = 60.0  # seconds: a number that was struck out may be given anew


@dataclass(frozen=True, slots=True)
class _Total:
    """How many pictures there were when there were so many jobs, up to this number."""

    job: int
    rows: int
    pictures: int
    counted_at: float  # monotonic: when they were last counted one by one


_totals: WeakKeyDictionary[Journal, dict[Scope, _Total]] = WeakKeyDictionary()


def said_counts(told: Counts) -> str:
    """Say how many are done, and how many are not and wait for no worker."""
    numbers = {words: told[state] for state, words in _SAID.items()}
    return " · ".join(f"{n:,} {words}" for words, n in numbers.items() if n or words == "done")


def _total(journal: Journal | None, view: PicturesView, scope: Scope) -> int:
    """Count the pictures; where none was struck out since the last time, only those that are new.

    Of 100,000 all would take longer than all else that is asked of the journal.
    """
    if journal is None:
        return 0
    job, rows = view.last_id(), view.rows()
    totals = _totals.setdefault(journal, {})
    before = totals.get(scope)
    more_rows, more = view.new_since(scope, before.job) if before is not None else (0, 0)
    now = monotonic()
    if before is None or before.rows + more_rows != rows or now - before.counted_at > _TRUST:
        pictures, counted_at = view.count(scope), now
    else:
        pictures, counted_at = before.pictures + more, before.counted_at
    if len(totals) > _REMEMBERED:
        totals.clear()
    totals[scope] = _Total(job, rows, pictures, counted_at)
    return pictures


def counts(at: Standpoint, scope: Scope, waiting: Sequence[Waiting], since: int) -> Counts:
    """Count the pictures that are meant, of one moment; `waiting` are those of them in no job.

    They were looked up later than the job with the turn `since` was begun: others may be now.
    """
    told = dict.fromkeys(JOURNALLED, 0)
    told["waiting"] = len(waiting)
    if at.view is None:
        return told
    with at.view.at_one_moment():
        taken = at.view.taken_since(since)
        waiting = [one for one in waiting if (at.path_of(one.inbox), *one.version) not in taken]
        told["waiting"] = len(waiting)
        total, unended = _total(at.journal, at.view, scope), at.view.unended(scope)
        told["review"] = len(at.view.in_review(scope))
        seen = at.view.failed(scope, at.desk.seen.jobs())
        told["seen"] = sum(at.desk.seen.has(entry.id, entry.ended_at) for entry in seen)
        told["failed"] -= told["seen"]
        for one in waiting:
            inbox = at.inbox(one.inbox) if one.is_anew else None
            entry = at.view.of(inbox.path, one.sighting.path) if inbox is not None else None
            if entry is not None:  # it is told as what waits
                told[state_told(at, entry)] -= 1
    for (state, is_told), number in unended.items():
        told[state_of(state, is_told=is_told, runs=at.runs)] += number
    told["done"] += total - unended.total()
    return told

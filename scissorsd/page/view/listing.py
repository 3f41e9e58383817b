"""`GET api/v1/pictures`: what waits and what is in the journal, newest first, page by page.

First comes what is not in the journal: files in the inboxes, the last that came first. Whatever was
begun since the first page was asked for is sorted in there by when it came: so that a picture that
is begun while one goes from page to page is neither missed nor told twice. Then come the jobs that
there were, by their number. A cursor says in which of the two parts one is, and where;
each card has the one that goes on behind it.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from scissorsd.config.quick_desk import NAME as QUICK
from scissorsd.core.eta import in_words
from scissorsd.page.answers import Refusal
from scissorsd.page.naming import PICTURES, no_such_inbox
from scissorsd.page.standpoint import Standpoint, stand_at
from scissorsd.page.view.cards import JOURNALLED, Card, cards, state_told, waiting_card
from scissorsd.page.view.counting import Counts, counts, said_counts
from scissorsd.page.view.outlook import Outlook, outlook_of
from scissorsd.page.view.waiting import Waiting
from scissorsd.records.journal_rows import Entry
from scissorsd.records.pictures_view import EVERY_STATE, Scope

_MOST = 200
_USUAL = 100
_TRIES = 5
_BATCH = re.compile(r"[a-z0-9-]{1,40}")
_FINEST = 10_000  # steps of a doubt, by which it is sorted
_WORST = ("no_subject", "doubtful")
_NONE = {  # what is said where there is no picture in such states
    frozenset({"review"}): "Nothing waits for review.",
    frozenset({"failed", "held"}): "Nothing has failed.",
}

Key = tuple[int, str, str]  # when a picture came, its inbox and path


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listing is asked for."""

    scope: Scope
    states: frozenset[str]  # none: all
    before: str
    limit: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: among what waits, or at a job's number."""

    job: int  # the last of those that there were; in the second part: of those that were told
    key: Key | None = None  # of the last that was told of what waits; None: in the second part
    is_first: bool = False


def pictures(request: Request) -> JSONResponse:
    """Answer with a page of cards, the cursor of the next, and how many there are."""
    outlook = outlook_of(request)
    at = stand_at(outlook.desk)
    asked = _asked(request, at)
    # Before it is seen what waits: what is begun from now on is behind it.
    place = _begin(at, asked)
    waiting, told = counted(outlook, at, asked.scope)
    if asked.states == {"review"}:
        page, cursor = _in_review(at, outlook, asked)
    else:
        page, cursor = _newest_first(at, outlook, asked, place, waiting)
    left = at.stands.seconds_left if at.stands is not None else None
    return JSONResponse(
        {
            "pictures": page,
            "next": cursor,
            "counts": told,
            "told": said_counts(told),
            "none": _said_none(asked),
            "seconds_left": left,
            "time_left": in_words(left) if left else "",
        }
    )


def _said_none(asked: Asked) -> str:
    """Say of an empty listing why it is, or "" where nothing keeps a picture out of it."""
    scope = asked.scope
    if not asked.states and scope.is_all and not scope.batch and not scope.text:
        return ""
    return _NONE.get(asked.states, "No picture fits the search and the filters.")


def counted(outlook: Outlook, at: Standpoint, scope: Scope) -> tuple[list[Waiting], Counts]:
    """Return what waits and how many pictures there are, of one moment if that can be had."""
    for _ in range(_TRIES):
        before = at.journal.changed_elsewhere() if at.journal is not None else 0
        since = at.view.last_turn() if at.view is not None else 0
        waiting = [one for one in outlook.inboxes.found(at) if _is_meant(at, scope, one)]
        told = counts(at, scope, waiting, since)
        if at.journal is None or at.journal.changed_elsewhere() == before:
            break
    return waiting, told


# --- what is asked for ---------------------------------------------------------------------------


def _asked(request: Request, at: Standpoint) -> Asked:
    query = request.query_params
    states = frozenset(filter(None, query.getlist("state")))
    if unknown := states - JOURNALLED.keys():
        known = ", ".join(JOURNALLED)
        raise Refusal(
            400, "no_such_state", f"there is no state {min(unknown)!r}", f"There are: {known}."
        )
    limit = query.get("limit") or str(_USUAL)
    if not limit.isdecimal() or not int(limit):
        raise Refusal(400, "no_number", f"limit must be a number from 1 to {_MOST}")
    return Asked(scope_of(request, at), states, query.get("before", ""), min(int(limit), _MOST))


def scope_of(request: Request, at: Standpoint) -> Scope:
    """Return which pictures the filters `inbox`, `batch` and `q` of a request mean."""
    query = request.query_params
    name, batch = query.get("inbox", ""), query.get("batch", "")
    if batch and not _BATCH.fullmatch(batch):
        raise Refusal(400, "no_such_batch", "a batch is named by letters a-z, digits and hyphens")
    inboxes = [i for i in at.inboxes if name in {"", i.name} and (not batch or i.name == QUICK)]
    if name and at.inbox(name) is None:
        raise no_such_inbox(name)
    paths = tuple(inbox.path for inbox in inboxes)
    return Scope(paths, len(paths) == len(at.inboxes), batch, query.get("q", ""))


def _is_meant(at: Standpoint, scope: Scope, one: Waiting) -> bool:
    inbox = at.inbox(one.inbox)
    return inbox is not None and inbox.path in scope.inboxes and scope.holds(one.sighting.path)


# --- newest first --------------------------------------------------------------------------------


def _begin(at: Standpoint, asked: Asked) -> _Place:
    if asked.before and asked.states != {"review"}:
        return _place(asked.before)
    return _Place(at.view.last_id() if at.view is not None else 0, is_first=True)


def _newest_first(
    at: Standpoint, outlook: Outlook, asked: Asked, place: _Place, waiting: Sequence[Waiting]
) -> tuple[list[Card], str | None]:
    found: list[tuple[str, Waiting | Entry]] = list(
        islice(_all_from(at, asked, place, waiting), asked.limit + 1)
    )
    page = found[: asked.limit]
    entries = [one for _, one in page if isinstance(one, Entry)]
    known = iter(cards(at, entries, outlook.presence))
    soon = _cards_of_waiting(at, [one for _, one in page if isinstance(one, Waiting)], outlook)
    told = [
        {**(next(known) if isinstance(one, Entry) else next(soon)), "cursor": cursor}
        for cursor, one in page
    ]
    return told, page[-1][0] if len(found) > asked.limit else None


def _all_from(
    at: Standpoint, asked: Asked, place: _Place, waiting: Sequence[Waiting]
) -> Iterator[tuple[str, Waiting | Entry]]:
    """Yield each picture from a place on, and the cursor that goes on behind it."""
    top = place.job
    if place.is_first or place.key is not None:
        for key, one in _came_lately(at, asked, top, waiting):
            if place.key is None or key < place.key:
                yield _cursor(top, key), one
        top += 1
    if at.view is None:
        return
    states = {s for name in asked.states for s in JOURNALLED[name]} or set(EVERY_STATE)
    anew = {(one.inbox, one.sighting.path) for one in waiting if one.is_anew}
    for entry in at.view.before(asked.scope, top, states):
        is_anew = (at.names.get(entry.inbox), entry.path) in anew
        if not is_anew and _is_wanted(at, asked.states, entry):
            yield f"j.{entry.id}", entry


def _came_lately(
    at: Standpoint, asked: Asked, top: int, waiting: Sequence[Waiting]
) -> list[tuple[Key, Waiting | Entry]]:
    """Return what waits, and what was begun since, the last that came first."""
    found: dict[tuple[str, str], tuple[Key, Waiting | Entry]] = {}
    if not asked.states or "waiting" in asked.states:
        found = {(one.inbox, one.sighting.path): (one.key, one) for one in waiting}
    for arrived in at.view.begun_since(asked.scope, top) if at.view is not None else ():
        entry = arrived.entry
        name = at.names[entry.inbox]
        found.pop((name, entry.path), None)
        if _is_wanted(at, asked.states, entry):
            found[name, entry.path] = (arrived.ctime_ns, name, entry.path), entry
    return sorted(found.values(), key=lambda pair: pair[0], reverse=True)


def _is_wanted(at: Standpoint, states: Collection[str], entry: Entry) -> bool:
    if not states or state_told(at, entry) in states:
        return True
    return "review" in states and at.view is not None and at.view.waits_in_review(entry)


def _cards_of_waiting(
    at: Standpoint, waiting: Sequence[Waiting], outlook: Outlook
) -> Iterator[Card]:
    """Yield the cards of what waits, each with its place in the queue of its inbox."""
    if not waiting:
        return
    places: dict[tuple[str, str], int] = {}
    queues: dict[str, int] = {}
    for one in reversed(outlook.inboxes.found(at, patience=0)):
        queues[one.inbox] = places[one.inbox, one.sighting.path] = queues.get(one.inbox, 0) + 1
    for one in waiting:
        yield waiting_card(at, one, places.get((one.inbox, one.sighting.path), 0))


# --- cursors -------------------------------------------------------------------------------------


def _cursor(top: int, key: Key) -> str:
    ctime_ns, inbox, path = key
    named = f"{inbox}\0{path}".encode("utf-8", "surrogateescape")
    return f"w.{top}.{ctime_ns}.{urlsafe_b64encode(named).decode()}"


def _place(cursor: str) -> _Place:
    try:
        match cursor.split("."):
            case ["j", job]:
                return _Place(int(job))
            case ["w", top, ctime_ns, named]:
                both = urlsafe_b64decode(named).decode("utf-8", "surrogateescape")
                inbox, _, path = both.partition("\0")
                return _Place(int(top), (int(ctime_ns), inbox, path))
    except ValueError:
        pass
    raise _no_cursor()


def _no_cursor() -> Refusal:
    return Refusal(400, "no_cursor", "`before` is not what `next` of another page was")


# --- worst first ---------------------------------------------------------------------------------


def _in_review(at: Standpoint, outlook: Outlook, asked: Asked) -> tuple[list[Card], str | None]:
    """Return what waits for a person: without a subject, then doubtful; the greatest doubt first.

    Where no version told the doubt, it is at the end of these; of equals the oldest is first.
    """
    entries = at.view.in_review(asked.scope) if at.view is not None else []
    if asked.before:
        last = _rank_of(asked.before)
        entries = [entry for entry in entries if _rank(entry) > last]
    ranked = sorted(entries, key=_rank)
    page = ranked[: asked.limit]
    more = len(ranked) > asked.limit
    found = cards(at, page, outlook.presence)
    cursors = [_rank_cursor(entry) for entry in page]
    told = [{**card, "cursor": one} for card, one in zip(found, cursors, strict=True)]
    return told, cursors[-1] if more else None


def _rank(entry: Entry) -> tuple[int, int, int]:
    verdict = _WORST.index(entry.verdict) if entry.verdict in _WORST else len(_WORST)
    sure = _FINEST + 1 if entry.doubt is None else round((1 - entry.doubt) * _FINEST)
    return verdict, sure, entry.id


def _rank_cursor(entry: Entry) -> str:
    return ".".join(["r", *map(str, _rank(entry))])


def _rank_of(cursor: str) -> tuple[int, int, int]:
    try:
        match cursor.split("."):
            case ["r", verdict, sure, job]:
                return int(verdict), int(sure), int(job)
    except ValueError:
        pass
    raise _no_cursor()


ROUTES: list[BaseRoute] = [Route(f"/{PICTURES}", pictures)]

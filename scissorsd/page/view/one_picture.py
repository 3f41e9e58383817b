"""`GET api/v1/pictures/{inbox}/{path}`: one picture, with what `scissorsd why` says of it."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from scissorsd.commands.why import why_in
from scissorsd.page.naming import PICTURES, UnknownPictureError, named
from scissorsd.page.standpoint import Standpoint, stand_at
from scissorsd.page.view.cards import Card, cards, waiting_card
from scissorsd.page.view.outlook import Outlook, outlook_of
from scissorsd.page.view.waiting import Waiting
from scissorsd.plain_text import for_terminal
from scissorsd.records.journal_rows import Entry


def picture(request: Request) -> JSONResponse:
    """Answer with the card of a picture, and why it is as it is."""
    outlook = outlook_of(request)
    at = stand_at(outlook.desk)
    inbox, path = named(request)
    card = _card(outlook, at, inbox, path)
    source = at.of_source(inbox, path)
    why = [] if source is None else [*map(for_terminal, why_in(at.state, at.journal, source))]
    return JSONResponse({**card, "why": why})


def _card(outlook: Outlook, at: Standpoint, inbox: str, path: str) -> Card:
    found = found_as(outlook, at, inbox, path)
    if isinstance(found, Waiting):
        queue = [w for w in reversed(outlook.inboxes.found(at, patience=0)) if w.inbox == inbox]
        place = queue.index(found) + 1 if found in queue else 1
        return waiting_card(at, found, place)
    (card,) = cards(at, [found], outlook.presence)
    return card


def found_as(outlook: Outlook, at: Standpoint, inbox: str, path: str) -> Waiting | Entry:
    """Return what is known of a picture: that it waits, or else its latest job.

    Raises Refusal where nothing is.
    """
    mine = (w for w in outlook.inboxes.found(at) if (w.inbox, w.sighting.path) == (inbox, path))
    waiting = next(mine, None)
    if waiting is not None:
        return waiting
    known = at.inbox(inbox)
    entry = at.view.of(known.path, path) if at.view is not None and known is not None else None
    if entry is None:
        raise UnknownPictureError(inbox, path)
    return entry


# It takes every address below `pictures/`: those that end otherwise come before it.
ROUTES: list[BaseRoute] = [Route(f"/{PICTURES}/{{picture:path}}", picture)]

"""What the page remembers between two questions: what waits, what was there, who listens."""

import threading
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import HTTPConnection

from scissorsd.page.desk import Desk
from scissorsd.page.view.presence import Presence
from scissorsd.page.view.waiting import Inboxes

_lock = threading.Lock()


@dataclass(slots=True)
class Outlook:
    """It belongs to a desk, and is kept beside it."""

    desk: Desk
    inboxes: Inboxes = field(default_factory=Inboxes)
    presence: Presence = field(default_factory=Presence)


def outlook_of(request: HTTPConnection) -> Outlook:
    """Return that of the desk to which a request comes."""
    return outlook_in(request.app.state)


def outlook_in(state: Any) -> Outlook:  # noqa: ANN401 - Starlette's, which takes any attribute
    """Return that of the desk which an application's state holds."""
    with _lock:
        if not hasattr(state, "outlook"):
            state.outlook = Outlook(state.desk)
        outlook: Outlook = state.outlook
        return outlook

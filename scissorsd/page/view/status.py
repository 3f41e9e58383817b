"""`GET api/v1/status`: what `scissorsd status --json` tells, where the page is, and how many."""

from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from scissorsd import __version__
from scissorsd.commands.status import overview_of, values_of
from scissorsd.core.eta import in_words
from scissorsd.page.naming import shown
from scissorsd.page.standpoint import Standpoint, stand_at
from scissorsd.page.view import holding
from scissorsd.page.view.counting import Counts
from scissorsd.page.view.listing import counted
from scissorsd.page.view.outlook import Outlook, outlook_of
from scissorsd.records import status_file
from scissorsd.records.pictures_view import Scope

_SILENT = 20.0  # seconds
_KEPT = "What you drop is kept, and cut when it is back."
_TOLD = (
    *("running", "healthy", "troubles", "silent_s", "seconds_left", "version", "daemon_version"),
    *("providers", "inboxes", "mistakes", "refused"),
)


def status(request: Request) -> JSONResponse:
    """Answer how the daemon stands."""
    outlook = outlook_of(request)
    at = stand_at(outlook.desk)
    overview = overview_of(at.state, at.journal)
    values = values_of(overview)
    told = {key: values[key] for key in _TOLD}
    page = {"address": str(request.base_url), "auth": request.app.state.door.access.auth}
    counts = of_all(outlook, at)
    return JSONResponse(_clean({**told, "banner": banner(at), "page": page, "counts": counts}))


def head(outlook: Outlook) -> dict[str, Any]:
    """Return what the events tell of how it stands."""
    at = stand_at(outlook.desk)
    troubles = status_file.troubles(at.desk.state)
    return {
        "running": at.runs,
        "healthy": not troubles,
        "banner": banner(at),
        "silent_s": _silent_s(at),
        "seconds_left": at.stands.seconds_left if at.stands is not None else None,
        "version": __version__,
        "troubles": troubles,
        "counts": of_all(outlook, at),
    }


def banner(at: Standpoint) -> str:
    """Say what a person who looks at the page must know of the daemon, or ""."""
    if not at.runs:
        return f"scissorsd does not run. {_KEPT}"
    silent_s = _silent_s(at)
    if silent_s is not None and silent_s > _SILENT:
        return f"scissorsd has been silent for {in_words(silent_s)}. {_KEPT}"
    return shown(" ".join(holding.whole(at)) or " · ".join(status_file.troubles(at.desk.state)))


def _silent_s(at: Standpoint) -> float | None:
    return round(monotonic() - at.stands.beat, 1) if at.stands is not None else None


def of_all(outlook: Outlook, at: Standpoint) -> Counts:
    """Count the pictures of all inboxes."""
    return counted(outlook, at, Scope(tuple(inbox.path for inbox in at.inboxes)))[1]


def _clean(value: Any) -> Any:  # noqa: ANN401 - what JSON holds
    """Return values whose texts JSON can carry."""
    match value:
        case str():
            return shown(value)
        case dict():
            return {key: _clean(of) for key, of in value.items()}
        case list() | tuple():
            return [_clean(of) for of in value]
    return value


ROUTES: list[BaseRoute] = [Route("/api/v1/status", status)]

"""`GET api/v1/settings`: what is set up, in words, for the page to show as it is."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from scissorsd import __version__
from scissorsd.commands.status import Overview, overview_of
from scissorsd.config.description import said_rule
from scissorsd.config.quick_desk import NAME as QUICK
from scissorsd.page.naming import shown
from scissorsd.page.standpoint import stand_at
from scissorsd.page.view.choices import folders, is_here, takes_drops
from scissorsd.page.view.outlook import outlook_of
from scissorsd.page.view.status import banner
from scissorsd.settings import Inbox


def settings(request: Request) -> JSONResponse:
    """Answer with sections of lines; one of `code` has {here} for the address of the page."""
    desk = outlook_of(request).desk
    at = stand_at(desk)
    inboxes = desk.config.inboxes
    here = {model: is_here(model, desk.config) for model in desk.config.catalogue.values()}
    models = [m.name if is_it else f"{m.name}: not on this machine" for m, is_it in here.items()]
    sections = {
        "This machine": [*_machine(overview_of(at.state, at.journal)), banner(at)],
        "Inboxes": [line for i in inboxes for line in _rules(i, takes_drops(desk, i.name))],
        "Models": models,
    }
    told = [
        {"title": shown(title), "lines": [{"text": shown(line)} for line in lines if line]}
        for title, lines in sections.items()
    ]
    key = "-H 'X-Api-Key: KEY' " if request.app.state.door.access.auth == "key" else ""
    into = next((i.name for i in inboxes if takes_drops(desk, i.name)), "INBOX")
    api = [
        {"text": "One line sends a picture; the answer holds its inbox and path:"},
        {"code": f"curl {key}-T cat.jpg {{here}}api/v1/drops/{shown(into)}/"},
        {"text": "Its outputs, once it is done:"},
        {"code": f"curl {key}-O {{here}}api/v1/pictures/INBOX/PATH/outputs/0"},
    ]
    return JSONResponse({"sections": [*told, {"title": "API", "lines": api}]})


def _machine(overview: Overview) -> Iterator[str]:
    yield f"scissorsd {__version__} {'runs' if overview.running else 'does not run'}"
    for one in overview.providers:
        refused = "".join(f"; not on {name}: {why}" for name, why in one.refused.items())
        where = f"on {one.provider}, {one.precision}" if one.provider else "cannot run"
        yield f"{one.model} {where}{refused}"


def _rules(inbox: Inbox, takes: bool) -> Iterator[str]:  # noqa: FBT001 - plain in its one call
    name = "quick desk" if inbox.name == QUICK else inbox.name
    for folder, rule in folders(inbox):
        where = " / ".join(filter(None, [name, *folder.split("/")]))
        yield f"{where}: {', '.join(said_rule(rule))}"
    if not takes:
        yield f"{name} takes no drops."


ROUTES: list[BaseRoute] = [Route("/api/v1/settings", settings)]

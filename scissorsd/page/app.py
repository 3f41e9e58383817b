"""The addresses of the page, each with the function that answers it."""

from importlib import import_module
from importlib.util import find_spec

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from scissorsd.page.access import Access
from scissorsd.page.answers import ON_ERRORS
from scissorsd.page.desk import Desk
from scissorsd.page.door import Door
from scissorsd.page.guard import Guard
from scissorsd.page.keys import Keys

# The modules that answer addresses. The first address that fits is taken, so that what ends in
# /before stands before the picture itself, whose path is of any length.
_PARTS = (
    *("door", "health", "metrics", "static_files"),
    *("standing", "choices", "events", "zips", "drops"),
    *("files", "previews", "finishing", "actions", "listing", "one_picture"),
)


def make_app(desk: Desk, access: Access) -> Starlette:
    """Return the application that answers for a desk."""
    door = Door(access, Keys(desk.state))
    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Guard, door)],
        exception_handlers=dict(ON_ERRORS),
    )
    app.router.redirect_slashes = False  # such a redirect would name a host and begin with /
    app.state.desk = desk
    app.state.door = door
    return app


def _routes() -> list[BaseRoute]:
    routes: list[BaseRoute] = []
    for part in _PARTS:
        name = f"scissorsd.page.{part}"
        if find_spec(name) is not None:  # not all of them are there yet
            routes += getattr(import_module(name), "ROUTES", [])
    return routes

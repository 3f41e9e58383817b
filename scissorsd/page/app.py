"""The addresses of the page, each with the function that answers it."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from scissorsd.page import health, metrics, static_files
from scissorsd.page.answers import on_errors
from scissorsd.page.described import openapi
from scissorsd.page.desk import Desk
from scissorsd.page.drops import receiving as drops
from scissorsd.page.foreign import rembg, removebg
from scissorsd.page.foreign.shapes import shaped
from scissorsd.page.gates import door
from scissorsd.page.gates.access import Access
from scissorsd.page.gates.door import Door
from scissorsd.page.gates.guard import Guard
from scissorsd.page.gates.keys import Keys
from scissorsd.page.outputs import backdrops, files, finishing, zips
from scissorsd.page.view import actions, choices, events, listing, one_picture, setup, status

# The first address that fits is taken: what ends in /before stands before the picture itself, whose
# path is of any length.
_PARTS = (
    *(door, health, metrics, static_files, status, choices, setup, events, zips, drops),
    *(backdrops, files, finishing, actions, listing, one_picture, removebg, rembg, openapi),
)


def make_app(desk: Desk, access: Access) -> Starlette:
    """Return the application that answers for a desk."""
    its_door = Door(access, Keys(desk.state))
    app = Starlette(
        routes=[route for part in _PARTS for route in part.ROUTES],
        middleware=[Middleware(Guard, its_door, shaped)],
        exception_handlers=dict(on_errors(shaped)),
    )
    app.router.redirect_slashes = False  # such a redirect would name a host and begin with /
    app.state.desk = desk
    app.state.door = its_door
    app.state.intake = drops.intake_of(desk)
    return app

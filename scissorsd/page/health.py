"""`/healthz` and `/readyz`: how the daemon stands, as `scissorsd health` tells it.

`/healthz` answers everybody: 200, or 503; the sentences are for those only who may see the page.
`/readyz` is the same, and whether the page itself can read and write what it needs.
"""

import os

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from scissorsd.commands.health import health
from scissorsd.errors import ScissorsError
from scissorsd.page.desk import Desk

_UNHEALTHY = 503


# Both are `async`, and so need no thread: they answer when every thread is at work.
async def _healthz(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    healthy, sentences = health(None, desk.state)
    return _answer(healthy, sentences if request.state.is_open else [])


async def _readyz(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    healthy, sentences = health(None, desk.state)
    obstacles = _obstacles(desk)
    return _answer(healthy and not obstacles, [*sentences, *obstacles])


def _answer(healthy: bool, sentences: list[str]) -> Response:  # noqa: FBT001 - the first of two
    lines = ["ok" if healthy else "not healthy", *sentences]
    return PlainTextResponse("\n".join(lines) + "\n", 200 if healthy else _UNHEALTHY)


def _obstacles(desk: Desk) -> list[str]:
    """Return why the page cannot work, whatever the daemon does."""
    obstacles = []
    try:
        desk.journal()
    except ScissorsError as error:
        obstacles.append(error.what)
    folder = desk.own_folder if desk.own_folder.exists() else desk.state
    if not os.access(folder, os.W_OK | os.X_OK):
        obstacles.append(f"the page may not write to {folder}")
    return obstacles


ROUTES: list[BaseRoute] = [Route("/healthz", _healthz), Route("/readyz", _readyz)]

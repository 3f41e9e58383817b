"""The files of a picture: itself as it was dropped, its outputs, and small pictures of them."""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scissorsd.page.answers import Refusal
from scissorsd.page.lookup import Found, asked_for, desk_of, find
from scissorsd.page.naming import UnknownPictureError, named
from scissorsd.page.outputs import previews, sending
from scissorsd.page.outputs.places import Opened, open_output, open_source, open_waiting
from scissorsd.page.outputs.previews import WIDTHS, What

_MASKS = ("mask", "cutout")  # of whichever comes first, a picture of the mask is made


async def before(request: Request) -> Response:
    """Send the picture as it was dropped."""

    def look() -> tuple[Opened, What]:
        desk, (inbox, path) = desk_of(request), named(request, behind=1)
        try:
            found = find(desk, inbox, path)
        except UnknownPictureError:
            return open_waiting(desk, inbox, path), What(inbox, path, "before")
        return open_source(desk, found), _what(found, "before")

    return await _send(request, look)


async def output(request: Request) -> Response:
    """Send one of the outputs."""
    number = request.path_params["number"]

    def look() -> tuple[Opened, What]:
        found = asked_for(request, behind=2)
        return open_output(desk_of(request), found, number), _what(found, str(number))

    return await _send(request, look)


async def mask(request: Request) -> Response:
    """Send a small picture of the mask: of the output that is one, or of the cutout's alpha."""
    width = _width(request) or WIDTHS[0]

    def look() -> tuple[Opened, What]:
        found = asked_for(request, behind=1)
        kinds = [kind for kind, _ in found.outputs]
        kind = next((kind for kind in _MASKS if kind in kinds), None)
        if kind is None:
            raise Refusal(404, "no_mask", f"{found.name} has neither a mask nor a cutout.")
        opened = open_output(desk_of(request), found, kinds.index(kind))
        return opened, _what(found, "mask" if kind == "mask" else "alpha")

    opened, what = await run_in_threadpool(look)
    return await previews.send(request, opened, what, width)


async def _send(request: Request, look: Callable[[], tuple[Opened, What]]) -> Response:
    width = _width(request)
    opened, what = await run_in_threadpool(look)
    if width is None:
        return await run_in_threadpool(sending.file, request, opened)
    return await previews.send(request, opened, what, width)


def _what(found: Found, part: str) -> What:
    return What(found.inbox.name, found.entry.path, part)


def _width(request: Request) -> int | None:
    asked = request.query_params.get("width")
    if asked is None:
        return None
    if asked not in map(str, WIDTHS):
        widths = " and ".join(map(str, WIDTHS))
        raise Refusal(400, "width", f"Previews are {widths} pixels wide, not {asked[:20]!r}.")
    return int(asked)


_PICTURE = "/api/v1/pictures/{inbox}/{path:path}"
ROUTES: list[BaseRoute] = [
    Route(_PICTURE + "/before", before),
    Route(_PICTURE + "/outputs/{number:int}", output),
    Route(_PICTURE + "/mask", mask),
]

"""The page as a browser loads it: `/` and `/static/*`, out of the package."""

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scissorsd.page.answers import Refusal

# Nothing else is handed out, whatever lies there.
_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webp": "image/webp",
    "json": "application/json",
    "webmanifest": "application/manifest+json",
}
_INDEX = "index.html"
_NOT_MODIFIED = 304


@cache
def _all() -> dict[str, Traversable]:
    """Return what may be asked for, by its name below static/."""
    return dict(_below(files("scissorsd.page") / "static", ""))


def _below(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found = []
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir():
            found += _below(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in _TYPES:
            found.append((f"{prefix}{entry.name}", entry))
    return found


def _index(request: Request) -> Response:
    return _file(request, _INDEX)


def _static(request: Request) -> Response:
    return _file(request, request.path_params["name"])


def _file(request: Request, name: str) -> Response:
    entry = _all().get(name)
    if entry is None:
        raise Refusal(404, "no_such_address", f"the page has no file {name}")
    content = entry.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    known = request.headers.get("if-none-match", "")
    if any(one.strip().removeprefix("W/") in {tag, "*"} for one in known.split(",")):
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    return Response(content, headers=headers, media_type=_TYPES[name.rpartition(".")[2]])


ROUTES: list[BaseRoute] = [Route("/", _index), Route("/static/{name:path}", _static)]

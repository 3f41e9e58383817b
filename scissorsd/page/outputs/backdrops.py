"""Pictures that downloads are laid on: sent once, kept by content in `STATE/page/backgrounds`.

`POST api/v1/backgrounds` with the file as body answers with its SHA-256, which is a word of
`finish?background=`. They are not for ever: the ones that were used last are kept.
"""

import hashlib
import os
import re
import threading
from pathlib import Path

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from scissorsd.atomic import write_atomically
from scissorsd.config.parse_quantities import said_size
from scissorsd.core.signatures import recognise
from scissorsd.errors import PictureError
from scissorsd.page.answers import Refusal
from scissorsd.page.desk import Desk
from scissorsd.page.lookup import desk_of
from scissorsd.pictures.reading import read_header

FOLDER = "backgrounds"
MOST = 20  # pictures that are kept
ROOM = 200 << 20  # bytes of them all
_NAME = re.compile(r"[0-9a-f]{64}")
_AGAIN = "Choose the picture again."
_AT_ONCE = 2  # bodies that are held in memory
_lock = threading.Lock()
_bodies = anyio.CapacityLimiter(_AT_ONCE)


async def post(request: Request) -> JSONResponse:
    """Take a picture, or say why not."""
    desk = desk_of(request)
    limits = desk.config.limits
    most = min(desk.page.limits.file, limits.file, ROOM)
    async with _bodies:
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > most:
                raise Refusal(413, "too_large", f"it is larger than {said_size(most)}")
        name = await run_in_threadpool(_kept, desk, bytes(body))
    return JSONResponse({"background": name}, 201)


def _kept(desk: Desk, data: bytes) -> str:
    if recognise(data) is None:
        raise Refusal(400, "no_picture", "this is no picture that can be laid behind another")
    try:
        read_header(data, max_pixels=desk.config.limits.pixels)
    except PictureError as error:
        raise Refusal(400, "no_picture", f"this cannot be read: {error.what}") from error
    name = hashlib.sha256(data).hexdigest()
    folder = desk.own_folder / FOLDER
    try:
        with _lock:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / name, data)
            _make_room(folder)
    except OSError as error:
        what = f"the picture cannot be kept in {folder}: {error.strerror or error}"
        raise Refusal(503, "state", what) from error
    return name


def _make_room(folder: Path) -> None:
    """Remove the ones that were not used for longest."""
    there = [(path, path.stat()) for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    there.sort(key=lambda pair: pair[1].st_mtime_ns, reverse=True)
    held = 0
    for number, (path, status) in enumerate(there):
        held += status.st_size
        if number >= MOST or held > ROOM:
            path.unlink(missing_ok=True)


def is_named(word: str) -> bool:
    """Whether a background is one of these, and no colour."""
    return _NAME.fullmatch(word) is not None


def path_of(desk: Desk, name: str) -> Path:
    """Return where such a picture lies, which is used now; or refuse."""
    path = desk.own_folder / FOLDER / name
    try:
        os.utime(path)
    except OSError as error:
        what = "the background picture is not kept any more"
        raise Refusal(404, "no_background", what, _AGAIN) from error
    return path


def pixels_of(path: Path, max_pixels: int) -> int:
    """Return how many pixels such a picture has; or refuse."""
    try:
        header = read_header(path.read_bytes(), max_pixels=max_pixels)
    except (OSError, PictureError) as error:
        what = f"the background picture cannot be read: {error}"
        raise Refusal(404, "no_background", what, _AGAIN) from error
    return header.width * header.height


ROUTES: list[BaseRoute] = [Route("/api/v1/backgrounds", post, methods=["POST"])]

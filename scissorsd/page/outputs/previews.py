"""Small pictures, made once and kept below the state folder.

Each is named by what it shows: which file of which picture, that file's size and time, and the
width. So nothing in the cache is ever stale; what was not used for longest goes first.
"""

import asyncio
import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from scissorsd import failpoints
from scissorsd.atomic import write_atomically
from scissorsd.errors import PictureError
from scissorsd.machine import usable_cpus
from scissorsd.page.answers import Refusal
from scissorsd.page.lookup import desk_of
from scissorsd.page.outputs import sending
from scissorsd.page.outputs.places import Opened, read_whole
from scissorsd.page.outputs.room import ROOM
from scissorsd.pictures.previews import alpha_preview, preview
from scissorsd.pictures.reading import read_header
from scissorsd.settings import Limits

WIDTHS = (320, 2048)  # pixels; of the longer side
FOLDER = "previews"
_ENDING = ".webp"
_TRIED = "tried"  # notes of what is being made, and how often that was begun
_MOST_TRIES = 2
MOST_BYTES = 500_000_000  # of the whole cache
_SWEPT_TO = 0.9  # of it
_USED_AGAIN = 600.0  # seconds after which it is noted that a preview was used again
_MOST_THREADS = 4
_NICE = 15  # previews wait for all else
_BYTES_PER_PIXEL = 8  # of a file of our own, at most: RGBA of 16 bits

log = structlog.get_logger("scissorsd")


@dataclass(frozen=True, slots=True)
class What:
    """What a preview shows: which file of which picture."""

    inbox: str
    path: str
    part: str  # "before", an output's number, "mask", or "alpha": that of a cutout


async def send(request: Request, opened: Opened, what: What, width: int) -> Response:
    """Send a preview of a file, which is closed; it is made unless there is one."""
    cache = await run_in_threadpool(_cache_of, request)
    version = opened.version
    etag = sending.etag_of(what, version, width)
    if sending.is_known(request, etag):
        opened.file.close()
        return sending.unchanged(etag)
    data = await run_in_threadpool(cache.kept, what, version, width)
    if data:
        opened.file.close()
    else:
        data = await asyncio.wrap_future(cache.get(opened, what, width))
    name = f"{opened.path.stem}-{width}{_ENDING}"
    return sending.content(request, data, "image/webp", etag=etag, name=name)


def _cache_of(request: Request) -> "Previews":
    state = request.app.state
    with _one_cache:
        if not hasattr(state, "previews"):
            desk = desk_of(request)
            state.previews = Previews(desk.own_folder / FOLDER, desk.config.limits)
        cache = state.previews
    if not isinstance(cache, Previews):
        raise TypeError("app.state.previews is something else")
    return cache


_one_cache = threading.Lock()


class Previews:
    """The cache, and the threads that fill it. Any thread may use it."""

    def __init__(self, folder: Path, limits: Limits, most: int = MOST_BYTES) -> None:
        self._folder = folder
        self._limits = limits
        self._most = most
        self._bytes: int | None = None  # in the folder; not counted yet
        self._making: dict[str, Future[bytes]] = {}
        self._lock = threading.RLock()  # a future may be done while one is still being told
        self._counting = threading.Lock()
        self._pool = ThreadPoolExecutor(
            min(usable_cpus(), _MOST_THREADS), "preview", initializer=_lower_priority
        )

    def get(self, opened: Opened, what: What, width: int) -> Future[bytes]:
        """Return a preview, or what will be it; two who ask for the same get the same."""
        key = _key(what, opened.version, width)
        with self._lock:
            future = self._making.get(key)
            if future is not None:
                opened.file.close()
            else:
                future = self._pool.submit(self._kept_or_made, key, opened, what, width)
                self._making[key] = future
                future.add_done_callback(lambda _: self._forget(key))
        return _copied(future)

    def _forget(self, key: str) -> None:
        with self._lock:
            self._making.pop(key, None)

    def kept(self, what: What, version: tuple[int, int], width: int) -> bytes:
        """Return a preview that there is already; else nothing."""
        place = self._place(_key(what, version, width))
        try:
            data = place.read_bytes()
            if time() - place.stat().st_mtime > _USED_AGAIN:
                os.utime(place)
        except OSError:
            return b""
        return data

    def _kept_or_made(self, key: str, opened: Opened, what: What, width: int) -> bytes:
        if data := self.kept(what, opened.version, width):  # since it was asked for
            opened.file.close()
            return data
        data = self._made(key, opened, what, width)
        self._keep(self._place(key), data)
        return data

    def _place(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}{_ENDING}"

    # --- making ------------------------------------------------------------------------------

    def _made(self, key: str, opened: Opened, what: What, width: int) -> bytes:
        is_own = what.part != "before"
        pixels = self._limits.pixels
        limit = max(self._limits.file, _BYTES_PER_PIXEL * pixels) if is_own else self._limits.file
        data = read_whole(opened, limit)
        draw = alpha_preview if what.part == "alpha" else preview
        note = self._folder / _TRIED / key
        with _as_refusal(opened.name):
            tried = _times_tried(note)
            if tried >= _MOST_TRIES:
                raise Refusal(
                    409,
                    "deadly",
                    f"{opened.name} has no preview: the page ended twice while it was made.",
                    "The file itself can be downloaded.",
                )
            with _noted(note, tried):
                header = read_header(data, max_pixels=pixels)
            # What may have ended the process before is tried alone: it takes no other with it.
            with ROOM.take(header.width * header.height, alone=tried > 0), _noted(note, tried):
                failpoints.at("preview", what.path)
                drawn = draw(data, width, max_pixels=pixels)
            note.unlink(missing_ok=True)
            return drawn

    # --- keeping -----------------------------------------------------------------------------

    def _keep(self, place: Path, data: bytes) -> None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, data)
        except OSError as error:  # it is shown all the same
            log.warning("page.preview_not_kept", path=str(place), why=error.strerror)
            return
        with self._counting:
            if self._bytes is None:
                self._bytes = sum(size for _, size, _ in self._all())
            else:
                self._bytes += len(data)
            if self._bytes > self._most:
                self._bytes = self._swept(int(self._most * _SWEPT_TO))

    def _swept(self, most: int) -> int:
        """Remove what was not used for longest; return the bytes that are left."""
        there = sorted(self._all())
        left = sum(size for _, size, _ in there)
        for _, size, path in there:
            if left <= most:
                break
            with suppress(FileNotFoundError):
                path.unlink()
            left -= size
        return left

    def _all(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each preview was last used, its size and its place."""
        for path in self._folder.glob(f"??/*{_ENDING}"):
            with suppress(FileNotFoundError):
                status = path.stat()
                yield status.st_mtime, status.st_size, path


def _key(what: What, version: tuple[int, int], width: int) -> str:
    parts = (what.inbox, what.path, what.part, *version, width)
    return hashlib.sha256("\0".join(map(str, parts)).encode(errors="surrogateescape")).hexdigest()


def _copied(future: Future[bytes]) -> Future[bytes]:
    """Return another future of the same result: who gives up on it does so for himself only."""
    copy: Future[bytes] = Future()

    def hand_on(done: Future[bytes]) -> None:
        if copy.set_running_or_notify_cancel():
            error = done.exception()
            if error is None:
                copy.set_result(done.result())
            else:
                copy.set_exception(error)

    future.add_done_callback(hand_on)
    return copy


def _lower_priority() -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _times_tried(note: Path) -> int:
    """Return how often the process ended while a preview was made."""
    try:
        return int(note.read_text())
    except (OSError, ValueError):
        return 0


@contextmanager
def _noted(note: Path, tried: int) -> Iterator[None]:
    """Leave a note for as long as a preview is being made: what ends the process leaves it there.

    One that was there before stays until the preview is made.
    """
    note.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(note, str(tried + 1).encode())
    try:
        yield
    finally:
        if tried:
            write_atomically(note, str(tried).encode())
        else:
            note.unlink(missing_ok=True)


@contextmanager
def _as_refusal(name: str) -> Iterator[None]:
    """Say in words why there is no preview of a file."""
    try:
        yield
    except PictureError as error:
        raise Refusal(415, "no_preview", f"{name}: {error.what}.", error.advice) from error
    except MemoryError as error:
        what = f"{name} has no preview: there is not enough memory for it."
        raise Refusal(503, "memory", what, "Make the picture smaller.") from error
    except OSError as error:  # of the state folder: its disk is full, say
        what = f"{name} has no preview: {error.filename or 'a file'}: {error.strerror}."
        raise Refusal(503, "state", what) from error

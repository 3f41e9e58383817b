"""What calls of every interface do with a picture: look at it, have it cut, take its cutout."""

from asyncio import wrap_future
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from scissorsd.config.quick_desk import NAME as QUICK
from scissorsd.core.rules import Rule, Verdict
from scissorsd.core.signatures import PictureFormat, foreign, recognise
from scissorsd.errors import OverLimitsError, PictureError, UnsupportedPictureError
from scissorsd.page.answers import Refusal
from scissorsd.page.desk import Desk
from scissorsd.page.drops.safe_names import safe_name
from scissorsd.page.foreign.calls import calls_of
from scissorsd.page.foreign.fields import Upload
from scissorsd.page.lookup import desk_of, find
from scissorsd.page.outputs.cutouts import read_cutout
from scissorsd.page.outputs.room import ROOM
from scissorsd.page.view.choices import is_here, usual_rule
from scissorsd.pictures.reading import read_header
from scissorsd.records.journal_rows import Entry

_SUFFIXES: dict[PictureFormat, str] = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "TIFF": ".tif",
    "BMP": ".bmp",
    "GIF": ".gif",
    "AVIF": ".avif",
    "HEIF": ".heic",
}
_HEAD = 1 << 16  # bytes in which every kind is known
_NAME = "picture"
_READ = "there was an error reading the image"
_pool = ThreadPoolExecutor(2, "call")
_T = TypeVar("_T")


def choices(desk: Desk) -> dict[str, Rule]:
    """Return the rules of the quick desk by their names, the usual one first."""
    inbox = desk.inbox(QUICK)
    if inbox is None:
        return {}
    here = {name: is_here(model, desk.config) for name, model in desk.config.catalogue.items()}
    usual = usual_rule(inbox, here)
    return {usual.name: usual, **{rule.name: rule for rule in inbox.rules}}


def longest(desk: Desk) -> int:
    """Return how many bytes a picture may have."""
    return min(desk.page.limits.file, desk.config.limits.file)


@asynccontextmanager
async def cutout_of(
    request: Request, picture: Upload, rule: str
) -> AsyncIterator[tuple[bytes, Verdict, int]]:
    """Have a picture cut; give the file of its cutout, its verdict, and its pixels."""
    desk = desk_of(request)
    name, pixels = await in_a_thread(_looked_at, picture, desk.config.limits.pixels)
    async with calls_of(request).cut(request, picture, rule, name) as entry:
        if entry.state == "failed":
            raise Refusal(400, "failed_to_read_image", _READ, entry.reason)
        yield await run_in_threadpool(_cutout, desk, entry), _verdict(entry), pixels


async def in_a_thread(function: Callable[..., _T], *arguments: object) -> _T:
    """Do what takes memory, of which there is only so much at once."""
    return await wrap_future(_pool.submit(partial(function, *arguments)))


def with_room(pixels: int, function: Callable[[], _T]) -> _T:
    """Do what takes the memory of so many pixels; refuse what cannot be done."""
    try:
        with ROOM.take(pixels):
            return function()
    except OverLimitsError as error:
        raise Refusal(400, "resolution_too_high", error.what, error.advice) from error
    except PictureError as error:
        raise Refusal(500, "failed_to_encode", error.what, error.advice) from error
    except MemoryError as error:
        what = "there is not enough memory for this"
        raise Refusal(503, "memory", what, "Ask for a smaller size.") from error


def _looked_at(picture: Upload, max_pixels: int) -> tuple[str, int]:
    """Return the name that a picture gets, and its pixels; refuse what is none."""
    head = picture.head(_HEAD)
    kind = recognise(head)
    if kind is None:
        expected = "Expected jpg, png, webp, heic, avif, tiff, bmp or gif"
        what = f"{expected}; received {foreign(head) if head else 'nothing'}."
        raise Refusal(400, "invalid_file_type", "invalid file type", what)
    try:
        header = read_header(picture.whole(), max_pixels=max_pixels)
    except OverLimitsError as error:
        raise Refusal(
            400, "resolution_too_high", "image resolution too high", error.what
        ) from error
    except UnsupportedPictureError as error:
        raise Refusal(400, "invalid_file_type", "invalid file type", error.what) from error
    except PictureError as error:
        raise Refusal(400, "failed_to_read_image", _READ, error.what) from error
    stem = safe_name(PurePosixPath(picture.filename.replace("\\", "/")).stem) or _NAME
    return f"{stem}{_SUFFIXES[kind]}", header.width * header.height


def _cutout(desk: Desk, entry: Entry) -> bytes:
    return read_cutout(desk, find(desk, QUICK, entry.path)).data


def _verdict(entry: Entry) -> Verdict:
    verdicts: dict[str, Verdict] = {"no_subject": "no_subject", "doubtful": "doubtful"}
    return verdicts.get(entry.verdict, "ok")

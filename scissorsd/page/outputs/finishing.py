"""Another output, made of the cutout when it is asked for: no second look of the network.

The words are those of an output in a rule, checked by the same schema; the cutout's colours and
mask go through the same functions as those of a picture in hand. So what comes out is what the
rule would have made, byte by byte: of 16 bits, too, whose soft edges are cleaned before they are
rounded, here and there. But:

- Of a cutout that is made much smaller, single pixels that can hardly be seen (alpha 4 of 255) may
  have other colours: the background, of which a filter reaches a trace, is not in the cutout.

A lossy format may make more of either.
"""

import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scissorsd.config import output_of
from scissorsd.core.canvas import framed_size
from scissorsd.core.depth import Pixels, shallow
from scissorsd.core.formats import FORMATS, default_name
from scissorsd.core.masking import Judgement
from scissorsd.core.rules import Output
from scissorsd.errors import ConfigError, OverLimitsError, PictureError
from scissorsd.page.answers import Refusal
from scissorsd.page.lookup import asked_for, desk_of
from scissorsd.page.outputs import backdrops, sending
from scissorsd.page.outputs.cutouts import Cutout, read_cutout
from scissorsd.page.outputs.room import ROOM
from scissorsd.pictures.cutting_out import Cut, render
from scissorsd.pictures.reading import read, read_header

WORDS = (
    *("background", "crop", "margin", "aspect", "size", "enlarge", "align", "shadow"),
    *("outline", "outline_colour", "format", "quality"),
)
_BESIDE = ("download", "v")  # of an address
_NUMBERS = ("quality",)  # in YAML; all else may be text
_NOTHING = ("", "none", "transparent")  # as a background: a cutout
_TIMES = re.compile(r"\s*[×x*]\s*", re.IGNORECASE)
_OPAQUE = 255
_METRE_STEP = 0.0127 + 1e-6  # dots per inch: half of one per metre
_JUDGED = Judgement("ok", 1.0, 0.0, 0.0)  # by the job; it makes no difference here
_pool = ThreadPoolExecutor(2, "finish")


async def finish(request: Request) -> Response:
    """Send what is made of the cutout by these words."""
    words = dict(request.query_params)
    behind = words.get("background", "")
    if backdrops.is_named(behind):
        words["background"] = "white"  # for the schema, which would look for a file of this name
    output = wanted(words)
    if backdrops.is_named(behind):
        output = replace(output, background=str(backdrops.path_of(desk_of(request), behind)))
    return await asyncio.wrap_future(_pool.submit(_answer, request, output))


def _answer(request: Request, output: Output) -> Response:
    desk = desk_of(request)
    cutout = read_cutout(desk, asked_for(request, behind=1))
    etag = sending.etag_of(str(cutout.path), cutout.version, output)
    if sending.is_known(request, etag):
        return sending.unchanged(etag)
    data = _finished(cutout, output, desk.config.limits.pixels)
    name, media_type = _name(cutout.path, output), sending.TYPES_MADE[output.format]
    download = bool(request.query_params.get("download"))
    return sending.content(request, data, media_type, etag=etag, name=name, download=download)


def wanted(words: Mapping[str, str]) -> Output:
    """Return the output that the words of an address ask for; or refuse.

    With a background, a shadow or as JPEG it is a flat (on white, if nothing else is said), else a
    cutout.
    """
    unknown = [word for word in words if word not in {*WORDS, *_BESIDE}]
    if unknown:
        what = f"{unknown[0][:40]!r} is not known here; known are {', '.join(WORDS)}."
        raise Refusal(400, "words", what)
    given: dict[str, object] = {
        word: int(value) if word in _NUMBERS and value.isdecimal() else value
        for word, value in words.items()
        if word in WORDS and value != ""
    }
    if "size" in given:  # as people write it
        given["size"] = _TIMES.sub("x", words["size"].strip())
    if given.get("background") in _NOTHING:
        del given["background"]
    is_flat = "background" in given or given.get("shadow", "none") != "none"
    given["kind"] = "flat" if is_flat or given.get("format") == "jpeg" else "cutout"
    try:
        return output_of(given)
    except ConfigError as error:
        raise Refusal(400, "words", "; ".join(error.problems) + ".") from error


def finished(cutout: bytes, output: Output, *, max_pixels: int) -> bytes:
    """Make an output of a whole cutout: the bytes of its file."""
    picture = read(cutout, max_pixels=max_pixels, deep=True)
    alpha: Pixels | None = picture.alpha if picture.deep_alpha is None else picture.deep_alpha
    mask = np.full(picture.rgb.shape[:2], _OPAQUE, np.uint8) if alpha is None else shallow(alpha)
    rgb = picture.rgb
    if picture.deep is not None:  # as it was read at 8 bits, but for the edges that were cleaned
        rgb = np.where(mask[..., None] == _OPAQUE, rgb, shallow(picture.deep))
    # Its colours are those of the subject already, and its alpha is the mask.
    subject = replace(
        picture,
        rgb=rgb,
        alpha=None,
        deep=None,
        deep_alpha=None,
        metadata=replace(picture.metadata, dpi=_as_written(picture.metadata.dpi)),
    )
    cut = Cut(mask, _JUDGED, provider="", precision="", infer_s=0.0)
    return render(subject, cut, replace(output, colour="as_is"), max_pixels=max_pixels)


def _as_written(dpi: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return a resolution as the picture had it: a PNG counts pixels of a metre, 11811 for 300."""
    if dpi is None:
        return None
    across, down = (round(d) if abs(d - round(d)) < _METRE_STEP else d for d in dpi)
    return across, down


def _finished(cutout: Cutout, output: Output, max_pixels: int) -> bytes:
    try:
        header = read_header(cutout.data, max_pixels=max_pixels)
        high, wide = framed_size(header.height, header.width, output)
        behind = Path(output.background)
        under = backdrops.pixels_of(behind, max_pixels) if behind.is_absolute() else 0
        with ROOM.take(max(header.width * header.height, high * wide) + under):
            return finished(cutout.data, output, max_pixels=max_pixels)
    except OverLimitsError as error:
        advice = error.advice.replace(" in the rule", "")
        raise Refusal(409, "too_large", f"{_sentence(error.what)}.", advice) from error
    except PictureError as error:
        what = f"The cutout {cutout.path.name} cannot be used: {error.what}."
        raise Refusal(409, "refused", what, error.advice) from error
    except MemoryError as error:
        what = f"There is not enough memory to make this of {cutout.path.name}."
        raise Refusal(503, "memory", what, "Ask for a smaller size.") from error


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _name(cutout: Path, output: Output) -> str:
    stem = default_name(output.kind).format(stem=cutout.stem, kind=output.kind)
    return stem + FORMATS[output.format].suffixes[0]


ROUTES: list[BaseRoute] = [Route("/api/v1/pictures/{inbox}/{path:path}/finish", finish)]

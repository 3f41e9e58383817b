"""The interface of rembg's server (`rembg s`): `POST /api/remove` with a file and its options.

Answers are PNGs, as there. Edges are refined here in any case, so that the three numbers of its
alpha matting are checked and do nothing; `a` asks for the closer look (edges: best).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scissorsd.core import cutting
from scissorsd.core.rules import MaskOptions, Output
from scissorsd.core.shaping import shape
from scissorsd.page.answers import Refusal
from scissorsd.page.desk import Desk
from scissorsd.page.foreign import bodies
from scissorsd.page.foreign.calls import calls_of
from scissorsd.page.foreign.drawing import slide_under
from scissorsd.page.foreign.on_the_desk import (
    choices,
    cutout_of,
    in_a_thread,
    longest,
    with_room,
)
from scissorsd.page.lookup import desk_of
from scissorsd.pictures.encoding import encode
from scissorsd.pictures.reading import read

_PNG = Output(kind="cutout", format="png")
_BOOLEANS = {
    **dict.fromkeys(("true", "1", "on", "yes", "y", "t"), True),
    **dict.fromkeys(("false", "0", "off", "no", "n", "f"), False),
}
_OPAQUE = 255
_HARD = MaskOptions(threshold=0.5)  # as rembg's post-processing leaves a mask
_CHANNELS = (3, 4)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for."""

    rule: str  # of the quick desk
    only_mask: bool
    tidies: bool  # the mask
    colour: tuple[int, int, int, int] | None


async def remove(request: Request) -> Response:
    """Cut a picture out and send a PNG."""
    desk = desk_of(request)
    with calls_of(request).admitted():
        async with bodies.read_form(request, desk.own_folder, ("file",), longest(desk)) as form:
            picture = form.uploads.get("file")
            if picture is None:
                raise Refusal(422, "missing_source", "the field 'file' is required")
            if picture.size > form.most:
                raise Refusal(413, "too_large", f"the file has more than {form.most} bytes")
            texts = {**request.query_params, **form.texts}
            asked = await run_in_threadpool(_asked, desk, texts)
            async with cutout_of(request, picture, asked.rule) as (cutout, _, pixels):
                data = await in_a_thread(_drawn, desk, cutout, asked, pixels)
            return Response(data, media_type="image/png")


def by_url(request: Request) -> Response:
    """Say that nothing is fetched."""
    what = f"{request.method} with a url is not what this server takes"
    raise Refusal(405, "no_such_method", what, "It fetches nothing: POST the picture as 'file'.")


def _asked(desk: Desk, texts: Mapping[str, str]) -> Asked:
    """Return what the fields ask for; others are passed over, as rembg does."""
    values = {name: parse(name, texts.get(name, "")) for name, parse in _FIELDS.items()}
    model = texts.get("model", "")
    rules = choices(desk)
    if not model:
        model = next(iter(rules.values())).model
    edges = "best" if values["a"] else "auto"
    rule = f"{model}-{edges}"
    if rule not in rules:
        known = ", ".join(dict.fromkeys(rule.model for rule in rules.values()))
        what = f"the model {model[:60]!r} is not here"
        raise Refusal(422, "no_such_model", what, f"There are: {known}.")
    colour = values["bgc"]
    return Asked(
        rule=rule,
        only_mask=bool(values["om"]),
        tidies=bool(values["ppm"]),
        colour=colour if isinstance(colour, tuple) else None,
    )


def _boolean(name: str, text: str) -> bool:
    value = _BOOLEANS.get(text.lower() or "false")
    if value is None:
        raise Refusal(422, f"invalid_{name}", f"{name} is true or false, not {text[:40]!r}")
    return value


def _number(name: str, text: str) -> None:
    most = _OPAQUE if name != "ae" else None
    if text and not (text.isascii() and text.isdecimal() and (most is None or int(text) <= most)):
        up_to = f" from 0 to {most}" if most else ""
        raise Refusal(422, f"invalid_{name}", f"{name} is a number{up_to}, not {text[:40]!r}")


def _colour(name: str, text: str) -> tuple[int, int, int, int] | None:
    if not text:
        return None
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if part.isascii() and part.isdecimal()]
    if len(numbers) != len(parts) or len(numbers) not in _CHANNELS or max(numbers) > _OPAQUE:
        what = f"{name} is red, green, blue and alpha, each from 0 to 255: 255,255,255,255"
        raise Refusal(422, f"invalid_{name}", f"{what}; not {text[:40]!r}")
    red, green, blue, *alpha = numbers
    return red, green, blue, alpha[0] if alpha else _OPAQUE


_FIELDS: Mapping[str, Callable[[str, str], object]] = {
    **dict.fromkeys(("a", "om", "ppm"), _boolean),
    **dict.fromkeys(("af", "ab", "ae"), _number),
    "bgc": _colour,
}


def _drawn(desk: Desk, cutout: bytes, asked: Asked, pixels: int) -> bytes:
    if not (asked.only_mask or asked.tidies or asked.colour):
        return cutout
    return with_room(pixels, lambda: _made(cutout, asked, desk.config.limits.pixels))


def _made(cutout: bytes, asked: Asked, max_pixels: int) -> bytes:
    picture = read(cutout, max_pixels=max_pixels)
    mask = picture.alpha
    if mask is None:
        mask = np.full(picture.rgb.shape[:2], _OPAQUE, np.uint8)
    if asked.tidies:
        mask = shape(mask, _HARD)
    if asked.only_mask:
        return encode(mask, _PNG, picture.metadata)
    pixels = cutting.cutout(picture.rgb, mask)
    if asked.colour is not None:
        veil = np.full(mask.shape, asked.colour[3], np.uint8)
        slide_under(pixels, asked.colour[:3], veil)
    return encode(pixels, _PNG, picture.metadata)


ROUTES: list[BaseRoute] = [
    Route("/api/remove", remove, methods=["POST"]),
    Route("/api/remove", by_url, methods=["GET"]),
]

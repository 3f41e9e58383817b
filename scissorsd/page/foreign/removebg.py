"""remove.bg's interface: `POST /v1.0/removebg` and `GET /v1.0/account`."""

import base64
import json
import time
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from scissorsd.page.answers import Refusal
from scissorsd.page.desk import Desk
from scissorsd.page.foreign import bodies, calls
from scissorsd.page.foreign.calls import Calls, calls_of
from scissorsd.page.foreign.drawing import Drawn, draw, no_foreground, pixels_of_backdrop
from scissorsd.page.foreign.fields import Form, Upload, decoded, too_large
from scissorsd.page.foreign.on_the_desk import (
    choices,
    cutout_of,
    in_a_thread,
    longest,
    with_room,
)
from scissorsd.page.foreign.removebg_words import (
    Asked,
    asked_in,
    one_background,
    one_source,
)
from scissorsd.page.lookup import desk_of

_LONG = ("image_file", "image_file_b64", "bg_image_file")
_BASE = "/v1.0"
_WITH_MARGINS = 4  # times as many pixels, at most: half of the subject on each side
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_PLENTY = 1_000_000  # credits; they are never used up, and scripts look whether there are any
_NEVER = (
    "This server fetches nothing from other places. Send the picture itself, as image_file or "
    "image_file_b64."
)
_NEVER_BEHIND = "This server fetches nothing from other places. Send it as bg_image_file."


async def removebg(request: Request) -> Response:
    """Cut a picture out and send what is asked for."""
    desk = _spoken(request)
    all_calls = calls_of(request)
    with all_calls.admitted():
        async with bodies.read_form(request, desk.own_folder, _LONG, longest(desk)) as form:
            asked = _asked(form, full=desk.page.removebg == "full")
            picture = await _picture(form)
            backdrop = form.uploads.get("bg_image_file")
            rule = next(iter(await run_in_threadpool(choices, desk)))
            async with cutout_of(request, picture, rule) as (cutout, verdict, pixels):
                if verdict == "no_subject":
                    raise no_foreground()
                behind = backdrop.path if backdrop is not None else None
                drawn = await in_a_thread(_drawn, desk, cutout, asked, behind, pixels)
            return _answer(request, drawn, asked, all_calls)


def _asked(form: Form, *, full: bool) -> Asked:
    given = {*form.texts, *form.uploads}
    source, background = one_source(given), one_background(given)
    words = {name: text for name, text in form.texts.items() if not name.endswith("image_url")}
    asked = asked_in(words, has_backdrop=bool(background), full=full)
    if source == "image_url":
        what = "failed to download image from given image_url"
        raise Refusal(400, "failed_image_download", what, _NEVER)
    if background == "bg_image_url":
        what = "failed to download background image from given bg_image_url"
        raise Refusal(400, "failed_bg_download", what, _NEVER_BEHIND)
    return asked


async def _picture(form: Form) -> Upload:
    picture = form.uploads.get("image_file")
    if picture is None:
        return await run_in_threadpool(decoded, form, form.uploads["image_file_b64"])
    if picture.size > form.most:
        raise too_large(form.most)
    return picture


def _drawn(desk: Desk, cutout: bytes, asked: Asked, behind: Path | None, pixels: int) -> Drawn:
    most = desk.config.limits.pixels
    needed = pixels * (_WITH_MARGINS if asked.crop else 1)
    needed += pixels_of_backdrop(behind, most) if behind is not None else 0
    return with_room(needed, lambda: draw(cutout, asked, behind, max_pixels=most))


def _answer(request: Request, drawn: Drawn, asked: Asked, all_calls: Calls) -> Response:
    top, left, width, height = drawn.subject
    headers = {
        "X-Width": str(drawn.width),
        "X-Height": str(drawn.height),
        "X-Credits-Charged": "0",
        "X-Foreground-Top": str(top),
        "X-Foreground-Left": str(left),
        "X-Foreground-Width": str(width),
        "X-Foreground-Height": str(height),
        **_rates(all_calls),
    }
    if asked.tells_type:
        headers["X-Type"] = "other" if asked.type == "auto" else asked.type
    if not _wants_json(request.headers.get("accept", "")):
        return Response(drawn.data, headers=headers, media_type=drawn.media_type)
    data = {
        "foreground_top": top,
        "foreground_left": left,
        "foreground_width": width,
        "foreground_height": height,
    }
    start = json.dumps({"data": data})[:-2].encode()  # base64 needs no escapes
    body = b'%s, "result_b64": "%s"}}' % (start, base64.b64encode(drawn.data))
    return Response(body, headers=headers, media_type="application/json")


def _rates(all_calls: Calls) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(calls.MOST),
        "X-RateLimit-Remaining": str(max(0, calls.MOST - all_calls.in_hand)),
        "X-RateLimit-Reset": str(int(time.time()) + 1),
    }


def _wants_json(accept: str) -> bool:
    """Whether JSON is asked for; who takes anything as well gets the picture, as from remove.bg."""
    kinds = [kind.partition(";")[0].strip().lower() for kind in accept.split(",")]
    return "application/json" in kinds and not any(
        kind == "*/*" or kind.startswith("image/") for kind in kinds
    )


def account(request: Request) -> JSONResponse:
    """Answer that there is plenty: nothing is counted here."""
    _spoken(request)
    balance = {"total": _PLENTY, "subscription": 0, "payg": _PLENTY, "enterprise": 0}
    attributes = {"credits": balance, "api": {"free_calls": _PLENTY, "sizes": "all"}}
    return JSONResponse({"data": {"attributes": attributes}})


def nothing(request: Request) -> Response:
    """Answer, in the contract's shape, that there is nothing at this address."""
    _spoken(request)
    known = f"There are POST {_BASE}/removebg and GET {_BASE}/account."
    if request.path_params["rest"] in {"removebg", "account"}:
        what = f"{request.method} is not what {request.url.path} takes"
        raise Refusal(405, "method_not_allowed", what, known)
    raise Refusal(404, "not_found", f"there is nothing at {request.url.path}", known)


def _spoken(request: Request) -> Desk:
    desk = desk_of(request)
    if desk.page.removebg is None:
        what = "remove.bg's interface is not spoken here"
        raise Refusal(404, "not_found", what, "Take `removebg: false` out of `page:`.")
    return desk


ROUTES: list[BaseRoute] = [
    Route(f"{_BASE}/removebg", removebg, methods=["POST"]),
    Route(f"{_BASE}/account", account),
    Route(f"{_BASE}/{{rest:path}}", nothing, methods=[*METHODS]),
]

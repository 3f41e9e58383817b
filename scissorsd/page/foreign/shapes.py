"""Refusals in the form that clients of other interfaces read."""

from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

from starlette.responses import JSONResponse, Response

from scissorsd.page.answers import TOO_MANY, Refusal, again, sentence

REMOVEBG = "/v1.0/"
REMBG = "/api/remove"


class _As(NamedTuple):
    """What a refusal of ours is called in remove.bg's contract."""

    status: int
    code: str


_AUTH = _As(403, "auth_failed")
_RATE = _As(TOO_MANY, "rate_limit_exceeded")
_CODES = MappingProxyType(
    {
        "key_wanted": _AUTH,
        "wrong_key": _AUTH,
        "not_by_the_proxy": _AUTH,
        "no_user": _AUTH,
        "too_many": _RATE,
        "too_many_wrong_keys": _RATE,
        "too_large": _As(400, "file_too_large"),
        "no_picture": _As(400, "invalid_file_type"),
        "empty": _As(400, "invalid_file_type"),
    }
)


def shaped(path: str, refusal: Refusal) -> Response | None:
    """Return a refusal as an interface of others has it; None where an address is our own."""
    for prefix, as_theirs in _SHAPES:
        if path.startswith(prefix):
            return as_theirs(refusal)
    return None


def _as_removebg(refusal: Refusal) -> Response:
    status, code = _CODES.get(refusal.code, _As(refusal.status, refusal.code))
    error = {"title": _capital(refusal.what), "code": code}
    if refusal.advice:
        error["detail"] = refusal.advice
    return JSONResponse({"errors": [error]}, status, headers=again(refusal))


def _as_rembg(refusal: Refusal) -> Response:
    detail = " ".join(filter(None, [_capital(sentence(refusal.what)), refusal.advice]))
    return JSONResponse({"detail": detail}, refusal.status, headers=again(refusal))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_SHAPES: tuple[tuple[str, Callable[[Refusal], Response]], ...] = (
    (REMOVEBG, _as_removebg),
    (REMBG, _as_rembg),
)

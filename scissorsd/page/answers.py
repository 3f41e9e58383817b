"""What every answer has: errors as JSON in words, and the headers that keep a browser safe."""

from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from scissorsd.errors import ScissorsError

log = structlog.get_logger("scissorsd")

# A page of ours needs its own scripts, style and pictures, and nothing from anywhere else. An
# answer that says something stricter of itself, as that of a file does, is left as it is.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault
    """An answer that says no: `what` was wrong, and `advice` on what to do; `code` for programs."""

    def __init__(self, status: int, code: str, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.status = status
        self.code = code
        self.what = what
        self.advice = advice


def refused(refusal: Refusal) -> JSONResponse:
    """Return the answer to a program."""
    what = sentence(refusal.what)
    values: dict[str, Any] = {"code": refusal.code, "what": what, "advice": refusal.advice}
    headers = {"Retry-After": "60"} if refusal.status == TOO_MANY else None
    return JSONResponse({"error": values}, refusal.status, headers=headers)


def sentence(text: str) -> str:
    """Return what may be a part of a sentence with its full stop."""
    return f"{text.removesuffix('.')}."


TOO_MANY = 429
_NOT_FOUND = 404
_NO_METHOD = 405


async def _on_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for it alone
    return refused(error)


async def _on_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, ScissorsError)  # noqa: S101 - registered for it alone
    log.info("page.refused", method=request.method, path=request.url.path, why=error.what)
    return refused(Refusal(409, "refused", error.what, error.advice))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    status = error.status_code
    if status == _NOT_FOUND and error.detail == "Not Found":
        refusal = Refusal(404, "no_such_address", f"there is nothing at {request.url.path}")
    elif status == _NO_METHOD:
        asked = f"{request.method} is not what {request.url.path} takes"
        refusal = Refusal(405, "no_such_method", asked)
    else:
        refusal = Refusal(status, "refused", error.detail)
    answer = refused(refusal)
    answer.headers.update(error.headers or {})
    return answer


ON_ERRORS = {Refusal: _on_refusal, ScissorsError: _on_ours, HTTPException: _on_http}

UNFORESEEN = Refusal(
    500,
    "unforeseen",
    "something unforeseen went wrong",
    "The log of scissorsd says what; please report it.",
)

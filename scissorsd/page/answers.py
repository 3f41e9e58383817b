"""What every answer has: errors as JSON in words, and the headers that keep a browser safe."""

from collections.abc import Callable, Mapping
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
    """An answer that says no: `what` was wrong, and `advice` on what to do; `code` for programs.

    `retry_after` is for who has asked too often: in so many seconds.
    """

    def __init__(
        self, status: int, code: str, what: str, advice: str = "", *, retry_after: int = 60
    ) -> None:
        super().__init__(what)
        self.retry_after = retry_after
        self.status = status
        self.code = code
        self.what = what
        self.advice = advice


def refused(refusal: Refusal) -> JSONResponse:
    """Return the answer to a program."""
    what = sentence(refusal.what)
    values: dict[str, Any] = {"code": refusal.code, "what": what, "advice": refusal.advice}
    return JSONResponse({"error": values}, refusal.status, headers=again(refusal))


def again(refusal: Refusal) -> dict[str, str]:
    """Return the header that says when to ask again, for who has asked too often."""
    return {"Retry-After": str(refusal.retry_after)} if refusal.status == TOO_MANY else {}


def sentence(text: str) -> str:
    """Return what may be a part of a sentence with its full stop."""
    return f"{text.removesuffix('.')}."


TOO_MANY = 429
_NOT_FOUND = 404
_NO_METHOD = 405


Shaped = Callable[[str, Refusal], Response | None]  # by the path that was asked for
Handler = Callable[[Request, Exception], Response]


def on_errors(shaped: Shaped) -> Mapping[type[Exception], Handler]:
    """Return what answers for each error; `shaped` does where an address has its own way."""

    def answered(request: Request, refusal: Refusal) -> Response:
        return shaped(request.url.path, refusal) or refused(refusal)

    def on_refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - registered for it alone
        return answered(request, error)

    def on_ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ScissorsError)  # noqa: S101 - registered for it alone
        log.info("page.refused", method=request.method, path=request.url.path, why=error.what)
        return answered(request, Refusal(409, "refused", error.what, error.advice))

    def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
        answer = answered(request, _of_http(request, error))
        answer.headers.update(error.headers or {})
        return answer

    return {Refusal: on_refusal, ScissorsError: on_ours, HTTPException: on_http}


def _of_http(request: Request, error: HTTPException) -> Refusal:
    if error.status_code == _NOT_FOUND and error.detail == "Not Found":
        return Refusal(404, "no_such_address", f"there is nothing at {request.url.path}")
    if error.status_code == _NO_METHOD:
        asked = f"{request.method} is not what {request.url.path} takes"
        return Refusal(405, "no_such_method", asked)
    return Refusal(error.status_code, "refused", error.detail)


UNFORESEEN = Refusal(
    500,
    "unforeseen",
    "something unforeseen went wrong",
    "The log of scissorsd says what; please report it.",
)

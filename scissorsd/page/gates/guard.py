"""What stands before every address: the gates of access.py, safe headers, and what goes wrong."""

from time import monotonic
from typing import Any

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scissorsd.page.answers import HEADERS, UNFORESEEN, Refusal, Shaped
from scissorsd.page.gates import access as gates
from scissorsd.page.gates import words
from scissorsd.page.gates.access import Asked
from scissorsd.page.gates.door import Door
from scissorsd.rate_limit import RateLimiter

log = structlog.get_logger("scissorsd")

HEALTH = "/healthz"  # is told to everybody, in one word
_METRICS = "/metrics"
_FROM_HERE = frozenset({"/readyz", _METRICS})  # needs no key on this machine
_KEYLESS = frozenset({"/login"})


class Guard:
    """An ASGI application around another one; `request.state.asked` tells the others who asks."""

    def __init__(self, app: ASGIApp, door: Door, shaped: Shaped) -> None:
        self._app = app
        self._door = door
        self._shaped = shaped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _with_safe_headers(message.get("headers", ()))
            await send(message)

        answer: Response | None = None
        try:
            answer = self._gate(scope)
            if answer is None:
                await self._app(scope, receive, send_safely)
        except ClientDisconnect:
            return
        except Refusal as refusal:
            answer = self._refused(scope, refusal)
        except Exception:
            log.exception("page.failed", method=scope["method"], path=scope["path"])
            if started:  # the connection is closed, so that nobody takes a part for the whole
                return
            answer = self._refused(scope, UNFORESEEN)
        if answer is not None:
            await answer(scope, receive, send_safely)

    def _refused(self, scope: Scope, refusal: Refusal) -> Response:
        return self._shaped(scope["path"], refusal) or words.answer(Request(scope), refusal)

    def _gate(self, scope: Scope) -> Response | None:
        """Let a request through (None), or answer it; Refusal where it is not let through."""
        peer = scope["client"][0] if scope.get("client") else ""
        access = self._door.access
        asked = gates.asked(access, scope["method"], _headers(scope), peer)
        if access.path and (answer := _strip(scope, access.path)) is not None:
            return answer
        state: dict[str, Any] = scope.setdefault("state", {})
        state["asked"] = asked
        path = scope["path"]
        try:
            gates.check_host(access, asked)
            comes_with_key = access.auth == "key" and bool(asked.key) and path not in _KEYLESS
            if not comes_with_key:  # no other page has one to send along
                gates.check_site(access, asked)
            is_open = path not in _KEYLESS and self._door.is_open_to(asked)
            is_read = path == _METRICS and access.measures(asked.client)
            if not (is_open or is_read or path in _KEYLESS or self._is_from_here(asked, path)):
                raise self._door.closed(asked)
        except Refusal as refusal:
            if path != HEALTH:
                _tell(refusal, asked)
                raise
            is_open = False
        state["is_open"] = is_open
        return None

    def _is_from_here(self, asked: Asked, path: str) -> bool:
        return (
            path in _FROM_HERE
            and asked.is_from_here
            and gates.is_called_rightly(self._door.access, asked)
        )


_told = RateLimiter(1, 60.0)


def _tell(refusal: Refusal, asked: Asked) -> None:
    """Log that somebody was refused, but for who only comes without a key: he is asked for it."""
    if refusal.code != "key_wanted":
        client = asked.client or "the socket"
        if _told.left(f"{refusal.code} {client}", monotonic()):
            log.warning("page.kept_out", client=client, why=refusal.what)


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        joint = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{joint}{text}" if name in headers else text
    return headers


def _strip(scope: Scope, prefix: str) -> Response | None:
    """Take away what a proxy has left before an address; only / of it is answered here."""
    path: str = scope["path"]
    if path == prefix:
        return RedirectResponse(f"{prefix.rpartition('/')[2]}/", 308)
    if path.startswith(f"{prefix}/"):
        scope["path"] = path.removeprefix(prefix)
        raw: bytes = scope.get("raw_path", b"")
        scope["raw_path"] = raw.removeprefix(prefix.encode())
    return None


def _with_safe_headers(headers: Any) -> list[tuple[bytes, bytes]]:  # noqa: ANN401 - as ASGI has it
    given = [(bytes(name).lower(), bytes(value)) for name, value in headers]
    names = {name for name, _ in given}
    return [*given, *(header for header in HEADERS if header[0] not in names)]

"""The third gate: the key or its cookie, or the user whom a proxy names; `/login` and `/logout`."""

import json
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from threading import Lock
from time import monotonic
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from scissorsd.page.answers import TOO_MANY, Refusal
from scissorsd.page.gates.access import Access, Asked, WrongKeys
from scissorsd.page.gates.keys import Keys

_LONGEST = 4096  # bytes of a login
_COOKIE_AGE = 400 * 86400  # seconds; no browser keeps one for longer


@dataclass(slots=True)
class Door:
    """Who has asked with a right key, a wrong one, or none. Any thread may use it."""

    access: Access
    keys: Keys
    _wrong: WrongKeys = field(default_factory=WrongKeys)
    _lock: Lock = field(default_factory=Lock)

    def is_open_to(self, request: Asked) -> bool:
        """Whether a request may see what is behind; Refusal where its key is wrong."""
        if self.access.auth == "none":
            return True
        if self.access.auth == "proxy":
            return request.is_believed and bool(request.header("remote-user"))
        if request.key:
            self.try_key(request, request.key)
            return True
        cookie = _cookie(request, self.keys.cookie_name)
        return bool(cookie) and self.keys.is_cookie(cookie)

    def try_key(self, request: Asked, key: str) -> None:
        """Refuse a wrong key, and any key after too many wrong ones from the same address."""
        with self._lock:
            now = monotonic()
            if self._wrong.are_too_many(request.client, now):
                raise Refusal(
                    TOO_MANY,
                    "too_many_wrong_keys",
                    "too many wrong keys came from your address",
                    "Try again in a minute. `scissorsd page key` shows the key.",
                )
            if not self.keys.is_right(key):
                self._wrong.count(request.client, now)
                raise Refusal(
                    401,
                    "wrong_key",
                    "this is not the key of this page",
                    "`scissorsd page key` shows it, on the machine that the page runs on.",
                )

    def closed(self, request: Asked) -> Refusal:
        """Return what is said to who comes without a key, or past the proxy."""
        if self.access.auth == "key":
            return Refusal(
                401,
                "key_wanted",
                "this page is open to who has its key",
                "`scissorsd page key` shows it, on the machine that the page runs on. A program "
                "sends it along as X-Api-Key.",
            )
        peer = request.peer or "the socket"
        if not request.is_believed:
            return Refusal(
                403,
                "not_by_the_proxy",
                f"this page is asked by way of its proxy only, and {peer} is not that",
                f"If {peer} is the proxy, add `proxies: [{peer}]` to `page:` in the configuration.",
            )
        return Refusal(
            403,
            "no_user",
            f"the proxy at {peer} names no user",
            "Let it log people in, and hand the name on as Remote-User.",
        )


def _cookie(request: Asked, name: str) -> str:
    try:
        morsel = SimpleCookie(request.header("cookie")).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


async def _login(request: Request) -> Response:
    door: Door = request.app.state.door
    asked: Asked = request.state.asked
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form")
    wants_page = is_form and "text/html" in request.headers.get("accept", "")
    # Relative, and so right behind any proxy: what was asked for is beside it.
    answer: Response = RedirectResponse("./", 303) if wants_page else Response(status_code=204)
    if door.access.auth != "key":
        return answer
    door.try_key(asked, _key_in(await _body(request)))
    answer.set_cookie(
        door.keys.cookie_name,
        door.keys.cookie(),
        max_age=_COOKIE_AGE,
        path=None,  # where it was asked for: below a proxy's prefix, which need not be known
        secure=asked.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST:
            raise Refusal(413, "too_large", "this is too long to be a key")
    return body


def _key_in(body: bytes) -> str:
    """Return the key in JSON or in a form, whatever it is called: curl calls all a form."""
    try:
        text = body.decode().strip()
        is_json = text.startswith("{")
        key = json.loads(text)["key"] if is_json else parse_qs(text).get("key", [""])[0]
    except (ValueError, KeyError, TypeError, RecursionError):
        key = ""
    if not isinstance(key, str) or not key:
        raise Refusal(400, "no_key", "there is no key in this", 'Send {"key": "…"} as JSON.')
    return key


async def _logout(request: Request) -> Response:
    answer = Response(status_code=204)
    door: Door = request.app.state.door
    answer.set_cookie(
        door.keys.cookie_name,
        max_age=0,
        path=None,
        secure=request.state.asked.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


ROUTES: list[BaseRoute] = [
    Route("/login", _login, methods=["POST"]),
    Route("/logout", _logout, methods=["POST"]),
]

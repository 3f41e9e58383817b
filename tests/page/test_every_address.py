"""Every address of the page, whatever is added later, is closed to who has no key."""

import re
from collections.abc import Iterator
from pathlib import Path

from starlette.routing import Route

from scissorsd.page.app import make_app
from scissorsd.page.gates.access import access_to
from scissorsd.settings import Page

from .page_server import Server, served

ELSEWHERE = {"X-Forwarded-For": "192.168.1.4"}  # what comes so is not asked by this machine
WITHOUT_KEY = {("GET", "/healthz"), ("HEAD", "/healthz"), ("POST", "/login")}


def addresses(page: Server) -> Iterator[tuple[str, str]]:
    """Yield each method and address that the page answers to, with a word for each of its parts."""
    for route in make_app(page.desk, access_to(page.desk.page, "")).routes:
        assert isinstance(route, Route)
        for method in sorted(route.methods or ()):
            yield method, re.sub(r"\{\w+(?::\w+)?\}", "0", route.path)


def test_every_address_asks_for_the_key(tmp_path: Path) -> None:
    """On 0.0.0.0 each of them answers 401 but /healthz, and the one where the key is given."""
    with served(tmp_path, Page(listen="0.0.0.0:0")) as page:
        asked = set(addresses(page))
        assert len(asked) > 30
        assert asked >= WITHOUT_KEY
        for method, path in asked:
            answer = page.ask(method, path, ELSEWHERE)
            if (method, path) in WITHOUT_KEY:
                assert answer.status in {400, 503}, (method, path)
            elif path.startswith("/v1.0/"):  # as remove.bg says it
                assert answer.status == 403, (method, path)
                assert method == "HEAD" or b"auth_failed" in answer.body, path
            else:
                assert answer.status == 401, (method, path)
                if method != "HEAD" and path != "/api/remove":
                    assert answer.error["code"] == "key_wanted", path
        for path in ("/nothing", "/api/v1/", "//", "/static/../page.key", "/healthz/"):
            assert page.ask("GET", path, ELSEWHERE).status == 401, path

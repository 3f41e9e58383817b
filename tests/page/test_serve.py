"""A real page, asked over real connections."""

import json
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from scissorsd.errors import ScissorsError
from scissorsd.page import static_files
from scissorsd.page.gates import connections, keys
from scissorsd.page.serve import serve
from scissorsd.settings import Page

from .page_server import Answer, Server, desk_at, served

HTML = {"Accept": "text/html,application/xhtml+xml"}
ELSEWHERE = {"X-Forwarded-For": "192.168.1.4"}  # what comes so is not asked by this machine


def on(**options: Any) -> Page:  # noqa: ANN401 - as Page has them
    """Return a page with these options, on any port."""
    return Page(**{"listen": "127.0.0.1:0", **options})


def with_key(folder: Path) -> str:
    """Return the key of the page in a folder."""
    return keys.key_of(folder / "state")


def test_every_answer_is_safe(tmp_path: Path) -> None:
    """Every answer, also an error, forbids scripts from elsewhere, frames, guesses of a type."""
    with served(tmp_path) as page:
        for path in ("/", "/healthz", "/metrics", "/nothing", "/static/../page.key"):
            answer = page.ask("GET", path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "require-trusted-types-for 'script'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "access-control-allow-origin" not in answer.headers
            assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/static/x.js", "/metrics", "/readyz"])
def test_every_address_asks_for_the_key(tmp_path: Path, path: str) -> None:
    """With a key, every address but /healthz is closed to who has none, and a browser is asked."""
    with served(tmp_path, on(auth="key")) as page:
        answer = page.ask("GET", path, ELSEWHERE)
        assert (answer.status, answer.error["code"]) == (401, "key_wanted")
        asking = page.ask("GET", path, {**ELSEWHERE, **HTML})
        assert asking.status == 401
        assert b"<form" in asking.body
        assert page.ask("GET", "/healthz", ELSEWHERE).body == b"not healthy\n"


def test_the_key_opens(tmp_path: Path) -> None:
    """A program sends the key along; a browser gives it once and gets a cookie, until it leaves."""
    with served(tmp_path, on(auth="key")) as page:
        key = with_key(tmp_path)
        for headers in ({"X-Api-Key": key}, {"Authorization": f"Bearer {key}"}):
            assert page.ask("GET", "/metrics", {**ELSEWHERE, **headers}).status == 200
        answer = log_in(page, key)
        assert answer.status == 204
        name, _, rest = answer.headers["set-cookie"].partition("=")
        value, *attributes = (part.strip().lower() for part in rest.split(";"))
        assert {"httponly", "samesite=lax"} <= set(attributes)
        assert not [a for a in attributes if a.startswith(("path", "secure"))]
        assert key not in answer.headers["set-cookie"]
        cookie = {**ELSEWHERE, "Cookie": f"other=1; {name}={value}"}
        assert page.ask("GET", "/metrics", cookie).status == 200
        left = page.ask("POST", "/logout", cookie)
        assert (left.status, "Max-Age=0" in left.headers["set-cookie"]) == (204, True)
        keys.make(tmp_path / "state", anew=True)
        assert page.ask("GET", "/metrics", cookie).status == 401


def log_in(page: Server, key: str, **headers: str) -> Answer:
    """Give a key as the page in a browser does."""
    return page.ask("POST", "/login", headers, json.dumps({"key": key}).encode())


def test_a_form_logs_in_without_scripts(tmp_path: Path) -> None:
    """The form works by itself: it gets the cookie, and is sent to the page, relatively."""
    with served(tmp_path, on(auth="key")) as page:
        headers = {**HTML, "Content-Type": "application/x-www-form-urlencoded"}
        answer = page.ask("POST", "/login", headers, b"key=" + with_key(tmp_path).encode())
        assert (answer.status, answer.headers["location"]) == (303, "./")
        assert "set-cookie" in answer.headers


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"key": 7}', b'{"key": ""}', b"x" * 5000])
def test_what_is_no_login(tmp_path: Path, body: bytes) -> None:
    """A body that holds no key is told so, and is no try."""
    with served(tmp_path, on(auth="key")) as page:
        for _ in range(11):
            assert page.ask("POST", "/login", {}, body).status in {400, 413}


def test_ten_wrong_keys(tmp_path: Path) -> None:
    """After ten wrong keys even the right one has to wait; who has the cookie goes on."""
    with served(tmp_path, on(auth="key")) as page:
        right = with_key(tmp_path)
        cookie = log_in(page, right).headers["set-cookie"].partition(";")[0]
        for number in range(10):
            answer = log_in(page, f"wrong {number}")
            assert (answer.status, answer.error["code"]) == (401, "wrong_key")
        late = log_in(page, right)
        assert (late.status, late.headers["retry-after"]) == (429, "60")
        assert page.ask("GET", "/metrics", {"X-Api-Key": right}).status == 429
        assert page.ask("GET", "/metrics", {"Cookie": cookie}).status == 200


def test_a_stale_cookie_is_no_try(tmp_path: Path) -> None:
    """A tab that is open with an old cookie does not keep its person from giving the new key."""
    with served(tmp_path, on(auth="key")) as page:
        name = keys.Keys(tmp_path / "state").cookie_name
        for _ in range(20):
            stale = page.ask("GET", "/api/v1/status", {"Cookie": f"{name}=stale"})
            assert stale.error["code"] == "key_wanted"
        assert log_in(page, with_key(tmp_path)).status == 204


def test_the_cookie_behind_https(tmp_path: Path) -> None:
    """Where a believed proxy was asked by https, the cookie is sent by https only."""
    with served(tmp_path, on(auth="key", proxies=("127.0.0.1",))) as page:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4"}
        assert "Secure" in log_in(page, with_key(tmp_path), **headers).headers["set-cookie"]


def test_a_foreign_name_is_told_what_to_do(tmp_path: Path) -> None:
    """A name that is not the page's gets 421 and a page with the line that lets it in."""
    with served(tmp_path) as page:
        answer = page.ask("GET", "/", {"Host": "<b>evil.example", **HTML})
        assert answer.status == 421
        assert b"hosts: [&lt;b&gt;evil.example]" in answer.body
        assert answer.headers["content-type"].startswith("text/html")
        for_programs = page.ask("GET", "/metrics", {"Host": "evil.example"})
        assert (for_programs.status, for_programs.error["code"]) == (421, "unknown_host")


def test_other_pages_are_told_no(tmp_path: Path) -> None:
    """What another page sends is refused, in words, with a right cookie too; a key passes."""
    with served(tmp_path, on(auth="key")) as page:
        right = with_key(tmp_path)
        cookie = log_in(page, right).headers["set-cookie"].partition(";")[0]
        foreign = {"Origin": "http://evil.example", "Cookie": cookie}
        answer = page.ask("POST", "/logout", foreign)
        assert (answer.status, answer.error["code"]) == (403, "cross_site")
        assert "http://evil.example" in answer.error["what"]
        with_it = {"Origin": "http://evil.example", "X-Api-Key": right}
        assert page.ask("POST", "/logout", with_it).status == 204


def test_the_proxy_names_who_it_is(tmp_path: Path) -> None:
    """With `auth: proxy` a user named by the proxy comes in; nobody else may name one."""
    user = {"Remote-User": "ada"}
    with served(tmp_path, on(auth="proxy", proxies=("127.0.0.1",))) as page:
        assert page.ask("GET", "/metrics", user).status == 200
        assert page.ask("GET", "/api/v1/status").error["code"] == "no_user"
    with served(tmp_path, on(auth="proxy", proxies=("10.0.0.1",))) as page:
        answer = page.ask("GET", "/api/v1/status", user)
        assert (answer.status, answer.error["code"]) == (403, "not_by_the_proxy")
        assert "proxies: [127.0.0.1]" in answer.error["advice"]


def test_below_a_prefix(tmp_path: Path) -> None:
    """A prefix that the proxy leaves is taken off; where it strips it, all is the same."""
    with served(tmp_path, on(path="/tools/scissors")) as page:
        for path in ("/tools/scissors/healthz", "/healthz"):
            assert page.ask("GET", path).body.startswith(b"not healthy\n")
        redirect = page.ask("GET", "/tools/scissors")
        assert (redirect.status, redirect.headers["location"]) == (308, "scissors/")


def test_the_files_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is sent with a type of our own, once; what is in no list of ours is not there."""
    static = tmp_path / "static"
    (static / "icons").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html>")
    (static / "icons" / "a.svg").write_text("<svg/>")
    (static / "notes.txt").write_text("not for you")
    monkeypatch.setattr(static_files, "_all", lambda: dict(static_files._below(static, "")))
    with served(tmp_path) as page:
        answer = page.ask("GET", "/")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        known = {"If-None-Match": f'"other", W/{answer.headers["etag"]}'}
        assert page.ask("GET", "/", known).status == 304
        assert page.ask("HEAD", "/").headers["etag"] == answer.headers["etag"]
        assert page.ask("GET", "/static/icons/a.svg").headers["content-type"] == "image/svg+xml"
        for name in ("notes.txt", "../static/index.html", "%2e%2e/inbox", "icons", "nothing.js"):
            assert page.ask("GET", f"/static/{name}").status == 404


def test_health_as_the_command_tells_it(tmp_path: Path) -> None:
    """Without a daemon the page is not healthy, and says what `scissorsd health` says."""
    with served(tmp_path) as page:
        for path in ("/healthz", "/readyz"):
            answer = page.ask("GET", path)
            assert answer.status == 503
            assert b"no daemon runs on the state folder" in answer.body
        assert page.ask("POST", "/healthz").error["code"] == "no_such_method"


def test_metrics_without_a_journal(tmp_path: Path) -> None:
    """Before the first picture, and without a daemon, the numbers that there are are told."""
    with served(tmp_path) as page:
        answer = page.ask("GET", "/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert b"\nscissorsd_up 0.0\n" in answer.body
        assert b"\nscissorsd_page_drops_total " in answer.body


def test_networks_that_may_measure(tmp_path: Path) -> None:
    """From `metrics_from` the numbers are read without a key, and nothing else is; else a key."""
    of = {"proxies": ("127.0.0.1",), "metrics_from": ("10.1.0.0/16",)}
    with served(tmp_path, on(auth="key", **of)) as page:
        for client, status in (("10.1.2.3", 200), ("10.2.2.3", 401)):
            assert page.ask("GET", "/metrics", {"X-Forwarded-For": client}).status == status
            for path in ("/", "/readyz", "/api/v1/status"):
                assert page.ask("GET", path, {"X-Forwarded-For": client}).status == 401


def test_200_half_sent_headers(tmp_path: Path) -> None:
    """While 200 connections hang in their headers, whoever asks rightly is answered."""
    with served(tmp_path) as page:
        hanging = []
        try:
            for _ in range(200):
                one = socket.create_connection(("127.0.0.1", page.place.port))
                one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-")
                hanging.append(one)
            assert page.ask("GET", "/healthz").status == 503
        finally:
            for one in hanging:
                one.close()


def test_a_full_house_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every connection is in a request, one more is told to come again."""
    monkeypatch.setattr(connections, "MOST", 3)
    with served(tmp_path, on(auth="key")) as page:
        busy = []
        for _ in range(3):
            one = socket.create_connection(("127.0.0.1", page.place.port))
            one.sendall(
                b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
                b"Expect: 100-continue\r\n\r\n"
            )
            assert one.recv(100).startswith(b"HTTP/1.1 100")  # it is in the request
            busy.append(one)
        assert page.ask("GET", "/healthz").status == 503
        answer = page.ask("GET", "/healthz")
        assert b"Too many ask at once" in answer.body
        for one in busy:
            one.close()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A port on which something listens is told in words, and so is one that cannot be had."""
    with served(tmp_path) as page:
        desk = desk_at(tmp_path, Page(listen=f"127.0.0.1:{page.place.port}"))
        with pytest.raises(ScissorsError, match="another program, or another page"):
            serve(desk, until=threading.Event(), told=print)
    desk = desk_at(tmp_path, Page(listen="192.0.2.1:8000"))
    with pytest.raises(ScissorsError, match=r"cannot listen at 192\.0\.2\.1:8000"):
        serve(desk, until=threading.Event(), told=print)


def test_a_socket(tmp_path: Path) -> None:
    """A socket is for its group only, replaces one that is left over, and goes in the end."""
    path = tmp_path / "page.sock"
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(str(path))
    left_over.close()
    with served(tmp_path, on(listen=f"unix:{path}")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))
            caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: any.example\r\n\r\n")
            assert caller.recv(1000).startswith(b"HTTP/1.1 503")
        desk = desk_at(tmp_path, Page(listen=f"unix:{path}"))
        with pytest.raises(ScissorsError, match="another page"):
            serve(desk, until=threading.Event(), told=print)
        assert path.exists()
    assert not path.exists()


def test_a_file_in_the_place_of_the_socket(tmp_path: Path) -> None:
    """A file that is no socket is left where it is."""
    path = tmp_path / "page.sock"
    path.write_text("mine")
    desk = desk_at(tmp_path, Page(listen=f"unix:{path}"))
    with pytest.raises(ScissorsError, match="no socket"):
        serve(desk, until=threading.Event(), told=print)
    assert path.read_text() == "mine"

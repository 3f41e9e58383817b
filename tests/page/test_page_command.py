"""`scissorsd page`, as a real process beside a real daemon."""

import http.client
import json
import socket
import subprocess
import sys

import pytest
from end_to_end.driver import DEADLINE, Workplace, wait_for
from end_to_end.terminals import on_terminal

from scissorsd.page.gates import keys
from scissorsd.records import status_file

from .browser import free_port


def ask(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Ask for something once the page listens."""

    def answer() -> tuple[int, str] | None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()

    found = wait_for(answer)
    assert found is not None
    return found


def test_beside_a_daemon(place: Workplace) -> None:
    """The page beside a daemon tells that all is well, and numbers; SIGTERM ends it."""
    daemon = place.start()
    place.put("a.jpg")
    daemon.finished("a.jpg")
    port = free_port()
    listen = f"127.0.0.1:{port}"
    page = place.start("page", "-c", str(place.config), "--listen", listen, "--auth", "key")
    assert ask(port, "/healthz") == (200, "ok\n")
    assert json.loads(ask(port, "/")[1])["error"]["code"] == "key_wanted"
    key = place.ask("page", "key").splitlines()[0]
    assert key == keys.key_of(place.state)
    status, text = ask(port, "/metrics", {"X-Api-Key": key})
    assert status == 200
    assert 'scissorsd_pictures_total{inbox="shop",state="done",verdict="' in text
    assert 'scissorsd_job_seconds_count{inbox="shop"} 1.0' in text
    assert 'scissorsd_backlog{inbox="shop",stage="working"} 0.0' in text
    assert 'scissorsd_inbox_away{inbox="shop"} 0.0' in text
    assert 'scissorsd_provider_info{model="darkness",precision="full",provider="cpu"} 1.0' in text
    assert "\nscissorsd_up 1.0\n" in text
    place.ask("page", "key", "--new")
    assert ask(port, "/api/v1/status", {"X-Api-Key": key})[0] == 401
    page.process.terminate()
    assert page.exit_code() == 0
    assert not page.noise
    assert key not in page.transcript()


@pytest.mark.full
@pytest.mark.parametrize(
    ("half", "seconds"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-", "PAGE_HEADERS=1"),
        (b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{", "PAGE_SILENCE=1"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "PAGE_SILENCE=1"),
    ],
)
def test_who_hangs_is_hung_up_on(place: Workplace, half: bytes, seconds: str) -> None:
    """Half-sent headers, half a body, and a connection that asks for no more are closed in time."""
    port = free_port()
    command = ("page", "-c", str(place.config), "--listen", f"127.0.0.1:{port}", "--auth", "key")
    page = place.start(*command, variables={"SCISSORSD_SECONDS": seconds})
    ask(port, "/healthz")
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as hanging:
        hanging.sendall(half)
        try:
            while hanging.recv(4096):
                pass  # an answer may come first
        except ConnectionResetError:
            pass  # hung up on, too
    page.process.terminate()
    assert page.exit_code() == 0


@pytest.mark.full
def test_open_to_all_is_warned_of(place: Workplace) -> None:
    """A page that asks for nothing, beyond this machine, is warned of when it starts."""
    page = place.start(
        *("page", "-c", str(place.config), "--listen", f"0.0.0.0:{free_port()}", "--auth", "none")
    )
    assert "auth: key" in page.wait("page.open")["advice"]
    page.process.terminate()
    assert page.exit_code() == 0


@pytest.mark.full
def test_the_port_is_taken(place: Workplace) -> None:
    """Where the port is taken, it is said in words which, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = place.run("page", "-c", place.config, "--listen", f"127.0.0.1:{port}")
    assert told.returncode == 1
    assert f"the page cannot listen at 127.0.0.1:{port}: another program" in told.stderr


@pytest.mark.full
def test_proxy_auth_without_proxies(place: Workplace) -> None:
    """A page whose proxy is not named does not start, and exits with 78."""
    told = place.run("page", "-c", place.config, "--auth", "proxy")
    assert told.returncode == 78
    assert "proxies" in told.stderr


WITHOUT_STARLETTE = """
import sys
sys.modules["starlette"] = None
sys.argv = ["scissorsd", "page"]
from scissorsd.cli import main
main()
"""


@pytest.mark.full
def test_the_extra_is_missing() -> None:
    """Without the libraries of the page, the line for pip is told."""
    told = subprocess.run(
        [sys.executable, "-c", WITHOUT_STARLETTE], capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "the page needs starlette" in told.stderr
    assert f"{sys.executable} -m pip install 'scissorsd[page]'" in told.stderr


@pytest.mark.full
def test_watch_tells_a_new_key_once(place: Workplace) -> None:
    """`watch --page=0.0.0.0` prints the address with its key when that is new, and then not."""
    for is_new in (True, False):
        port = free_port()
        folders = (str(place.inbox), str(place.outbox), "--state", str(place.state))
        options = ("--model", "u2netp", f"--page=0.0.0.0:{port}")
        said = subprocess.Popen(
            [sys.executable, "-m", "scissorsd", "watch", *folders, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=place._environment,
            text=True,
        )
        ask(port, "/healthz")
        said.terminate()
        told = said.communicate()[0]
        assert (f"/#key={keys.key_of(place.state)}" in told) is is_new


@pytest.mark.full
def test_the_address_with_a_new_key_is_said_once(place: Workplace) -> None:
    """On a terminal a new key comes with the address, which the log then does not say again."""
    port, state = free_port(), place.folder / "alone"
    command = ("page", "--listen", f"127.0.0.1:{port}", "--auth", "key", "--state", str(state))
    for told in (f"http://127.0.0.1:{port}/#key=", f"the page: http://127.0.0.1:{port}/"):
        with on_terminal(place, *command) as seen:
            seen.wait(told)
            wait_for(lambda: (now := status_file.read(state)) and now.page and now.page.address)
            assert seen.stop() == 0
        assert seen.text.count(f"http://127.0.0.1:{port}/") == 1

"""Two hundred and fifty who keep a connection and say next to nothing."""

import http.client
import select
import socket
from contextlib import ExitStack, suppress

import pytest
from end_to_end.driver import Workplace, picture, wait_for
from end_to_end.pages import drop_path, temporaries

from .browser import free_port
from .test_page_command import ask

BODIES, HEADERS = 50, 200
HALF = b"GET / HTTP/1.1\r\nHost: x\r\nX-"
SLOW = "PUT {} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
SOONER = {"SCISSORSD_SECONDS": "PAGE_HEADERS=4,PAGE_WINDOW=6"}


def say(connection: socket.socket, words: bytes) -> None:
    """Send something, to whoever may have hung up."""
    with suppress(OSError):
        connection.sendall(words)


def has_hung_up(connection: socket.socket) -> bool:
    """Read what there is to read; whether that was the end."""
    try:
        return not connection.recv(65536)
    except OSError:
        return True


def put(port: int) -> int:
    """Drop a picture; give the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("PUT", drop_path("shop/a.jpg"), picture())
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.full
def test_bodies_that_trickle_beside_half_sent_headers(place: Workplace) -> None:
    """50 bodies of a byte a second and 200 half-sent headers: /healthz answers, all are closed.

    Their times are shortened here, that of headers more than that of bodies.
    """
    port = free_port()
    command = ("page", "-c", str(place.config), "--listen", f"127.0.0.1:{port}")
    page = place.start(*command, variables=SOONER)
    assert ask(port, "/healthz")[0] == 503  # no daemon runs
    with ExitStack() as all_of_them:
        connections = []
        for number in range(BODIES + HEADERS):
            one = socket.create_connection(("127.0.0.1", port), timeout=60)
            all_of_them.enter_context(one)
            slow = SLOW.format(drop_path(f"shop/{number}.jpg")).encode()
            one.sendall(slow if number < BODIES else HALF)
            connections.append(one)
        bodies, left = connections[:BODIES], set(connections)
        while left:
            for one in left.intersection(bodies):
                say(one, b"\xff")
            assert ask(port, "/healthz")[0] == 503
            heard, _, _ = select.select(left, [], [], 1.0)
            left -= {one for one in heard if has_hung_up(one)}
    wait_for(lambda: not temporaries(place.inbox))
    assert put(port) == 201
    page.process.terminate()
    assert page.exit_code() == 0
    assert place.files(place.inbox) == ["a.jpg"]

"""Listens, and serves the page until it is told to stop."""

import asyncio
import errno
import logging
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic

import structlog
import uvicorn
from starlette.applications import Starlette

from scissorsd import atomic
from scissorsd.errors import ScissorsError
from scissorsd.page.app import make_app
from scissorsd.page.desk import Desk
from scissorsd.page.gates import keys
from scissorsd.page.gates.access import Access, access_to
from scissorsd.page.gates.connections import Connection, look_at_all
from scissorsd.page.gates.listen import Place, machine_name, place_of
from scissorsd.page.gates.patience import SILENCE
from scissorsd.page.view import events

log = structlog.get_logger("scissorsd")

_TICK = 0.5  # seconds
_LAST_WORDS = (
    1  # seconds that a stop waits for answers in hand; event streams never end by themselves
)
_QUEUE = 256  # connections that wait to be taken
_GROUP_ONLY = 0o660


def serve(desk: Desk, *, until: threading.Event, told: Callable[[str], None]) -> None:
    """Serve the page until `until` is set; `told` gets its address once it listens.

    Raises ConfigError where the page cannot be as configured, and ScissorsError where it cannot
    listen. May run in any thread; signals are the caller's business.
    """
    access = access_to(desk.page, machine_name())
    if access.auth == "key":
        keys.make(desk.state)
    with _listening(place_of(desk.page.listen)) as (sockets, place):
        _warn(access, place)
        told(place.url())
        # uvicorn's own words are for its own program: what goes wrong is told by guard.py.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        _Server(make_app(desk, access), until).run(sockets)


class _Server(uvicorn.Server):
    """uvicorn, which ends when it is told, and keeps an eye on its connections."""

    def __init__(self, app: Starlette, until: threading.Event) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # whom to believe is decided in access.py
                timeout_keep_alive=max(1, round(SILENCE)),
                timeout_graceful_shutdown=_LAST_WORDS,
            )
        )
        self._app_state = app.state
        self._until = until

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever has started this."""
        yield

    async def main_loop(self) -> None:
        """Tick until it is time to stop."""
        counter = 0
        while not (self._until.is_set() or self.should_exit):
            await self.on_tick(counter)
            look_at_all(self.server_state.connections, monotonic())
            await asyncio.sleep(_TICK)
            counter += 10  # uvicorn sets the Date header at every tenth
        events.end(self._app_state)


def _warn(access: Access, place: Place) -> None:
    if access.auth == "none" and not place.is_private:
        log.warning(
            "page.open",
            address=place.url(),
            why="auth: none: whoever reaches this address can see, drop and delete pictures",
            advice="set `auth: key` in `page:`, or let it listen on 127.0.0.1 only",
        )


def see_that_it_can_listen(listen: str) -> None:
    """Raise ScissorsError where nobody could listen now."""
    with _listening(place_of(listen)):
        pass


# --- sockets ---------------------------------------------------------------------------------


@contextmanager
def _listening(place: Place) -> Iterator[tuple[list[socket.socket], Place]]:
    """Listen at a place; give the sockets, and the place with the port that it really has."""
    with ExitStack() as stack:
        if place.socket is not None:
            listener = _at_path(place.socket)
            stack.callback(_take_away, place.socket, place.socket.lstat().st_ino)
        else:
            listener = _at_address(place)
            place = replace(place, port=listener.getsockname()[1])
        stack.callback(listener.close)
        yield [listener], place


def _at_address(place: Place) -> socket.socket:
    host = place.host or "0.0.0.0"  # noqa: S104 - as it is written in the configuration
    try:
        found = socket.getaddrinfo(host, place.port, type=socket.SOCK_STREAM)
        family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        return socket.create_server(
            address[:2], family=family, backlog=_QUEUE, dualstack_ipv6=host == "::"
        )
    except OSError as error:
        raise _cannot_listen(place, error) from error


def _cannot_listen(place: Place, error: OSError) -> ScissorsError:
    where = place.url().removeprefix("http://").rstrip("/")
    advice = "Set another `listen:` in `page:`, or give --listen."
    if error.errno == errno.EADDRINUSE:
        return ScissorsError(
            f"the page cannot listen at {where}: another program, or another page, does already",
            f"{advice} `scissorsd status` tells where the page of a daemon is.",
        )
    if error.errno == errno.EACCES and place.socket is None:
        return ScissorsError(
            f"the page cannot listen at {where}: ports below 1024 are for root", advice
        )
    return ScissorsError(f"the page cannot listen at {where}: {error.strerror or error}", advice)


def _at_path(path: Path) -> socket.socket:
    """Listen on a socket in the file system, which nobody can open before it is made private."""
    _see_that_nobody_listens(path)
    draft = atomic.temporary(path.parent, "page")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(draft))
        draft.chmod(_GROUP_ONLY)
        listener.listen(_QUEUE)
        draft.replace(path)
    except OSError as error:
        listener.close()
        with suppress(OSError):
            draft.unlink()
        raise _cannot_listen(Place("", 0, path), error) from error
    return listener


def _see_that_nobody_listens(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ScissorsError(
                f"the page cannot listen at {path}: a file is there that is no socket",
                "Set another `listen:` in `page:`.",
            )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.settimeout(1.0)
            caller.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return  # or one that is left over
    except OSError as error:
        raise _cannot_listen(Place("", 0, path), error) from error
    raise _cannot_listen(Place("", 0, path), OSError(errno.EADDRINUSE, ""))


def _take_away(path: Path, inode: int) -> None:
    with suppress(OSError):
        if path.lstat().st_ino == inode:
            path.unlink()

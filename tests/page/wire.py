"""A wire between a browser and a page: it can be slow, deaf, or cut."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_PIECE = 65536
EVENTS = b"GET /api/v1/events"
DROP = b"PUT /api/v1/drops/"


class Wire:
    """Carries every connection to the page, in threads of its own, until it is told otherwise."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._to = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.stuck = b""  # of a request that begins so, only the beginning is carried
        self.deaf = b""  # the answer to a request that begins so is not
        self._is_cut = self._is_snapped = False
        self._open: list[socket.socket] = []
        self._stuck: list[socket.socket] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def snap(self) -> None:
        """End the connections that are stuck, and those that the browser tries instead."""
        self._is_snapped = True
        self._end(self._stuck)

    def cut(self) -> None:
        """End all connections, and take no more until it is mended."""
        self._is_cut = True
        self._end(self._open)

    def _end(self, connections: list[socket.socket]) -> None:
        with self._lock:
            for each in connections:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            connections.clear()

    def mend(self) -> None:
        """Carry all again."""
        self._is_cut = self._is_snapped = False
        self.stuck = self.deaf = b""

    def close(self) -> None:
        """End it."""
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                here = self._listener.accept()[0]
                threading.Thread(target=self._connect, args=(here,), daemon=True).start()

    def _connect(self, here: socket.socket) -> None:
        with here, suppress(OSError), socket.create_connection(self._to) as there:
            with self._lock:
                if self._is_cut:
                    return
                self._open += [here, there]
            deaf = threading.Event()
            back = threading.Thread(target=self._answer, args=(there, here, deaf), daemon=True)
            back.start()
            self._ask(here, there, deaf)
            back.join()

    def _ask(self, here: socket.socket, there: socket.socket, deaf: threading.Event) -> None:
        with suppress(OSError):
            while piece := here.recv(_PIECE):
                if self.deaf and piece.startswith(self.deaf):
                    deaf.set()
                there.sendall(piece)
                if self.stuck and piece.startswith(self.stuck):
                    with self._lock:
                        self._stuck.append(here)
                    if not self._is_snapped:
                        _until_gone(here)
                    break
        with suppress(OSError):
            there.shutdown(socket.SHUT_RDWR)

    def _answer(self, there: socket.socket, here: socket.socket, deaf: threading.Event) -> None:
        with suppress(OSError):
            while piece := there.recv(_PIECE):
                if not deaf.is_set():
                    here.sendall(piece)
        with suppress(OSError):
            here.shutdown(socket.SHUT_RDWR)


def _until_gone(end: socket.socket) -> None:
    """Wait until the other side has hung up, or the wire is cut; what it sends has to wait."""
    watch = select.poll()
    watch.register(end, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    watch.poll()


@contextmanager
def wired(address: str) -> Iterator[Wire]:
    """Lay a wire to a page until the block ends."""
    wire = Wire(address)
    try:
        yield wire
    finally:
        wire.close()

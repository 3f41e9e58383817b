"""Daemons with a page: where it is, and what it answers."""

import http.client
import json
import os
import signal
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .driver import DEADLINE, NOTHING, Daemon, Workplace, wait_for

ANYWHERE = {"listen": "127.0.0.1:0"}  # a free port


class Page:
    """The page of a daemon."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.address = str(told["address"])
        self.pid = int(told["pid"])
        parts = urllib.parse.urlsplit(self.address)
        self._host, self._port = parts.hostname or "", parts.port

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection."""
        return http.client.HTTPConnection(self._host, self._port, timeout=DEADLINE)

    def put(self, path: str, content: bytes, query: str = "") -> tuple[int, dict[str, Any]]:
        """Drop a file; return the status and what was said."""
        connection = self.connect()
        connection.request("PUT", drop_path(path) + query, content)
        return answer(connection)

    def begin(self, path: str, length: int) -> http.client.HTTPConnection:
        """Send the headers of a drop, and nothing of its body."""
        connection = self.connect()
        connection.putrequest("PUT", drop_path(path))
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        return connection

    def kill(self) -> None:
        """End its process as a crash would, and see it gone."""
        os.kill(self.pid, signal.SIGKILL)

    def is_gone(self) -> bool:
        """Whether its process has ended; a zombie has."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True


def drop_path(path: str) -> str:
    """Return the address of a drop; what is encoded already stays as it is."""
    return "/api/v1/drops/" + urllib.parse.quote(path, safe="/%")


def answer(connection: http.client.HTTPConnection) -> tuple[int, dict[str, Any]]:
    """Read the answer to the end."""
    response = connection.getresponse()
    said = json.loads(response.read() or b"{}")
    connection.close()
    return response.status, said


def code(said: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    return said[0], said[1]["error"]["code"]


def with_page(
    place: Workplace, *, variables: Mapping[str, str] = NOTHING, **page: object
) -> tuple[Daemon, Page]:
    """Start a daemon with a page on a free port."""
    place.change_config(page={**ANYWHERE, **page})
    daemon = place.start(variables=variables)
    return daemon, page_of(daemon)


def page_of(daemon: Daemon, times: int = 1) -> Page:
    """Return a daemon's page, started for this many-th time."""
    return Page(daemon.wait("page.listening", times=times))


def temporaries(folder: Path) -> list[Path]:
    """Return what drops have left below a folder under names of their own."""
    return sorted(folder.rglob(".scissorsd-*"))


def begun(folder: Path, count: int = 1) -> list[Path]:
    """Wait until so many drops are under way."""
    return wait_for(lambda: found if len(found := temporaries(folder)) == count else [])

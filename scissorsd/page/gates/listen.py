"""Where the page listens: an address and a port, or a socket in the file system."""

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from scissorsd.errors import ConfigError

PORT = 8000
_SOCKET = "unix:"
_LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Place:
    """A host and a port, or the path of a socket."""

    host: str
    port: int
    socket: Path | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can ask there."""
        if self.socket is not None:
            return False
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_private(self) -> bool:
        """Whether nobody can ask there but who is on this machine."""
        return self.socket is not None or self.is_loopback

    @property
    def is_everywhere(self) -> bool:
        """Whether it is every address of this machine."""
        return self.host in {"", "0.0.0.0", "::"}  # noqa: S104 - told apart, not listened on

    def url(self, host: str = "") -> str:
        """Return how it is called, by another host's name if one is given."""
        if self.socket is not None:
            return f"{_SOCKET}{self.socket}"
        host = host or self.host or "0.0.0.0"  # noqa: S104 - the same
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"


def place_of(listen: str) -> Place:
    """Read `listen`; raises ConfigError for what is no address.

    It is HOST:PORT, a port, a host, [IPV6]:PORT or unix:PATH; or as `Place.url` writes it.
    """
    listen = listen.removeprefix("http://").rstrip("/")
    if listen.startswith(_SOCKET):
        path = Path(listen.removeprefix(_SOCKET))
        if not path.is_absolute():
            raise _no_address(listen, "the path of a socket begins with /")
        return Place("", 0, path)
    if listen.isdecimal():
        host, port = "127.0.0.1", listen
    elif listen.startswith("["):
        host, _, rest = listen[1:].partition("]")
        port = rest.removeprefix(":") or str(PORT)
    elif listen.count(":") > 1:
        host, port = listen, str(PORT)
    else:
        host, _, port = listen.partition(":")
        port = port or str(PORT)
    if not (port.isascii() and port.isdecimal() and int(port) <= _LARGEST_PORT):
        raise _no_address(listen, f"{port!r} is no port")
    return Place(host, int(port))


def _no_address(listen: str, why: str) -> ConfigError:
    what = f"page: listen: {listen} is no address: {why}"
    return ConfigError((f"{what} (such as 127.0.0.1:8000, or unix:/run/scissorsd/page.sock)",))


def machine_name() -> str:
    """Return the name by which this machine knows itself."""
    return socket.gethostname().lower()


def for_people(place: Place, key: str = "") -> str:
    """Return what a person types into a browser, with the key that the page is to take.

    The key stands behind #, which a browser sends to nobody. The name that a container has is
    known to nobody outside: there it is HOST, for the machine that it runs on.
    """
    name = ""
    if place.is_everywhere:
        inside = any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))
        name = "HOST" if inside else machine_name()
    return place.url(name) + (f"#key={key}" if key and place.socket is None else "")

"""The address of a hub, as people write it: amqps://nas.local:5671/scissorsd."""

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

VHOST: Final = "scissorsd"
PORT: Final = 5671  # of AMQP over TLS
_PLAIN_PORT: Final = 5672
_EXAMPLE: Final = f"amqps://nas.local:{PORT}/{VHOST}"


@dataclass(frozen=True, slots=True)
class HubAddress:
    """Where a broker listens, under which of its vhosts our queues are, and whether over TLS."""

    host: str
    port: int
    vhost: str
    tls: bool


def hub_address(url: str) -> HubAddress:
    """Return what an address says. Raises ValueError with a sentence for a person."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:  # a bracket that is not closed, a port that is none
        raise ValueError(f"{url!r} is not an address: {error}; it reads like {_EXAMPLE}") from None
    if parts.username is not None or parts.password is not None:  # and is not repeated here
        raise ValueError("an address holds neither user nor password; the join file has them")
    if parts.scheme in {"redis", "rediss", "valkey", "valkeys"}:
        raise ValueError(
            f"{parts.scheme}:// is refused: Redis gives a picture out a second time while it is "
            f"still being cut, and may lose one when it dies; RabbitMQ does neither: {_EXAMPLE}"
        )
    if parts.scheme not in {"amqp", "amqps"} or not host:
        raise ValueError(f"{url!r} is not the address of a hub; it reads like {_EXAMPLE}")
    if parts.query or parts.fragment:
        raise ValueError(f"{url!r} holds more than an address; it reads like {_EXAMPLE}")
    tls = parts.scheme == "amqps"
    if not tls and not _is_this_machine(host):
        raise ValueError(
            f"amqp:// would send the secret to {host} unencrypted, and is for this machine only; "
            "write amqps://"
        )
    vhost = unquote(parts.path.removeprefix("/")) or VHOST
    return HubAddress(host, port or (PORT if tls else _PLAIN_PORT), vhost, tls)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

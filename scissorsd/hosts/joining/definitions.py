r"""What RabbitMQ is told at its start: users, rights, queues. Values in, values out.

For each network of the catalogue there are two queues (names.py). A custom network's are declared
by the watcher whose rules name it, with the same arguments and binding: hosts declare nothing.

Who may do what, as RabbitMQ has it (patterns of the names of queues and exchanges):

            declares, deletes   puts into                  takes from
  watcher   all of ours         all of ours                all of ours
  host      nothing             answers and events         orders
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.hub_address import VHOST
from scissorsd.hosts.messages import names

WATCHER: Final = "watcher"
HOST: Final = "host"
# `pidbox` is what Flower asks workers by; ours listen to none, so it harms nothing.
_PIDBOX: Final = r"(.+\.)?(reply\.)?celery\.pidbox"
_OURS: Final = rf"^(scissorsd\.{names.FORMAT}\..+|{names.EVENTS}(\..+)?|{_PIDBOX})$"
_RIGHTS: Final[dict[str, dict[str, str]]] = {
    WATCHER: {"configure": _OURS, "write": _OURS, "read": _OURS},
    HOST: {
        "configure": "^$",
        "write": f"^({re.escape(names.ANSWERS)}|{names.EVENTS})$",
        "read": rf"^scissorsd\.{names.FORMAT}\..+\.({'|'.join(names.WAYS)})$",
    },
}
# `monitoring` lets the watcher's user see RabbitMQ's own pages; a host's user does not get in.
_TAGS: Final = {WATCHER: "monitoring", HOST: ""}
_SALT: Final = 4  # bytes


def definitions(
    hashes: Mapping[str, str], networks: Iterable[str] = CATALOGUE, vhost: str = VHOST
) -> dict[str, Any]:
    """Return the definitions; `hashes`: the hashed secret of each user."""
    queues = names.orders_queues(networks)
    return {
        "users": [
            {
                "name": user,
                "password_hash": hashed,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": _TAGS[user],
            }
            for user, hashed in hashes.items()
        ],
        "vhosts": [{"name": vhost}],
        "permissions": [
            {"user": user, "vhost": vhost, **rights} for user, rights in _RIGHTS.items()
        ],
        "exchanges": [
            _exchange(vhost, names.ORDERS, "direct"),
            _exchange(vhost, names.ANSWERS, "direct"),
            _exchange(vhost, names.EVENTS, "topic"),
        ],
        "queues": [
            {
                "name": queue,
                "vhost": vhost,
                "durable": True,
                "auto_delete": False,
                "arguments": names.QUEUE_ARGUMENTS,
            }
            for queue in queues
        ],
        "bindings": [
            {
                "source": names.ORDERS,
                "vhost": vhost,
                "destination": queue,
                "destination_type": "queue",
                "routing_key": queue,
                "arguments": {},
            }
            for queue in queues
        ],
    }


def _exchange(vhost: str, name: str, kind: str) -> dict[str, Any]:
    return {
        "name": name,
        "vhost": vhost,
        "type": kind,
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": {},
    }


def hashed(secret: str, salt: bytes | None = None) -> str:
    """Return a secret as RabbitMQ keeps it."""
    salt = secrets.token_bytes(_SALT) if salt is None else salt
    digest = hashlib.sha256(salt + secret.encode()).digest()
    return base64.b64encode(salt + digest).decode()


def is_of(secret: str, known: str) -> bool:
    """Whether this is the secret of which a hash was made."""
    try:
        salt = base64.b64decode(known)[:_SALT]
    except ValueError:
        return False
    return hmac.compare_digest(hashed(secret, salt), known)

"""What watchers, hosts and the hub call the queues, the exchanges, the task and the presence event.

The number of the format is in every name: who speaks another never meets an order of this one.
Orders are Celery tasks of the one name, on two queues for each network: one for hosts that see the
folders, and one for all, where the picture's bytes go along. Answers are plain messages to an
exchange (a host may write to it, and to no queue), with the watcher's id for their routing key.
Both are JSON, or MessagePack where bytes go along.
"""

from collections.abc import Iterable
from typing import Any, Final

FORMAT: Final = 1
TASK: Final = f"scissorsd.{FORMAT}.cut"
ORDERS: Final = f"scissorsd.{FORMAT}.orders"  # exchange, direct; routing key: the queue's name
ANSWERS: Final = f"scissorsd.{FORMAT}.answers"  # exchange, direct; routing key: the watcher's id
EVENTS: Final = "celeryev"  # exchange, topic: Celery's own name for it
# The event by which a host says every few seconds how it stands. Its fields: format, version,
# host, start (another each time that it starts), slots, busy, takes (["paths", "bytes"], or
# ["bytes"] where it sees no folder of those that orders name), models {network: {"provider": …,
# "sha256": …}}, backgrounds (the SHA-256 of those that it has), trouble.
STANDING: Final = "host-standing"
# How pictures come to hosts: they are read where they lie, or their bytes go along.
WAYS: Final = ("paths", "bytes")
# These may never change under one name.
QUEUE_ARGUMENTS: Final[dict[str, Any]] = {"x-queue-type": "quorum"}


def orders_queue(network: str, way: str = "paths") -> str:
    """Return the queue of orders for a network; `way`: how the picture travels."""
    return f"scissorsd.{FORMAT}.{network}.{way}"


def orders_queues(networks: Iterable[str], ways: Iterable[str] = WAYS) -> list[str]:
    """Return the queues of orders for these networks."""
    return [orders_queue(network, way) for network in networks for way in ways]


def answers_queue(watcher: str) -> str:
    """Return the queue of the answers for a watcher."""
    return f"{ANSWERS}.{watcher}"


def order_id(watcher: str, job: int, turn: int) -> str:
    """Return the id of the task by which a job's turn goes out; other watchers hear of it, too."""
    return f"{watcher}-{job}-{turn}"


def staging_tag(watcher: str, job: int, turn: int, nonce: str) -> str:
    """Return the tag (see `atomic.temporary`) of what one execution of an order stages.

    `nonce`: 8 hex digits, chosen at each execution.
    """
    return f"{watcher}-{job}-{turn}-{nonce}"

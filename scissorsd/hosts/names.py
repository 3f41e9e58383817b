"""What watchers, hosts and the hub call the queues, the exchanges, the task and the presence event.

The number of the format is in every name: who speaks another never meets an order of this one.
Orders are Celery tasks of the one name, on a queue for each network. Answers are plain messages,
JSON, to an exchange (a host may write to it, and to no queue), with the watcher's id for their
routing key.
"""

from typing import Any, Final

FORMAT: Final = 1
TASK: Final = f"scissorsd.{FORMAT}.cut"
ORDERS: Final = f"scissorsd.{FORMAT}.orders"  # exchange, direct; routing key: the queue's name
ANSWERS: Final = f"scissorsd.{FORMAT}.answers"  # exchange, direct; routing key: the watcher's id
EVENTS: Final = "celeryev"  # exchange, topic: Celery's own name for it
# The event by which a host says every few seconds how it stands. Its fields: format, version,
# host, slots, busy, takes (["paths"]), models {network: {"provider": …, "sha256": …}}, trouble.
STANDING: Final = "host-standing"
# These may never change under one name.
QUEUE_ARGUMENTS: Final[dict[str, Any]] = {"x-queue-type": "quorum"}


def orders_queue(network: str, way: str = "paths") -> str:
    """Return the queue of orders for a network; `way`: how the picture travels."""
    return f"scissorsd.{FORMAT}.{network}.{way}"


def answers_queue(watcher: str) -> str:
    """Return the queue of the answers for a watcher."""
    return f"{ANSWERS}.{watcher}"


def order_id(job: int, turn: int) -> str:
    """Return the id of the task by which a job's turn goes out."""
    return f"{job}-{turn}"


def staging_tag(watcher: str, job: int, turn: int, nonce: str) -> str:
    """Return the tag (see `atomic.temporary`) of what one execution of an order stages.

    `nonce`: 8 hex digits, chosen at each execution.
    """
    return f"{watcher}-{job}-{turn}-{nonce}"

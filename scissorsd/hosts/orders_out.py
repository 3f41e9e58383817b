"""The orders that are out, and whether an answer is taken for one of them.

An answer is taken only for an order that is out at this moment, in this turn of its job, and once;
what it says must fit (`fence.refusal`). What is on the disk `publishing.commit` looks at.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal

from scissorsd.core.catalogue import Model
from scissorsd.core.rules import in_review
from scissorsd.hosts import names
from scissorsd.hosts.fence import refusal
from scissorsd.hosts.orders import Answer, Order
from scissorsd.records.status_file import OrderStatus

_REMEMBERED = 10_000  # jobs that went out, for answers that come too late


@dataclass(slots=True, eq=False)
class Out:
    """An order that is out, from before it is sent until what came of it is journalled."""

    order: Order
    networks: Sequence[Model]
    sent_at: float
    heard: SimpleQueue[None] = field(default_factory=SimpleQueue)  # wakes who waits
    answer: Answer | None = None
    message: Any = None  # of the answer, to be acknowledged
    lost: str = ""  # why nobody waits for it any more
    begun: list[tuple[str, float]] = field(default_factory=list)  # hosts that began it, and when

    @property
    def was_cut_once(self) -> bool:
        """Whether no other host can have staged anything for it."""
        answer = self.answer
        return answer is not None and answer.error is None and not answer.came_back


class OrdersOut:
    """All orders that are out. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._out: dict[tuple[int, int], Out] = {}  # by job and turn
        self._folders: OrderedDict[int, list[Path]] = OrderedDict()  # into which jobs may write

    def __len__(self) -> int:
        return len(self._out)

    def add(self, out: Out) -> None:
        """Note that an order is about to be sent."""
        order = out.order
        with self._lock:
            self._out[order.job, order.turn] = out
            self._folders[order.job] = folders_of(order)
            while len(self._folders) > _REMEMBERED:
                self._folders.popitem(last=False)

    def remove(self, out: Out) -> None:
        """Note that all is done with an order: no answer is taken for it any more."""
        with self._lock:
            del self._out[out.order.job, out.order.turn]

    def is_out(self, job: int, turn: int) -> bool:
        """Whether the order for a job in this turn is out."""
        with self._lock:
            return (job, turn) in self._out

    def take(self, answer: Answer, message: Any) -> str | Literal[True]:  # noqa: ANN401 - kombu's
        """Take an answer, and wake who waits for it; or return why it is refused.

        True stands for one that was taken before, and has only come again.
        """
        with self._lock:
            out = self._out.get((answer.job, answer.turn))
            if out is None:
                return "its order is not out, or not any more"
            if out.answer is not None and out.answer.nonce == answer.nonce:
                return True
            if out.answer is not None or out.lost:
                return "its order was answered before, or given up"
            if why := refusal(out.order, answer):
                return why
            out.answer, out.message = answer, message
        out.heard.put(None)
        return ""

    def answer_or_loss(self, out: Out, why_lost: str) -> Answer | None:
        """Return the answer that came; if none did, the order is lost where there is a reason."""
        with self._lock:
            if out.answer is None:
                out.lost = out.lost or why_lost
            return out.answer

    def give_up(self, why: str) -> None:
        """Let no one wait any longer for an answer that has not come."""
        with self._lock:
            unanswered = [out for out in self._out.values() if out.answer is None]
            for out in unanswered:
                out.lost = why
        for out in unanswered:
            out.heard.put(None)

    def note_begun(self, order_id: str, host: str, now: float) -> None:
        """Note that a host has begun with an order, if it is one of these."""
        with self._lock:
            for out in self._out.values():
                if names.order_id(out.order.job, out.order.turn) == order_id:
                    out.begun.append((host, now))

    def oldest(self, count: int) -> tuple[OrderStatus, ...]:
        """Return so many of them, as they are told."""
        with self._lock:
            return tuple(map(_told, sorted(self._out.values(), key=lambda o: o.sent_at)[:count]))

    def folders(self, job: int) -> Sequence[Path]:
        """Return the folders into which a job of this run may write; none if it is not known."""
        with self._lock:
            return self._folders.get(job, ())


def folders_of(order: Order) -> list[Path]:
    """Return the folders into which hosts may write for an order."""
    outbox = Path(order.roots.outbox.path)
    paths = [way for path in order.outputs for way in (path, in_review(path))]
    return list(dict.fromkeys((outbox / path).parent for path in paths))


def _told(out: Out) -> OrderStatus:
    host, since = out.begun[-1] if out.begun else ("", out.sent_at)
    source = f"{out.order.roots.inbox.path}/{out.order.source.path}"
    return OrderStatus(source, since, host, out.order.way)

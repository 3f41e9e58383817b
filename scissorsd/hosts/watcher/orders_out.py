"""The orders that are out, and whether an answer is taken for one of them.

An answer is taken only for an order that is out at this moment, in this turn of its job, and once;
what it says must fit (`fence.refusal`). What is on the disk `publishing.commit` looks at.

What is out when the daemon ends stays so (records/orders_sent.py): the next start waits on, and
keeps answers that come before their pictures have settled.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from queue import SimpleQueue
from time import monotonic, time
from typing import Any

from scissorsd import failpoints
from scissorsd.core.catalogue import Model
from scissorsd.core.rules import in_review
from scissorsd.hosts.messages import names
from scissorsd.hosts.messages.fence import refusal
from scissorsd.hosts.messages.orders import Answer, Order
from scissorsd.records.interrupted import GivenOut
from scissorsd.records.orders_sent import OrdersSent
from scissorsd.records.status_file import OrderStatus

# Seconds from a start on in which a picture that hosts have had since before may settle.
KEPT = failpoints.seconds("HUB_KEPT", 60.0)
_KEPT = 8  # answers to one order
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
    is_left: bool = False  # to the next start
    begun: list[tuple[str, float]] = field(default_factory=list)  # hosts that began it, and when

    @property
    def was_cut_once(self) -> bool:
        """Whether no other host can have staged anything for it."""
        answer = self.answer
        return answer is not None and answer.error is None and not answer.came_back


@dataclass(slots=True, eq=False)
class Earlier:
    """An order that was out before a restart, until its picture is taken up again."""

    job: int
    turn: int
    sent_at: float  # monotonic
    answers: list[tuple[Answer, Any]] = field(default_factory=list)  # with their messages


class OrdersOut:
    """All orders that are out. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._out: dict[tuple[int, int], Out] = {}  # by job and turn
        self._earlier: dict[tuple[str, str], Earlier] = {}  # by inbox and path
        self._kept_until = 0.0  # monotonic
        self._leaving = False
        self._folders: OrderedDict[int, list[Path]] = OrderedDict()  # into which jobs may write

    def __len__(self) -> int:
        return len(self._out)

    # --- before and after a restart ----------------------------------------------------------

    def recall(self, sent: OrdersSent, given_out: Iterable[GivenOut]) -> None:
        """Wait on for what the last run has sent."""
        now, since = monotonic(), time()
        with self._lock:
            self._sent = sent
            self._kept_until = now + KEPT
            for each in given_out:
                self._remember_folders(each.job, each.folders)
                at = sent.out.get((each.job, each.turn))
                if at is not None:
                    earlier = Earlier(each.job, each.turn, now - max(0.0, since - at))
                    self._earlier[each.inbox, each.path] = earlier
            still = {(one.job, one.turn) for one in self._earlier.values()}
            for key in sent.out.keys() - still:
                sent.over(*key)

    def given_out(self, inbox: str, path: str) -> int:
        """Return the turn in which hosts have a picture since before a restart; else 0."""
        earlier = self._earlier.get((inbox, path))
        return earlier.turn if earlier is not None else 0

    def forget_earlier(self, now: float = inf) -> list[tuple[Answer, Any]]:
        """Wait no longer for pictures that have not come again; return what was answered."""
        with self._lock:
            if now < self._kept_until or not self._earlier:
                return []
            forgotten = list(self._earlier.values())
            self._earlier.clear()
            for one in forgotten:
                self._sent.over(one.job, one.turn)
        return [answer for one in forgotten for answer in one.answers]

    def leave(self) -> None:
        """Leave what is not answered to the next start."""
        with self._lock:
            self._leaving = True
            left = [out for out in self._out.values() if out.answer is None and not out.lost]
            for out in left:
                out.is_left = True
        for out in left:
            out.heard.put(None)

    def close(self) -> None:
        """Note nothing more."""
        with self._lock:
            self._sent.close()

    # --- one order ---------------------------------------------------------------------------

    def add(self, out: Out) -> Earlier | None:
        """Note that an order is about to be sent; return the one that was out before a restart.

        If that is of the same turn it is this one, and is not to be sent again.
        """
        order = out.order
        with self._lock:
            self._out[order.job, order.turn] = out
            self._remember_folders(order.job, folders_of(order))
            earlier = self._earlier.pop((order.roots.inbox.path, order.source.path), None)
            if earlier is not None and earlier.turn == order.turn:
                out.sent_at = earlier.sent_at
            elif earlier is not None:
                self._sent.over(earlier.job, earlier.turn)
        return earlier

    def _remember_folders(self, job: int, folders: list[Path]) -> None:
        self._folders[job] = folders
        while len(self._folders) > _REMEMBERED:
            self._folders.popitem(last=False)

    def sent(self, out: Out) -> None:
        """Note that the hub has an order."""
        with self._lock:
            self._sent.sent(out.order.job, out.order.turn, time())

    def remove(self, out: Out) -> None:
        """Note that all is done with an order: no answer is taken for it any more."""
        with self._lock:
            if not out.is_left:
                del self._out[out.order.job, out.order.turn]
                self._sent.over(out.order.job, out.order.turn)

    def is_out(self, job: int, turn: int) -> bool:
        """Whether the order for a job in this turn is out."""
        with self._lock:
            earlier = {(one.job, one.turn) for one in self._earlier.values()}
            return (job, turn) in self._out or (job, turn) in earlier

    def take(self, answer: Answer, message: Any) -> str | bool:  # noqa: ANN401 - kombu's
        """Take an answer, and wake who waits for it; or return why it is refused.

        True stands for one that is not to be acknowledged yet: it was taken before, and has only
        come again; it is kept; or it is left to the next start.
        """
        with self._lock:
            out = self._out.get((answer.job, answer.turn))
            if out is None or out.is_left:
                waits = self._leaving or self._is_kept(answer, message)
                return waits or "its order is not out, or not any more"
            if out.answer is not None and out.answer.nonce == answer.nonce:
                out.message = message
                return True
            if out.answer is not None or out.lost:
                return "its order was answered before, or given up"
            if why := refusal(out.order, answer):
                return why
            out.answer, out.message = answer, message
        out.heard.put(None)
        return ""

    def _is_kept(self, answer: Answer, message: Any) -> bool:  # noqa: ANN401 - kombu's
        """Keep an answer that comes before its picture does, after a restart."""
        for earlier in self._earlier.values():
            if (earlier.job, earlier.turn) == (answer.job, answer.turn):
                others = [kept for kept in earlier.answers if kept[0].nonce != answer.nonce]
                if len(others) < _KEPT:
                    earlier.answers = [*others, (answer, message)]
                    return True
        return False

    def answer_or_loss(self, out: Out, why_lost: str) -> Answer | None:
        """Return the answer that came; if none did, the order is lost where there is a reason."""
        with self._lock:
            if out.answer is None and not out.is_left:
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
                order = out.order
                if names.order_id(order.watcher, order.job, order.turn) == order_id:
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

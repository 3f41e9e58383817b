"""A host: takes orders from the hub, has them cut here, answers, and stands down when in trouble.

Threads: Celery's loop is the main one; it alone touches the connection that orders come by. Each
slot is a thread, which sends its answer by a connection of its own. One more looks after orders
that hang, one listens for signals, and one waits out a pause.
"""

import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from time import monotonic, sleep
from typing import Any, Final, Literal

import structlog
from celery.exceptions import Reject
from celery.worker import state as at_work

from scissorsd import __version__, failpoints
from scissorsd.core.backoff import backoff
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.daemon.signals import Signals
from scissorsd.daemon.systemd import notify
from scissorsd.errors import EXIT_OK
from scissorsd.hosts import engine
from scissorsd.hosts.host.alone import STALLED, Alone, stalled
from scissorsd.hosts.host.cutting import Here, Settings, cut, discard
from scissorsd.hosts.host.sight import Sight
from scissorsd.hosts.joining.join import Join
from scissorsd.hosts.messages import names
from scissorsd.hosts.messages.faults import LACKING, fault_of
from scissorsd.hosts.messages.orders import (
    Answer,
    Fault,
    NotUnderstoodError,
    Order,
    address_of,
    read_order,
)
from scissorsd.inference import weights
from scissorsd.plain_text import one_line

log = structlog.get_logger("scissorsd")

FIRST_PAUSE = failpoints.seconds("HOST_FIRST_PAUSE", 2.0)
LONGEST_PAUSE = 300.0
TEMPORARY_FAILURE: Final = 75  # EX_TEMPFAIL of sysexits.h: start it again
_SOON = 0.05  # seconds between two looks whether all that was in hand is done
_A_WHILE = failpoints.seconds("HOST_LOOK", 5.0)  # between two looks whether an order hangs


@dataclass(slots=True, eq=False)
class _InHand:
    order: Order
    nonce: str
    since: float  # monotonic
    alone: bool  # in a process of its own
    # given up: it hangs, the watcher was told, and will not hear of it again
    state: Literal["working", "answering", "given up"] = "working"


class Worker:
    """One host at work; `run` returns the exit code."""

    def __init__(
        self, join: Join, here: Here, settings: Settings, networks: tuple[str, ...], slots: int
    ) -> None:
        self._here = here
        self._alone = Alone(settings)
        self._networks = networks
        folder = Path(settings.models)
        self._hashes = {one: weights.known_hash(CATALOGUE[one], folder) for one in networks}
        self._slots = slots
        self._app = engine.application(join, slots)
        for queue in names.orders_queues(networks):
            self._app.amqp.queues.add(engine.orders_queue(queue))
        self._app.amqp.queues.select(names.orders_queues(networks))
        self._app.task(engine.task(self._take), name=names.TASK, bind=True)
        self._engine = engine.engine(self._app, here.name, slots, self._follow, self._ready)
        self._hub = f"{join.address.host}:{join.address.port}"
        self._lock = threading.Lock()
        self._in_hand: dict[str, _InHand] = {}  # by nonce
        self._sight = Sight(here, lambda: self._in_loop(self._follow))
        self._failures = 0  # orders in a row that met trouble of this host
        self._trouble = ""  # why it takes no orders for now
        self._stopping = False
        self._start = secrets.token_hex(4)  # tells this process from another of the same name
        self._signalled = SimpleQueue[None]()  # whose `put` a handler may call
        self._cut = 0

    @property
    def _takes(self) -> list[str]:
        """The ways by which pictures may come now."""
        if self._trouble or self._stopping:
            return []
        return ["bytes"] if self._sight.is_blind else list(names.WAYS)

    def run(self) -> int:
        """Take orders until SIGTERM or SIGINT; what is in hand then is finished and answered."""
        engine.retell()
        Signals(lambda: self._signalled.put(None)).listen()
        for target in (self._wait_for_signal, self._look_after):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()
        self._engine.start()
        log.info("host.stopped", cut=self._cut)
        return int(self._engine.exitcode or 0)

    def _ready(self, _consumer: object) -> None:
        opened = self._here.sessions.providers_in_use()
        log.info(
            "host.ready",
            host=self._here.name,
            hub=self._hub,
            slots=self._slots,
            networks=[f"{name} on {one.provider}" for name, one in opened.items()],
        )
        notify("READY=1")

    # --- an order ----------------------------------------------------------------------------

    def _take(self, value: object, *, came_back: bool) -> None:
        """Cut what an order asks for, and answer. It never raises, but to give the order back."""
        if self._stopping:
            raise Reject("this host is stopping", requeue=True)
        nonce = secrets.token_hex(4)
        try:
            order = read_order(value)
        except NotUnderstoodError as error:
            self._refuse(value, error, nonce)
            return
        if order.way == "paths":
            self._sight.asked(order)
        mine = _InHand(order, nonce, monotonic(), alone=came_back)
        with self._lock:
            self._in_hand[nonce] = mine
        try:
            self._carry_out(mine)
        finally:
            with self._lock:
                del self._in_hand[nonce]

    def _carry_out(self, mine: _InHand) -> None:
        order, nonce = mine.order, mine.nonce
        answer = self._alone.cut(order, nonce) if mine.alone else cut(order, self._here, nonce)
        answer = replace(answer, came_back=mine.alone)
        with self._lock:
            is_late = mine.state == "given up"
            mine.state = mine.state if is_late else "answering"
        if is_late:
            discard(order, answer, self._here)
            return
        failpoints.at("host.unanswered", order.source.path)
        try:
            answer = self._send(order.watcher, answer)
        except Exception as error:
            discard(order, answer, self._here)
            why = one_line(str(error))
            log.warning("order.unanswered", source=_source(order), why=why)
            self._pause(order, Fault("", f"answers cannot be sent: {why}"))
            raise Reject(f"the answer cannot be sent: {error}", requeue=True) from error
        failpoints.at("host.answered", order.source.path)
        self._note(order, answer)

    def _refuse(self, value: object, error: NotUnderstoodError, nonce: str) -> None:
        """Say that an order is not understood, to whoever it is of; it is gone then."""
        log.warning("order.refused", why=error.what)
        address = address_of(value)
        if address is None:
            return
        fault = Fault(type(error).__name__, error.what, error.advice, host_only=True)
        about = (address.job, address.turn, nonce, self._here.name, __version__, 0.0)
        try:
            self._send(address.watcher, Answer(*about, error=fault))
        except Exception as unsent:
            raise Reject(f"the answer cannot be sent: {unsent}", requeue=True) from unsent

    def _send(self, watcher: str, answer: Answer) -> Answer:
        return engine.send_answer(self._app, watcher, answer, lambda: not self._stopping)

    def _note(self, order: Order, answer: Answer) -> None:
        """Tell what came of an order; stand down where it met trouble of this host."""
        fault, made = answer.error, answer.made
        about = {"source": _source(order), "total_s": round(answer.seconds, 2)}
        if made is not None:
            verdict = made.judgement.verdict
            log.info("order.cut", **about, verdict=verdict, provider=made.provider)
        elif fault is not None and not fault.host_only:
            log.info("order.failed", **about, why=one_line(fault.what))
        elif fault is not None:
            log.warning("order.returned", **about, why=one_line(fault.what), advice=fault.advice)
            if fault.as_ in LACKING:
                self._sight.missing(fault.what)
            else:
                self._pause(order, fault)
            return
        with self._lock:
            self._cut += made is not None
            self._failures = 0

    # --- pauses ------------------------------------------------------------------------------

    def _pause(self, order: Order, fault: Fault) -> None:
        """Take no orders until what is wrong here has passed by our own look."""
        with self._lock:
            if self._trouble or self._stopping:
                return
            self._failures += 1
            self._trouble = one_line(fault.what)
            failures = self._failures
        args = (order, failures)
        threading.Thread(target=self._sit_out, args=args, name="pause", daemon=True).start()

    def _sit_out(self, order: Order, failures: int) -> None:
        self._in_loop(self._follow)
        while True:
            pause = backoff(FIRST_PAUSE, failures - 1, LONGEST_PAUSE)
            log.warning("host.paused", why=self._trouble, again_in_s=pause)
            sleep(pause)
            why = self._here.hindrance(order)
            if not why:
                break
            failures += 1
            with self._lock:
                self._trouble = one_line(why)
        with self._lock:
            self._failures = failures
            self._trouble = ""
            if self._stopping:
                return
        self._in_loop(self._follow)
        log.info("host.resumed")

    def _in_loop(self, act: Callable[[Any], None]) -> None:
        """Have something done soon by Celery's loop, which alone touches its connection.

        The loop keeps no order of what it is asked, and may lose it with the connection.
        """

        def acted() -> None:
            consumer = self._engine.consumer
            with suppress(*consumer.connection_errors, AttributeError):
                act(consumer)

        self._engine.hub.call_soon(acted)

    # --- how it stands -----------------------------------------------------------------------

    def _follow(self, consumer: Any) -> None:  # noqa: ANN401 - Celery has no types
        """Take orders, or none, as it stands now, and say so; done again every few seconds."""
        with self._lock:
            takes = names.orders_queues(self._networks, self._takes)
        queues = self._app.amqp.queues
        every = names.orders_queues(self._networks)
        for name in every:  # first of all: for the next connection, if this one is lost
            if name in takes:
                queues.select_add(queues[name])
            else:
                queues.deselect(name)
        # The loop begins by taking what is selected; before, nobody is there to whom orders go.
        for name in every if consumer.task_consumer.on_message is not None else ():
            (consumer.add_task_queue if name in takes else consumer.cancel_task_queue)(name)
        consumer.event_dispatcher.send(names.STANDING, **self._standing())

    def _standing(self) -> dict[str, Any]:
        openings = self._here.sessions.providers_in_use()
        with self._lock:
            takes, trouble, busy = self._takes, self._trouble, len(self._in_hand)
        return {
            "format": names.FORMAT,
            "version": __version__,
            "host": self._here.name,
            "start": self._start,
            "slots": self._slots,
            "busy": busy,
            "takes": takes,
            "models": {
                network: {
                    "provider": openings[network].provider if network in openings else "",
                    "sha256": self._hashes[network],
                }
                for network in self._networks
            },
            "backgrounds": self._here.backgrounds.known(),
            "trouble": trouble,
        }

    # --- what hangs --------------------------------------------------------------------------

    def _look_after(self) -> None:
        """Answer for orders that hang; leave when no slot is left, to be started anew.

        A thread that hangs on a dead share cannot be ended, while the heartbeats go on.
        """
        while True:
            sleep(min(_A_WHILE, STALLED))
            self._alone.rest()
            with self._lock:
                late = [one for one in self._in_hand.values() if _hangs(one)]
                for one in late:
                    one.state = "given up"
                stuck = sum(one.state == "given up" for one in self._in_hand.values())
            for one in late:
                self._answer_for(one)
            if stuck >= self._slots:
                log.error("host.stuck", why="no slot is left: all orders in hand hang")
                os._exit(TEMPORARY_FAILURE)

    def _answer_for(self, mine: _InHand) -> None:
        order, host = mine.order, self._here.name
        error = stalled(host)
        seconds = monotonic() - mine.since
        about = (order.job, order.turn, mine.nonce, host, __version__, seconds)
        log.warning("order.returned", source=_source(order), why=error.what)
        with suppress(Exception):  # the watcher gives up on it by itself
            self._send(order.watcher, Answer(*about, error=fault_of(error)))

    # --- the end -----------------------------------------------------------------------------

    def _wait_for_signal(self) -> None:
        """Once SIGTERM or SIGINT came: end when all that is in hand is answered for.

        A second signal ends it at once: what is in hand goes back to the line.
        """
        self._signalled.get()
        with self._lock:
            self._stopping = True
            log.info("host.stopping", in_hand=len(self._in_hand))
        self._in_loop(self._follow)
        while self._in_hand or len(at_work.reserved_requests):
            sleep(_SOON)
        sleep(_SOON)  # the last acknowledgement is on its way through the loop
        at_work.should_stop = EXIT_OK
        self._in_loop(lambda _: None)  # wake it


def _hangs(one: _InHand) -> bool:
    is_watched = one.state == "working" and not one.alone
    return is_watched and monotonic() - one.since > STALLED


def _source(order: Order) -> str:
    return f"{order.roots.inbox.path.rstrip('/')}/{order.source.path}"

"""The watcher's side: orders go out, answers come in, and only what fits is taken.

`Hub.make` is a Maker (daemon/outcomes.py): the thread of a picture sends its order and waits. Which
answer is taken stands in orders_out.py; what was staged for another is removed. The order stays out
until its outputs are published and journalled, and only then is the answer acknowledged.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any, Literal

import structlog
from kombu import Message

from scissorsd import __version__, failpoints
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.rules import Job, Rule
from scissorsd.daemon.outcomes import Bench, Made, Task
from scissorsd.errors import HoldError, JournalError, LeftToHostError, ScissorsError
from scissorsd.folders import publishing
from scissorsd.hosts import engine
from scissorsd.hosts.joining.join import Join, read
from scissorsd.hosts.messages import names
from scissorsd.hosts.messages.carried import NOTHING, Way
from scissorsd.hosts.messages.faults import TooLargeError, error_of
from scissorsd.hosts.messages.orders import Answer, NotUnderstoodError, read_answer
from scissorsd.hosts.watcher import ways
from scissorsd.hosts.watcher.line import Line
from scissorsd.hosts.watcher.litter import Litter
from scissorsd.hosts.watcher.orders_out import OrdersOut, Out, folders_of
from scissorsd.hosts.watcher.outgoing import carrying, claim, order_for
from scissorsd.hosts.watcher.patience import Patience
from scissorsd.hosts.watcher.presence import Presence
from scissorsd.hosts.watcher.sending import Sender
from scissorsd.hosts.watcher.staged import made_of
from scissorsd.plain_text import one_line
from scissorsd.rate_limit import RateLimiter
from scissorsd.records.journal import Journal
from scissorsd.records.orders_sent import OrdersSent
from scissorsd.records.status_file import HubStatus
from scissorsd.settings import Hosts, Inbox

log = structlog.get_logger("scissorsd")

TICK = 0.5  # seconds between two looks of a waiting thread whether its order is lost
STAYS = failpoints.seconds("HUB_STAYS", 300.0)  # seconds that a picture no host can do stays here
_TRIES = 3  # hosts that may say of a picture that they cannot
_ORDERS_TOLD = 200
_LOOKED_INTO = 1000  # of the latest jobs their folders, at the start, for litter
# What a host says of names, the watcher finds out for itself: it knows another one.
_OF_NAMES = ("NameRefusedError", "PlaceTakenError")


class Hub:
    """The hub of one daemon. Threads of pictures call `make`, the control loop all else."""

    def __init__(self, hosts: Hosts, join: Join) -> None:
        self._hosts = hosts
        self._join = replace(join, url=hosts.hub)
        self._lock = threading.Lock()
        self._presence = Presence(hosts.lost_after, __version__ if hosts.same_version else "")
        self._out = OrdersOut()
        self._stay: dict[tuple[Path, str], float] = {}  # pictures no host can do; until when
        self._patience = Patience(away_from=monotonic())
        self._refused = 0
        self._refusals = RateLimiter(10, 600.0)
        self._ending = False

    # --- its life ----------------------------------------------------------------------------

    def start(self, journal: Journal) -> None:
        """Connect, for the daemon of a journal."""
        engine.retell()
        self._journal = journal
        self._sender = Sender(self._join)
        self._line = Line(self.joined, journal.id, CATALOGUE, self)
        sent = OrdersSent(journal.file.path.parent, f"{journal.id} {self._join.url}")
        self._out.recall(sent, journal.interrupted.given_out())
        self._litter = Litter(journal.id, self._out.is_out)
        self._litter.may_lie_in(journal.entries.latest_folders(_LOOKED_INTO))
        self._litter.start()
        self._line.start()

    def stop(self) -> None:
        """Wait no longer for the orders that are out: the next start does."""
        self._ending = True
        self._out.leave()
        self._sender.stop()

    def close(self) -> None:
        """End the connection, once no picture is in hand."""
        self._litter.stop()
        self._line.stop()
        self._line.join(2.0)
        self._out.close()

    def follow(self, hosts: Hosts) -> None:
        """Take over new options, but for the hub's address and the join file."""
        with self._lock:
            self._hosts = replace(hosts, hub=self._hosts.hub, join=self._hosts.join)
            self._presence.lost_after = hosts.lost_after
            self._presence.only_version = __version__ if hosts.same_version else ""

    # --- what may go out ---------------------------------------------------------------------

    @property
    def here(self) -> int | None:
        """How many pictures this machine cuts at once; None: as without hosts."""
        return self._hosts.here

    def way(
        self, inbox: Inbox, size: int, networks: Iterable[Model], out: Mapping[str, int]
    ) -> Way | Literal[""]:
        """Return how a picture of so many bytes may go out now; `out`: how many are out so."""
        with self._lock:
            if not self._patience.is_there or self._ending or self._sender.is_blocked:
                return ""
            wanted = (networks, str(inbox.path), size, out)
            return ways.way_now(self._presence, self._hosts, *wanted, monotonic())

    def suits(self, inbox: Inbox, path: str, size: int, rule: Rule) -> bool:
        """Whether a picture may be cut by a host at all, be it that there is none now."""
        if not ways.may_go_out(inbox, path, rule):
            return False
        now = monotonic()
        with self._lock:
            if ways.none_takes(self._presence, self._hosts, rule, str(inbox.path), size, now):
                return False
            return self._stay.get((inbox.path, path), 0.0) <= now

    def given_out(self, inbox: Inbox, path: str) -> int:
        """Return the turn in which hosts have a picture since before a restart; 0: they do not."""
        return self._out.given_out(str(inbox.path), path)

    # --- a picture ---------------------------------------------------------------------------

    @contextmanager
    def make(self, task: Task, job: Job, bench: Bench) -> Iterator[Made]:
        """Have the outputs of a job made by a host."""
        claim(task.inbox.outbox, self._journal.id)  # each time: the folder may be another by now
        tries, way, lacked = 0, task.way or "paths", ""
        while True:
            with self._sent(task, job, bench, way, lacked) as out:
                answer = self._wait(out)
                fault = answer.error
                if fault is None:
                    made = made_of(answer, task.inbox.outbox)
                    try:
                        yield made
                    finally:  # what has got its name is no longer there
                        publishing.discard(made.staged)
                    return
                if not fault.host_only and fault.kind not in _OF_NAMES:
                    raise error_of(fault, job.rule)
            tries += 1
            why = f"{answer.host} could not do it: {fault.what}"
            with self._lock:
                now, order = monotonic(), out.order
                ways.note_trouble(self._presence, answer.host, fault, order, now)
                way = ways.way_after(self._presence, self._hosts, out.networks, order, fault, now)
                lacked = fault.as_
            if way == "bytes":
                log.info("order.carried", source=str(task.path), why=one_line(why))
            else:
                log.warning("order.given_again", source=str(task.path), why=one_line(why))
            is_there = self._patience.is_there and not self._ending
            may_go = way and tries < _TRIES and is_there
            again = bench.journal.begin(job, by_host=True) if may_go else None
            if again is None:
                self._keep_here(task)
                raise HoldError(why, fault.advice, kind="hosts cannot")
            job = again

    def _keep_here(self, task: Task) -> None:
        now = monotonic()
        with self._lock:
            self._stay = {key: until for key, until in self._stay.items() if until > now}
            self._stay[task.inbox.path, task.key] = now + STAYS

    @contextmanager
    def _sent(self, task: Task, job: Job, bench: Bench, way: str, lacked: str) -> Iterator[Out]:
        """Send the order for a job; it is out within the `with` block, and over after it."""
        order = order_for(task, job, bench)
        order = replace(order, same_version=self._hosts.same_version)
        out = Out(order, bench.networks(job.rule), monotonic())
        if way == "bytes":
            out.order = replace(order, data=NOTHING)
        earlier = self._out.add(out)
        try:
            for answer, message in earlier.answers if earlier is not None else ():
                self._hear(answer, message)
            if earlier is None or earlier.turn != order.turn:
                self._send(out, task, bench, lacked)
            failpoints.at("order.sent", task.source.path)
            yield out
        finally:
            self._out.remove(out)
            if out.message is not None:
                failpoints.at("answer.unacknowledged", task.source.path)
                self._line.acknowledge(out.message)
            if not out.was_cut_once and not out.is_left:
                self._litter.may_lie_in(folders_of(order))

    def _send(self, out: Out, task: Task, bench: Bench, lacked: str) -> None:
        """Send an order, and the picture along where it is to go so; its bytes are not kept.

        `lacked`: what the last host did not have; perhaps a background that it had said it has.
        What lies at the hub by path is waited for after a restart; what goes along is sent anew.
        """
        if out.order.way == "paths":
            self._sender.send(out.order)
            self._out.sent(out)
            return
        with self._lock:
            most, wanted = self._hosts.bytes, set(out.order.backgrounds.values())
            if lacked != "no background":
                wanted = self._presence.lacking(wanted, out.networks, monotonic())
        try:
            with bench.memory.lease(task.source.size):
                self._sender.send(carrying(out.order, task, most, wanted))
        except TooLargeError:
            self._keep_here(task)
            raise

    def _wait(self, out: Out) -> Answer:
        """Wait for the answer; raises HoldError where there is none to be hoped for."""
        while True:
            why = ""
            try:
                out.heard.get(timeout=TICK)
            except Empty:
                why = self._why_lost(out)
            answer = self._out.answer_or_loss(out, why)
            if answer is not None:
                return answer
            if out.is_left:
                raise LeftToHostError("scissorsd is stopping, and a host has it", kind="stopping")
            if out.lost == ways.UNSEEN:
                return ways.of_no_host(out.order)
            if out.lost:
                raise HoldError(f"no host answered for it: {out.lost}", kind="no answer")

    def _why_lost(self, out: Out) -> str:
        with self._lock:
            return self._patience.why_lost(out, self._hosts, self._presence, monotonic())

    def status(self) -> HubStatus:
        """Return how the hub and the hosts stand; and tell of hosts that have gone."""
        now = monotonic()
        for answer, message in self._out.forget_earlier(now):
            self._hear(answer, message)
        with self._lock:
            stands = self._patience
            for host in self._presence.gone(now):
                log.warning("host.gone", host=host.name, silent_s=round(now - host.seen))
            for name in self._presence.twins(now):
                log.warning("host.twin", host=name)
            return HubStatus(
                address=self._join.url,
                away="" if stands.is_there else stands.away or "it was not reached yet",
                since=stands.since,
                out=len(self._out),
                refused=self._refused,
                here=self._hosts.here,
                is_full=self._sender.is_blocked,
                hosts=self._presence.statuses(now, __version__),
                orders=self._out.oldest(_ORDERS_TOLD),
            )

    # --- what comes in (in the line's thread) ------------------------------------------------

    def joined(self) -> Join:
        """Return how to join the hub: as the file says now, or did when it could be read."""
        with suppress(ScissorsError):
            return replace(read(self._hosts.join), url=self._hosts.hub)
        return self._join

    def connected(self, join: Join, *, anew: bool) -> None:
        """Go on; what was out is lost where the hub has forgotten what was on it."""
        if join != self._join:
            self._join = join
            self._sender.follow(join)
        with self._lock:
            if self._patience.note_there():
                log.info("hub.back", hub=self._join.url)
        if anew:
            self._out.forget_earlier()
            self._out.give_up("the hub has lost what was on it")

    def away(self, why: str) -> None:
        """Send nothing more until it is back."""
        with self._lock:
            if self._patience.note_away(one_line(why), monotonic()):
                log.warning("hub.away", hub=self._join.url, why=one_line(why))

    def event(self, event: Any) -> None:  # noqa: ANN401 - from the wire
        """Note how a host stands, or who has begun with an order."""
        if not isinstance(event, dict):
            return
        now = monotonic()
        with self._lock:
            if event.get("type") == names.STANDING:
                host = self._presence.note(event, now)
                if host is not None:
                    why = self._presence.why_idle(host, __version__)
                    log.info("host.there", host=host.name, slots=host.slots, trouble=why)
                return
        if event.get("type") != "task-started":
            return
        by = str(event.get("hostname")).rpartition("@")[2]
        self._out.note_begun(str(event.get("uuid")), by, now)

    def answered(self, body: Any, message: Message) -> None:  # noqa: ANN401 - from the wire
        """Take an answer, or refuse it."""
        try:
            answer = read_answer(body)
        except NotUnderstoodError as error:
            self._refuse("", error.what, message)
            return
        self._hear(answer, message)

    def _hear(self, answer: Answer, message: Message) -> None:
        why = self._out.take(answer, message)
        if isinstance(why, bool):
            return
        if why:
            self._refuse(answer.host, why, message)
            self._sweep_for(answer.job)
        elif answer.made is not None:
            with self._lock:
                self._presence.note_made(answer.host, monotonic())

    def _refuse(self, host: str, why: str, message: Message) -> None:
        with self._lock:
            self._refused += 1
            is_told = self._refusals.left("refused", monotonic())
        if is_told:
            log.warning("answer.refused", host=host, why=one_line(why), refused=self._refused)
        self._line.acknowledge(message)

    def _sweep_for(self, job: int) -> None:
        """Have removed what a host has staged for a job, and will not be taken."""
        folders = self._out.folders(job)
        with suppress(JournalError):  # it is looked for at the next start
            self._litter.may_lie_in(folders or self._journal.entries.folders(job))

"""The status file: what a daemon does now, written for the other commands.

`status.json` is written at every beat of the control loop; its `beat` is on the machine's
monotonic clock, so that a daemon that hangs is known by it whatever the wall clock does.
"""

import faulthandler
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from heapq import nsmallest
from pathlib import Path
from time import monotonic, time
from typing import Any, TypeVar

from scissorsd import atomic
from scissorsd.records.lock import is_running

FILE = "status.json"
CRASH = "crash.txt"
_NAMED = 5  # so many held pictures of a kind are named
_KINDS = 10
_TRIES = 100  # of so many held pictures it is told when each is tried again: the next ones
_HUB_AWAY = 30.0  # seconds that a hub may be away, or without hosts, while pictures wait
FRESH = 20.0  # seconds after which a silent control loop counts as hung


@dataclass(frozen=True, slots=True)
class HeldKind:
    """Pictures of one inbox that are held for the same reason."""

    why: str  # the reason of the first of them
    count: int
    first: tuple[str, ...]  # of their paths from the inbox


@dataclass(frozen=True, slots=True)
class Try:
    """Why one picture is held, and when it is tried again."""

    path: str  # from the inbox
    why: str
    at: float  # monotonic; 0: it is its turn


def next_tries(tries: Iterable[Try]) -> tuple[Try, ...]:
    """Choose of all that is held what is tried next."""
    return tuple(nsmallest(_TRIES, tries, key=lambda one: one.at))


def kinds_of_held(held: Iterable[tuple[str, str, str]]) -> tuple[HeldKind, ...]:
    """Sort what is held by kind, the most frequent first.

    Of each picture: its path from the inbox, why it is held, and the kind of that reason.
    """
    whys: dict[str, str] = {}
    paths: dict[str, list[str]] = {}
    for path, why, kind in held:
        whys.setdefault(kind, why)
        paths.setdefault(kind, []).append(path)
    kinds = sorted(paths, key=lambda kind: -len(paths[kind]))[:_KINDS]
    return tuple(
        HeldKind(whys[kind], len(paths[kind]), tuple(nsmallest(_NAMED, paths[kind])))
        for kind in kinds
    )


@dataclass(frozen=True, slots=True)
class InboxStatus:
    """One inbox as `status` shows it; texts are empty where there is nothing to tell."""

    name: str
    path: str
    outbox: str
    mode: str  # "events", "polling", or "" while it is not watched
    why: str
    away: str  # why it is not there
    trouble: str  # why its watcher does not work
    silent: str  # for how long the folder has not answered; a part of the trouble
    settling: int
    ready: int
    working: int
    held: int
    held_why: str  # the reason of one of them, or of the whole outbox
    paused: str  # why the whole outbox rests
    unseen: str  # what of the inbox could not be looked at
    held_kinds: tuple[HeldKind, ...] = ()  # of what is held, the most frequent
    paused_until: float = 0.0  # monotonic: when the outbox is tried again
    tries: tuple[Try, ...] = ()  # of what is held, what is tried next


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """Where one model runs as `status` shows it."""

    model: str
    provider: str  # "" while a required GPU cannot be used
    precision: str
    asked: tuple[str, ...]  # in order
    refused: dict[str, str]  # provider → why it is not used


@dataclass(frozen=True, slots=True)
class Refusal:
    """A changed configuration that a running daemon did not take over."""

    at: float  # seconds since the epoch
    problems: tuple[str, ...]

    def in_words(self) -> str:
        """Say when it was refused, and where its mistakes are."""
        when, now = (datetime.fromtimestamp(at, tz=UTC).astimezone() for at in (self.at, time()))
        moment = when.strftime("%H:%M" if when.date() == now.date() else "%Y-%m-%d %H:%M")
        lines = [line[1] for problem in self.problems if (line := _LINE.search(problem))]
        where = ", ".join(dict.fromkeys(lines))
        mistakes = f"line{'s' if ',' in where else ''} {where}" if where else self.problems[0]
        return f"a changed configuration was refused at {moment} ({mistakes})"


_LINE = re.compile(r":(\d+):\d+: ")


@dataclass(frozen=True, slots=True)
class PageStatus:
    """Where the page listens, or why it does not."""

    address: str
    why: str


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host that cuts for the daemon, as `status` shows it."""

    name: str
    version: str
    takes: tuple[str, ...]  # how pictures come to it: paths, bytes
    slots: int
    busy: int
    providers: dict[str, str]  # network → where it runs; "" where it is not open
    pace: float  # pictures of this daemon's a minute, lately
    silent: float  # seconds since it was heard of
    trouble: str  # why it gets no work
    live: bool  # heard of lately


@dataclass(frozen=True, slots=True)
class HubStatus:
    """The hub over which hosts are given pictures."""

    address: str
    away: str  # why it is not there
    since: float  # seconds since the epoch: that it is there, or away
    out: int  # orders
    refused: int  # answers
    here: int | None  # pictures that this machine cuts at once, where that is configured
    hosts: tuple[HostStatus, ...] = ()
    orders: tuple["OrderStatus", ...] = ()  # some of those that are out, the oldest first


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """A picture that a host is to cut."""

    source: str  # absolute
    since: float  # monotonic: that it is out, or that a host has begun with it
    host: str = ""  # that has it in hand; empty: it is in line
    way: str = "paths"  # how it comes to a host: it is read where it lies, or its bytes travel


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """A daemon as `status` shows it."""

    pid: int
    version: str
    config: str  # the configuration file, or "" without one
    beat: float  # monotonic
    started_at: float  # seconds since the epoch
    stopping: bool
    seconds_left: float | None  # that the backlog will take; none: nothing is in hand, or unknown
    providers: tuple[ProviderStatus, ...]
    inboxes: tuple[InboxStatus, ...]
    refusal: Refusal | None = None  # of the last reload
    page: PageStatus | None = None  # None: none is configured
    hub: HubStatus | None = None  # the same


def watch_for_crashes(state: Path) -> bool:
    """Let a crash of this process leave a trace; return whether the last one left one.

    A crash is a fatal signal of the process's own making (SIGSEGV, SIGBUS, SIGABRT, …), as a
    decoder may cause; being killed leaves no trace.
    """
    trace = state / CRASH
    crashed = trace.exists() and trace.stat().st_size > 0
    if crashed:
        trace.replace(state / f"{CRASH}.last")
    # Kept open for the life of the process: faulthandler writes to its descriptor.
    faulthandler.enable(trace.open("w"))
    return crashed


def write(state: Path, status: DaemonStatus) -> None:
    """Write the status file atomically."""
    atomic.write_atomically(state / FILE, json.dumps(asdict(status)).encode())


def read(state: Path) -> DaemonStatus | None:
    """Return what the status file holds, of a daemon that runs or ran last; None without one.

    What a newer version has written beyond this is left out.
    """
    try:
        values = json.loads((state / FILE).read_text())
        inboxes = tuple(_inbox(inbox) for inbox in values["inboxes"])
        providers = tuple(_known(ProviderStatus, model) for model in values["providers"])
        refused = values.get("refusal")
        refusal = Refusal(refused["at"], tuple(refused["problems"])) if refused else None
        page = _known(PageStatus, values["page"]) if values.get("page") else None
        hub = _hub(values["hub"]) if values.get("hub") else None
        parts: dict[str, Any] = {"inboxes": inboxes, "providers": providers, "refusal": refusal}
        parts |= {"page": page, "hub": hub}
        return _known(DaemonStatus, {**values, **parts})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _inbox(values: Mapping[str, Any]) -> InboxStatus:
    kinds = tuple(
        HeldKind(kind["why"], kind["count"], tuple(kind["first"]))
        for kind in values.get("held_kinds", ())
    )
    tries = tuple(Try(one["path"], one["why"], one["at"]) for one in values.get("tries", ()))
    return _known(InboxStatus, {**values, "held_kinds": kinds, "tries": tries})


def _hub(values: Mapping[str, Any]) -> HubStatus:
    hosts = [_known(HostStatus, {**one, "takes": tuple(one["takes"])}) for one in values["hosts"]]
    orders = [_known(OrderStatus, one) for one in values["orders"]]
    return _known(HubStatus, {**values, "hosts": tuple(hosts), "orders": tuple(orders)})


_Part = TypeVar(
    "_Part",
    DaemonStatus,
    InboxStatus,
    ProviderStatus,
    PageStatus,
    HubStatus,
    HostStatus,
    OrderStatus,
)


def _known(part: type[_Part], values: Mapping[str, Any]) -> _Part:
    """Build a part of the values that this version knows; a newer daemon may have written more."""
    return part(**{f.name: values[f.name] for f in fields(part) if f.name in values})


def troubles(state: Path) -> list[str]:
    """Return every reason why a daemon on this state folder is not healthy.

    An inbox that is away is one: the daemon can only wait for it, and nothing comes out.
    """
    if not is_running(state):
        return [f"no daemon runs on the state folder {state}"]
    status = read(state)
    if status is None:
        return ["the daemon has not said yet how it stands"]
    reasons = []
    silent = monotonic() - status.beat
    if silent > FRESH:
        reasons.append(f"the control loop has been silent for {silent:.0f} s")
    for inbox in status.inboxes:
        if inbox.trouble:
            reasons.append(f"inbox {inbox.name}: {inbox.trouble}")
        elif inbox.away:
            reasons.append(f"inbox {inbox.name} is away: {inbox.away}")
    return reasons + _troubles_of(status)


def _troubles_of(status: DaemonStatus) -> list[str]:
    """Return why pictures wait for hosts in vain."""
    hub = status.hub
    if hub is None or not any(inbox.ready + inbox.working for inbox in status.inboxes):
        return []
    for_so_long = time() - hub.since
    if hub.away and for_so_long > _HUB_AWAY:
        return [f"the hub {hub.address} has been away for {for_so_long:.0f} s: {hub.away}"]
    working = any(host.live and not host.trouble for host in hub.hosts)
    if hub.here == 0 and not working and not hub.away and for_so_long > _HUB_AWAY:
        return ["pictures wait, no host is there, and this machine only watches (`here: 0`)"]
    return []

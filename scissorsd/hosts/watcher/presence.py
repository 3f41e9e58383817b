"""Which hosts there are, what each can do, and how many orders are worth sending them.

Pure: times are seconds on one monotonic clock of the watcher's, at which it heard of something.
What a host says of a time is not looked at: clocks differ.

A picture goes out by its path, or its bytes go along. A host counts for one of the ways only, for
each inbox: by paths, if it takes orders so and has not said of late that it does not see the
folders; else by bytes. It may well take by bytes, too, what others have no hand free for.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

from scissorsd.core.catalogue import Model
from scissorsd.hosts.messages.carried import Way
from scissorsd.hosts.messages.names import FORMAT
from scissorsd.records.status_file import HostStatus

_REMEMBERED = 24 * 3600.0  # seconds that a host is told of after it was last heard
_PACE = 300.0  # seconds over which pictures a minute are counted
_LACKING = 300.0  # seconds that a host is not asked again for folders that it does not see
_STARTS = 8  # of a host, that are remembered
TWINS = "two hosts have this name, and count for one: give one another --name"
_TEXT = 200  # of what a host says of itself, so many characters


@dataclass(slots=True)
class Host:
    """A host as it last said that it stands."""

    name: str
    seen: float
    format: int = FORMAT
    version: str = ""
    slots: int = 0
    busy: int = 0
    idle_since: float = inf  # that it has said, each time, that it has nothing in hand
    takes: tuple[str, ...] = ()
    models: dict[str, tuple[str, str]] = field(default_factory=dict)  # → provider, SHA-256
    backgrounds: frozenset[str] = frozenset()  # the SHA-256 of those that it has
    lacks: dict[str, float] = field(default_factory=dict)  # inboxes it does not see; until when
    trouble: str = ""
    is_gone: bool = False  # and that was told
    starts: deque[str] = field(default_factory=lambda: deque(maxlen=_STARTS))  # by the latest first
    twin_seen: float = -inf  # that two of its name have spoken in turn
    is_twin_told: bool = False
    ended: deque[float] = field(default_factory=deque)  # when each of its last pictures was made

    def way(self, inbox: str, now: float) -> Way | Literal[""]:
        """Return by which way pictures of an inbox come to it."""
        if "paths" in self.takes and self.lacks.get(inbox, now) <= now:
            return "paths"
        return "bytes" if "bytes" in self.takes else ""

    def note_start(self, start: str, now: float) -> None:
        """Note by which start of it something was said; two that speak in turn are two hosts."""
        if not start or (self.starts and self.starts[0] == start):
            return
        if start in self.starts:
            self.starts.remove(start)
            self.twin_seen = now
        self.starts.appendleft(start)

    def has(self, network: Model) -> bool:
        """Whether it has a network, with the very weights."""
        if network.name not in self.models:
            return False
        _, sha256 = self.models[network.name]
        return not sha256 or not network.sha256 or sha256 == network.sha256

    def pace(self, now: float) -> float:
        """Return how many pictures a minute it has made lately."""
        while self.ended and now - self.ended[0] > _PACE:
            self.ended.popleft()
        if not self.ended:
            return 0.0
        return len(self.ended) * 60 / max(60.0, min(_PACE, now - self.ended[0]))


class Presence:
    """The hosts that were heard of; whoever calls holds a lock."""

    def __init__(self, lost_after: float, version: str = "") -> None:
        self.lost_after = lost_after
        self.only_version = version  # if not empty: others get no work
        self.hosts: dict[str, Host] = {}

    def note(self, said: Mapping[str, Any], now: float) -> Host | None:
        """Note how a host says that it stands; return it if it was not there before.

        What does not look as it should is passed over.
        """
        name, number = said.get("host"), said.get("format")
        if not isinstance(name, str) or not name or not isinstance(number, int):
            return None
        name = name[:_TEXT]
        before = self.hosts.get(name)
        host = before or Host(name, now)
        is_new = before is None or before.is_gone or not self.is_live(before, now)
        host.seen, host.format, host.is_gone = now, number, False
        host.version, host.trouble = _text(said, "version"), _text(said, "trouble")
        host.slots, host.busy = _count(said, "slots"), _count(said, "busy")
        idle_since = now if is_new or host.idle_since == inf else host.idle_since
        host.idle_since = inf if host.busy else idle_since
        takes, models = _words(said, "takes"), said.get("models")
        if "paths" in takes and "paths" not in host.takes:  # it sees folders again
            host.lacks.clear()
        host.takes, host.backgrounds = takes, frozenset(_words(said, "backgrounds"))
        host.models = {}
        for network, about in models.items() if isinstance(models, dict) else ():
            if isinstance(about, dict):
                host.models[str(network)] = (_text(about, "provider"), _text(about, "sha256"))
        host.note_start(_text(said, "start"), now)
        self.hosts[name] = host
        return host if is_new else None

    def note_made(self, name: str, now: float) -> None:
        """Note that a host has made a picture of ours."""
        if name in self.hosts:
            self.hosts[name].ended.append(now)

    def note_lack(self, name: str, inbox: str, now: float) -> None:
        """Note that a host does not see the folders of an inbox, or not what it needs there."""
        if name in self.hosts:
            self.hosts[name].lacks[inbox] = now + _LACKING

    def gone(self, now: float) -> list[Host]:
        """Return the hosts that are silent since the last call; forget what was so for long."""
        for name in [h.name for h in self.hosts.values() if now - h.seen > _REMEMBERED]:
            del self.hosts[name]
        silent = [h for h in self.hosts.values() if not self.is_live(h, now) and not h.is_gone]
        for host in silent:
            host.is_gone = True
        return silent

    def twins(self, now: float) -> list[str]:
        """Return the names that two hosts have had since the last call."""
        found = []
        for host in self.hosts.values():
            is_twin = self._is_twin(host, now)
            if is_twin and not host.is_twin_told:
                found.append(host.name)
            host.is_twin_told = is_twin
        return found

    def _is_twin(self, host: Host, now: float) -> bool:
        return now - host.twin_seen <= self.lost_after

    def idle_since(self, networks: Iterable[Model], now: float) -> float:
        """Return since when no host that has these networks has had anything to do; else inf.

        Those that get no more work count, too: they may still have some in hand.
        """
        return max((host.idle_since for host in self._there(networks, now)), default=inf)

    def statuses(self, now: float, version: str) -> tuple[HostStatus, ...]:
        """Return how each host stands, for telling."""
        return tuple(
            HostStatus(
                name=host.name,
                version=host.version,
                takes=host.takes,
                slots=host.slots,
                busy=host.busy,
                providers={network: where for network, (where, _) in host.models.items()},
                pace=host.pace(now),
                silent=now - host.seen,
                trouble=self.why_idle(host, version) or (TWINS if self._is_twin(host, now) else ""),
                live=self.is_live(host, now),
            )
            for host in sorted(self.hosts.values(), key=lambda one: one.name)
        )

    def is_live(self, host: Host, now: float) -> bool:
        """Whether a host was heard of lately."""
        return now - host.seen <= self.lost_after

    def why_idle(self, host: Host, version: str) -> str:
        """Return why a host gets no work from a watcher of this version, "" if it does."""
        if host.format != FORMAT:
            return f"it speaks format {host.format}, and this daemon {FORMAT}: upgrade the older"
        if self.only_version and host.version != self.only_version:
            return f"it is of version {host.version}, and this daemon {version} (`same_version`)"
        return host.trouble

    def slots(self, networks: Iterable[Model], inbox: str, now: float) -> Counter[str]:
        """Return how many pictures of an inbox hosts with these networks cut at once, by way."""
        slots = Counter[str]()
        for host in self._able(networks, now):
            slots[host.way(inbox, now)] += host.slots
        del slots[""]
        return slots

    def is_known(self, networks: Iterable[Model], now: float) -> bool:
        """Whether a host that is there has these networks, be it in trouble."""
        return any(self._there(networks, now))

    def lacking(self, wanted: Iterable[str], networks: Iterable[Model], now: float) -> set[str]:
        """Return of `wanted` backgrounds those that are not on every host that may get them."""
        hosts = [host for host in self._able(networks, now) if "bytes" in host.takes]
        return {one for one in wanted if not all(one in host.backgrounds for host in hosts)}

    def _able(self, networks: Iterable[Model], now: float) -> Iterator[Host]:
        there = self._there(networks, now)
        return (host for host in there if not self.why_idle(host, self.only_version))

    def _there(self, networks: Iterable[Model], now: float) -> Iterator[Host]:
        wanted = list(networks)
        for host in self.hosts.values():
            if self.is_live(host, now) and all(map(host.has, wanted)):
                yield host


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value[:_TEXT] if isinstance(value, str) else ""


def _words(values: Mapping[str, Any], key: str) -> tuple[str, ...]:
    words = values.get(key)
    return tuple(str(word)[:_TEXT] for word in words[:_TEXT]) if isinstance(words, list) else ()


def _count(values: Mapping[str, Any], key: str) -> int:
    value = values.get(key)
    return min(value, 10_000) if isinstance(value, int) and value > 0 else 0

"""Whether the hub is there, and how long an answer is waited for.

Pure, over who is there (presence.py): times are monotonic; whoever calls holds a lock.
"""

from dataclasses import dataclass, field
from time import time

from scissorsd import failpoints
from scissorsd.hosts.watcher import ways
from scissorsd.hosts.watcher.orders_out import Out
from scissorsd.hosts.watcher.presence import Presence
from scissorsd.settings import Hosts

# Seconds without the hub, or without any host that could, until what is out is cut here.
PATIENCE = failpoints.seconds("HUB_PATIENCE", 60.0)
IDLE = failpoints.seconds("HUB_IDLE", 60.0)  # seconds that hosts do nothing, and an order is out


@dataclass(slots=True)
class Patience:
    """How the hub stands, and since when."""

    is_there: bool = False
    away: str = ""  # why it is away, once that was told
    since: float = field(default_factory=time)  # that it is away, or there; since the epoch
    away_from: float = 0.0
    alone_from: dict[tuple[str, ...], float] = field(default_factory=dict)  # networks without hosts

    def note_there(self) -> bool:
        """Note that the hub is there; return whether it was told that it was away."""
        was_away = bool(self.away)
        self.is_there, self.away, self.since = True, "", time()
        return was_away

    def note_away(self, why: str, now: float) -> bool:
        """Note that the hub is away, and why; return whether that is news."""
        is_news = self.is_there or not self.away
        if is_news:
            self.since, self.away_from = time(), now
        self.is_there, self.away = False, why
        return is_news

    def why_lost(self, out: Out, hosts: Hosts, presence: Presence, now: float) -> str:
        """Return why nobody should wait any longer for an order; "" while it may be answered."""
        if now - out.sent_at > hosts.lease:
            return f"its order has been out for {now - out.sent_at:.0f} s"
        if not self.is_there:
            gone = now - max(out.sent_at, self.away_from)
            return f"the hub has been away for {gone:.0f} s" if gone > PATIENCE else ""
        names = tuple(network.name for network in out.networks)
        can_it = ways.can_come(presence, out.networks, out.order, now)
        if can_it == "otherwise" and not out.begun:
            return ways.UNSEEN
        if can_it is not True:
            gone = now - max(out.sent_at, self.alone_from.setdefault(names, now))
            return f"no host that could has been there for {gone:.0f} s" if gone > PATIENCE else ""
        self.alone_from.pop(names, None)
        # Were it in line, one of them would have taken it: the hub has lost it.
        idle = now - max(out.sent_at, presence.idle_since(out.networks, now))
        return f"no host has had anything to do for {idle:.0f} s" if idle > IDLE else ""

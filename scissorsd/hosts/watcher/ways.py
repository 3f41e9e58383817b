"""By which way a picture goes to hosts: it is read where it lies, or it goes over the hub itself.

Pure, over who is there (presence.py). Whoever reads pictures where they lie is given them so; who
does not is given what is small enough. So no picture goes out twice once it is known who sees what:
only one that was not on a host as the watcher has it is sent again, over the hub.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.rules import Rule
from scissorsd.hosts.messages.carried import Way
from scissorsd.hosts.messages.faults import LACKING, NotHereError
from scissorsd.hosts.messages.orders import Answer, Fault, Order
from scissorsd.hosts.watcher.presence import Presence
from scissorsd.plain_text import one_line
from scissorsd.settings import Hosts, Inbox

BYTES_OUT = 512 << 20  # of pictures that may be out over the hub
UNSEEN = "no host sees its folders"


def may_go_out(inbox: Inbox, path: str, rule: Rule) -> bool:
    """Whether a picture may be cut by a host at all.

    For what lies on the page's own desk somebody waits, and it is not put into a line; what is cut
    again where it was moved to has no turn of its own; names that tell of the picture are only
    known once it is read; and hosts know the networks of the catalogue, and no others.
    """
    return not (
        inbox.quick
        or path.startswith("/")
        or rule.is_told_by_pictures
        or any(name not in CATALOGUE for name in _asked(rule))
    )


def _asked(rule: Rule) -> list[str]:
    return list(filter(None, (rule.model, rule.second_opinion)))


def way_now(
    presence: Presence,
    hosts: Hosts,
    networks: Iterable[Model],
    inbox: str,
    size: int,
    out: Mapping[str, int],
    now: float,
) -> Way | Literal[""]:
    """Return how a picture of so many bytes may go out; "" where enough are `out`, by way."""
    slots = presence.slots(networks, inbox, now)
    if out.get("paths", 0) < hosts.ahead * slots["paths"]:
        return "paths"
    most = min(hosts.ahead * slots["bytes"], BYTES_OUT // max(hosts.bytes, 1))
    return "bytes" if size <= hosts.bytes and out.get("bytes", 0) < most else ""


def way_after(
    presence: Presence,
    hosts: Hosts,
    networks: Iterable[Model],
    order: Order,
    fault: Fault,
    now: float,
) -> Way | Literal[""]:
    """Return how a picture goes out again that a host could not cut; "" where it does not."""
    slots = presence.slots(networks, order.roots.inbox.path, now)
    may_travel = order.source.size <= hosts.bytes and fault.as_ != "too large"
    if may_travel and slots.total() and fault.kind == NotHereError.__name__:
        return "bytes"
    if slots["paths"]:
        return "paths"
    return "bytes" if may_travel and slots["bytes"] else ""


def none_takes(
    presence: Presence, hosts: Hosts, rule: Rule, inbox: str, size: int, now: float
) -> bool:
    """Whether hosts are there, and it takes another than those to cut a picture.

    They lack its networks, or would only take one that is smaller.
    """
    networks = [CATALOGUE[name] for name in _asked(rule)]
    slots = presence.slots(networks, inbox, now)
    if slots.total():
        return size > hosts.bytes and not slots["paths"]
    return not presence.is_known(networks, now) and bool(presence.slots((), inbox, now))


def can_come(
    presence: Presence, networks: Iterable[Model], order: Order, now: float
) -> bool | Literal["otherwise"]:
    """Whether there is a host that takes an order; or one that would, if it went over the hub."""
    slots = presence.slots(networks, order.roots.inbox.path, now)
    if slots["paths"] or (order.way == "bytes" and slots["bytes"]):
        return True  # whoever reads pictures where they lie takes those that go over the hub, too
    return "otherwise" if slots["bytes"] else False


def of_no_host(order: Order) -> Answer:
    """Return the answer that stands for an order which waits where nobody takes it."""
    fault = Fault(NotHereError.__name__, UNSEEN, host_only=True, as_="no folder")
    return Answer(order.job, order.turn, "", "no host", "", 0.0, error=fault)


def note_trouble(presence: Presence, host: str, fault: Fault, order: Order, now: float) -> None:
    """Send a host nothing until it says again how it stands, if the trouble is its own.

    One that does not see the folders of an inbox is in no trouble.
    """
    if fault.as_ in LACKING:
        if order.way == "paths":
            presence.note_lack(host, order.roots.inbox.path, now)
    elif fault.host_only and host in presence.hosts:
        presence.hosts[host].trouble = one_line(fault.what)

"""`doctor` on the hub of several hosts: whether it is reached, lets the daemon in, and fits.

And whether each host truly cuts: a drawn picture goes through it.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from scissorsd.commands.findings import Finding
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.errors import ScissorsError
from scissorsd.hosts.joining import installed, join
from scissorsd.hosts.own_folders import known_as
from scissorsd.settings import Config, Hosts, Inbox

if TYPE_CHECKING:
    from scissorsd.hosts.watcher.trial_orders import Tried

_OLDEST: Final = (3, 10)  # of RabbitMQ
_SOON: Final = 90 * 24 * 3600.0  # seconds


def examine(config: Config) -> Iterator[Finding]:
    """Yield what there is to say of the hub, where one is configured."""
    if config.hosts is None:
        return
    yield from _folders(config)
    try:
        installed.see_that_it_is_installed()
        from scissorsd.hosts.watcher import looking  # noqa: PLC0415 - it needs the extra

        known = join.read(config.hosts.join)
        if warning := join.exposed(config.hosts.join):
            yield Finding("note", f"hub: {warning}")
        joined = replace(known, url=config.hosts.hub)
        networks = _networks(config)
        seen = looking.look(joined, [network.name for network in networks])
    except ScissorsError as error:
        yield Finding("bad", f"hub: {error.what}", error.advice)
        return
    version = tuple(int(part) for part in re.findall(r"\d+", seen.version)[:2])
    address = f"{joined.address.host}:{joined.address.port}"
    if seen.server != "RabbitMQ" or version < _OLDEST:
        yield Finding(
            "bad",
            f"hub: {address} is {seen.server} {seen.version}, too old or something else",
            "RabbitMQ 3.10 or newer is needed.",
        )
        return
    lasts = ""
    if seen.valid_until is not None:
        day = time.strftime("%Y-%m-%d", time.localtime(seen.valid_until))
        lasts = f", its certificate lasts until {day}"
        if seen.valid_until - time.time() < _SOON:
            yield Finding(
                "note",
                f"hub: its certificate lasts until {day} only",
                "Run `scissorsd hub init FOLDER` where the hub was set up, and restart the broker "
                "with the new certificate.",
            )
    yield Finding("ok", f"hub: {address}, RabbitMQ {seen.version}{lasts}")
    yield from _hosts(joined, config.hosts, networks)


def _networks(config: Config) -> list[Model]:
    """Return the networks that rules name, in their order; none of one's own goes to hosts."""
    rules = [rule for inbox in config.inboxes for rule in inbox.rules if not rule.skip]
    return [CATALOGUE[name] for name in dict.fromkeys(r.model for r in rules) if name in CATALOGUE]


def _hosts(joined: join.Join, hosts: Hosts, networks: list[Model]) -> Iterator[Finding]:
    """Say of each host that is there whether it cuts."""
    from scissorsd.hosts.watcher.trial_orders import try_hosts  # noqa: PLC0415 - it needs the extra

    someone = False
    try:
        for tried in try_hosts(joined, hosts, networks):
            someone = True
            yield _said_of(tried)
    except ScissorsError as error:
        yield Finding("bad", f"hub: {error.what}", error.advice)
        return
    if not someone:
        grade: Literal["note", "bad"] = "note" if hosts.here != 0 else "bad"
        yield Finding(
            grade, "no host is there", "On each further machine: scissorsd worker studio.join"
        )


def _said_of(tried: "Tried") -> Finding:
    host = tried.host
    if tried.provider:
        cut = f"cut a drawn picture by {tried.network} on {tried.provider}"
        took = f"in {1000 * tried.seconds:.0f} ms; it takes {' and '.join(host.takes)}"
        return Finding("ok", f"host {host.name}: {cut} {took}")
    grade: Literal["note", "bad"] = "bad" if tried.is_trouble else "note"
    return Finding(grade, f"host {host.name}: {tried.why}", tried.advice)


def _folders(config: Config) -> Iterator[Finding]:
    """Say by what names hosts look for each folder that lies under another path there."""
    for inbox in config.inboxes:
        if not inbox.quick:
            known = (_called(folder) for folder in _folders_of(inbox) if folder.is_dir())
            yield Finding("ok", f"inbox {inbox.name}: hosts look for {'; '.join(known)}")


def _folders_of(inbox: Inbox) -> list[Path]:
    return list(dict.fromkeys((inbox.path, inbox.outbox, *inbox.folders_elsewhere)))


def _called(folder: Path) -> str:
    names = [str(name) for name in known_as(folder).names if name.kind != "disk"]
    return f"{folder} as {' or '.join(names)}" if names else str(folder)

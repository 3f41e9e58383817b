"""`doctor` on the hub of several hosts: whether it is reached, lets the daemon in, and fits."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from scissorsd.commands.findings import Finding
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.errors import ScissorsError
from scissorsd.hosts import installed, join
from scissorsd.hosts.own_folders import known_as
from scissorsd.settings import Config, Inbox

_OLDEST: Final = (3, 10)  # of RabbitMQ
_SOON: Final = 90 * 24 * 3600.0  # seconds


def examine(config: Config) -> Iterator[Finding]:
    """Yield what there is to say of the hub, where one is configured."""
    if config.hosts is None:
        return
    yield from _folders(config)
    try:
        installed.see_that_it_is_installed()
        from scissorsd.hosts import looking  # noqa: PLC0415 - it needs the extra

        known = join.read(config.hosts.join)
        if warning := join.exposed(config.hosts.join):
            yield Finding("note", f"hub: {warning}")
        joined = replace(known, url=config.hosts.hub)
        # A custom network's queues the daemon declares itself.
        asked = {rule.model for inbox in config.inboxes for rule in inbox.rules if not rule.skip}
        seen = looking.look(joined, sorted(asked & CATALOGUE.keys()))
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

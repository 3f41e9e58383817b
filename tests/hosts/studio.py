"""A real daemon with hosts: its workplace, the hub, and `scissorsd worker` as children."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from end_to_end.driver import NOTHING, Daemon, Workplace, wait_for

from .broker import Hub
from .working import NETWORK, Host

QUICK = (
    "FIRST_PAUSE=0.05,HUB_FIRST_PAUSE=0.1,HUB_LONGEST_PAUSE=0.5,HOST_STANDING=0.5,"
    "HOST_FIRST_PAUSE=0.1,LITTER_FIRST=1"
)
OWNER = ".scissorsd-owner"


class Studio:
    """A watcher's workplace, and hosts that see the same folders under the same names."""

    def __init__(self, place: Workplace, hub: Hub, models: Path) -> None:
        self.place = place
        self.hub = hub
        self.models = models
        self._hosts: list[Host] = []
        self.configure()

    def configure(self, *, hosts: Mapping[str, object] = NOTHING, **rule: object) -> None:
        """Write a configuration by which hosts cut all that they can."""
        every = {"name": "all", "model": NETWORK, "when_no_subject": "publish", **rule}
        shop = {"path": "inbox", "outbox": "outbox", "settle": "300ms", "rules": [every]}
        hub = {"hub": self.hub.url, "join": str(self.hub.watcher_join), "here": 0, **hosts}
        self.place.write_config({"hosts": hub}, shop=shop)

    def daemon(self, faults: str = "", **seconds: float) -> Daemon:
        """Start the daemon; return when it watches."""
        more = "".join(f",{name}={value}" for name, value in seconds.items())
        variables = {"SCISSORSD_FAULTS": faults, "SCISSORSD_SECONDS": QUICK + more}
        arguments = ("--debug", "run", "-c", str(self.place.config))
        daemon = self.place.start(*arguments, variables=variables)
        daemon.wait("daemon.ready")
        return daemon

    def host(
        self,
        name: str,
        faults: str = "",
        *,
        slots: int = 2,
        maps: tuple[str, ...] = (),
        kind: type[Host] = Host,
        **seconds: float,
    ) -> Host:
        """Start a host; return when it takes orders."""
        options: tuple[str, ...] = ("--name", name, "--slots", str(slots))
        options += tuple(word for one in maps for word in ("--map", one))
        more = "".join(f",{what}={value}" for what, value in seconds.items())
        environment = {"SCISSORSD_FAULTS": faults, "SCISSORSD_SECONDS": QUICK + more}
        host = kind(self.hub.studio_join, self.place.folder, self.models, *options, **environment)
        self._hosts.append(host)
        return host.ready()

    def files(self) -> list[str]:
        """Return all that is in the outbox, but for the note of whose it is."""
        return [file for file in self.place.files() if file != OWNER]

    def wait_for_files(self, *files: str) -> None:
        """Wait until these, and no others, are in the outbox."""
        try:
            wait_for(lambda: self.files() == sorted(files))
        except pytest.fail.Exception:
            pytest.fail(self._what_is_wrong(set(files)))

    def _what_is_wrong(self, wanted: set[str]) -> str:
        there = set(self.files())
        said = [f"missing: {sorted(wanted - there)}", f"besides: {sorted(there - wanted)}"]
        said += [str(entry) for entry in self.place.entries() if entry.state != "done"]
        said += [str(line) for host in self._hosts for line in host.events()[-10:]]
        return "\n".join(said)

    def end_hosts(self) -> None:
        """Kill the hosts that still run."""
        for host in self._hosts:
            host.__exit__(None, None, None)

    def close(self) -> None:
        """Kill all that still runs."""
        self.end_hosts()
        self.place.close()


def inode_and_ctime(path: Path) -> tuple[int, int]:
    """Return by what a second publication of a file would be seen."""
    status = path.stat()
    return status.st_ino, status.st_ctime_ns

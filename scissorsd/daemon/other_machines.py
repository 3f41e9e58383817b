"""What the daemon knows of other machines that cut for it: `hosts.watcher.hub`, if configured."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from scissorsd.core.catalogue import Model
from scissorsd.core.rules import Job, Rule
from scissorsd.daemon.outcomes import Bench, Made, Task
from scissorsd.records.journal import Journal
from scissorsd.records.status_file import HubStatus
from scissorsd.settings import Hosts, Inbox


class OtherMachines(Protocol):
    """Hosts, and the hub over which they are given pictures."""

    @property
    def here(self) -> int | None:
        """How many pictures this machine cuts at once; None: as without hosts."""

    def start(self, journal: Journal) -> None:
        """Connect, for the daemon of a journal."""

    def stop(self) -> None:
        """Let go of all that is out."""

    def close(self) -> None:
        """End the connection, once no picture is in hand."""

    def follow(self, hosts: Hosts) -> None:
        """Take over new options."""

    def way(
        self, inbox: Inbox, size: int, networks: Iterable[Model], out: Mapping[str, int]
    ) -> str:
        """Return how a picture of so many bytes may go out now: by its "paths", or its "bytes".

        `out`: how many of its network are out by each way. "": there are enough, or no host can.
        """

    def suits(self, inbox: Inbox, path: str, size: int, rule: Rule) -> bool:
        """Whether a picture may be cut by a host at all, be it that there is none now."""

    def given_out(self, inbox: Inbox, path: str) -> int:
        """Return the turn in which hosts have a picture since before a restart; 0: they do not."""

    def make(self, task: Task, job: Job, bench: Bench) -> AbstractContextManager[Made]:
        """Have the outputs of a job made by a host."""

    def status(self) -> HubStatus:
        """Return how the hub and the hosts stand."""

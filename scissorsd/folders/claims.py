"""Claims: no two processes work on the same inbox and outbox, however each of them spells these.

A claim is a socket with an abstract name (unix(7)) that is made of where the two folders really
are. It is one name for every spelling, state folder and user of a machine, it ends with its process
whatever that dies of, and it leaves nothing behind. Where there are no such names (outside Linux,
or from one container to another), nothing is claimed.
"""

import errno
import hashlib
import os
import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from scissorsd.folders.real_paths import Location

_PATIENCE = 1.0  # seconds


@dataclass(slots=True)
class Claims:
    """The pairs of folders that this process has claimed."""

    _held: dict[str, socket.socket] = field(default_factory=dict)

    def take(self, inbox: Location, outbox: Location) -> str:
        """Claim a pair of folders; give which process has claimed them already, or nothing."""
        for name in _names(inbox, outbox) - self._held.keys():
            try:
                self._held[name] = _bound(name)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return f"process {_owner(name) or 'of another user or container'}"
                # a sandbox without such sockets, or none left: nothing is claimed
        return ""

    def keep(self, pairs: Iterable[tuple[Location, Location]]) -> None:
        """Let go of all but these pairs."""
        wanted = {name for pair in pairs for name in _names(*pair)}
        for name in self._held.keys() - wanted:
            self._held.pop(name).close()

    def close(self) -> None:
        """Let go of all."""
        self.keep(())


def _bound(name: str) -> socket.socket:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(name)
        claim.listen()
    except OSError:
        claim.close()
        raise
    return claim


def _names(inbox: Location, outbox: Location) -> set[str]:
    """Return the names of a pair: by numbers and, as an outbox may not be there yet, by places."""
    if sys.platform != "linux":
        return set()
    pairs: list[object] = []
    if inbox.numbers and outbox.numbers and None not in {inbox.numbers[0], outbox.numbers[0]}:
        pairs.append((inbox.numbers[0], outbox.numbers[0]))
    if inbox.spot and outbox.spot:
        pairs.append([(spot.system, spot.path.as_posix()) for spot in (inbox.spot, outbox.spot)])
    marks = (hashlib.sha256(os.fsencode(repr(pair))).hexdigest() for pair in pairs)
    return {f"\0scissorsd {mark[:32]}" for mark in marks}


def _owner(name: str) -> int:
    """Return the number of the process that has a name; 0 where that is not to be known."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(_PATIENCE)
        asking.connect(name)
        credentials = asking.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
        )
        return int(struct.unpack("3i", credentials)[0])
    return 0

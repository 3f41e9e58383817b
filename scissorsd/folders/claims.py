"""Claims: no two processes work on the same inbox and outbox, however they spell the paths.

A claim is a socket with an abstract name (unix(7)), made of where the two folders really are. The
name is the same for every spelling, state folder and user of a machine. The claim ends with its
process, however that dies, and leaves nothing behind. Where there are no abstract names (outside
Linux, or from one container to another), nothing is claimed.
"""

import errno
import hashlib
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from scissorsd.folders.real_paths import Location

_PATIENCE = 1.0  # seconds


@dataclass(slots=True)
class Claims:
    """The pairs of folders that this process has claimed. Any thread may call the methods."""

    _sockets: dict[str, socket.socket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_closed: bool = False

    def take(self, inbox: Location, outbox: Location) -> str:
        """Claim a pair of folders; return which process has claimed them already, or ""."""
        with self._lock:
            wanted = set() if self._is_closed else _names(inbox, outbox) - self._sockets.keys()
            for name in wanted:
                try:
                    self._sockets[name] = _bound(name)
                except OSError as error:
                    if error.errno == errno.EADDRINUSE:
                        return f"process {_owner(name) or 'of another user or container'}"
                    # A sandbox without such sockets, or no socket left: nothing is claimed.
        return ""

    def keep(self, pairs: Iterable[tuple[Location, Location]]) -> None:
        """Release all but these pairs."""
        wanted = {name for pair in pairs for name in _names(*pair)}
        with self._lock:
            for name in self._sockets.keys() - wanted:
                self._sockets.pop(name).close()

    def close(self) -> None:
        """Release all pairs, and claim no more: a check of the folders may still be at work."""
        with self._lock:
            self._is_closed = True
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
    """Return the names of a pair: by inodes and, as an outbox may not exist yet, by paths."""
    if sys.platform != "linux":
        return set()
    pairs: list[object] = []
    if inbox.inodes and outbox.inodes and None not in {inbox.inodes[0], outbox.inodes[0]}:
        pairs.append((inbox.inodes[0], outbox.inodes[0]))
    if inbox.spot and outbox.spot:
        pairs.append([(spot.system, spot.path.as_posix()) for spot in (inbox.spot, outbox.spot)])
    digests = (hashlib.sha256(os.fsencode(repr(pair))).hexdigest() for pair in pairs)
    return {f"\0scissorsd {digest[:32]}" for digest in digests}


def _owner(name: str) -> int:
    """Return the id of the process that has a name; 0 where it cannot be known."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(_PATIENCE)
        asking.connect(name)
        credentials = asking.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
        )
        return int(struct.unpack("3i", credentials)[0])
    return 0

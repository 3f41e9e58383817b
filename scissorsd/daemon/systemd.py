"""systemd's notification socket (sd_notify(3)); without one, nothing happens."""

import contextlib
import os
import socket

_PATIENCE = 1.0  # seconds; a manager that has stopped reading must not block the daemon


def notify(*lines: str) -> None:
    """Send lines such as "READY=1" to the service manager, if one listens.

    Errors are ignored: a manager that cannot be reached is no reason to stop cutting.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
    ):
        sender.settimeout(_PATIENCE)
        sender.connect(address)
        sender.sendall("\n".join(lines).encode())


def watchdog_pause() -> float | None:
    """Return the seconds between two "WATCHDOG=1" that the manager asks for, or None."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    own = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(limit) / 1e6 / 3 if limit.isdigit() and own else None

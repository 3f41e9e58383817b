"""A network of two ends on one machine: so much delay, so much a second, so much that is lost.

`in_a_room()` has the calling script run again in namespaces of its own (network, mounts, processes:
util-linux's `unshare`, as root): whatever it starts, mounts and configures is gone with it, however
it ends. There a `Cable` joins its network to a far one. At each end is a TUN device, whose rate is
the kernel's (`tc qdisc … tbf`); between them a process of this file hands packets on: netem, the
kernel's own delay, is missing in many. It counts what a network card would.
"""

import argparse
import ctypes
import fcntl
import json
import os
import random
import select
import shutil
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import IO, cast

NEAR, FAR = "10.77.0.1", "10.77.0.2"
_INSIDE = "SCISSORSD_BENCH_ROOM"
_TMPFS = "/dev/shm"  # noqa: S108 - a new one
_CLONE_NEWNET = 0x40000000
# <linux/if_tun.h>
_TUN, _NO_PACKET_INFO, _VNET_HEADER = 0x0001, 0x1000, 0x4000
_TUNSETIFF, _TUNSETOFFLOAD = 0x400454CA, 0x400454D0
_CHECKSUMS, _SEGMENTS = 0x01, 0x02
_HEADER = struct.Struct("=BBHHHH")  # virtio_net_hdr: flags, kind, headers, segment, checksum at …
_LARGEST = 65550 + _HEADER.size
_ETHERNET = 14  # bytes of each frame before the packet, as a card counts them
_AT_ONCE = 64  # packets that are read before the other end has its turn


def in_a_room() -> None:
    """Run the script again in namespaces of its own, and end with it; in them, return."""
    if os.environ.get(_INSIDE):
        for words in ("ip link set lo up", f"mount -t tmpfs room {_TMPFS}"):
            subprocess.run(words.split(), check=True)
        return
    if os.geteuid() or not all(map(shutil.which, ("unshare", "setpriv", "nsenter", "ip", "tc"))):
        raise SystemExit("this wants root, util-linux and iproute2")
    room = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    command = ["setpriv", "--pdeathsig", "KILL", *room, sys.executable, *sys.argv]
    sys.exit(subprocess.run(command, env={**os.environ, _INSIDE: "1"}, check=False).returncode)


@dataclass(frozen=True, slots=True)
class Counted:
    """What has gone over a cable."""

    to_far: int  # bytes
    to_near: int


@dataclass(frozen=True, slots=True)
class Cable:
    """A far network, and the way to it; `before` is the command to run another in it."""

    before: tuple[str, ...]
    _asks: IO[str]
    _answers: IO[str]

    def counted(self) -> Counted:
        """Return what has gone over it so far."""
        print(file=self._asks, flush=True)
        return Counted(*json.loads(self._answers.readline()))


@contextmanager
def cable(delay_ms: float, mbit: float, loss: float = 0.0) -> Iterator[Cable]:
    """Lay a cable; `delay_ms` is one way, `loss` the part of the packets that get lost."""
    far = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])  # noqa: S607 - of PATH
    before = ("nsenter", f"--net=/proc/{far.pid}/ns/net", "--")
    words = (str(far.pid), str(delay_ms), str(mbit), str(loss))
    try:
        with subprocess.Popen(
            [sys.executable, __file__, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            asks, answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
            if not answers.readline():
                raise SystemExit("the cable could not be laid")
            yield Cable(before, asks, answers)
            asks.close()  # by that it ends
    finally:
        far.kill()
        far.wait()


# --- the process of a cable --------------------------------------------------------------------


@dataclass(slots=True)
class _End:
    """One end: what comes out of it waits until it is due at the other."""

    device: int
    came: int = 0  # bytes
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)


def _device(name: str, network: int | None, *, is_split: bool) -> int:
    """Make a TUN device in a network, or in ours; `is_split`: by packets, as they travel."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    if network is not None and libc.setns(network, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    what = _TUN | _NO_PACKET_INFO | _VNET_HEADER
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), what))
    # With SEGMENTS up to 64 kB of one stream come at once, and are counted as what they become.
    fcntl.ioctl(device, _TUNSETOFFLOAD, _CHECKSUMS | (0 if is_split else _SEGMENTS))
    if libc.setns(own, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(own)
    return device


def _configure(before: tuple[str, ...], name: str, ours: str, theirs: str, mbit: float) -> None:
    rate = ("rate", f"{mbit:g}mbit", "burst", "128kb", "latency", "100ms")
    for words in (
        ("ip", "addr", "add", ours, "peer", theirs, "dev", name),
        ("ip", "link", "set", "lo", "up"),
        ("ip", "link", "set", name, "up"),
        ("tc", "qdisc", "add", "dev", name, "root", "tbf", *rate),
    ):
        subprocess.run([*before, *words], check=True)


def _on_the_wire(packet: bytes) -> int:
    """Return how many bytes a card would count for it."""
    kind: int
    headers: int
    segment: int
    _, kind, headers, segment, *_ = _HEADER.unpack_from(packet)
    size = len(packet) - _HEADER.size
    if not kind or not segment:
        return size + _ETHERNET
    frames = -(-(size - headers) // segment)
    return size - headers + frames * (headers + _ETHERNET)


def _take(end: _End, delay: float, loss: float) -> None:
    for _ in range(_AT_ONCE):
        try:
            packet = os.read(end.device, _LARGEST)
        except BlockingIOError:
            return
        end.came += _on_the_wire(packet)
        if not loss or random.random() >= loss:  # noqa: S311 - not for secrets
            end.waiting.append((monotonic() + delay, packet))


def _hand_on(end: _End, other: _End) -> None:
    while end.waiting and end.waiting[0][0] <= monotonic():
        with suppress(OSError):  # its queue is full: it is lost
            os.write(other.device, end.waiting.popleft()[1])


def _carry(near: _End, far: _End, delay: float, loss: float) -> None:
    """Hand packets on until whoever asks for counts is gone."""
    asked = sys.stdin.fileno()
    while True:
        due = min((one.waiting[0][0] for one in (near, far) if one.waiting), default=None)
        wait = None if due is None else max(0.0, due - monotonic())
        ready, _, _ = select.select((near.device, far.device, asked), (), (), wait)
        for end in (near, far):
            if end.device in ready:
                _take(end, delay, loss)
        _hand_on(near, far)
        _hand_on(far, near)
        if asked in ready:
            if not sys.stdin.readline():
                return
            print(json.dumps((near.came, far.came)), flush=True)


def main() -> None:
    """Be the cable between this network and that of a process."""
    options = argparse.ArgumentParser()
    options.add_argument("pid", type=int)
    for name in ("delay_ms", "mbit", "loss"):
        options.add_argument(name, type=float)
    given = options.parse_args()
    ours = Path("/proc/self/ns/net").stat().st_ino
    theirs = Path(f"/proc/{given.pid}/ns/net")
    while theirs.stat().st_ino == ours:
        select.select([], [], [], 0.01)  # it is just on its way there
    network = os.open(theirs, os.O_RDONLY)
    near = _End(_device("near", None, is_split=bool(given.loss)))
    far = _End(_device("far", network, is_split=bool(given.loss)))
    _configure((), "near", NEAR, FAR, given.mbit)
    _configure(("nsenter", f"--net={theirs}", "--"), "far", FAR, NEAR, given.mbit)
    print("laid", flush=True)
    _carry(near, far, given.delay_ms / 1000, given.loss)


if __name__ == "__main__":
    main()

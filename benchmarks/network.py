"""Measure hosts beyond a network: pictures read and written in a share, or sent over the hub.

    sudo python benchmarks/network.py

Broker, daemon and folders at one end, the host at the other of a cable with the rate and the round
trip of a LAN, then of a VPN (cable.py: two network namespaces, which are gone however this ends).
Pictures of 12 MP, really read, cut out, rendered and staged; the network sleeps (studio.py).

The share is sshfs without ssh: its FUSE client straight at OpenSSH's sftp-server, unencrypted as
NFS is, since neither NFS nor SMB is in every kernel. As NFS does, it asks for each thing when it is
wanted; it reads and writes by 32 kB, a few of them under way at once. The hub is reached by TLS.
On Debian: `apt install rabbitmq-server sshfs openssh-sftp-server socat`.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import nan
from pathlib import Path

from bench import Figures, Goal, Place, number, parser, place, table
from cable import NEAR, Cable, Counted, cable, in_a_room
from pictures import lay_out, take
from PIL import Image
from studio import Machine, Run, Studio, wait_until

SLEEP = 0.3  # seconds
KIND = "12"
PICTURES = 8  # of different content
SLOTS = {1: 10, 4: 28}  # pictures, by slots
NETWORKS = {"LAN": (1.0, 1000.0), "VPN": (20.0, 100.0)}  # ms there and back, Mbit/s
_SFTP = "/usr/lib/openssh/sftp-server"
_PORT = 2022


def main() -> None:
    """Measure, print and keep."""
    in_a_room()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    options = parser(__doc__)
    where = place(options.parse_args())
    pictures = [_of_a_camera(path, where) for path in take(where.cache, KIND, PICTURES)]
    with ExitStack() as held:
        figures = measure(Machine(where, held, NEAR), pictures)
    where.save("network", figures)
    print("\n".join(section(figures)))


def _of_a_camera(path: Path, where: Place) -> Path:
    """Save a picture once more, as large as a camera's: some 4.5 MB."""
    folder = where.cache / "pictures" / f"{KIND}-camera"
    folder.mkdir(exist_ok=True)
    with Image.open(path) as image:
        image.save(folder / path.name, "JPEG", quality=98, subsampling="4:2:2")
    return folder / path.name


def measure(machine: Machine, pictures: list[Path]) -> Figures:
    """Measure all, and print it as it comes."""
    rows = [_row("none", "paths", machine, pictures)]
    rows += [_row(name, way, machine, pictures) for name in NETWORKS for way in ("paths", "bytes")]
    size = sum(path.stat().st_size for path in pictures) / len(pictures)
    return {"sleep_s": SLEEP, "picture": size, "rows": rows, "load": os.getloadavg()}


def _row(name: str, way: str, machine: Machine, pictures: list[Path]) -> Figures:
    row: Figures = {"network": name, "way": way}
    for slots, count in SLOTS.items():
        run, counted = _run(machine, pictures, name, way, slots)
        row[f"slot_s_{slots}"] = run.slot_s
        row["cpu_ms"] = run.cpu_ms
        row["there"], row["back"] = counted.to_far / count, counted.to_near / count
        print(f"{name}, {way}, {slots} slots: {row}, litter {run.litter}", flush=True)
    return row


def _run(
    machine: Machine, pictures: list[Path], name: str, way: str, slots: int
) -> tuple[Run, Counted]:
    trip_ms, mbit = NETWORKS.get(name, (0.0, 1000.0))
    count = SLOTS[slots]
    with ExitStack() as held:
        to_far = held.enter_context(cable(trip_ms / 2, mbit))
        studio = held.enter_context(machine.studio(f"{name}-{way}-{slots}"))
        lay_out(pictures, studio.inbox, count)
        before = () if name == "none" else to_far.before
        maps: tuple[str, ...] = ()
        if before and way == "paths":
            maps = (f"{studio.folder}={held.enter_context(_share(studio, to_far))}",)
        elif before:
            maps = (f"{studio.folder}=/nowhere",)
        join = machine.join_over_tls(studio)
        host = studio.host("host", slots, str(SLEEP), join=join, maps=maps, before=before)
        held.enter_context(host)
        first = to_far.counted()
        with studio.daemon(hosts=True, sleeps=str(SLEEP)):
            wait_until(lambda: studio.count() == count)
            run, last = studio.done(slots), to_far.counted()
    return run, Counted(last.to_far - first.to_far, last.to_near - first.to_near)


@contextmanager
def _share(studio: Studio, to_far: Cable) -> Iterator[Path]:
    """Mount the studio's folder beyond the cable."""
    mount = studio.folder.with_name(f"{studio.folder.name}-far")
    mount.mkdir()
    door = f"TCP-LISTEN:{_PORT},bind={NEAR},reuseaddr,nodelay"
    server = subprocess.Popen(["socat", door, f"EXEC:{_SFTP}"])  # noqa: S607 - of PATH
    listens = f":{_PORT:04X} 00000000:0000 0A"
    wait_until(lambda: listens in Path("/proc/net/tcp").read_text())
    words = ("sshfs", "-f", "-o", f"directport={_PORT}", f"{NEAR}:{studio.folder}", str(mount))
    client = subprocess.Popen([*to_far.before, *words])
    try:
        wait_until(lambda: mount.is_mount() or client.poll() is not None)
        if client.poll() is not None:
            raise SystemExit("the share could not be mounted")
        for pid in (server.pid, *_children(server.pid), client.pid):
            studio.count_from("share", pid)
        yield mount
    finally:
        client.terminate()
        client.wait()
        server.kill()
        server.wait()
        mount.rmdir()


def _children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def goals(_figures: Figures) -> list[Goal]:
    """Return none: what a network takes is its own."""
    return []


def section(figures: Figures) -> list[str]:
    """Return the section of the page."""
    local = figures["rows"][0]
    rows = [
        (
            row["network"],
            row["way"],
            1000 * row["slot_s_1"],
            1000 * (row["slot_s_1"] - local["slot_s_1"]),
            4 / row["slot_s_4"],
            local["slot_s_4"] / row["slot_s_4"],
            *(row[way] / 1e6 if row is not local else nan for way in ("there", "back")),
            *(row["cpu_ms"].get(whose, 0.0) for whose in ("daemon", "broker", "hosts", "share")),
        )
        for row in figures["rows"]
    ]
    networks = ", ".join(
        f"{name}: {mbit:g} Mbit/s, {trip:g} ms there and back"
        for name, (trip, mbit) in NETWORKS.items()
    )
    load = ", ".join(f"{one:.1f}" for one in figures["load"])
    text = (
        f"Pictures of 12 MP, {number(figures['picture'] / 1e6)} MB each, a network that sleeps "
        f"{figures['sleep_s']} s; the host beyond a cable ({networks}), by a share (sshfs without "
        "ssh) or over the hub (TLS). All on this one machine, whose load in 1, 5 and 15 minutes at "
        f"the end was {load}. MB are those that a network card would count, of each picture."
    )
    headings = (
        *("network", "way", "ms a picture, 1 slot", "more than none", "pictures /s, 4 slots"),
        *("× none", "MB to the host", "MB from it"),
        *("CPU ms a picture, 4 slots: daemon", "broker", "host", "share"),
    )
    return ["### Hosts beyond a network\n", f"{text}\n", f"{table(headings, rows)}\n"]


if __name__ == "__main__":
    main()

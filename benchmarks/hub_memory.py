"""Measure the memory of a hub that pictures go over, at the most that a watcher has out at once.

A real broker on the files of `scissorsd hub init`. Orders with pictures go out as the watcher sends
them, as many as it would (`ways.BYTES_OUT`), and wait; then they are taken by eight hosts at once.
At the end one that is too large for the hub.
"""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from time import sleep

from bench import Figures, Place, parser, place, table
from kombu import Connection
from processes import MIB
from studio import Machine

from scissorsd.hosts.joining.join import Join
from scissorsd.hosts.messages import names
from scissorsd.hosts.messages.carried import Carried
from scissorsd.hosts.messages.faults import TooLargeError
from scissorsd.hosts.messages.orders import Order
from scissorsd.hosts.watcher.sending import Sender
from scissorsd.hosts.watcher.ways import BYTES_OUT

SIZES = (4.5, 12, 64)  # MiB: a photograph; the most by default; the most that may be set
_NETWORK = "u2netp"
_AT_ONCE = 8  # connections, each way
_SAMPLE = 0.02  # seconds
_REST = 10.0  # seconds, after which the hub has let go of what it had


class _Memory:
    """The resident memory of a process: the most since it was last asked."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._most = 0.0

    def now(self) -> float:
        """Return it in MiB."""
        line = next(row for row in self._status.read_text().splitlines() if "VmRSS" in row)
        return int(line.split()[1]) / MIB

    def most(self) -> float:
        """Return the most since the last call."""
        most, self._most = max(self._most, self.now()), 0.0
        return most

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at it all the while."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(_SAMPLE):
                self._most = max(self._most, self.now())

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def measure(where: Place) -> Figures:
    """Measure all, each size with a new broker, and print it as it comes."""
    rows: list[Figures] = []
    for size in SIZES:
        with ExitStack() as held:
            machine = Machine(where, held)
            studio = held.enter_context(machine.studio("memory"))
            working = import_module("hosts.working")
            picture = working.draw(studio.inbox / "a.jpg")
            order = working.order_for(picture, studio.inbox, studio.outbox)
            join = studio.hub.joins["watcher"]
            sender = Sender(join)
            memory = _Memory(machine.broker.pid)
            with memory.watched():
                rows.append(_row(order, size, sender, join, memory))
            print(rows[-1], flush=True)
            above = _above(order, sender)
    return {"rows": rows, "above": above}


def _row(order: Order, size: float, sender: Sender, join: Join, memory: _Memory) -> Figures:
    length = round(size * 2**20)
    count = BYTES_OUT // length
    row: Figures = {"size": size, "count": count, "before": memory.most()}
    carrying = replace(order, data=Carried(b"\0" * length, {}))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(sender.send, (replace(carrying, job=number) for number in range(count))))
        row["sent"], row["waiting"] = memory.most(), memory.now()
        taken = sum(pool.map(lambda _: _take(join, length), range(_AT_ONCE)))
        row["taken"] = memory.most()
        sleep(_REST)
        row["after"] = memory.now()
    if taken != count:
        raise SystemExit(f"{count} orders were sent, and {taken} came")
    return row


def _take(join: Join, length: int) -> int:
    """Be a host: take orders, whole, while there are any; return how many."""
    taken = 0
    with Connection(join.url, userid=join.user, password=join.secret) as connection:
        channel = connection.default_channel
        while message := channel.basic_get(names.orders_queue(_NETWORK, "bytes")):
            taken += len(message.body) > length
            channel.basic_ack(message.delivery_tag)
    return taken


def _above(order: Order, sender: Sender) -> str:
    """Return what is said of a picture which, with its background, is above the hub's limit."""
    most = round(SIZES[-1] * 2**20)
    large = Carried(b"\0" * most, {"0" * 64: b"\0" * most})
    try:
        sender.send(replace(order, data=large))
    except TooLargeError as error:
        return error.what
    return "it was taken"


def section(figures: Figures) -> list[str]:
    """Return the table."""
    headings = (
        *("picture, MiB", "orders out", "MiB in all"),
        *("memory before, MiB", "at most, sent", "all waiting", "at most, taken", "after"),
    )
    rows = [
        (
            f"{row['size']:g}",
            str(row["count"]),
            row["size"] * row["count"],
            *(row[when] for when in ("before", "sent", "waiting", "taken", "after")),
        )
        for row in figures["rows"]
    ]
    return ["### Memory of the hub\n", f"{table(headings, rows)}\n", f"Above: {figures['above']}"]


def main() -> None:
    """Measure, print and keep."""
    where = place(parser(__doc__).parse_args())
    figures = measure(where)
    where.save("hub_memory", figures)
    sys.stdout.write("\n".join(section(figures)) + "\n")


if __name__ == "__main__":
    main()

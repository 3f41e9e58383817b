"""Measure calls of remove.bg's and rembg's interfaces: how fast, how many, and who waits for them.

Each part can be asked for by itself: `python benchmarks/calls.py pace fair`. `pace`: so many at
once, each as soon as the one before is answered. `fair`: an inbox with a backlog, alone and while
fifty calls come at once. `rembg`: rembg's own server beside it, the same pictures and network; it
is installed into a virtual environment of its own on first use.
"""

import http.client
import os
import secrets
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from time import monotonic
from urllib.parse import urlsplit

import yaml
from bench import Figures, parser, place, table, write_config
from compare import rembg_program
from pictures import NAMES, lay_out, take
from processes import MIB, Daemon, environment

OURS, REMBG = "/v1.0/removebg", "/api/remove"
AT_ONCE = (1, 4, 16)
BURST = 50


@dataclass(frozen=True, slots=True)
class Server:
    """Where calls go, in what form, and whose memory counts."""

    host: str
    port: int
    path: str
    pid: int

    def call(self, picture: bytes) -> tuple[int, float]:
        """Call with a picture; give the status, and the seconds until the answer was whole."""
        is_ours = self.path == OURS
        name = "image_file" if is_ours else "file"
        words = {"size": "full"} if is_ours else {"model": "u2net"}
        kind, body = form(name, picture, words)
        began = monotonic()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=600)
        try:
            connection.request("POST", self.path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            answer.read()
            return answer.status, monotonic() - began
        finally:
            connection.close()

    def memory_mib(self, row: str = "VmHWM") -> float:
        """Return the most memory that its process ever held."""
        status = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith(f"{row}:")).split()[1]) / MIB


def form(name: str, content: bytes, words: dict[str, str]) -> tuple[str, bytes]:
    """Return the type and the body of a form with a file."""
    mark = secrets.token_hex(8)
    head = f'--{mark}\r\nContent-Disposition: form-data; name="'
    texts = "".join(f'{head}{key}"\r\n\r\n{value}\r\n' for key, value in words.items())
    file = f'{head}{name}"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = (texts + file).encode() + content + f"\r\n--{mark}--\r\n".encode()
    return f"multipart/form-data; boundary={mark}", body


@dataclass(slots=True)
class Answers:
    """What came of many calls."""

    seconds: list[float] = field(default_factory=list)  # of those that were answered with a picture
    statuses: Counter[int] = field(default_factory=Counter)
    wall_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, status: int, seconds: float) -> None:
        """Note an answer."""
        with self.lock:
            self.statuses[status] += 1
            if status == 200:
                self.seconds.append(seconds)

    def figures(self) -> Figures:
        """Return what is told of them."""
        return {
            "p50_s": median(self.seconds),
            "p95_s": quantiles(self.seconds, n=20, method="inclusive")[-1],
            "per_hour": 3600 * len(self.seconds) / self.wall_s,
            "statuses": dict(self.statuses),
        }


def many(server: Server, pictures: Sequence[bytes], count: int, at_once: int) -> Answers:
    """Make so many calls, so many at once."""
    answers, left = Answers(), iter(range(count))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number = next(left, None)
            if number is None:
                return
            answers.note(*server.call(pictures[number % len(pictures)]))

    threads = [threading.Thread(target=work) for _ in range(at_once)]
    began = monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.wall_s = monotonic() - began
    return answers


def pace(
    server: Server, pictures: Sequence[bytes], count: int, at_once_each: Sequence[int]
) -> Figures:
    """Measure calls, so many at once, of the pictures in which a subject is found."""
    pictures = [picture for picture in pictures if server.call(picture)[0] == 200]
    told: Figures = {}
    for at_once in at_once_each:
        figures = many(server, pictures, max(count, 2 * at_once), at_once).figures()
        told[str(at_once)] = {**figures, "memory_mib": server.memory_mib()}
    return told


def fair(
    daemon: Daemon, server: Server, pictures: Sequence[Path], inbox: Path, count: int
) -> Figures:
    """Measure a backlog in an inbox, alone and while many calls come at once."""
    content = [path.read_bytes() for path in pictures]
    alone = backlog(daemon, pictures, inbox, count)
    said: list[Answers] = []
    burst = threading.Thread(target=lambda: said.append(many(server, content, BURST, BURST)))
    beside = backlog(daemon, pictures, inbox, count, burst.start)
    burst.join()
    return {
        "pictures": count,
        "alone_per_s": alone,
        "beside_per_s": beside,
        "share": beside / alone,
        "calls": dict(said[0].statuses),
        "calls_longest_s": max(said[0].seconds, default=0.0),
    }


def backlog(
    daemon: Daemon,
    pictures: Sequence[Path],
    inbox: Path,
    count: int,
    begin: Callable[[], object] = lambda: None,
) -> float:
    """Put pictures into the inbox; give how many of them a second are cut, to the last one."""

    def cut() -> int:
        return sum(line["inbox"] == "bench" for line in daemon.lines("job.finished"))

    before = cut()
    aside = inbox.parent / "aside"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    lay_out(pictures, aside, count)
    mark = secrets.token_hex(4)
    for path in sorted(aside.iterdir()):
        path.rename(inbox / f"{mark}-{path.name}")
    while cut() == before:
        time.sleep(0.01)
    began, first = monotonic(), cut()
    begin()
    while cut() < before + count:
        time.sleep(0.01)
    return (before + count - first) / (monotonic() - began)


def rembg(
    cache: Path, models: Path, pictures: Sequence[bytes], count: int, at_once_each: Sequence[int]
) -> Figures:
    """Measure rembg's own server with the same pictures, by u2net."""
    port = 7431
    command = [str(rembg_program(cache)), "s", "-h", "127.0.0.1", "-p", str(port), "--no-ui"]
    process = subprocess.Popen(
        command, env=environment(models), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    server = Server("127.0.0.1", port, REMBG, process.pid)
    try:
        for _ in range(600):
            try:
                server.call(pictures[0])
                break
            except OSError:
                time.sleep(0.2)
        return pace(server, pictures, count, at_once_each)
    finally:
        process.terminate()
        process.wait(60)


def main() -> None:
    """Measure the parts that are asked for, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("parts", nargs="*", metavar="PART", help="of: pace, fair, rembg")
    options.add_argument("--model", default="u2net")
    options.add_argument("--kind", default="2", choices=NAMES)
    options.add_argument("--at-once", type=int, nargs="+", default=AT_ONCE, metavar="N")
    options.add_argument("--calls", type=int, default=32, help="for each number at once")
    options.add_argument("--backlog", type=int, default=60, help="pictures in the inbox")
    arguments = options.parse_args()
    parts = arguments.parts or ["pace", "fair"]
    here = place(arguments)
    folder = here.empty("calls")
    inbox, outbox = folder / "inbox", folder / "outbox"
    inbox.mkdir()
    rule = {"model": arguments.model}
    config = write_config(folder, here.models, inbox, outbox, rule=rule, settle="100ms")
    values = yaml.safe_load(config.read_text(encoding="utf-8"))
    values["page"] = {"listen": "127.0.0.1:0"}
    config.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    pictures = take(here.cache, arguments.kind, 8)
    content = [path.read_bytes() for path in pictures]
    figures: Figures = {"model": arguments.model, "kind": arguments.kind}
    figures["load_before"] = os.getloadavg()[0]
    if {"pace", "fair"} & set(parts):
        with Daemon(config, here.models) as daemon:
            told = daemon.wait("page.listening")
            address = urlsplit(str(told["address"]))
            server = partial(
                Server, address.hostname or "", address.port or 0, pid=int(told["pid"])
            )
            if "pace" in parts:
                figures["pace"] = pace(
                    server(path=OURS), content, arguments.calls, arguments.at_once
                )
            if "fair" in parts:
                figures["fair"] = fair(
                    daemon, server(path=OURS), pictures, inbox, arguments.backlog
                )
    if "rembg" in parts:
        figures["rembg"] = rembg(
            here.cache, here.models, content, arguments.calls, arguments.at_once
        )
    here.save("calls", figures)
    print("\n".join(section(figures)))


def section(figures: Figures) -> list[str]:
    """Return what is told of the figures, in Markdown."""
    lines = [f"{figures['model']}, {figures['kind']} megapixels; load {figures['load_before']:.1f}"]
    rows = [
        [whose, at_once, f["p50_s"], f["p95_s"], f["per_hour"], f["memory_mib"], str(f["statuses"])]
        for whose, part in (("scissorsd", "pace"), ("rembg s", "rembg"))
        for at_once, f in figures.get(part, {}).items()
    ]
    if rows:
        headings = ("server", "at once", "p50 s", "p95 s", "per hour", "MiB", "answers")
        lines += ["", table(headings, rows)]
    if fairness := figures.get("fair"):
        lines += [
            "",
            (
                f"An inbox of {fairness['pictures']} pictures: {fairness['alone_per_s']:.2f} a "
                f"second alone, {fairness['beside_per_s']:.2f} while {BURST} calls come at once "
                f"({fairness['share']:.0%}); answers {fairness['calls']}"
            ),
        ]
    return lines


if __name__ == "__main__":
    main()

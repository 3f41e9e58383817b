"""Measure how right the time is that `scissorsd watch` says a backlog will still take.

`watch` runs on a terminal of its own (a pty), and its bar is read there, as is `status --json`.
The pictures are hard links of a few of 0.5 MP; the cutouts are removed as they come.
"""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import Figures, Goal, Place, parser, place, table
from pictures import lay_out, take
from processes import SCISSORSD, environment

BAR = re.compile(r"(\d+)/(\d+)\s+(?:(\d+):(\d\d):(\d\d)|-:--:--)")  # done/all, what is left
FINISHED = re.compile(r"\bjob\.finished\b")
COLOURS = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
SHARES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9)  # of the backlog done when the bar is looked at
WORDS = ("left", "remaining", "eta", "estimate")  # of which one would be in a key of `status`


@dataclass(slots=True)
class Reading:
    """What the bar showed."""

    at: float  # monotonic
    done: int
    left_s: float | None


def main() -> None:
    """Work a backlog off, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--model", default="u2netp")
    options.add_argument("--providers", default="auto")
    options.add_argument("--pictures", type=int, default=10_000)
    arguments = options.parse_args()
    here = place(arguments)
    folder = here.empty("backlog")
    inbox, outbox, state = folder / "inbox", folder / "outbox", folder / "state"
    inbox.mkdir()
    lay_out(take(here.cache, "0.5", 20), inbox, arguments.pictures)
    command = [*SCISSORSD, "watch", str(inbox), str(outbox), "--model", arguments.model]
    command += ["--providers", arguments.providers, "--models", str(here.models)]
    keys: set[str] = set()
    with on_a_terminal([*command, "--state", str(state)], here) as terminal:
        readings, ended = watch_bar(terminal, arguments.pictures, here, state, outbox, keys)
    figures = {
        "model": arguments.model,
        "pictures": arguments.pictures,
        "status_keys": sorted(keys),
        "seconds": ended - readings[0].at if readings else None,
        "readings": [chosen(readings, share, arguments.pictures, ended) for share in SHARES],
    }
    here.save("backlog", figures)
    print("\n".join(section(figures)))


@contextlib.contextmanager
def on_a_terminal(command: list[str], here: Place) -> Iterator[int]:
    """Run a program on a terminal of its own; give the terminal's other end."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    variables = {**environment(here.models), "TERM": "xterm"}
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=variables)
    os.close(its)
    try:
        yield ours
    finally:
        process.send_signal(signal.SIGTERM)
        threading.Thread(target=drain, args=(ours,), daemon=True).start()
        process.wait(120)


def drain(terminal: int) -> None:
    """Read what is still said, so that the program can end."""
    with contextlib.suppress(OSError):
        while os.read(terminal, 65536):
            pass


def watch_bar(
    terminal: int, pictures: int, here: Place, state: Path, outbox: Path, keys: set[str]
) -> tuple[list[Reading], float]:
    """Read the terminal until every picture has come out: what the bar showed, and the end."""
    readings: list[Reading] = []
    finished, rest, asked_at = 0, "", time.monotonic()
    while finished < pictures:
        try:
            said = os.read(terminal, 65536).decode(errors="replace")
        except OSError as error:
            raise SystemExit(f"watch ended after {finished} pictures; it said: {rest}") from error
        text = rest + COLOURS.sub("", said)
        text, _, rest = text.rpartition("\n") if "\n" in text else ("", "", text)
        now = time.monotonic()
        finished += len(FINISHED.findall(text))
        for done, _, hours, minutes, seconds in BAR.findall(text + rest):
            left = int(hours) * 3600 + int(minutes) * 60 + int(seconds) if hours else None
            readings.append(Reading(now, int(done), left))
        if now - asked_at > 10:
            asked_at = now
            keys |= estimates_in_status(here, state)
            for path in outbox.glob("*.png"):
                path.unlink()
    return readings, time.monotonic()


def estimates_in_status(here: Place, state: Path) -> set[str]:
    """Give the keys of `status --json` that tell what is left of the work."""
    command = [*SCISSORSD, "status", "--json", "--state", str(state)]
    variables = environment(here.models)
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=variables)
    told = json.loads(answer.stdout)
    found = {*told, *(key for inbox in told["inboxes"] for key in inbox)}
    return {key for key in found if not set(key.split("_")).isdisjoint(WORDS)}


def chosen(readings: list[Reading], share: float, pictures: int, ended: float) -> Figures:
    """Give what the bar showed when so much was done, and what was true."""
    reached = (r for r in readings if r.done >= share * pictures and r.left_s is not None)
    reading = next(reached, None)
    if reading is None:
        return {"share": share, "said_s": None, "true_s": None}
    return {"share": share, "said_s": reading.left_s, "true_s": ended - reading.at}


def goals(_: Figures) -> Iterator[Goal]:
    """Give no goal: the design sets none for the estimate."""
    yield from ()


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    yield f"### A backlog of {figures['pictures']:,}\n"
    yield (
        f"Pictures of 0.5 MP, {figures['model']}; what the bar of `scissorsd watch` said was left, "
        "against what was left.\n"
    )
    rows = []
    for reading in figures["readings"]:
        said, true = reading["said_s"], reading["true_s"]
        shown = ("–", "–", "–") if said is None else (said, true, said / true)
        rows.append((f"{reading['share']:.0%}", *shown))
    yield table(("done", "said, s", "true, s", "said ÷ true"), rows) + "\n"
    if figures["status_keys"]:
        yield f"`scissorsd status --json` has: {', '.join(figures['status_keys'])}.\n"
    else:
        yield "`scissorsd status` gives no estimate.\n"


if __name__ == "__main__":
    main()

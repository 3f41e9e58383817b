"""Measure `scissorsd adopt`: how long it takes until a lost history is known again.

Half of the pictures lie in the inbox, half were moved to processed/; each has its cutout and its
mask. Pictures and outputs are small ones, each with bytes of its own: what is measured is the work
for each file, and not the disk. A second run finds all of them known; a third goes on where one
that was killed half-way had left off.
"""

import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from bench import DARKNESS, Figures, Goal, parser, place, table, write_config
from PIL import Image, ImageDraw

from scissorsd.records.journal_file import FILE

IN_A_FOLDER = 1000
SIZE = (240, 180)
GOAL_S, GOAL_PICTURES = 600.0, 100_000


def main() -> None:
    """Make the folders, adopt what lies in them, keep the figures, print them."""
    options = parser(__doc__)
    options.add_argument("--pictures", type=int, default=20_000)
    arguments = options.parse_args()
    here = place(arguments)
    folder = here.empty("adopt")
    inbox, outbox = folder / "inbox", folder / "outbox"
    outputs = [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}]
    rule = {"model": DARKNESS, "match": "moved/**", "source": "move", "outputs": outputs}
    config = write_config(folder, here.models, inbox, outbox, rule=rule)
    kept = {**rule, "name": "kept", "match": "kept/**", "source": "keep"}
    add_rule(config, kept)
    read = sum(make(inbox, outbox, number) for number in range(arguments.pictures))
    whole_s, cpu_s = adopt(config)
    must_be(known(folder), arguments.pictures)
    known_s, _ = adopt(config)
    shutil.rmtree(folder / "state")
    adopt(config, {"SCISSORSD_FAULTS": f"adopt.batch=kill@{arguments.pictures // 1000}"})
    left = arguments.pictures - known(folder)
    rest_s, _ = adopt(config)
    must_be(known(folder), arguments.pictures)
    figures = {
        "pictures": arguments.pictures,
        "files": 3 * arguments.pictures,
        "bytes": read,
        "adopt_s": whole_s,
        "cpu_s": cpu_s,
        "known_s": known_s,
        "left": left,
        "rest_s": rest_s,
        "journal_bytes": (folder / "state" / FILE).stat().st_size,
    }
    shutil.rmtree(folder)
    here.save("adopt", figures)
    print("\n".join(section(figures)))


def add_rule(config: Path, rule: Mapping[str, object]) -> None:
    """Add a rule to a configuration of one."""
    import yaml  # noqa: PLC0415 - for this one alone

    values = yaml.safe_load(config.read_text())
    (inbox,) = values["inboxes"].values()
    inbox["rules"].append(dict(rule))
    config.write_text(yaml.safe_dump(values, sort_keys=False))


def drawn(mode: str, form: str) -> bytes:
    """Draw a small picture."""
    image = Image.new(mode, SIZE, "white")
    ImageDraw.Draw(image).ellipse((60, 30, 180, 150), fill="black")
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


SOURCE, CUTOUT, MASK = drawn("RGB", "JPEG"), drawn("RGBA", "PNG"), drawn("L", "PNG")


def make(inbox: Path, outbox: Path, number: int) -> int:
    """Make a picture and its outputs, each of other bytes than the rest; return how many bytes."""
    stem = f"{'moved' if number % 2 else 'kept'}/{number // IN_A_FOLDER:04}/IMG_{number:06}"
    source = (outbox / "processed" if number % 2 else inbox) / f"{stem}.jpg"
    files = {
        source: SOURCE,
        outbox / f"{stem}.png": CUTOUT,
        outbox / f"masks/{stem}-mask.png": MASK,
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content + number.to_bytes(8, "little"))
    return sum(map(len, files.values()))


def adopt(config: Path, variables: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Run the command; return the seconds that it took, and those of its processors."""
    before, cpu = time.monotonic(), sum(os.times()[2:4])
    command = [sys.executable, "-m", "scissorsd", "adopt", "-c", str(config)]
    ended = subprocess.run(command, env={**os.environ, **(variables or {})}, check=False)
    must_be(ended.returncode, -signal.SIGKILL if variables else 0)
    return time.monotonic() - before, sum(os.times()[2:4]) - cpu


def must_be(found: int, wanted: int) -> None:
    """End where something is not as it must be for the figures to mean anything."""
    if found != wanted:
        raise SystemExit(f"there is {found} where {wanted} must be")


def known(folder: Path) -> int:
    """Return how many pictures a journal holds as cut."""
    with closing(sqlite3.connect(folder / "state" / FILE)) as db:
        (count,) = db.execute("SELECT count(*) FROM jobs WHERE state = 'done'").fetchone()
    return int(count)


def goals(figures: Figures) -> Iterator[Goal]:
    """Yield the goal: as if as many pictures as it speaks of had been adopted at this pace."""
    seconds = figures["adopt_s"] * GOAL_PICTURES / figures["pictures"]
    yield Goal(f"adopt: {GOAL_PICTURES:,} pictures", seconds, GOAL_S, "s")


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    yield "### Adopting what is out already\n"
    yield (
        f"{figures['pictures']:,} pictures, each with a cutout and a mask: {figures['files']:,} "
        f"files with {figures['bytes'] / 1e6:,.0f} MB, all read whole. Half of the pictures lie in "
        "the inbox, half in processed/; no state folder is left.\n"
    )
    rows = [
        ("adopted, s", figures["adopt_s"]),
        ("pictures per second", figures["pictures"] / figures["adopt_s"]),
        ("CPU, s", figures["cpu_s"]),
        ("all of them known already, s", figures["known_s"]),
        (f"the last {figures['left']:,}, after a kill, s", figures["rest_s"]),
        ("the journal then, MB", figures["journal_bytes"] / 1e6),
    ]
    yield table(("", "measured"), rows) + "\n"


if __name__ == "__main__":
    main()

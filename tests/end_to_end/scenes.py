"""What several daemon tests need: pictures that tell themselves apart, and a worker that waits."""

import io
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw

from scissorsd.records.journal import Journal

from .driver import FORMATS, Daemon, Workplace, wait_for

HEIGHT = 48
NARROWEST = 40


def drawn(number: int, suffix: str = ".jpg") -> bytes:
    """Draw a picture with a clear subject whose width is its own: see `number_of`."""
    width = NARROWEST + number
    image = Image.new("RGB", (width, HEIGHT), "whitesmoke")
    ImageDraw.Draw(image).ellipse((width // 4, 8, 3 * width // 4, 40), fill="firebrick")
    buffer = io.BytesIO()
    image.save(buffer, FORMATS[suffix])
    return buffer.getvalue()


def unsure(columns: int) -> bytes:
    """Draw a dark subject, and beside it so many columns of which `darkness` is half sure."""
    image = Image.new("RGB", (96, 72), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((10, 10, 29, 60), "black")
    if columns:
        pen.rectangle((30, 10, 29 + columns, 60), (140, 140, 140))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def drop(place: Workplace, name: str, content: bytes) -> Path:
    """Put a file into the inbox at once, also under a name as long as names can be."""
    path = place.inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    ready = place.folder / "ready"
    ready.write_bytes(content)
    return ready.rename(path)


def number_of(output: Path) -> int:
    """Tell of which picture a cutout or mask is."""
    with Image.open(output) as image:
        assert image.height == HEIGHT
        return image.width - NARROWEST


class Gate:
    """A background picture that a worker waits for: a FIFO in the place of the file.

    A rule with `flat` among its outputs is in hand, with its picture cut, until `open` is called.
    """

    def __init__(self, place: Workplace) -> None:
        self.path = place.folder / "paper.png"
        Image.new("RGB", (8, 8), "navy").save(self.path)
        self._content = self.path.read_bytes()
        self.flat = {"kind": "flat", "background": str(self.path)}
        self._handle = -1

    def shut(self) -> None:
        """Let whoever reads the background wait; the configuration must be loaded by now."""
        self.path.unlink()
        os.mkfifo(self.path)

    def wait(self) -> None:
        """Wait until a worker stands before it."""
        self._handle = wait_for(self._reached)

    def _reached(self) -> int:
        try:
            return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return 0

    def open(self) -> None:
        """Let the worker through, and all who come later."""
        aside = self.path.with_suffix(".tmp")
        aside.write_bytes(self._content)
        aside.replace(self.path)
        os.write(self._handle, self._content)
        os.close(self._handle)


@contextmanager
def kernel_setting(name: str, value: int) -> Iterator[None]:
    """Yield a setting of the kernel another value for a while."""
    path = Path("/proc/sys") / name
    usual = path.read_text()
    path.write_text(str(value))
    try:
        yield
    finally:
        path.write_text(usual)


def peak_memory(daemon: Daemon) -> int:
    """Return the most memory that a daemon ever had resident, in bytes."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def scanned_again(daemon: Daemon, times: int = 2) -> None:
    """Wait until whole scans of the inbox have begun and ended since now."""
    daemon.wait("inbox.scanned", times=len(daemon.told("inbox.scanned")) + times)


def write_slowly(path: Path, content: bytes, *, pieces: int, pause: float) -> None:
    """Write a file in pieces, as a slow program does, and keep it open all the time."""
    size = -(-len(content) // pieces)
    with path.open("wb", buffering=0) as file:
        for begin in range(0, len(content), size):
            if begin:
                time.sleep(pause)
            file.write(content[begin : begin + size])


def all_ended(place: Workplace, jobs: int) -> Counter[str]:
    """Wait, while something goes on, until so many jobs have ended; count them by state."""
    journal = Journal(place.state, read_only=True)

    def ended() -> Counter[str]:
        counts = journal.entries.counts(place.inbox)
        return Counter({state: counts.get(state, 0) for state in ("done", "failed")})

    def goes_on(before: Counter[str]) -> Counter[str] | None:
        time.sleep(0.1)  # asking costs the daemon time
        now = ended()
        return now if now != before else None

    try:
        counts = ended()
        while counts.total() < jobs:
            found = wait_for(partial(goes_on, counts))
            assert found is not None
            counts = found
    finally:
        journal.close()
    return counts

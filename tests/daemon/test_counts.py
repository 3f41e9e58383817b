"""What a picture costs, in things that can be counted; a clock would tell less, and not always."""

import io
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scissorsd.config import from_values
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import MaskOptions, Output
from scissorsd.daemon import pipeline
from scissorsd.daemon.memory import MemoryBudget
from scissorsd.daemon.outcomes import Bench, Done, Task
from scissorsd.folders import mounts, scanning
from scissorsd.folders.messages import Message, Sighted
from scissorsd.folders.watching import InboxWatcher
from scissorsd.pictures import cutting_out, reading
from scissorsd.records.journal import Journal
from scissorsd.settings import Inbox, Limits

WIDTH, HEIGHT = 3000, 2000
PIXELS = WIDTH * HEIGHT
MODEL = CATALOGUE["u2netp"]


class Network:
    """Answers as a network does that sees a ball, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def run(
        self, _name: str, network_input: NDArray[np.float32], /
    ) -> tuple[NDArray[np.float32], str, str]:
        """Return a ball."""
        self.asked += 1
        side = network_input.shape[-1]
        rows, columns = np.mgrid[:side, :side] - side / 2
        return (np.hypot(rows, columns) < side / 4).astype(np.float32), "cpu", "full"


def photograph() -> bytes:
    """Draw a JPEG."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "whitesmoke")
    ImageDraw.Draw(image).ellipse((700, 200, 2300, 1800), fill="firebrick")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


def shop(tmp_path: Path, *outputs: dict[str, object]) -> Inbox:
    """Return an inbox with one rule."""
    rule = {"name": "all", "model": "u2netp", "outputs": list(outputs) or [{}]}
    values = {"shop": {"path": "in", "outbox": "out", "rules": [rule]}}
    (tmp_path / "in").mkdir()
    return from_values({"state": "s", "inboxes": values}, base=tmp_path).config.inboxes[0]


def calls(function: Callable[[], object]) -> Counter[str]:
    """Count the calls of functions written in C, by their names, while one of ours runs."""
    counted: Counter[str] = Counter()

    def note(_: FrameType, event: str, called: object) -> None:
        if event == "c_call":
            counted[getattr(called, "__name__", "")] += 1

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return counted


# --- a picture in memory ---------------------------------------------------------------------


def most_memory(function: Callable[[], object]) -> float:
    """Return the most memory that arrays and bytes took meanwhile, in bytes per pixel.

    What Pillow decodes into is not in it: four bytes, or three where they were asked for.
    """
    function()  # what is loaded at first use is not of the picture
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        function()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (most - before) / PIXELS


def test_copies_of_a_picture() -> None:
    """Reading takes a picture's bytes twice, while joined; cutting a mask and the guide."""
    data = photograph()
    assert most_memory(lambda: reading.read(data, max_pixels=PIXELS)) < 6.1
    picture = reading.read(data, max_pixels=PIXELS)
    assert (
        most_memory(lambda: cutting_out.find_subject(picture, MODEL, Network(), MaskOptions()))
        < 5.5
    )


@pytest.mark.parametrize(
    ("output", "most"),
    [
        (Output(kind="cutout"), 8.5),  # the cutout, clean colours, and where the mask is not 0
        (Output(kind="cutout", colour="as_is"), 5.2),
        (Output(kind="mask"), 1.2),
        (Output(kind="flat"), 6.8),
        (Output(kind="flat", colour="as_is"), 3.5),
    ],
)
def test_copies_of_an_output(output: Output, most: float) -> None:
    """Making and encoding an output takes the output once, and little besides."""
    picture = reading.read(photograph(), max_pixels=PIXELS)
    cut = cutting_out.find_subject(picture, MODEL, Network(), MaskOptions())
    taken = most_memory(lambda: cutting_out.render(picture, cut, output, max_pixels=PIXELS))
    assert taken < most, taken


# --- a job -----------------------------------------------------------------------------------


def job(tmp_path: Path, *outputs: dict[str, object]) -> tuple[Task, Bench]:
    """Put a picture into an inbox, and give all that it takes to cut it."""
    inbox = shop(tmp_path, *outputs)
    (inbox.path / "a.jpg").write_bytes(photograph())
    source = scanning.sight(inbox.path, "a.jpg")
    assert source is not None
    bench = Bench(
        journal=Journal(tmp_path),
        sessions=Network(),
        catalogue=CATALOGUE,
        limits=Limits(file=10**8, pixels=PIXELS),
        memory=MemoryBudget(10**9),
    )
    roots = mounts.Root(inbox.path), mounts.Root(inbox.outbox)
    return Task(inbox, *roots, source, inbox.rules[0], 0.0), bench


def test_transactions_of_a_job(tmp_path: Path) -> None:
    """A job is four transactions: begun, stamped, published, finished."""
    task, bench = job(tmp_path)
    said: list[str] = []
    bench.journal.file.db.set_trace_callback(said.append)
    assert isinstance(pipeline.process(task, bench), Done)
    bench.journal.file.db.set_trace_callback(None)
    words = Counter(statement.split()[0] for statement in said)
    assert words["COMMIT"] == words["BEGIN"] == 4
    assert words["SELECT"] <= 17, words
    bench.journal.close()


def test_work_of_a_job(tmp_path: Path) -> None:
    """A job of two outputs asks the network once, and syncs two files and their one folder."""
    task, bench = job(tmp_path, {"kind": "cutout"}, {"kind": "mask"})
    task.outbox_root.prepare()
    counted = calls(lambda: pipeline.process(task, bench))
    assert isinstance(bench.sessions, Network)
    assert bench.sessions.asked == 1
    assert counted["fsync"] == 3, counted
    bench.journal.close()


# --- watching --------------------------------------------------------------------------------

MANY = 200
LOOKS = ("stat", "lstat", "fstat", "scandir", "open")


def watcher(inbox: Inbox, told: list[Message]) -> InboxWatcher:
    """Watch an inbox without starting a thread."""
    return InboxWatcher(inbox, told.append, mounts.Root(inbox.path))


def test_a_scan_takes_one_sighting_each(tmp_path: Path) -> None:
    """A scan lists each folder once and looks at each picture once, and at nothing else."""
    inbox = shop(tmp_path)
    for number in range(MANY):
        folder = inbox.path / str(number % 4)
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(b"x")
        (folder / f"{number}.txt").write_bytes(b"x")
    told: list[Message] = []
    watching = watcher(inbox, told)
    counted = calls(lambda: watching._scan(""))
    assert {name: counted[name] for name in LOOKS if counted[name]} == {"stat": MANY, "scandir": 5}
    assert sum(len(message.sightings) for message in told if isinstance(message, Sighted)) == MANY


def test_an_event_costs_one_sighting(tmp_path: Path) -> None:
    """What an event tells of is looked at once; nothing is listed."""
    inbox = shop(tmp_path)
    (inbox.path / "a.jpg").write_bytes(b"x")
    watching = watcher(inbox, [])
    counted = calls(lambda: watching._take_sightings(("a.jpg",)))
    assert sum(counted[name] for name in LOOKS) == 1, counted


def test_a_known_picture_costs_no_query(tmp_path: Path) -> None:
    """Of pictures that are known a scan asks the memory, not the journal's file."""
    task, bench = job(tmp_path)
    assert isinstance(pipeline.process(task, bench), Done)
    said: list[str] = []
    bench.journal.known(task.inbox.path, "a.jpg")
    bench.journal.file.db.set_trace_callback(said.append)
    for _ in range(100):
        assert bench.journal.known(task.inbox.path, "a.jpg") is not None
        assert bench.journal.known(task.inbox.path, "b.jpg") is None
    assert said == []
    bench.journal.close()

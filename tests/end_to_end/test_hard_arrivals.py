"""Pictures that arrive in the ways that break comparable programs; each comes out once."""

import io
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from families import one_of_each_kind
from PIL import Image, ImageDraw

from scissorsd.folders import watching

from .driver import Daemon, Workplace, picture, wait_for
from .scenes import Gate, all_ended, drawn, kernel_setting, number_of, scanned_again, write_slowly

# --- writers that are slow or strange --------------------------------------------------------


@pytest.mark.parametrize(
    "suffix", one_of_each_kind([".jpg", ".png", ".webp", ".tiff", ".bmp", ".gif"], kept=[".jpg"])
)
def test_writer_that_pauses_for_longer_than_settle(place: Workplace, suffix: str) -> None:
    """A file that stands still half-written is held as truncated, and comes out once and whole."""
    place.configure(settle="100ms")
    daemon = place.start()
    content = drawn(7, suffix)
    path = place.inbox / f"a{suffix}"
    with path.open("wb", buffering=0) as file:
        file.write(content[: len(content) // 2])
        daemon.wait("job.held", source=path.name)
        file.write(content[len(content) // 2 :])
    daemon.finished(path.name)
    daemon.stop()
    assert place.files() == ["a.png"]
    assert number_of(place.outbox / "a.png") == 7
    assert len(daemon.told("job.finished")) == 1
    assert not daemon.told("job.failed")


@pytest.mark.full
def test_writers_with_pauses_of_every_length(place: Workplace) -> None:
    """Writers whose pauses lie below, about and above `settle` all get whole pictures out once."""
    settle = 0.3
    place.configure(settle=f"{settle}s")
    daemon = place.start()
    for number, share in enumerate((0.3, 0.9, 1.0, 1.1, 2.0)):
        path = place.inbox / f"{number}.png"
        write_slowly(path, drawn(number, ".png"), pieces=4, pause=share * settle)
    names = [f"{number}.png" for number in range(5)]
    daemon.finished(*names)
    numbers = [number_of(place.outbox / name) for name in names]
    daemon.stop()
    assert numbers == list(range(5))
    told = Counter(line["source"] for line in daemon.told("job.finished"))
    assert told == dict.fromkeys(names, 1)
    assert not daemon.told("job.failed")


def preallocated(path: Path, size: int) -> None:
    """Reserve the whole file at once, as some copying programs do."""
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def sparse(path: Path, size: int) -> None:
    """Set the size of an empty file, as Samba does."""
    with path.open("wb") as file:
        file.truncate(size)


@pytest.mark.parametrize("reserve", [preallocated, sparse])
@pytest.mark.parametrize("suffix", one_of_each_kind([".jpg", ".png"], kept=[".png"]))
def test_room_is_reserved_and_filled_later(
    place: Workplace, reserve: Callable[[Path, int], None], suffix: str
) -> None:
    """A file of full size with nothing, then half of it, written is held; whole, it comes out."""
    place.configure(settle="100ms")
    daemon = place.start()
    content = drawn(9, suffix)
    path = place.inbox / f"a{suffix}"
    reserve(path, len(content))
    daemon.wait("job.held", source=path.name)
    half = len(content) // 2
    with path.open("r+b", buffering=0) as file:
        file.write(content[:half])
        wait_for(lambda: [e for e in place.entries() if e.mtime_ns == path.stat().st_mtime_ns])
        file.write(content[half:])
    daemon.finished(path.name)
    daemon.stop()
    assert number_of(place.outbox / "a.png") == 9
    assert place.files() == ["a.png"]
    assert len(daemon.told("job.finished")) == 1
    assert not daemon.told("job.failed")


@pytest.mark.full
def test_room_is_reserved_and_never_filled(place: Workplace) -> None:
    """Looked at again and again, what stays hollow or half fails in the end, and can come good."""
    place.configure(settle="100ms")
    sparse(place.inbox / "hollow.jpg", 5000)
    content = drawn(3, ".png")
    place.put("half.png", content[: len(content) // 2])
    daemon = place.start()
    failed = {name: daemon.wait("job.failed", source=name) for name in ("hollow.jpg", "half.png")}
    assert "no content yet" in failed["hollow.jpg"]["why"]
    assert "the end of this PNG file is missing" in failed["half.png"]["why"]
    assert place.files() == ["failed/half.png.txt", "failed/hollow.jpg.txt"]
    place.put("half.png", content)
    daemon.finished("half.png")
    daemon.stop()
    assert place.files() == ["failed/hollow.jpg.txt", "half.png"]
    assert len(daemon.told("job.failed")) == 2


def test_zeros_after_the_end(place: Workplace) -> None:
    """A JPEG that some camera has filled up with zeros after its end is whole, and comes out."""
    place.put("padded.jpg", drawn(5) + bytes(8192))
    daemon = place.start()
    daemon.finished("padded.jpg")
    daemon.stop()
    assert number_of(place.outbox / "padded.png") == 5
    assert not daemon.told("job.held")


# --- many at once, and during the backlog ----------------------------------------------------


@pytest.mark.full
def test_deep_tree_is_copied_in(place: Workplace) -> None:
    """Every picture of a tree that is copied in while the daemon runs comes out in its place."""
    outside = place.folder / "shoot"
    names = []
    for number in range(24):
        folder = "/".join(f"{part}{number % (part + 2)}" for part in range(number % 8 + 1))
        path = outside / folder / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawn(number))
        names.append(f"shoot/{folder}/{number}.jpg")
    daemon = place.start()
    shutil.copytree(outside, place.inbox / "shoot")
    daemon.finished(*names)
    daemon.stop()
    cutouts = [name.removesuffix("jpg") + "png" for name in names]
    assert place.files() == sorted(cutouts)
    assert [number_of(place.outbox / cutout) for cutout in cutouts] == list(range(24))
    assert len(daemon.told("job.finished")) == 24


@pytest.mark.full
def test_arriving_during_the_backlog(place: Workplace) -> None:
    """What is dropped, replaced or taken away while others are cut gets its due, once."""
    for number in range(12):
        place.put(f"{number}.jpg", drawn(number))
    daemon = place.start()
    daemon.wait("job.finished")
    waiting = [n for n in range(12) if not daemon.told("job.finished", source=f"{n}.jpg")]
    gone, changed = waiting[-1], waiting[-2]
    (place.inbox / f"{gone}.jpg").unlink()
    place.put(f"{changed}.jpg", drawn(50))
    place.put("late.jpg", drawn(60))
    daemon.finished("late.jpg")
    again = place.outbox / f"{changed}.png"  # which may not be there before
    wait_for(lambda: again.exists() and number_of(again) == 50)
    daemon.stop()
    numbers = {path: number_of(place.outbox / path) for path in place.files()}
    numbers.pop(f"{gone}.png", None)
    expected = {f"{number}.png": number for number in range(12) if number != gone}
    assert numbers == {**expected, f"{changed}.png": 50, "late.png": 60}
    assert {entry.state for entry in place.entries()} == {"done"}


# --- replaced and touched --------------------------------------------------------------------


@pytest.mark.parametrize("source", one_of_each_kind(["keep", "move", "delete"], kept=["move"]))
def test_replaced_while_it_is_cut(place: Workplace, source: str) -> None:
    """A picture replaced in the middle of its job is cut again; the first is never published."""
    gate = Gate(place)
    place.configure({"name": "all", "outputs": [{"kind": "cutout"}, gate.flat], "source": source})
    daemon = place.start()
    gate.shut()
    place.put("a.jpg", drawn(1))
    gate.wait()
    place.put("a.jpg", drawn(2))
    gate.open()
    daemon.wait("job.withdrawn", source="a.jpg")
    daemon.finished("a.jpg")
    wait_for(lambda: [entry.state for entry in place.entries()] == ["done"])
    daemon.stop()
    moved = ["processed/a.jpg"] if source == "move" else []
    assert place.files() == ["a-flat.jpg", "a.png", *moved]
    assert number_of(place.outbox / "a.png") == number_of(place.outbox / "a-flat.jpg") == 2
    assert len(daemon.told("job.finished")) == 1
    kept = {"keep": place.inbox / "a.jpg", "move": place.outbox / "processed" / "a.jpg"}
    if source in kept:
        assert kept[source].read_bytes() == drawn(2)


@pytest.mark.full
def test_taken_away_while_it_is_cut(place: Workplace) -> None:
    """Of a picture that is taken away in the middle of its job nothing comes out or is left."""
    gate = Gate(place)
    place.configure({"name": "all", "outputs": [gate.flat]})
    daemon = place.start()
    gate.shut()
    path = place.put("a.jpg")
    gate.wait()
    path.unlink()
    gate.open()
    daemon.wait("job.withdrawn", source="a.jpg")
    place.put("b.jpg")
    daemon.finished("b.jpg")
    daemon.stop()
    assert place.files() == ["b-flat.jpg"]
    assert [entry.path for entry in place.entries()] == ["b.jpg"]


TOUCHES: list[Callable[[Path], object]] = [
    lambda path: path.chmod(0o600),
    lambda path: os.utime(path, ns=(0, path.stat().st_mtime_ns)),
    lambda path: os.setxattr(path, "user.rating", b"5"),
    lambda path: os.chown(path, os.getuid(), os.getgid()),
    lambda path: path.with_name("again.part").hardlink_to(path),
    lambda path: path.open("r+b").close(),
]


@pytest.mark.full
def test_attributes_touched_during_and_after_the_work(place: Workplace) -> None:
    """New modes, owners, access times, attributes and links of a file do not make it a new one."""
    gate = Gate(place)
    place.configure({"name": "all", "outputs": [gate.flat]}, settle="100ms", rescan="1s")
    daemon = place.start()
    gate.shut()
    path = place.put("a.jpg")
    gate.wait()
    for touch in TOUCHES:
        touch(path)
    gate.open()
    daemon.finished("a.jpg")
    path.with_name("again.part").unlink()
    for touch in TOUCHES:
        touch(path)
    scanned_again(daemon)
    daemon.stop()
    assert len(daemon.told("job.finished")) == len(daemon.told("picture.settled")) == 1
    assert not daemon.told("job.withdrawn")
    assert place.files() == ["a-flat.jpg"]


# --- clocks ----------------------------------------------------------------------------------


@pytest.mark.full
def test_clocks_that_lie(place: Workplace) -> None:
    """Times of 1980, before 1970, 2040 and 2400, and times that go back, change nothing."""
    seconds = {"1980": 315_532_800, "1938": -1_000_000_000, "2040": 2_208_988_800}
    seconds |= {"2400": 13_569_465_600, "zero": 0}
    daemon = place.start()
    for number, (name, moment) in enumerate(seconds.items()):
        ready = place.folder / f"{name}.jpg"
        ready.write_bytes(drawn(number))
        os.utime(ready, (moment, moment))
        ready.rename(place.inbox / ready.name)
    daemon.finished(*(f"{name}.jpg" for name in seconds))
    back = place.folder / "back.jpg"
    back.write_bytes(drawn(30))
    os.utime(back, (seconds["1980"] - 1, seconds["1980"] - 1))
    back.rename(place.inbox / "1980.jpg")  # the clock was set back, and a new picture came
    daemon.wait("job.finished", source="1980.jpg", times=2)
    daemon.stop()
    again = place.start()
    again.wait("inbox.scanned")
    place.put("after.jpg")
    again.finished("after.jpg")
    again.stop()
    assert [line["source"] for line in again.told("job.finished")] == ["after.jpg"]
    numbers = {path: number_of(place.outbox / path) for path in place.files() if path[0] != "a"}
    expected = {f"{name}.png": number for number, name in enumerate(seconds)}
    assert numbers == {**expected, "1980.png": 30}


@pytest.mark.full
def test_the_wall_clock_decides_nothing() -> None:
    """No module that settles, watches, hands out or holds asks what time of day it is."""
    package = Path(watching.__file__).parents[1]
    deciding = [
        *(
            package / "daemon" / f"{name}.py"
            for name in ("inbox_state", "inboxes", "holds", "workers")
        ),
        package / "folders" / "watching.py",
        package / "core" / "settling.py",
    ]
    for module in deciding:
        text = module.read_text()
        assert "time.time(" not in text
        assert "datetime" not in text
    daemon = (package / "daemon" / "control_loop.py").read_text()
    assert daemon.count("time.time()") == 2  # when it started, and refused a reload: for people
    assert "self._started_at = time.time()" in daemon


# --- the limits of inotify -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.alone  # the length of the queue is the kernel's, for every process that starts
@pytest.mark.timeout(1800)
def test_three_thousand_at_once_and_a_queue_that_overflows(place: Workplace) -> None:
    """Three thousand files at once overflow the kernel's queue of events, and none is missed."""
    true = {number for number in range(3000) if number % 30 == 0}
    place.configure(settle="500ms", rescan="1h")
    with kernel_setting("fs/inotify/max_queued_events", 64):
        daemon = place.start()
        daemon.wait("inbox.scanned")
    for number in range(3000):
        folder = place.inbox / str(number % 7)
        folder.mkdir(exist_ok=True)
        content = drawn(number // 30) if number in true else b"no picture %d" % number
        (folder / f"{number}.jpg").write_bytes(content)
    daemon.wait("inbox.events_lost")
    names = {number: f"{number % 7}/{number}" for number in range(3000)}
    assert all_ended(place, 3000) == {"done": len(true), "failed": 3000 - len(true)}
    daemon.stop()
    expected = [f"{names[n]}.png" if n in true else f"failed/{names[n]}.jpg.txt" for n in names]
    assert place.files() == sorted(expected)
    for number in true:
        assert number_of(place.outbox / f"{names[number]}.png") == number // 30
    assert max(Counter(line["source"] for line in daemon.told("job.finished")).values()) == 1
    with closing(sqlite3.connect(place.state / "jobs.sqlite")) as journal:
        assert journal.execute("SELECT count(*), max(turn) FROM jobs").fetchone() == (3000, 3000)
    assert daemon.noise == []


def start_with(place: Workplace, limit: str, value: int) -> Daemon:
    """Start a daemon in a user namespace of its own, in which a limit of inotify is lower."""
    setting = f"/proc/sys/user/max_inotify_{limit}"
    script = f'echo {value} > {setting} && exec "$0" "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", script]
    process = subprocess.Popen(
        [*command, sys.executable, "-m", "scissorsd", "--debug", "run", "-c", str(place.config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=place._environment,
        cwd=place.folder,
    )
    daemon = Daemon(process)
    place._daemons.append(daemon)
    daemon.wait("daemon.ready")
    return daemon


@pytest.fixture
def _namespaces() -> None:
    """Skip where a user may not have a user namespace."""
    if (
        shutil.which("unshare") is None
        or subprocess.run(  # pragma: no branch
            ["unshare", "--user", "--map-root-user", "true"],  # noqa: S607 - wherever it is
            capture_output=True,
            check=False,
        ).returncode
    ):
        pytest.skip("user namespaces are not allowed here")


@pytest.mark.full
@pytest.mark.usefixtures("_namespaces")
@pytest.mark.parametrize(
    ("limit", "value", "setting"),
    one_of_each_kind(
        [
            ("watches", 0, "fs.inotify.max_user_watches"),
            ("watches", 3, "fs.inotify.max_user_watches"),
            ("instances", 0, "fs.inotify.max_user_instances"),
        ],
        kept=[("watches", 3, "fs.inotify.max_user_watches")],
    ),
)
def test_watches_run_out_at_start(place: Workplace, limit: str, value: int, setting: str) -> None:
    """With too few inotify watches for all folders it polls, says what to raise, misses nothing."""
    for number in range(6):
        (place.inbox / str(number)).mkdir()
    place.configure(rescan="1h")
    daemon = start_with(place, limit, value)
    watched = daemon.wait("inbox.watched")
    assert watched["mode"] == "polling"
    assert setting in watched["why"]
    names = [f"{number}/a.jpg" for number in range(6)]
    for number, name in enumerate(names):
        place.put(name, drawn(number))
    daemon.finished(*names)
    (said,) = daemon.told("inbox.watched")
    assert said["mode"] == "polling"
    daemon.stop()
    assert place.files() == [f"{number}/a.png" for number in range(6)]
    assert daemon.noise == []


@pytest.mark.full
@pytest.mark.usefixtures("_namespaces")
def test_watches_run_out_while_it_runs(place: Workplace) -> None:
    """When new folders take the last inotify watch, the inbox turns to polling by itself."""
    place.configure(rescan="1h")
    daemon = start_with(place, "watches", 4)
    assert daemon.wait("inbox.watched")["mode"] == "events"
    daemon.wait("inbox.scanned")
    names = [f"{number}/a.jpg" for number in range(6)]
    for number, name in enumerate(names):
        place.put(name, drawn(number))
    assert daemon.wait("inbox.watched", times=2)["mode"] == "polling"
    place.put("5/late.jpg", drawn(9))
    daemon.finished(*names, "5/late.jpg")
    daemon.stop()
    assert len(place.files()) == len(daemon.told("job.finished")) == 7
    assert daemon.noise == []


# --- what came out ---------------------------------------------------------------------------


@pytest.mark.full
def test_hard_link_to_a_picture_that_changes(place: Workplace) -> None:
    """Two names of one file are two pictures; when the file changes, both are cut again."""
    place.put("a.jpg", drawn(1))
    (place.inbox / "b.jpg").hardlink_to(place.inbox / "a.jpg")
    daemon = place.start()
    daemon.finished("a.jpg", "b.jpg")
    (place.inbox / "a.jpg").write_bytes(drawn(2))
    daemon.wait("job.finished", source="a.jpg", times=2)
    daemon.stop()
    again = place.start()
    again.finished("b.jpg")
    again.stop()
    assert [number_of(place.outbox / name) for name in ("a.png", "b.png")] == [2, 2]


@pytest.mark.full
def test_same_size_and_another_time(place: Workplace) -> None:
    """A picture of the same size in bytes that replaces another is told from it, and is cut."""
    contents = []
    for colour in ("red", "blue"):
        ball = Image.new("RGB", (64, 48), "white")
        ImageDraw.Draw(ball).ellipse((16, 8, 48, 40), fill=colour)
        buffer = io.BytesIO()
        ball.save(buffer, "BMP")
        contents.append(buffer.getvalue())
    assert len(contents[0]) == len(contents[1])
    daemon = place.start()
    for times, content in enumerate(contents, start=1):
        place.put("a.bmp", content)
        daemon.wait("job.finished", source="a.bmp", times=times)
    daemon.stop()
    with Image.open(place.outbox / "a.png") as cutout:
        pixel = cutout.getpixel((32, 24))
    assert isinstance(pixel, tuple)
    assert pixel[:3] == (0, 0, 255)


@pytest.mark.full
def test_many_opens_and_closes(place: Workplace) -> None:
    """A scanner that opens, writes and closes a file thirty times gets one cutout of the whole."""
    daemon = place.start()
    content = picture("scan.tiff")
    size = len(content) // 30 + 1
    for begin in range(0, len(content), size):
        with (place.inbox / "scan.tiff").open("ab") as file:
            file.write(content[begin : begin + size])
    daemon.finished("scan.tiff")
    daemon.stop()
    assert place.files() == ["scan.png"]
    assert len(daemon.told("job.finished")) == 1
    assert not daemon.told("job.failed")

"""The ceiling on memory: pictures wait for room, and one larger than all of it goes alone."""

import io
import os

import pytest
from PIL import Image, ImageDraw

from .driver import Workplace, wait_for
from .scenes import peak_memory

MIB = 1 << 20
OVERHEAD = 600 * MIB  # what the program itself may take: networks, libraries, encoded pictures


def photograph(width: int, height: int, form: str = "JPEG") -> bytes:
    """Draw a picture of many pixels that is quick to draw and to decode."""
    image = Image.new("RGB", (width, height), "whitesmoke")
    box = (width // 4, height // 6, 3 * width // 4, 5 * height // 6)
    ImageDraw.Draw(image).ellipse(box, fill="firebrick")
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def with_memory(place: Workplace, memory: str, workers: int) -> None:
    """Give the daemon a ceiling, and more workers than fit under it."""
    text = place.config.read_text().replace("workers: 2", f"workers: {workers}")
    place.config.write_text(f"{text}memory: {memory}\n")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sixteen_large_pictures_at_once(place: Workplace) -> None:
    """Sixteen pictures of 50 megapixels dropped at once come out under the ceiling on memory."""
    outputs = [{"kind": "cutout"}, {"kind": "mask"}]
    place.configure({"name": "all", "outputs": outputs})
    with_memory(place, "1500MiB", workers=8)
    ready = place.folder / "ready.jpg"
    ready.write_bytes(photograph(8660, 5774))
    daemon = place.start()
    for number in range(16):
        (place.inbox / f"{number}.jpg").hardlink_to(ready)
    for number in range(16):
        daemon.wait("job.finished", times=number + 1)
    peak = peak_memory(daemon)
    daemon.stop()
    assert len(place.files()) == 32
    assert {entry.state for entry in place.entries()} == {"done"}
    with Image.open(place.outbox / "15.png") as cutout:
        assert (cutout.mode, cutout.size) == ("RGBA", (8660, 5774))
    assert peak < 1500 * MIB + OVERHEAD, f"{peak / MIB:.0f} MiB"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_large_files_at_once(place: Workplace) -> None:
    """Files of 150 MB are not all read while they wait: what is read counts under the ceiling."""
    with_memory(place, "1200MiB", workers=12)
    ready = place.folder / "ready.tiff"
    ready.write_bytes(photograph(8660, 5774, "TIFF"))
    for number in range(12):
        (place.inbox / f"{number}.tiff").hardlink_to(ready)
    daemon = place.start()
    daemon.wait("job.finished", times=12)
    peak = peak_memory(daemon)
    daemon.stop()
    assert len(place.files()) == 12
    assert peak < 1200 * MIB + OVERHEAD, f"{peak / MIB:.0f} MiB"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_picture_larger_than_the_ceiling(place: Workplace) -> None:
    """A picture that alone is more than the ceiling comes out, and others wait their turn."""
    with_memory(place, "256MiB", workers=4)
    for number in range(2):
        (place.inbox / f"large{number}.jpg").write_bytes(photograph(8660, 5774))
    for number in range(6):
        (place.inbox / f"small{number}.jpg").write_bytes(photograph(640, 480))
    daemon = place.start()
    daemon.wait("job.finished", times=8)
    peak = peak_memory(daemon)
    daemon.stop()
    assert len(place.files()) == 8
    assert not daemon.told("job.held")
    assert peak < 8660 * 5774 * 20 + OVERHEAD, f"{peak / MIB:.0f} MiB"


@pytest.mark.full
def test_more_workers_than_room(place: Workplace) -> None:
    """Where only one picture at a time has room, all come out, one after the other."""
    with_memory(place, "64MiB", workers=8)
    for number in range(16):
        (place.inbox / f"{number}.jpg").write_bytes(photograph(1600, 1200))
    daemon = place.start()
    daemon.wait("job.finished", times=16)
    wait_for(lambda: len(place.files()) == 16)
    daemon.stop()
    assert os.listdir(place.outbox)  # noqa: PTH208 - no temporaries are passed over
    assert place.files() == sorted(f"{number}.png" for number in range(16))

"""What the tests of the Python interface share: a network that takes no time, pictures, gates."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from end_to_end.networks import write_darkness, write_slope
from PIL import Image, ImageDraw

from scissorsd import CustomModel, Cutter

LIMIT = 120.0  # seconds to wait for what must come; then it is a fault


def darkness(folder: Path) -> CustomModel:
    """Write the network that holds what is dark for the subject."""
    described = write_darkness(folder / "darkness.onnx", sure=True)
    return CustomModel(file=described["file"], sha256=described["sha256"])


def unsure(folder: Path) -> CustomModel:
    """Write a network that does so, too, but is never sure."""
    described = write_slope(folder / "unsure.onnx", alpha=-0.2, beta=0.55)
    return CustomModel(file=described["file"], sha256=described["sha256"])


@contextmanager
def dark_cutter(folder: Path) -> Iterator[Cutter]:
    """Keep that network open."""
    with Cutter(darkness(folder), providers="cpu", threads=1) as cutter:
        yield cutter


def ball(width: int = 96, height: int = 72) -> Image.Image:
    """Draw a dark ball on white; its width tells pictures apart."""
    picture = Image.new("RGB", (width, height), "white")
    box = (width // 4, height // 4, width * 3 // 4, height * 3 // 4)
    ImageDraw.Draw(picture).ellipse(box, fill=(20, 10, 60))
    return picture


def encoded(picture: Image.Image, name: str = "PNG") -> bytes:
    """Return the bytes of a file of it."""
    buffer = io.BytesIO()
    picture.save(buffer, name)
    return buffer.getvalue()


class Gate(io.BytesIO):
    """A file that says when it begins to be read, and goes on once it may."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.entered, self.opened = threading.Event(), threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        """Wait, then read."""
        self.entered.set()
        assert self.opened.wait(LIMIT)
        return super().read(size)


def threads_left() -> list[str]:
    """Return the names of the threads that cut."""
    return [t.name for t in threading.enumerate() if t.name.startswith("scissorsd")]

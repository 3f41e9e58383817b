"""What a program may give as a picture, and how each kind of it is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scissorsd.errors import PictureError, UsageError
from scissorsd.pictures import reading
from scissorsd.pictures.in_memory import from_array, from_pillow
from scissorsd.pictures.picture import Picture
from scissorsd.settings import MAX_PIXELS

Channels = Literal["rgb", "bgr"]  # of an array: the order of its colours; alpha is always last


@runtime_checkable
class BinaryFile(Protocol):
    """A file that is open for reading bytes."""

    def read(self, /) -> bytes:
        """Return all that is left of it."""


GivenPicture = (
    str | PathLike[str] | bytes | bytearray | memoryview | BinaryFile | Image.Image | NDArray[Any]
)

_COLOURS = (3, 4)  # of an array's pixel, where their order matters


def read_picture(given: GivenPicture, channels: Channels = "rgb") -> Picture:
    """Return the pixels of a path, a file's bytes, an open file, a Pillow image or an array.

    `channels` is the order of an array's colours. Of files the 16 bits are read that they have.
    Raises PictureError where it cannot be read, UsageError where it is none of these.
    """
    if isinstance(given, np.ndarray):
        return from_array(_in_rgb(given, channels), MAX_PIXELS)
    if isinstance(given, Image.Image):
        return from_pillow(given, MAX_PIXELS)
    return reading.read(_content(given), max_pixels=MAX_PIXELS, deep=True)


def check_channels(channels: Channels) -> None:
    """Raise UsageError where this is no order of colours."""
    if channels not in get_args(Channels):
        known = ", ".join(get_args(Channels))
        raise UsageError(f"there is no channels={channels!r}; known are: {known}")


def read_bytes(path: Path, said: str = "") -> bytes:
    """Return the bytes of a picture's file; raises PictureError where it cannot be read.

    `said` is what the error calls it, where whoever tells of it has named the path.
    """
    with _read_errors(said or str(path)):
        return path.read_bytes()


@contextmanager
def short_of_memory() -> Iterator[None]:
    """Raise the lack of memory for a picture as an error of ours."""
    try:
        yield
    except MemoryError as error:
        raise PictureError(
            "there is not enough memory for this picture", "Make it smaller, or give more."
        ) from error


def _in_rgb(array: NDArray[Any], channels: Channels) -> NDArray[Any]:
    if channels == "rgb" or array.ndim != len("hwc") or array.shape[-1] not in _COLOURS:
        return array
    return array[..., (2, 1, 0, 3)[: array.shape[-1]]]


def _content(given: object) -> bytes:
    """Return the bytes of a file that is given in one way or another."""
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    if isinstance(given, str | PathLike):
        return read_bytes(Path(given))
    if not isinstance(given, BinaryFile):
        raise UsageError(
            f"a picture cannot be given as {type(given).__name__}",
            "Give a path, the bytes of a file, an open file, a Pillow image or an array.",
        )
    with _read_errors(f"the {type(given).__name__} that was given"):
        content: object = given.read()
    if not isinstance(content, bytes):
        raise UsageError(
            f"read() of the {type(given).__name__} that was given returns "
            f"{type(content).__name__}, not bytes",
            "Open the file for bytes (mode 'rb'), or give the bytes themselves.",
        )
    return content


@contextmanager
def _read_errors(name: str) -> Iterator[None]:
    """Say what a file's system or a closed file has against being read."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have, or closed
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{name} cannot be read: {reason}") from error

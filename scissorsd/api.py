"""Cutting out from Python: `from scissorsd import cut_out`."""

import threading
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scissorsd import logs
from scissorsd.core import cutting
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import Edges, MaskOptions, Verdict
from scissorsd.errors import PictureError, UsageError
from scissorsd.inference import weights
from scissorsd.inference.sessions import Sessions
from scissorsd.inference.timings import Speeds
from scissorsd.pictures import cutting_out, reading
from scissorsd.pictures.in_memory import from_array, from_pillow
from scissorsd.pictures.picture import Picture
from scissorsd.settings import MAX_PIXELS


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """What `cut_out` returns: a transparent picture, its mask and what the mask says of itself."""

    image: Image.Image  # RGBA, straight alpha, the picture's size, its ICC profile in `info`
    mask: NDArray[np.float32]  # height × width, in [0, 1]
    verdict: Verdict


def cut_out(
    picture: str | PathLike[str] | bytes | Image.Image | NDArray[np.uint8],
    model: str = "u2net",
    *,
    edges: Edges = "auto",
) -> Cutout:
    """Cut the background out of a picture.

    `picture` is a path, the bytes of a file, a Pillow image, or an array (height × width × 3,
    RGB, or × 4 with alpha, or height × width, grey; uint8, and grey also uint16). A Pillow image
    may be of any mode; `pictures.in_memory.from_pillow` says what `I` and `F` hold. `model` is a
    name in the catalogue; its weights are fetched on first need, and its session is opened once
    in the life of the process. `edges`: `soft` is the network's mask, stretched; `fine` brings it
    to the picture's own edges, `auto` does so after a second, closer look at a small subject, if
    the network is surer of it then; `best` looks closer at all but the largest subjects.

    Every failure is a ScissorsError (`scissorsd.errors`): PictureError when the picture cannot be
    read, or is larger than MAX_PIXELS; WeightsError when the weights cannot be had; SessionError
    when no provider can run them; UsageError for an unknown model or way to the edges, and for
    what is none of these kinds of pictures. Settings that are the whole process's (Pillow's,
    warnings, logging, structlog, the environment) stay as they are; so a picture that is also over
    Pillow's own limit may be refused by that.
    """
    if model not in CATALOGUE:
        raise UsageError(f"there is no model {model!r}; known are: {', '.join(CATALOGUE)}")
    if edges not in get_args(Edges):
        raise UsageError(f"there is no edges={edges!r}; known are: {', '.join(get_args(Edges))}")
    read = read_picture(picture)
    cut = cutting_out.find_subject(read, CATALOGUE[model], _sessions(), MaskOptions(edges=edges))
    image = Image.fromarray(
        cutting.cutout(cutting_out.own_colours(read, read.rgb, cut.mask), cut.mask)
    )
    if read.metadata.icc is not None:
        image.info["icc_profile"] = read.metadata.icc
    return Cutout(image, cut.mask.astype(np.float32) / np.float32(255), cut.judgement.verdict)


_opening = threading.Lock()


def _sessions() -> Sessions:
    with _opening:
        return _one_sessions()


@cache
def _one_sessions() -> Sessions:
    folder = weights.default_folder()
    return Sessions(
        models=CATALOGUE,
        folder=folder,
        speeds=Speeds((folder,)),  # as daemons found them: nothing is tried in another's program
        find_out=False,
        log=logs.of_a_library(),
    )


def read_picture(
    given: str | PathLike[str] | bytes | Image.Image | NDArray[np.uint8],
) -> Picture:
    """Return the pixels of a path, of a file's bytes, of a Pillow image or of an array.

    Raises PictureError where it cannot be read, UsageError where it is none of these.
    """
    if isinstance(given, np.ndarray):
        return from_array(given, MAX_PIXELS)
    if isinstance(given, Image.Image):
        return from_pillow(given, MAX_PIXELS)
    if isinstance(given, bytes | bytearray | memoryview):
        return reading.read(bytes(given), max_pixels=MAX_PIXELS)
    if not isinstance(given, str | PathLike):
        raise UsageError(
            f"a picture cannot be given as {type(given).__name__}",
            "Give a path, the bytes of a file, a Pillow image or an array.",
        )
    return reading.read(read_bytes(Path(given)), max_pixels=MAX_PIXELS)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a picture's file; raises PictureError where it cannot be read."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path} cannot be read: {reason}") from error

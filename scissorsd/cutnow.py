"""Cutting at once, without a daemon: the command `cut` and the function `cut_out`."""

import shlex
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scissorsd import folders, images, logs, making, weights
from scissorsd.core import cutting
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import FORMATS, SUFFIXES, Edges, Kind, MaskOptions, Output, Verdict
from scissorsd.errors import PictureError, PlaceTakenError, ScissorsError, UsageError
from scissorsd.given import from_array, from_pillow
from scissorsd.sessions import Sessions

MAX_PIXELS = 250_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """What `cut_out` gives: a transparent picture, its mask and what the mask says of itself."""

    image: Image.Image  # RGBA, straight alpha, the picture's size, its ICC profile in `info`
    mask: NDArray[np.float32]  # height × width, in [0, 1]
    verdict: Verdict


def cut_out(
    picture: str | PathLike[str] | bytes | Image.Image | NDArray[np.uint8],
    model: str = "u2net",
    *,
    edges: Edges = "fine",
) -> Cutout:
    """Cut the background out of a picture.

    `picture` is a path, the bytes of a file, a Pillow image, or an array (height × width × 3,
    RGB, or × 4 with alpha, or height × width, grey; uint8, and grey also uint16). A Pillow image
    may be of any mode; what `I` and `F` hold is told in `given.from_pillow`. `model` is a name in
    the catalogue; its weights are fetched on first need, and its session is opened once in the
    life of the process. `edges`: `soft` is the network's mask, stretched; `fine` brings it to the
    picture's own edges, `best` does so after a second, closer look at a small subject.

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
    read = _picture(picture)
    cut = making.cut_out(read, CATALOGUE[model], _sessions(), MaskOptions(edges=edges))
    image = Image.fromarray(cutting.cutout(making.own_colours(read, read.rgb, cut.mask), cut.mask))
    if read.metadata.icc is not None:
        image.info["icc_profile"] = read.metadata.icc
    return Cutout(image, cut.mask.astype(np.float32) / np.float32(255), cut.judgement.verdict)


_opening = threading.Lock()


def _sessions() -> Sessions:
    with _opening:
        return _one_sessions()


@cache
def _one_sessions() -> Sessions:
    return Sessions(models=CATALOGUE, folder=weights.default_folder(), log=logs.of_a_library())


def _picture(
    given: str | PathLike[str] | bytes | Image.Image | NDArray[np.uint8],
) -> images.Picture:
    if isinstance(given, np.ndarray):
        return from_array(given, MAX_PIXELS)
    if isinstance(given, Image.Image):
        return from_pillow(given, MAX_PIXELS)
    if isinstance(given, bytes | bytearray | memoryview):
        return images.read(bytes(given), max_pixels=MAX_PIXELS)
    if not isinstance(given, str | PathLike):
        raise UsageError(
            f"a picture cannot be given as {type(given).__name__}",
            "Give a path, the bytes of a file, a Pillow image or an array.",
        )
    return images.read(_bytes(Path(given)), max_pixels=MAX_PIXELS)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path} cannot be read: {reason}") from error


def cut_all(
    pictures: Sequence[Path],
    *,
    out: Path | None,
    model: str,
    edges: Edges = "fine",
    kinds: Sequence[Kind],
    background: str,
    overwrite: bool,
    models: Path | None,
    fetching: weights.Progress,
) -> Iterator[tuple[Path, list[str] | ScissorsError]]:
    """Cut each picture; give it with the paths that were written, or with what went wrong."""
    if model not in CATALOGUE:
        raise UsageError(f"there is no model {model!r}; known are: {', '.join(CATALOGUE)}")
    outputs = [
        Output(kind=kind, format=FORMATS[kind][0], background=background)
        for kind in kinds or ("cutout",)
    ]
    if images.colour(background) is None and not Path(background).is_file():
        raise UsageError(f"the background {background!r} is neither a colour nor a picture")
    sessions = Sessions(
        models=CATALOGUE, folder=models or weights.default_folder(), progress=fetching
    )
    for picture in pictures:
        try:
            _refuse_folder(picture, out)
            targets = [_target(picture, output, out, pictures, outputs) for output in outputs]
            if not overwrite:
                _refuse_to_overwrite(targets)
            read = _picture(picture)
            height, width = read.rgb.shape[:2]
            making.refuse_impossible(height, width, outputs, max_pixels=MAX_PIXELS)
            cut = making.cut_out(read, CATALOGUE[model], sessions, MaskOptions(edges=edges))
            contents = making.render_all(read, cut, outputs, max_pixels=MAX_PIXELS)
            files = list(zip(targets, contents, strict=True))
            folders.publish(files, tag="cut", own=lambda _: overwrite)
            said = [logs.printable(str(path)) for path in targets]
            if cut.judgement.verdict != "ok":
                said[0] += f"   ({cut.judgement.reason})"
            said[0] += "".join(f"   ({remark})" for remark in read.metadata.remarks)
            yield picture, said
        except PlaceTakenError as error:  # meanwhile, by another process
            yield picture, _there_already(error.place)
        except ScissorsError as error:
            yield picture, error
        except MemoryError:
            yield (
                picture,
                PictureError(
                    "there is not enough memory for this picture", "Make it smaller, or give more."
                ),
            )


def _refuse_folder(picture: Path, out: Path | None) -> None:
    if picture.is_dir():
        outbox = shlex.quote(str(out)) if out is not None else "OUTBOX"
        raise UsageError(
            "it is a folder, not a picture",
            f"To cut all that is in it: scissorsd once {shlex.quote(str(picture))} {outbox}",
        )


def _target(
    picture: Path,
    output: Output,
    out: Path | None,
    pictures: Sequence[Any],
    outputs: Sequence[Any],
) -> Path:
    suffix = SUFFIXES[output.format][0]
    if out is None:
        return picture.with_name(f"{picture.stem}-{output.kind}{suffix}")
    if len(pictures) == len(outputs) == 1 and out.suffix and not out.is_dir():
        if out.suffix.lower() not in SUFFIXES[output.format]:
            raise UsageError(
                f"a {output.kind} is written as {output.format}, not as {out.suffix}",
                f"Name the file {out.with_suffix(suffix).name}.",
            )
        return out
    tail = "" if output.kind == "cutout" else f"-{output.kind}"
    return out / f"{picture.stem}{tail}{suffix}"


def _refuse_to_overwrite(targets: Sequence[Path]) -> None:
    for target in targets:
        if folders.exists(target):
            raise _there_already(str(target))


def _there_already(target: str) -> UsageError:
    return UsageError(f"{target} is there already", "Give --overwrite, or another -o.")

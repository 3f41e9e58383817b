"""`cut`: pictures cut at once, without a daemon."""

import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from scissorsd import plain_text
from scissorsd.api import read_picture
from scissorsd.commands.messages import complain, in_words
from scissorsd.commands.progress import Bars
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.formats import FORMATS, FORMATS_OF, Kind
from scissorsd.core.rules import Edges, MaskOptions, Output
from scissorsd.errors import (
    EXIT_FAILURE,
    EXIT_OK,
    EXIT_SOME_FAILED,
    EXIT_STOPPED,
    PictureError,
    PlaceTakenError,
    ScissorsError,
    UsageError,
)
from scissorsd.folders import publishing
from scissorsd.inference import weights
from scissorsd.inference.sessions import Sessions
from scissorsd.inference.timings import Speeds
from scissorsd.pictures import cutting_out
from scissorsd.pictures.backgrounds import parse_colour
from scissorsd.pictures.cutting_out import Cut
from scissorsd.pictures.picture import Picture
from scissorsd.settings import MAX_PIXELS


def cut(pictures: Sequence[Path], options: Mapping[str, Any]) -> int:
    """Cut each picture, say what came of it, and return the exit code."""
    _refuse_streams(*pictures, options["out"])
    failures = done = 0
    try:
        with Bars() as bars:
            for picture, outcome in cut_all(pictures, fetching=bars.fetching, **options):
                done += 1
                if isinstance(outcome, ScissorsError):
                    failures += 1
                    complain(f"{picture}: {in_words(outcome)}")
                else:
                    click.echo("\n".join(outcome))
    except KeyboardInterrupt:
        not_cut = f", {failures} not" if failures else ""
        complain(f"stopped: {done - failures} cut{not_cut}, {len(pictures) - done} left")
        return EXIT_STOPPED + signal.SIGINT
    if not failures:
        return EXIT_OK
    return EXIT_FAILURE if len(pictures) == 1 else EXIT_SOME_FAILED


def _refuse_streams(*paths: Path | None) -> None:
    for path in paths:
        if path == Path("-") and not path.exists():
            raise UsageError(
                "'-' is not taken for standard input or output",
                "Name files; in Python, scissorsd.cut_out takes the bytes of one.",
            )


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
    """Cut each picture; yield it with the paths that were written, or with what went wrong."""
    if model not in CATALOGUE:
        raise UsageError(f"there is no model {model!r}; known are: {', '.join(CATALOGUE)}")
    outputs = [
        Output(kind=kind, format=FORMATS_OF[kind][0], background=background)
        for kind in kinds or ("cutout",)
    ]
    if parse_colour(background) is None and not Path(background).is_file():
        raise UsageError(f"the background {background!r} is neither a colour nor a picture")
    folder = models or weights.default_folder()
    speeds = Speeds((folder,))  # as daemons found them; a few pictures are not worth a trial
    sessions = Sessions(
        models=CATALOGUE, folder=folder, progress=fetching, speeds=speeds, find_out=False
    )
    for picture in pictures:
        try:
            _refuse_folder(picture, out)
            targets = [_target(picture, output, out, pictures, outputs) for output in outputs]
            if not overwrite:
                _refuse_to_overwrite(targets)
            read = read_picture(picture)
            cut, contents = _make(read, CATALOGUE[model], edges, sessions, outputs)
            files = list(zip(targets, contents, strict=True))
            publishing.publish(files, tag="cut", own=lambda _: overwrite)
            lines = [plain_text.escape_undecodable(str(path)) for path in targets]
            if cut.judgement.verdict != "ok":
                lines[0] += f"   ({cut.judgement.reason})"
            lines[0] += "".join(f"   ({remark})" for remark in read.metadata.remarks)
            yield picture, lines
        except PlaceTakenError as error:  # meanwhile, by another process
            yield picture, _there_already(error.place)
        except ScissorsError as error:
            yield picture, error
        except MemoryError:
            too_large = PictureError(
                "there is not enough memory for this picture", "Make it smaller, or give more."
            )
            yield picture, too_large


def _make(
    picture: Picture, model: Model, edges: Edges, sessions: Sessions, outputs: Sequence[Output]
) -> tuple[Cut, list[bytes]]:
    """Cut a picture that was read; return its mask, with what it says of itself, and the files."""
    height, width = picture.rgb.shape[:2]
    cutting_out.refuse_impossible(height, width, outputs, max_pixels=MAX_PIXELS)
    cut = cutting_out.find_subject(picture, model, sessions, MaskOptions(edges=edges))
    return cut, list(cutting_out.render_all(picture, cut, outputs, max_pixels=MAX_PIXELS))


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
    suffix = FORMATS[output.format].suffixes[0]
    if out is None:
        return picture.with_name(f"{picture.stem}-{output.kind}{suffix}")
    if len(pictures) == len(outputs) == 1 and out.suffix and not out.is_dir():
        if out.suffix.lower() not in FORMATS[output.format].suffixes:
            raise UsageError(
                f"a {output.kind} is written as {output.format}, not as {out.suffix}",
                f"Name the file {out.with_suffix(suffix).name}.",
            )
        return out
    tail = "" if output.kind == "cutout" else f"-{output.kind}"
    return out / f"{picture.stem}{tail}{suffix}"


def _refuse_to_overwrite(targets: Sequence[Path]) -> None:
    for target in targets:
        if publishing.exists(target):
            raise _there_already(str(target))


def _there_already(target: str) -> UsageError:
    return UsageError(f"{target} is there already", "Give --overwrite, or another -o.")

"""`cut`: pictures cut at once, without a daemon."""

import os
import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click

from scissorsd import plain_text
from scissorsd.api import read_bytes
from scissorsd.commands import cut_streams
from scissorsd.commands.cut_places import Places, there_already
from scissorsd.commands.cut_recipe import Recipe, format_by_name, recipe_of
from scissorsd.commands.cut_streams import STREAM
from scissorsd.commands.messages import complain, in_words, say
from scissorsd.commands.progress import Bars
from scissorsd.daemon.making import refuse_by_rule
from scissorsd.errors import (
    EXIT_FAILURE,
    EXIT_OK,
    EXIT_SOME_FAILED,
    EXIT_STOPPED,
    InTheWayError,
    PictureError,
    PlaceTakenError,
    ScissorsError,
    UsageError,
)
from scissorsd.folders import publishing
from scissorsd.folders.sources import refuse_too_large
from scissorsd.inference.sessions import Sessions
from scissorsd.pictures import cutting_out, reading
from scissorsd.pictures.cutting_out import Cut
from scissorsd.pictures.picture import Picture
from scissorsd.streams import ReaderGoneError, output_of_bytes


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a picture: where its files are, and what is to be said of it."""

    places: list[Path]  # none where it went to standard output
    remarks: list[str]


def cut(pictures: Sequence[Path], options: Mapping[str, Any], *, given: Sequence[str]) -> int:
    """Cut each picture, say what came of it, and return the exit code.

    `given` names the options that stand on the command line.
    """
    out = cut_streams.resolved(pictures, options["out"])
    if options["format"] is None and len(pictures) == 1:
        options = {**options, "format": format_by_name(out, options["kinds"])}
    recipe = recipe_of(options, given)
    cut_streams.refuse_several(pictures, recipe.rule.outputs, out)
    failures = done = 0
    try:
        with ExitStack() as stack:
            send = stack.enter_context(output_of_bytes()) if out == STREAM else None
            places = Places(recipe, out, pictures, overwrite=options["overwrite"], send=send)
            bars = stack.enter_context(Bars())
            sessions = recipe.sessions(bars.fetching)
            for picture, outcome in cut_all(recipe, places, sessions):
                bars.clear()  # of the weights, which the first one needs
                done += 1
                if isinstance(outcome, ScissorsError):
                    failures += 1
                    complain(f"{cut_streams.said(picture)}: {in_words(outcome)}")
                else:
                    _tell_of(picture, outcome)
    except ReaderGoneError:
        return EXIT_STOPPED + signal.SIGPIPE  # as a shell says it of others that end so
    except KeyboardInterrupt:
        not_cut = f", {failures} not" if failures else ""
        complain(f"stopped: {done - failures} cut{not_cut}, {len(pictures) - done} left")
        return EXIT_STOPPED + signal.SIGINT
    if not failures:
        return EXIT_OK
    return EXIT_FAILURE if len(pictures) == 1 else EXIT_SOME_FAILED


def _tell_of(picture: Path, made: Made) -> None:
    """Name the files, a line for each, with the remarks after the first or, to people, below it."""
    places = [plain_text.escape_undecodable(str(path)) for path in made.places]
    if not places:
        for remark in made.remarks:
            complain(f"{cut_streams.said(picture)}: {remark}")
    elif os.isatty(1):
        click.echo(places[0])
        for remark in made.remarks:
            say(f"  ({remark})", under=1)
        click.echo("".join(f"{place}\n" for place in places[1:]), nl=False)
    else:
        places[0] += "".join(f"   ({remark})" for remark in made.remarks)
        click.echo("\n".join(places))


def cut_all(
    recipe: Recipe, places: Places, sessions: Sessions
) -> Iterator[tuple[Path, Made | ScissorsError]]:
    """Cut each picture; yield it with what was made of it, or with what went wrong."""
    for picture in places.pictures:
        try:
            yield picture, _cut_one(picture, recipe, places, sessions)
        except PlaceTakenError as error:  # meanwhile, by another process
            yield picture, there_already(error.place)
        except InTheWayError as error:
            yield picture, UsageError(error.what, "Rename that file, or give another -o.")
        except ScissorsError as error:
            yield picture, error
        except MemoryError:
            too_large = PictureError(
                "there is not enough memory for this picture", "Make it smaller, or give more."
            )
            yield picture, too_large


def _cut_one(picture: Path, recipe: Recipe, places: Places, sessions: Sessions) -> Made:
    """Cut a picture and put out its files."""
    _refuse_folder(picture, places.out)

    @cache
    def read() -> Picture:  # by the names that tell of it, or once they are free
        content = _content(picture, recipe)
        return reading.read(content, max_pixels=recipe.max_pixels, deep=recipe.is_deep)

    targets = places.of(picture, read) if places.send is None else []
    cut, contents = _make(read(), recipe, sessions)
    remarks = [cut.judgement.reason] if cut.judgement.verdict != "ok" else []
    if cut.model != recipe.model.name:
        remarks.append(f"{cut.model}'s mask: it is surer than {recipe.model.name}")
    remarks += [*read().metadata.remarks, *cut.remarks]
    if places.send is not None:
        places.send(*contents)
        return Made([], remarks)
    publishing.publish(
        list(zip(targets, contents, strict=True)), tag="cut", own=lambda _: places.overwrite
    )
    places.note_written(targets)
    return Made(targets, remarks)


def _content(picture: Path, recipe: Recipe) -> bytes:
    if picture == STREAM:
        return cut_streams.read_input(recipe.max_bytes)
    if recipe.max_bytes is not None:
        with suppress(OSError, ValueError):  # to read it says why
            refuse_too_large(picture.stat().st_size, recipe.max_bytes)
    return read_bytes(picture, "it")


def _make(picture: Picture, recipe: Recipe, sessions: Sessions) -> tuple[Cut, list[bytes]]:
    """Cut a picture that was read; return its mask, with what it says of itself, and the files."""
    rule, max_pixels = recipe.rule, recipe.max_pixels
    height, width = picture.rgb.shape[:2]
    cutting_out.refuse_impossible(height, width, rule.outputs, max_pixels=max_pixels)
    cut = cutting_out.find_subject(
        picture,
        recipe.model,
        sessions,
        rule.mask,
        other=recipe.catalogue.get(rule.second_opinion),
        doubtful_above=rule.doubtful_above,
    )
    refuse_by_rule(cut.judgement, rule)
    return cut, list(cutting_out.render_all(picture, cut, rule.outputs, max_pixels=max_pixels))


def _refuse_folder(picture: Path, out: Path | None) -> None:
    if picture != STREAM and os.path.isdir(picture):  # noqa: PTH112 (Path's raises where it may not look)
        outbox = shlex.quote(str(out)) if out is not None else "OUTBOX"
        raise UsageError(
            "it is a folder, not a picture",
            f"To cut all that is in it: scissorsd once {shlex.quote(str(picture))} {outbox}",
        )

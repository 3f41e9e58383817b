"""The commands `sheet`, `accept` and `reject`: how a person looks through what came out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scissorsd import cli_options
from scissorsd.commands.messages import complain, say
from scissorsd.errors import EXIT_FAILURE, EXIT_OK

if TYPE_CHECKING:
    from scissorsd.records.reviews import Verdict


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=Path)
@cli_options.config
@cli_options.state
def accept(names: tuple[Path, ...], config: Path | None, state: Path | None) -> int:
    """Put what lies in review/ into its place.

    NAME is a picture, one of its outputs in review/, or the reason beside it; a folder, for all
    that waits in it; or a glob in quotation marks, such as 'review/shoes/*.png'. It may also be
    given as it is called below the inbox or the outbox.

    All outputs of a picture go to their places as they are now, and the reason goes. Nothing is
    written over: where a file is in the way, nothing of that picture is moved. What was rejected
    can be accepted too. Exits with 1 if something could not be accepted; the rest is.
    """
    return _judge(names, "accepted", config, state)


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=Path)
@cli_options.config
@cli_options.state
def reject(names: tuple[Path, ...], config: Path | None, state: Path | None) -> int:
    """Set what lies in review/ aside into rejected/.

    NAME is as for `accept`. The outputs and the reason go to rejected/ in the outbox; the picture
    itself stays where it is, and is not cut again by itself. `accept` takes it back. What was
    accepted can be rejected too. Exits with 1 if something could not be rejected; the rest is.
    """
    return _judge(names, "rejected", config, state)


def _judge(
    names: tuple[Path, ...], verdict: "Verdict", config: Path | None, state: Path | None
) -> int:
    from scissorsd.commands.judge import judge

    code = EXIT_OK
    for sentence in judge(names, verdict, config, state):
        if sentence.is_complaint:
            complain(sentence.text)
            code = EXIT_FAILURE
        else:
            say(sentence.text)
    return code


@click.command()
@click.argument("outbox", type=cli_options.FOLDER)
@click.option(
    "-o",
    "--out",
    type=cli_options.FOLDER,
    help="The file, .jpg, .png or .html. Default: sheet.jpg here.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 100_000),
    default=400,
    show_default=True,
    help="So many of the latest cutouts.",
)
@click.option(
    "--columns",
    type=click.IntRange(1, 40),
    help="Cutouts side by side. Default: as fits a screen, up to 10.",
)
@cli_options.config
@cli_options.state
def sheet(outbox: Path, config: Path | None, state: Path | None, **options: Any) -> int:
    """Write a contact sheet of the latest cutouts in OUTBOX, or in a folder of it.

    Each stands on a checkerboard with its name and its verdict; those that a person should look
    at come first. What does not fit on one page goes to sheet-2.jpg and so on. As .html it is a
    page for a browser, on which cutouts can be marked; it gives the commands that accept, recut or
    reject these.
    """
    from scissorsd.commands.sheet import write
    from scissorsd.records import state_folders

    named = {"-c": config, "--state": state}
    given = [word for option, path in named.items() if path for word in (option, path.absolute())]
    states = state_folders.everyone(config, state)
    for sentence in write(outbox, states, given=[str(word) for word in given], **options):
        say(sentence)
    return EXIT_OK

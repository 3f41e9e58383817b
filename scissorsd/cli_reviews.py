"""The commands `accept` and `reject`: what a person makes of the pictures in review/."""

from pathlib import Path
from typing import TYPE_CHECKING

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

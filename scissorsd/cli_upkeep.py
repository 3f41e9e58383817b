"""The commands that keep a job journal in good order. What is heavy is imported inside them."""

from pathlib import Path

import click

from scissorsd import cli_options
from scissorsd.errors import EXIT_OK


@click.command()
@click.argument("old", type=Path)  # not click.Path: a share may be gone, or hang
@click.argument("new", type=Path)
@cli_options.config
@cli_options.state
def move(old: Path, new: Path, config: Path | None, state: Path | None) -> int:
    """Know the folder OLD by its new path NEW from now on, and all that lies below it.

    For an inbox, an outbox, or a folder above them that was moved or renamed, so that its pictures
    stay known and nothing is cut again. No file is touched. Only while no daemon runs.
    """
    from scissorsd.commands.move import move as rename

    for sentence in rename(old, new, config, state):
        click.echo(sentence)
    return EXIT_OK

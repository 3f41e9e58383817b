"""The commands that keep a job journal in good order. What is heavy is imported inside them."""

from pathlib import Path

import click

from scissorsd import cli_options
from scissorsd.commands.messages import say, show_bar
from scissorsd.errors import EXIT_FAILURE, EXIT_OK


@click.command()
@click.argument("file", type=cli_options.FOLDER)
@click.option("--overwrite", is_flag=True, help="Write over what is there.")
@cli_options.config
@cli_options.state
def backup(file: Path, config: Path | None, state: Path | None, *, overwrite: bool) -> int:
    """Copy the job journal to FILE, whole and checked, also while the daemon runs.

    It is what scissorsd knows of your pictures, not the pictures. `restore` is the way back.
    """
    from scissorsd.commands.backup import back_up

    for sentence in back_up(file.absolute(), config, state, overwrite=overwrite):
        say(sentence)
    return EXIT_OK


@click.command()
@click.argument("file", type=cli_options.FOLDER)
@cli_options.config
@cli_options.state
def restore(file: Path, config: Path | None, state: Path | None) -> int:
    """Put the backup FILE into the place of the job journal, which is kept beside it.

    Only while no daemon runs. A damaged backup, or one of a newer scissorsd, is refused. Then run
    `scissorsd adopt`: what was cut since the backup is unknown to it.
    """
    from scissorsd.commands.backup import restore as put_back

    for sentence in put_back(file.absolute(), config, state):
        say(sentence)
    return EXIT_OK


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
        say(sentence)
    return EXIT_OK


@click.command()
@cli_options.config
@cli_options.state
@click.option("--dry-run", is_flag=True, help="Say what would be adopted, and write nothing.")
def adopt(config: Path | None, state: Path | None, *, dry_run: bool) -> int:
    """Take for done what is out already: after a lost state folder, or a restored backup.

    A picture, in its inbox or where its rule moves sources, is journalled as cut if all outputs of
    its rule are there under its names, in place, in review/ or in rejected/: pictures, no older
    than it, of its size where the rule neither crops nor resizes. Only while no daemon runs.
    """
    from scissorsd import terminal
    from scissorsd.commands.adopt import adopt as take_over
    from scissorsd.commands.adopt_report import in_words
    from scissorsd.core.bars import Bar
    from scissorsd.pictures import decoders
    from scissorsd.plain_text import for_terminal

    def show(inbox: str, done: int, total: int) -> None:
        show_bar(Bar(for_terminal(inbox), done, total, f"{done:,} of {total:,} pictures"))

    decoders.take_pillow_over()
    try:
        adopted = take_over(config, state, dry_run=dry_run, progress=show)
    finally:
        terminal.show(None)
    for sentence in in_words(adopted, dry_run=dry_run):
        say(sentence)
    return EXIT_FAILURE if any(report.away for report in adopted.reports) else EXIT_OK

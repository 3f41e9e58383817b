"""The group `scissorsd models`: declarations only."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scissorsd import cli_options
from scissorsd.commands.messages import say
from scissorsd.errors import EXIT_OK

if TYPE_CHECKING:
    from scissorsd.commands.models import KnownModels


@click.group(invoke_without_command=True)
@cli_options.config
@cli_options.models
@click.pass_context
def models(context: click.Context, config: Path | None, models: Path | None) -> int:
    """List, fetch or verify the model files."""
    from scissorsd.commands.models import known_models

    cli_options.set_up_logs(context)
    context.obj = known_models(config, models)
    if context.invoked_subcommand is None:
        context.invoke(list_models)
    return EXIT_OK


@models.command("list")
@click.pass_obj
def list_models(known: "KnownModels", /) -> int:
    """Show the known models and which files are there."""
    from scissorsd.commands.models import show

    show(known)
    return EXIT_OK


@models.command("fetch")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.pass_obj
def fetch_models(known: "KnownModels", /, names: tuple[str, ...]) -> int:
    """Fetch model files that are not there, and verify them."""
    from scissorsd.commands.models import fetch

    for sentence in fetch(known, names):
        say(sentence)
    return EXIT_OK


@models.command("verify")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.pass_obj
def verify_models(known: "KnownModels", /, names: tuple[str, ...]) -> int:
    """Verify the model files that are there, byte for byte."""
    from scissorsd.commands.models import verify

    return verify(known, names)

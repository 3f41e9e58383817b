"""The group `scissorsd hub`: declarations only."""

from pathlib import Path

import click

from scissorsd import cli_options
from scissorsd.errors import EXIT_OK


@click.group()
def hub() -> None:
    """Set up the hub, by which several machines cut together: see docs/hosts.md."""


@hub.command("init")
@click.argument("folder", type=cli_options.FOLDER)
@click.option(
    "--host",
    "names",
    multiple=True,
    metavar="NAME",
    help="By which name, or address, hosts reach the hub. More than once: the first is used.",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Where the broker listens. Default: 5671."
)
def init_hub(folder: Path, names: tuple[str, ...], port: int | None) -> int:
    """Write all that a hub needs into FOLDER: for its broker, for the daemon, for every host.

    A CA and a certificate, RabbitMQ's configuration with two users and their rights, compose.yaml,
    watcher.join and studio.join. What is there is kept: done again, it makes what is missing, and
    with another --host a certificate for that too.
    """
    from scissorsd.hosts.joining.installed import see_that_it_is_installed

    see_that_it_is_installed()
    from scissorsd.commands.hub_init import init

    for sentence in init(folder.absolute(), names, port):
        click.echo(sentence)
    return EXIT_OK

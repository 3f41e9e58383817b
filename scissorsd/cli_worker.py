"""The command `scissorsd worker`: its declaration only."""

from pathlib import Path
from typing import Any

import click

from scissorsd import cli_options


@click.command()
@click.argument("join_file", metavar="JOINFILE", type=cli_options.FOLDER)
@click.option("--slots", type=click.IntRange(1, 256), help="Pictures in hand at once.")
@click.option(
    "--model",
    "networks",
    multiple=True,
    help="A network to take orders for; may be given more than once. Default: those whose files "
    "are here, else u2net.",
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="THEIRS=OURS",
    help="A folder that the watcher has as THEIRS is OURS here. Default: where the same share is "
    "mounted, else by the same path.",
)
@click.option("--name", help="What it is called in logs and status. Default: the machine's name.")
@cli_options.models
@click.option("--providers", help="Where the network runs, in order: cuda,openvino,cpu.")
@click.option("--precision", type=click.Choice(["auto", "full", "fast"]), default="auto")
@click.option("--require-gpu", is_flag=True, help="Refuse to work without a GPU.")
@click.option(
    "--service",
    type=click.Choice(["install", "show", "uninstall"]),
    help="Have systemd start it with these options, from boot on; show the unit for that; or take "
    "it away.",
)
@click.option("--root", type=cli_options.FOLDER, default="/", hidden=True)
@click.pass_context
def worker(context: click.Context, /, join_file: Path, **options: Any) -> int:
    """Cut pictures for a daemon on another machine, as its hub gives them out.

    JOINFILE is studio.join, which `scissorsd hub init` has written. Where this machine sees the
    daemon's inboxes and outboxes it reads pictures there, and writes beside their places what
    the daemon then gives its name; else pictures come over the hub itself, and go back so.
    Nothing is kept here, and nothing is lost when this machine is: another one cuts what it had
    in hand.

    Ctrl-C or SIGTERM lets it finish what is in hand; a second one ends it at once.
    """
    from scissorsd.hosts.joining.installed import see_that_it_is_installed

    cli_options.set_up_logs(context)
    see_that_it_is_installed()
    from scissorsd.commands.worker import work

    return work(join_file, options)

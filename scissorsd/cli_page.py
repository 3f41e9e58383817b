"""The group `scissorsd page`: declarations only. What is heavy is imported inside them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scissorsd import cli_options
from scissorsd.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from scissorsd.commands.page import Auth
    from scissorsd.settings import Config


@click.group(invoke_without_command=True)
@cli_options.config
@click.option(
    "--listen",
    default="",
    envvar="SCISSORSD_PAGE",
    metavar="ADDRESS",
    help="Where: 0.0.0.0:8000, unix:/run/page.sock, … Default: 127.0.0.1:8000.",
)
@click.option(
    "--auth",
    default="",
    envvar="SCISSORSD_PAGE_AUTH",
    type=click.Choice(["", "auto", "key", "proxy", "none"]),
    metavar="auto|key|proxy|none",
    help="Who may use it. auto: on this machine everybody, from elsewhere who has the key.",
)
@cli_options.on_this_machine
@click.pass_context
def page(
    context: click.Context, /, config: Path | None, *, listen: str, auth: "Auth", **options: Any
) -> int:
    """Cut pictures out in the browser: drop them on a page, compare, take them away.

    Alone it needs no folders: pictures are dropped on the page, and fetched from it within a week.
    With -c FILE it is the page of a daemon that runs on this configuration; a daemon has one of
    its own where the file has `page:`.
    """
    if context.invoked_subcommand is not None:
        return EXIT_OK
    from scissorsd.commands.page import alone, beside, see_that_it_is_installed

    cli_options.set_up_logs(context)
    see_that_it_is_installed()
    if config is None:
        return _run_alone(alone(options, listen, auth))
    typed = click.core.ParameterSource.COMMANDLINE
    if given := [name for name in options if context.get_parameter_source(name) is typed]:
        raise UsageError(f"--{given[0].replace('_', '-')} is an option without -c; it is in FILE")
    return _serve_beside(beside(config.absolute(), listen, auth))


def _run_alone(settings: "Config") -> int:
    """Run a daemon that has only the quick desk; it has the page as every daemon has."""
    from scissorsd import logs, terminal
    from scissorsd.commands.progress import Bars
    from scissorsd.daemon.control_loop import Daemon
    from scissorsd.page.serve import see_that_it_can_listen

    assert settings.page is not None  # noqa: S101 - it is what the command is about
    see_that_it_can_listen(settings.page.listen)  # else a daemon would run, and nobody see it
    is_logged = sys.stdout.isatty() and terminal.is_terminal() and not logs.is_for_programs()
    _announcer(settings, is_logged=is_logged)(settings.page.listen)
    with Bars() as bars:
        return Daemon(settings, on_beat=bars.backlog, fetching=bars.fetching).run()


def _serve_beside(settings: "Config") -> int:
    from scissorsd.page.beside import serve_beside

    return serve_beside(settings, told=_announcer(settings))


def tell_a_new_key(settings: "Config") -> None:
    """Print the address of a daemon's page with its key, if it asks for one and that is new."""
    if settings.page is None:
        return
    from scissorsd.daemon.page_child import missing_packages
    from scissorsd.page.gates import keys
    from scissorsd.page.gates.access import access_to
    from scissorsd.page.gates.listen import machine_name

    if missing_packages() or access_to(settings.page, machine_name()).auth != "key":
        return
    if not keys.key_of(settings.state):
        _announcer(settings)(settings.page.listen)


def _announcer(settings: "Config", *, is_logged: bool = False) -> Callable[[str], None]:
    """Return what says where the page is; with its key only if that is new.

    What is said may be kept in a log, and is not to be there at every start. Where the log says
    the address to the same person, it is said here with a key only, and then not by the log.
    """
    from scissorsd import logs, terminal
    from scissorsd.page.gates import keys
    from scissorsd.page.gates.access import access_to
    from scissorsd.page.gates.listen import for_people, machine_name, place_of

    assert settings.page is not None  # noqa: S101 - it is what the command is about
    has_key = access_to(settings.page, machine_name()).auth == "key"
    is_new = has_key and not keys.key_of(settings.state)

    def announce(address: str) -> None:
        key = keys.make(settings.state) if is_new else ""
        place = place_of(address)
        if key or not is_logged:
            click.echo(f"The page: {for_people(place, key)}")
        if key and place.port and sys.stdout.isatty() and terminal.is_terminal():
            logs.leave_out_next("page.listening")
        if has_key and not is_new:
            click.echo("The page's key is what `scissorsd page key` shows.")
        sys.stdout.flush()

    return announce


@page.command("key")
@click.option("--new", is_flag=True, help="Make a new one: whoever was in has to give it.")
@cli_options.config
@cli_options.state
def key(config: Path | None, state: Path | None, *, new: bool) -> int:
    """Show the key of the page; on standard error, the address that opens it."""
    from scissorsd.commands.page import state_with_key
    from scissorsd.page.gates import keys
    from scissorsd.page.gates.listen import for_people, place_of
    from scissorsd.records import status_file

    folder = state_with_key(config, state, keys.FILE)
    value = keys.make(folder, anew=new) if new else keys.key_of(folder) or keys.make(folder)
    click.echo(value)
    status = status_file.read(folder)
    shown = getattr(status, "page", None)
    if shown is not None and shown.address:
        click.echo(for_people(place_of(shown.address), value), err=True)  # a script wants the key
    return EXIT_OK

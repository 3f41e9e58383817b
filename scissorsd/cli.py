"""The commands. Whatever is heavy is imported inside them, so that `--help` answers at once."""

import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from scissorsd import __version__, cli_options, streams
from scissorsd.cli_errors import explain
from scissorsd.cli_hub import hub
from scissorsd.cli_models import models
from scissorsd.cli_page import page, tell_a_new_key
from scissorsd.cli_reviews import accept, reject, sheet
from scissorsd.cli_second_thoughts import recut
from scissorsd.cli_service import service
from scissorsd.cli_upkeep import adopt, backup, move, restore
from scissorsd.cli_worker import worker
from scissorsd.commands.messages import complain, say
from scissorsd.errors import (
    EXIT_FAILURE,
    EXIT_OK,
    EXIT_STOPPED,
    UsageError,
)

if TYPE_CHECKING:
    from scissorsd.logs import Form

# Before garbage is collected. With Python's 700 a tenth of the start went by in looking again and
# again through what imports make, all of which stays.
_NEW_OBJECTS = 20_000


def main() -> None:
    """Run the command line; errors are a line or two for a person, unless `--debug`."""
    streams.guard()
    gc.set_threshold(_NEW_OBJECTS)
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain("stopped")
        code = EXIT_STOPPED + signal.SIGINT
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        code = explain(error)
    if unsaid := streams.output_failure():
        complain(f"standard output could not be written: {unsaid.strerror}")
        code = code or EXIT_FAILURE
    _end(code or EXIT_OK)


def _end(code: int) -> NoReturn:
    """End the process; where a picture is left in hand, without Python's tidying up.

    That would end the thread of its worker in the midst of a library's C++, which aborts it all.
    What is left goes with the process: to look through it for garbage takes a tenth of a second.
    """
    if any(thread.name.startswith("cut ") for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):
                stream.flush()
        os._exit(code)
    gc.freeze()
    sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="scissorsd")
@click.option("--debug", is_flag=True, help="Log more, and show tracebacks.")
@cli_options.log
@click.pass_context
def cli(context: click.Context, *, debug: bool, log: "Form | None") -> None:
    """Cut the background out of photographs that are dropped into a folder."""
    context.obj = cli_options.Logging(debug, log)


for command in (
    *(accept, reject, recut, sheet, models, page, hub, worker),
    *(service, backup, restore, adopt, move),
):
    cli.add_command(command)


# --- the daemon ------------------------------------------------------------------------------


@cli.command(cls=cli_options.WithPage)
@click.argument("inbox", type=cli_options.FOLDER)
@click.argument("outbox", type=cli_options.FOLDER)
@cli_options.of_the_daemon
@cli_options.page
@cli_options.page_auth
@click.pass_context
def watch(context: click.Context, /, inbox: Path, outbox: Path, **options: Any) -> int:
    """Watch INBOX and put cutouts into OUTBOX, without a configuration file."""
    from scissorsd.commands import configuration
    from scissorsd.commands.progress import Bars
    from scissorsd.daemon.control_loop import Daemon

    cli_options.set_up_logs(context)
    settings = configuration.from_folders(inbox, outbox, options)
    if sys.stderr.isatty():
        click.echo("scissorsd is starting; Ctrl-C stops it.", err=True)
    tell_a_new_key(settings)
    with Bars() as bars:
        return Daemon(settings, on_beat=bars.backlog, fetching=bars.fetching).run()


@cli.command()
@cli_options.config
@click.pass_context
def run(context: click.Context, /, config: Path | None) -> int:
    """Run the daemon on a configuration file (default: /etc/scissorsd/scissorsd.yaml)."""
    from scissorsd.commands import configuration
    from scissorsd.commands.hub_of import hub_of
    from scissorsd.commands.progress import Bars
    from scissorsd.daemon.control_loop import Daemon
    from scissorsd.settings import DEFAULT_CONFIG

    cli_options.set_up_logs(context)
    path = (config or DEFAULT_CONFIG).absolute()
    settings = configuration.load(path)
    hub = hub_of(settings)
    with Bars() as bars:
        return Daemon(
            settings,
            origin=str(path),
            hub=hub,
            load_anew=lambda: configuration.load(path),
            on_beat=bars.backlog,
            fetching=bars.fetching,
        ).run()


@cli.command()
@click.argument("inbox", type=cli_options.FOLDER, required=False)
@click.argument("outbox", type=cli_options.FOLDER, required=False)
@cli_options.config
@click.option("--again", is_flag=True, help="Cut what was cut before, too.")
@cli_options.of_the_daemon
@click.pass_context
def once(
    context: click.Context,
    /,
    inbox: Path | None,
    outbox: Path | None,
    config: Path | None,
    *,
    again: bool,
    **options: Any,
) -> int:
    """Cut all that is in INBOX now, or in the inboxes of a configuration (-c), then exit.

    Exits with 0 if all came out, with 3 if some failed, and with 130 or 143 if Ctrl-C or SIGTERM
    stopped it with some left.
    """
    from scissorsd.commands.once import once as cut_what_is_there

    cli_options.set_up_logs(context)
    given = cli_options.given(context, options)
    return cut_what_is_there(inbox, outbox, config, options, given=given, again=again)


# --- at once ---------------------------------------------------------------------------------


@cli.command()
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True, type=cli_options.FOLDER)
@cli_options.for_cut
@click.pass_context
def cut(context: click.Context, /, pictures: tuple[Path, ...], **options: Any) -> int:
    """Cut a picture or a few, at once.

    Without -o, NAME-cutout.png appears beside each picture. As PICTURE, - is standard input; its
    result goes to standard output, unless -o names a file: scissorsd cut - < cat.jpg > cat.png

    --format to --background are the keys of an output in the configuration, and go for every
    --kind. With --rule, what a rule of a configuration makes, under the names that it gives; no
    daemon and no job journal is needed for that, nor told of it.
    """
    from scissorsd.commands.cut import cut as cut_at_once

    cli_options.set_up_logs(context, quiet=True)
    return cut_at_once(pictures, options, given=cli_options.given(context, options))


@cli.command()
@click.argument("pictures", metavar="[PICTURE]...", nargs=-1, type=Path)
@cli_options.config
def check(pictures: tuple[Path, ...], config: Path | None) -> int:
    """Check a configuration: every problem, or what each inbox will do and what lies there now.

    With pictures, also such as are not there yet: which rule takes each, and what its outputs
    would be called. Nothing is changed.
    """
    from scissorsd.commands import census, rehearsal
    from scissorsd.config import describe, load
    from scissorsd.settings import DEFAULT_CONFIG

    loaded = load(config or DEFAULT_CONFIG)
    for warning in loaded.warnings:
        say(warning)
    if not pictures:
        click.echo("ok\n")
        say(f"{describe(loaded.config)}\n")
    said = rehearsal.rehearse(loaded.config, [picture.absolute() for picture in pictures])
    for sentence in said if pictures else census.count(loaded.config):
        say(sentence)
    return EXIT_OK


# --- asking a daemon -------------------------------------------------------------------------


@cli.command()
@cli_options.config
@cli_options.state
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(config: Path | None, state: Path | None, *, as_json: bool) -> int:
    """Show how each inbox stands, where the networks run, and the last jobs.

    Where several pairs of folders were worked on, and none is named, a line for each.
    """
    from scissorsd.commands import status as answers
    from scissorsd.commands.status_table import show

    chosen, others = answers.of_all(config, state)
    if as_json:
        click.echo(answers.as_json(chosen, others))
    else:
        show(chosen, others)
    return EXIT_OK


@cli.command()
@click.argument("path", type=Path)  # not click.Path: it would look at a file on a share that hangs
@cli_options.config
@cli_options.state
def why(path: Path, config: Path | None, state: Path | None) -> int:
    """Say why a file was taken, ignored, held or set aside."""
    from scissorsd.commands.why import answer

    for sentence in answer(path.absolute(), config, state):
        say(sentence)
    return EXIT_OK


@cli.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=Path)
@click.option("--failed", is_flag=True, help="Every picture that failed.")
@click.option("--held", is_flag=True, help="Try at once all that is held: it need not wait longer.")
@cli_options.config
@cli_options.state
def retry(
    paths: tuple[Path, ...], config: Path | None, state: Path | None, *, failed: bool, held: bool
) -> int:
    """Take failed pictures again, or hurry what is held."""
    from scissorsd.commands.retry import hurry_held
    from scissorsd.commands.retry import retry as take_again

    if (failed or held) == bool(paths):
        raise UsageError("name the pictures to take again, or give --failed or --held")
    if held:
        for sentence in hurry_held(config, state):
            say(sentence)
    if failed or paths:
        for sentence in take_again([path.absolute() for path in paths], config, state):
            say(sentence)
    return EXIT_OK


@cli.command()
@cli_options.config
@cli_options.state
def health(config: Path | None, state: Path | None) -> int:
    """Exit with 0 if a daemon is alive and every watcher works, else with 1 and the reason.

    A changed configuration that was refused is only told of: the daemon works on by the old one.
    """
    from scissorsd.commands.health import health as examine

    healthy, sentences = examine(config, state)
    for sentence in sentences:
        say(sentence)
    return EXIT_OK if healthy else EXIT_FAILURE


@cli.command()
@cli_options.config
@cli_options.models
@click.option(
    "--time",
    "timed",
    is_flag=True,
    help="Time the CPU's providers, and int8, anew, and remember what comes of it.",
)
@click.pass_context
def doctor(
    context: click.Context, /, config: Path | None, models: Path | None, *, timed: bool
) -> int:
    """Show which providers truly work, models, limits, mounts and folders; say what to do."""
    from scissorsd.commands.doctor import examine
    from scissorsd.commands.findings import show_findings

    cli_options.set_up_logs(context, quiet=True)
    findings = examine(config, models, timed=timed)
    return EXIT_OK if show_findings(findings) else EXIT_FAILURE

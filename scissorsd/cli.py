"""The commands. Whatever is heavy is imported inside them, so that `--help` answers at once."""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from scissorsd import __version__, streams
from scissorsd.errors import (
    EXIT_FAILURE,
    EXIT_OK,
    EXIT_SOME_FAILED,
    EXIT_STOPPED,
    ConfigError,
    HoldError,
    ScissorsError,
    UsageError,
)

if TYPE_CHECKING:
    from scissorsd.core.catalogue import Model
    from scissorsd.daemon.control_loop import Daemon
    from scissorsd.settings import Config, Loaded

Command = Callable[..., Any]

DEFAULT_CONFIG = "/etc/scissorsd/scissorsd.yaml"
ONCE_SETTLE = 0.5  # seconds; what `once` finds is meant to be whole


def main() -> None:
    """Run the command line; errors are a line or two for a person, unless `--debug`."""
    debug = "--debug" in sys.argv
    streams.guard()
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _complain("stopped")
        code = EXIT_STOPPED + signal.SIGINT
    except ScissorsError as error:
        if debug:
            raise
        if isinstance(error, ConfigError):
            _say(error.problems)
        else:
            _complain(_told(error))
        code = error.exit_code
    except Exception as error:
        if debug:
            raise
        _complain(_of_limits(error) or f"something unforeseen went wrong: {_named(error)}")
        if not _of_limits(error):
            _complain("run it again with --debug to see where, and please report it")
        code = EXIT_FAILURE
    if unsaid := streams.output_failure():
        _complain(f"standard output could not be written: {unsaid.strerror}")
        code = code or EXIT_FAILURE
    _end(code or EXIT_OK)


def _end(code: int) -> NoReturn:
    """End the process; where a picture is left in hand, without Python's tidying up.

    That would end the thread of its worker in the midst of a library's C++, which aborts it all.
    """
    if any(thread.name.startswith("cut ") for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _of_limits(error: Exception) -> str:
    """Say which limit of the machine is reached, if it is one."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this (ulimit -v, the container's limit, the machine)"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        from scissorsd.machine import TOO_FEW_THREADS

        return f"no thread can be started: {TOO_FEW_THREADS}"
    return ""


def _complain(text: str) -> None:
    first, *rest = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").splitlines()
    _say([f"scissorsd: {first}", *(f"  {line}" for line in rest)])


def _told(error: ScissorsError) -> str:
    """Say an error as a command does that ends with it: nobody tries again by himself."""
    passing = isinstance(error, HoldError)
    return f"{error}\nRun it again once that has passed." if passing else str(error)


def _say(lines: Iterable[str]) -> None:
    from scissorsd.logs import complaint

    for line in lines:
        click.echo(complaint(line), err=True)


_FOLDER = click.Path(path_type=Path)
_config = click.option("-c", "--config", type=_FOLDER, help="The configuration file.")
_state = click.option("--state", type=_FOLDER, help="The state folder to ask or use.")
_models = click.option("--models", type=_FOLDER, help="Where the model files are kept.")
_edges = click.option(
    "--edges",
    type=click.Choice(["fine", "best", "soft"]),
    default="fine",
    show_default=True,
    help="fine: the mask follows the picture's own edges; best: the same, after "
    "a second, closer look at a small subject; "
    "soft: the network's mask as it is.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="scissorsd")
@click.option("--debug", is_flag=True, help="Log more, and show tracebacks.")
@click.pass_context
def cli(context: click.Context, *, debug: bool) -> None:
    """Cut the background out of photographs that are dropped into a folder."""
    context.obj = debug


# --- the daemon ------------------------------------------------------------------------------


_daemon_options: list[Callable[[Command], Command]] = [
    click.option("--model", default="u2net", show_default=True, help="The network to use."),
    _edges,
    click.option("--mask", is_flag=True, help="Put out the mask too, as NAME-mask.png."),
    click.option("--flat", metavar="COLOUR", help="Put out the picture on a colour too."),
    click.option("--comparison", is_flag=True, help="Put out before and after side by side too."),
    click.option(
        "--source",
        type=click.Choice(["keep", "move", "delete"]),
        default="keep",
        show_default=True,
        help="What becomes of a picture once it is cut; move: to processed/ in the outbox.",
    ),
    click.option("--settle", help="How long a file must not have changed, such as 2s."),
    click.option(
        "--watch",
        type=click.Choice(["auto", "events", "polling"]),
        help="How the inbox is watched.",
    ),
    click.option("--providers", help="Where the network runs, in order: cuda,openvino,cpu."),
    click.option("--precision", type=click.Choice(["auto", "full", "fast"])),
    click.option("--require-gpu", is_flag=True, help="Refuse to work without a GPU."),
    click.option("--workers", type=int, help="Pictures in hand at once."),
    _models,
    _state,
]


def _with_daemon_options(command: Command) -> Command:
    for option in reversed(_daemon_options):
        command = option(command)
    return command


def _values(inbox: Path, outbox: Path, options: Mapping[str, Any]) -> dict[str, object]:
    """Return the values of a configuration file that says the same as the command line."""
    outputs: list[dict[str, object]] = [{"kind": "cutout"}]
    if options["mask"]:
        outputs.append({"kind": "mask"})
    if options["flat"]:
        outputs.append({"kind": "flat", "background": options["flat"]})
    if options["comparison"]:
        outputs.append({"kind": "comparison"})
    rule = {
        "name": "everything",
        "model": options["model"],
        "mask": {"edges": options["edges"]},
        "outputs": outputs,
        "source": options["source"],
    }
    inbox_values = {"path": str(inbox), "outbox": str(outbox), "rules": [rule]}
    inbox_values |= {key: options[key] for key in ("settle", "watch") if options[key]}
    providers = options["providers"]
    values = {
        "state": str(options["state"].absolute()) if options["state"] else "",
        "models": str(options["models"].absolute()) if options["models"] else None,
        "providers": providers.split(",") if providers and providers != "auto" else None,
        "precision": options["precision"],
        "require_gpu": options["require_gpu"] or None,
        "workers": options["workers"],
        "inboxes": {"inbox": inbox_values},
    }
    return {key: value for key, value in values.items() if value is not None}


def _from_command_line(inbox: Path, outbox: Path, options: Mapping[str, Any]) -> "Config":
    from scissorsd.config import from_values
    from scissorsd.folders import real_paths
    from scissorsd.records import state_folders

    inbox, outbox = (Path(os.path.realpath(folder)) for folder in (inbox, outbox))
    if inbox.is_file():
        command = shlex.join(["scissorsd", "cut", str(inbox), "-o", str(outbox)])
        raise UsageError(f"{inbox} is a file, not a folder", f"To cut one picture: {command}")
    if not inbox.is_dir():
        raise UsageError(f"{inbox} is not a folder", "Make it first, or check the path.")
    obstacle = real_paths.locate([outbox])[outbox].obstacle
    if obstacle is not None:
        raise UsageError(f"{obstacle} is not a folder", "Choose another one for the results.")
    values = _values(inbox, outbox, options)
    values["state"] = values["state"] or str(state_folders.for_pair(inbox, outbox))
    loaded = from_values(values, base=Path.cwd())
    _warn(loaded)
    try:
        outbox.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(
            f"the outbox {outbox} cannot be made: {why}", "Choose another folder for the results."
        ) from error
    state_folders.remember(loaded.config.state, values)
    return loaded.config


def _load(path: Path) -> "Config":
    from scissorsd.config import load

    loaded = load(path)
    _warn(loaded)
    return loaded.config


def _warn(loaded: "Loaded") -> None:
    import structlog

    for warning in loaded.warnings:
        structlog.get_logger("scissorsd").warning("config.warning", problem=warning)


@cli.command()
@click.argument("inbox", type=_FOLDER)
@click.argument("outbox", type=_FOLDER)
@_with_daemon_options
@click.pass_obj
def watch(debug: bool, /, inbox: Path, outbox: Path, **options: Any) -> int:  # noqa: FBT001
    """Watch INBOX and put cutouts into OUTBOX, without a configuration file."""
    from scissorsd.commands.progress import Bars
    from scissorsd.daemon.control_loop import Daemon

    _set_up_logs(debug=debug)
    config = _from_command_line(inbox, outbox, options)
    if sys.stderr.isatty():
        click.echo(f"Watching {inbox}; cutouts appear in {outbox}. Ctrl-C stops.", err=True)
    with Bars() as bars:
        return Daemon(config, on_beat=bars.backlog, fetching=bars.fetching).run()


@cli.command()
@_config
@click.pass_obj
def run(debug: bool, /, config: Path | None) -> int:  # noqa: FBT001
    """Run the daemon on a configuration file (default: /etc/scissorsd/scissorsd.yaml)."""
    from scissorsd.commands.progress import Bars
    from scissorsd.daemon.control_loop import Daemon

    _set_up_logs(debug=debug)
    path = (config or Path(DEFAULT_CONFIG)).absolute()
    with Bars() as bars:
        return Daemon(
            _load(path),
            origin=str(path),
            load_anew=lambda: _load(path),
            on_beat=bars.backlog,
            fetching=bars.fetching,
        ).run()


@cli.command()
@click.argument("inbox", type=_FOLDER, required=False)
@click.argument("outbox", type=_FOLDER, required=False)
@_config
@click.option("--again", is_flag=True, help="Cut what was cut before, too.")
@_with_daemon_options
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
    from scissorsd.commands.progress import Bars
    from scissorsd.daemon.control_loop import Daemon

    _set_up_logs(debug=context.obj, quiet=sys.stderr.isatty())
    settings = _for_once(context, inbox, outbox, config, options)
    with Bars() as bars:
        daemon = Daemon(
            settings,
            origin=str(config.absolute()) if config else "",
            once=True,
            again=again,
            on_beat=bars.backlog,
            fetching=bars.fetching,
        )
        code = daemon.run()
    _sum_up(daemon, *(("-c", str(config)) if config else ()))
    return code


def _for_once(
    context: click.Context,
    inbox: Path | None,
    outbox: Path | None,
    config: Path | None,
    options: dict[str, Any],
) -> "Config":
    from dataclasses import replace

    if config is None and inbox is not None and outbox is not None:
        options["settle"] = options["settle"] or f"{ONCE_SETTLE}s"
        return _from_command_line(inbox, outbox, options)
    if config is None or inbox is not None:
        raise UsageError("give either INBOX and OUTBOX, or -c FILE")
    given = [
        name
        for name in options
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise UsageError(f"--{given[0].replace('_', '-')} does not go with -c; the file says it")
    loaded = _load(config.absolute())
    inboxes = (replace(i, settle=min(i.settle, ONCE_SETTLE)) for i in loaded.inboxes)
    return replace(loaded, inboxes=tuple(inboxes))


def _sum_up(daemon: "Daemon", *where: str) -> None:
    left = daemon.left_over()
    totals = daemon.totals
    verdicts = ", ".join(f"{n} {v}" for v, n in sorted(totals.verdicts.items()) if v != "ok")
    came_out = f"{totals.done} cut" + (f" ({verdicts})" if verdicts else "")
    if daemon.is_cut_short():
        failed = f", {len(totals.failures)} not" if totals.failures else ""
        click.echo(f"stopped: {came_out}{failed}, {_waiting(daemon)}", err=True)
    elif totals.done or left:
        click.echo(f"{came_out}, {len(left)} not", err=True)
    else:
        nothing = "Nothing to do: every picture there was cut before (--again cuts them anew)."
        click.echo(nothing, err=True)
    for picture, reason in left:
        _complain(f"{picture}: {reason}")
    if any(state.holds.pictures or state.away for state in daemon.inboxes.states.values()):
        click.echo("Once what stands in the way has passed, run it again.", err=True)
    if verdicts:
        for outbox in dict.fromkeys(inbox.outbox for inbox in daemon.config.inboxes):
            command = shlex.join(["scissorsd", "sheet", str(outbox), *where])
            click.echo(f"To look at them all at a glance: {command}", err=True)


def _waiting(daemon: "Daemon") -> str:
    if daemon.has_scanned():
        return f"{daemon.backlog()} left"
    return f"at least {daemon.backlog()} left (it had not looked at all that is there)"


# --- at once ---------------------------------------------------------------------------------


@cli.command()
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True, type=_FOLDER)
@click.option("-o", "--out", type=_FOLDER, help="A folder, or the file for one picture.")
@click.option("--model", default="u2net", show_default=True, help="The network to use.")
@_edges
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["cutout", "mask", "flat", "comparison"]),
    help="What to make; may be given more than once. Default: cutout.",
)
@click.option("--background", default="white", show_default=True, help="Of a flat: a colour.")
@click.option("--overwrite", is_flag=True, help="Write over what is there.")
@_models
@click.pass_obj
def cut(debug: bool, /, pictures: tuple[Path, ...], **options: Any) -> int:  # noqa: FBT001
    """Cut a picture or a few, at once.

    Without -o, NAME-cutout.png appears beside each picture.
    """
    from scissorsd.commands.cut import cut_all
    from scissorsd.commands.progress import Bars

    _set_up_logs(debug=debug, quiet=True)
    _refuse_streams(*pictures, options["out"])
    failures = done = 0
    try:
        with Bars() as bars:
            for picture, outcome in cut_all(pictures, fetching=bars.fetching, **options):
                done += 1
                if isinstance(outcome, ScissorsError):
                    failures += 1
                    _complain(f"{picture}: {_told(outcome)}")
                else:
                    click.echo("\n".join(outcome))
    except KeyboardInterrupt:
        not_cut = f", {failures} not" if failures else ""
        _complain(f"stopped: {done - failures} cut{not_cut}, {len(pictures) - done} left")
        return EXIT_STOPPED + signal.SIGINT
    if not failures:
        return EXIT_OK
    return EXIT_FAILURE if len(pictures) == 1 else EXIT_SOME_FAILED


def _refuse_streams(*paths: Path | None) -> None:
    for path in paths:
        if path == Path("-") and not path.exists():
            raise UsageError(
                "'-' is not taken for standard input or output",
                "Name files; in Python, scissorsd.cut_out takes the bytes of one.",
            )


@cli.command()
@_config
def check(config: Path | None) -> int:
    """Check a configuration: every problem, or what each inbox will do."""
    from scissorsd.config import describe, load

    loaded = load(config or Path(DEFAULT_CONFIG))
    for warning in loaded.warnings:
        click.echo(warning)
    click.echo("ok\n")
    click.echo(describe(loaded.config))
    return EXIT_OK


# --- asking a daemon -------------------------------------------------------------------------


@cli.command()
@_config
@_state
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(config: Path | None, state: Path | None, *, as_json: bool) -> int:
    """Show how each inbox stands, where the networks run, and the last jobs.

    Where several pairs of folders were worked on, and none is named, a line for each.
    """
    import json

    from scissorsd.commands import why as answers
    from scissorsd.commands.console import show_states, show_status
    from scissorsd.records import state_folders

    chosen, others = state_folders.to_show(config, state)
    told = answers.status(chosen) if chosen is not None else None
    rest = [answers.status(other) for other in others]
    if as_json:
        click.echo(json.dumps(told if told is not None else {"states": rest}, indent=2))
        return EXIT_OK
    if told is not None:
        show_status(told)
    if rest:
        show_states(rest, heading="other folders" if told is not None else "")
    return EXIT_OK


@cli.command()
@click.argument("path", type=Path)  # not click.Path: it would look at a file on a share that hangs
@_config
@_state
def why(path: Path, config: Path | None, state: Path | None) -> int:
    """Say why a file was taken, ignored, held or set aside."""
    from scissorsd.commands import why as answers
    from scissorsd.plain_text import plain
    from scissorsd.records import state_folders

    path = path.absolute()
    places = state_folders.about(path, config, state)
    for place in places:
        if len(places) > 1:
            click.echo(plain(f"{state_folders.in_words(place)}:"))
        for sentence in answers.why(place, path):
            click.echo(plain(sentence))
    return EXIT_OK


@cli.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=Path)
@click.option("--failed", is_flag=True, help="Every picture that failed.")
@_config
@_state
def retry(paths: tuple[Path, ...], config: Path | None, state: Path | None, *, failed: bool) -> int:
    """Take failed pictures again."""
    from scissorsd.commands import why as answers
    from scissorsd.records import lock, state_folders

    if failed == bool(paths):
        raise UsageError("name the pictures to take again, or give --failed")
    absolute = [path.absolute() for path in paths]
    if failed:
        place = state_folders.find(config, state)
    else:
        place = answers.where_failed(state_folders.about(absolute[0], config, state), absolute[0])
    count = 0
    for sentence in answers.retry(place, absolute, failed=failed):
        count += 1
        click.echo(sentence)
    if not count:
        click.echo("No picture has failed.")
    elif not lock.is_running(place.folder):
        click.echo("No daemon runs now; they are taken when one does.")
    return EXIT_OK


@cli.command()
@_config
@_state
def health(config: Path | None, state: Path | None) -> int:
    """Exit with 0 if a daemon is alive and every watcher works, else with 1 and the reason.

    A changed configuration that was refused is only told of: the daemon works on by the old one.
    """
    from scissorsd.records import lock, state_folders, status_file

    troubles = 0
    for folder in [state] if state else state_folders.to_be_healthy(config):
        for trouble in status_file.troubles(folder):
            troubles += 1
            click.echo(trouble)
        stands = status_file.read(folder)
        if stands is not None and stands.refusal is not None and lock.is_running(folder):
            click.echo(f"note: {stands.refusal.in_words()}; the old one goes on")
    return EXIT_FAILURE if troubles else EXIT_OK


@cli.command()
@click.argument("outbox", type=_FOLDER)
@click.option("-o", "--out", type=_FOLDER, help="The file, .jpg or .png. Default: sheet.jpg here.")
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
@_config
@_state
def sheet(outbox: Path, config: Path | None, state: Path | None, **options: Any) -> int:
    """Write a contact sheet of the latest cutouts in OUTBOX, or in a folder of it.

    Each stands on a checkerboard with its name and its verdict; those that a person should look
    at come first. What does not fit on one page goes to sheet-2.jpg and so on.
    """
    from scissorsd.commands import sheet as sheets
    from scissorsd.records import state_folders

    for sentence in sheets.write(outbox, state_folders.everyone(config, state), **options):
        click.echo(sentence)
    return EXIT_OK


# --- models and the machine ------------------------------------------------------------------


@cli.group(invoke_without_command=True)
@_config
@_models
@click.pass_context
def models(context: click.Context, config: Path | None, models: Path | None) -> int:
    """List, fetch or verify the model files."""
    from scissorsd.core.catalogue import CATALOGUE
    from scissorsd.inference import weights

    settings = _load(config) if config else None
    folder = models or (settings.models if settings else weights.default_folder())
    context.obj = (settings.catalogue if settings else CATALOGUE, folder)
    if context.invoked_subcommand is None:
        context.invoke(list_models)
    return EXIT_OK


@models.command("list")
@click.pass_obj
def list_models(place: tuple[Mapping[str, "Model"], Path]) -> int:
    """Show the known models and which files are there."""
    from scissorsd.commands.console import show_models

    show_models(*place)
    return EXIT_OK


@models.command("fetch")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.pass_obj
def fetch_models(place: tuple[Mapping[str, "Model"], Path], names: tuple[str, ...]) -> int:
    """Fetch model files that are not there, and verify them."""
    from scissorsd.commands.progress import Bars
    from scissorsd.inference import weights

    catalogue, folder = place
    with Bars() as bars:
        for name in names:
            model = _known_model(catalogue, name)
            path = weights.locate(model, folder, progress=bars.fetching)
            click.echo(f"{name}: {path}")
    return EXIT_OK


@models.command("verify")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.pass_obj
def verify_models(place: tuple[Mapping[str, "Model"], Path], names: tuple[str, ...]) -> int:
    """Verify the model files that are there, byte for byte."""
    from scissorsd.inference import weights

    catalogue, folder = place
    code = EXIT_OK
    for name in names or catalogue:
        model = _known_model(catalogue, name)
        path = folder / model.file
        if not path.exists():
            click.echo(f"{name}: not there ({path})")
            code = EXIT_FAILURE if names else code
            continue
        try:
            weights.verify(model, path)
            click.echo(f"{name}: ok ({path})")
        except ScissorsError as error:
            _complain(f"{name}: {error}")
            code = EXIT_FAILURE
    return code


def _known_model(catalogue: Mapping[str, "Model"], name: str) -> "Model":
    if name not in catalogue:
        raise UsageError(f"there is no model {name!r}; known are: {', '.join(catalogue)}")
    return catalogue[name]


@cli.command()
@_config
@_models
def doctor(config: Path | None, models: Path | None) -> int:
    """Show which providers truly work, models, limits, mounts and folders; say what to do."""
    from itertools import chain

    from scissorsd.commands import doctor as doctors
    from scissorsd.commands import doctor_folders
    from scissorsd.commands.console import show_findings

    _set_up_logs(debug=False, quiet=True)
    path = config or (Path(DEFAULT_CONFIG) if Path(DEFAULT_CONFIG).exists() else None)
    settings = _load(path) if path else _only_known()
    of_folders = doctor_folders.examine(settings, path) if settings else ()
    good = show_findings(chain(doctors.examine(settings, models), of_folders))
    return EXIT_OK if good else EXIT_FAILURE


def _only_known() -> "Config | None":
    """Return what a `watch` without a configuration file works by, if there is but one."""
    from scissorsd.records import lock, state_folders

    known = state_folders.everyone(None, None)
    if len(known) > 1:
        known = [state for state in known if lock.is_running(state.folder)]
    return known[0].config if len(known) == 1 else None


# --- as a service ----------------------------------------------------------------------------


_personal = click.option("--user", is_flag=True, help="For yourself alone, without root.")
_root = click.option("--root", type=_FOLDER, default="/", hidden=True)


@cli.group()
def service() -> None:
    """Run as a service of systemd, from boot on."""


@service.command("install")
@_personal
@_config
@click.option("--dry-run", is_flag=True, help="Show the unit and write nothing.")
@click.option(
    "--make-folders", is_flag=True, help="Make inboxes, outboxes and move_to that are missing."
)
@_root
def install_service(
    config: Path | None, root: Path, *, user: bool, dry_run: bool, make_folders: bool
) -> int:
    """Write the unit for this installation and a configuration; say what was done, and what next.

    The configuration is /etc/scissorsd/scissorsd.yaml, or with --user
    ~/.config/scissorsd/scissorsd.yaml, unless -c names another.
    """
    from scissorsd.service import install as services

    place = services.Place(personal=user, root=root.absolute())
    if dry_run:
        click.echo(services.unit_text(place, config), nl=False)
        for sentence in services.folders_to_make(place, config) if make_folders else ():
            click.echo(sentence, err=True)  # standard output is the unit
        return EXIT_OK
    for sentence in services.install(place, config, make_folders=make_folders):
        click.echo(sentence)
    return EXIT_OK


@service.command("uninstall")
@_personal
@_root
def uninstall_service(root: Path, *, user: bool) -> int:
    """Stop the service and take away what `install` wrote; configuration and pictures stay."""
    from scissorsd.service import install as services

    for sentence in services.uninstall(services.Place(personal=user, root=root.absolute())):
        click.echo(sentence)
    return EXIT_OK


@service.command("sample")
def sample_configuration() -> int:
    """Show the sample configuration, with every option explained."""
    from scissorsd.config.sample import sample

    click.echo(sample(), nl=False)
    return EXIT_OK


def _set_up_logs(*, debug: bool, quiet: bool = False) -> None:
    from scissorsd import logs
    from scissorsd.pictures import decoders

    decoders.take_pillow_over()
    logs.take_whole_lines_from_libraries()
    logs.set_up(debug=debug, quiet=quiet and not debug)

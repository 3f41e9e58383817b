"""The options that several commands take, each declared once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from scissorsd.logs import Form

Command = Callable[..., Any]

_PAGE = "127.0.0.1:8000"
FOLDER = click.Path(path_type=Path)
config = click.option("-c", "--config", type=FOLDER, help="The configuration file.")
state = click.option("--state", type=FOLDER, help="The state folder to ask or use.")
models = click.option("--models", type=FOLDER, help="Where the model files are kept.")
model = click.option("--model", default="u2net", show_default=True, help="The network to use.")
edges = click.option(
    "--edges",
    type=click.Choice(["auto", "soft", "fine", "best"]),
    default="auto",
    show_default=True,
    help="soft: the network's mask as it is; fine: it follows the picture's own edges; "
    "auto: the same, after a second, closer look at a small subject; "
    "best: after one at all but the largest.",
)

_ON_THIS_MACHINE: list[Callable[[Command], Command]] = [
    click.option("--providers", help="Where the network runs, in order: cuda,openvino,cpu."),
    click.option("--precision", type=click.Choice(["auto", "full", "fast"])),
    click.option("--require-gpu", is_flag=True, help="Refuse to work without a GPU."),
    click.option("--workers", type=int, help="Pictures in hand at once."),
    models,
    state,
]
page = click.option(
    "--page",
    metavar="[=ADDRESS]",
    help=f"Have the page in the browser on, at this address. Without one: {_PAGE}.",
)
page_auth = click.option(
    "--page-auth",
    type=click.Choice(["auto", "key", "none"]),
    help="What the page asks for; auto: nothing on this machine, else a key.",
)

_OF_THE_DAEMON: list[Callable[[Command], Command]] = [
    model,
    edges,
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
    *_ON_THIS_MACHINE,
]


log = click.option(
    "--log",
    type=click.Choice(["text", "keys", "json"]),
    help="How it is logged: in words; as events with their keys; the same as JSON. Default: text "
    "on a terminal, json elsewhere.",
)


@dataclass(frozen=True, slots=True)
class Logging:
    """What stands before the command: how much is logged, and in which form, if one is named."""

    debug: bool
    form: "Form | None"


def set_up_logs(context: click.Context, *, quiet: bool = False) -> None:
    """Have it logged as the command line says; what is quiet by itself is not so with --debug."""
    from scissorsd import logs
    from scissorsd.pictures import decoders

    asked: Logging = context.find_root().obj
    decoders.take_pillow_over()
    logs.line_buffer_c_stderr()
    logs.set_up(debug=asked.debug, quiet=quiet and not asked.debug, form=asked.form)


class WithPage(click.Command):
    """A command in which `--page` may stand alone; the word after it is then not its address."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give it its usual address there."""
        return super().parse_args(ctx, [f"--page={_PAGE}" if a == "--page" else a for a in args])


_FOR_CUT: list[Callable[[Command], Command]] = [
    click.option(
        "-o",
        "--out",
        type=FOLDER,
        help="A folder; or for one picture its file, or - for standard output.",
    ),
    click.option(
        "--rule", metavar="RULE", help="As this rule of the configuration says; also INBOX/RULE."
    ),
    config,
    model,
    click.option(
        "--second-opinion",
        metavar="MODEL",
        default="",
        help="Another network, to be asked where the first is unsure.",
    ),
    edges,
    click.option(
        "--kind",
        "kinds",
        multiple=True,
        type=click.Choice(["cutout", "mask", "flat", "comparison"]),
        help="What to make; may be given more than once. Default: cutout.",
    ),
    # of an output, in the words of the configuration, which says what they may be
    click.option(
        "--format", help="png, webp, avif, tiff or jpeg. Default: as -o ends, else PNG or JPEG."
    ),
    click.option(
        "--quality",
        metavar="1-100|lossless",
        help="Of JPEG, WebP and AVIF (JPEG is never lossless). Default: 90.",
    ),
    click.option("--size", metavar="PIXELS", help="The longer side (2000), or both (2000x1500)."),
    click.option("--crop", metavar="subject", help="Without the empty space around the subject."),
    click.option(
        "--margin", metavar="LENGTH", help="Room on each side: 40px, or 5% of the longer."
    ),
    click.option("--background", help="Of a flat: a colour, or a picture's file. Default: white."),
    click.option("--overwrite", is_flag=True, help="Write over what is there."),
    models,
]


def of_the_daemon(command: Command) -> Command:
    """Add to a command the options that stand for a configuration file."""
    return _with(_OF_THE_DAEMON, command)


def for_cut(command: Command) -> Command:
    """Add the options of `cut`."""
    return _with(_FOR_CUT, command)


def _with(options: list[Callable[[Command], Command]], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def on_this_machine(command: Command) -> Command:
    """Add to a command the options on where the networks run and where things are kept."""
    for option in reversed(_ON_THIS_MACHINE):
        command = option(command)
    return command


def given(context: click.Context, options: Iterable[str]) -> list[str]:
    """Return those of a command's options that stand on the command line."""
    typed = click.core.ParameterSource.COMMANDLINE
    return [name for name in options if context.get_parameter_source(name) is typed]

"""The commands for second thoughts: cut again. What is heavy is imported inside them."""

import sys
from pathlib import Path
from typing import Any

import click

from scissorsd import cli_options
from scissorsd.commands.messages import say
from scissorsd.errors import EXIT_FAILURE, EXIT_OK, EXIT_SOME_FAILED


@click.command()
@click.argument("paths", metavar="[PICTURE]...", nargs=-1, type=Path)
@click.option(
    "--rule", default="", help="Every picture that was cut by this rule; also INBOX/RULE."
)
@click.option("--stale", is_flag=True, help="Every picture whose rule has changed since.")
@click.option("--doubtful", is_flag=True, help="Every picture that a person should look at.")
@click.option("--failed", is_flag=True, help="Every picture that failed.")
@click.option("--all", "everything", is_flag=True, help="Every picture that was cut.")
@click.option("--model", default="", help="With this network, whatever the rule says.")
@click.option(
    "--second-opinion",
    metavar="MODEL",
    default="",
    help="Ask this one, too, where the first is unsure.",
)
@click.option(
    "--edges", type=click.Choice(["auto", "soft", "fine", "best"]), help="With these edges."
)
@click.option("--keep", type=click.Choice(["all", "largest"]), help="All parts, or the largest.")
@click.option(
    "--holes",
    type=click.Choice(["keep", "fill", "open"]),
    help="Keep holes, fill them, or open what shows the background.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="With a hard edge there.",
)
@click.option("--as-ruled", is_flag=True, help="Without what was wished before.")
@click.option("--wait/--no-wait", default=None, help="Until they are out. On a terminal: wait.")
@cli_options.config
@cli_options.state
def recut(
    paths: tuple[Path, ...],
    config: Path | None,
    state: Path | None,
    *,
    everything: bool,
    as_ruled: bool,
    wait: bool | None,
    **options: Any,
) -> int:
    """Cut pictures again, by their rule as it is now, or with the options given here.

    A picture is found where it is, in its inbox or where it was moved to, and stays there. What
    comes out has the names that it had; what is no longer made is taken away. Options are kept for
    the picture until it changes, or until --as-ruled. A daemon that runs does the work.
    """
    from scissorsd.commands import waiting
    from scissorsd.commands.recut import Choice, in_words
    from scissorsd.commands.recut import recut as ask
    from scissorsd.core.wishes import Wish

    chosen = {name: options.pop(name) for name in ("rule", "stale", "doubtful", "failed")}
    choice = Choice([path.absolute() for path in paths], all=everything, **chosen)
    asked = ask(choice, Wish(**options), config, state, as_ruled=as_ruled)
    for sentence in in_words(asked, choice):
        say(sentence)
    failed = 0
    if asked.jobs and asked.is_running and (sys.stderr.isatty() if wait is None else wait):
        states = waiting.wait(asked.state, asked.jobs)
        say(waiting.in_words(states))
        failed = states["failed"]
    if asked.refused and paths:
        return EXIT_FAILURE
    return EXIT_SOME_FAILED if failed else EXIT_OK

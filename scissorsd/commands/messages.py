"""What a command says on standard error: an error is a line or two for a person."""

from collections.abc import Iterable

import click

from scissorsd import streams
from scissorsd.errors import HoldError, ScissorsError


def complain(text: str) -> None:
    """Write an error: its first line after the program's name, the others indented."""
    first, *rest = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").splitlines()
    write_lines([f"scissorsd: {first}", *(f"  {line}" for line in rest)])


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to standard error, marked as errors where systemd's journal reads them."""
    for line in lines:
        click.echo(streams.marked_as_error(line), err=True)


def in_words(error: ScissorsError) -> str:
    """Say an error as a command does that ends with it: nobody tries again by himself."""
    passing = isinstance(error, HoldError)
    return f"{error}\nRun it again once that has passed." if passing else str(error)


def limit_reached(error: Exception) -> str:
    """Say which limit of the machine an error means, or '' if it means none."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this (ulimit -v, the container's limit, the machine)"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        from scissorsd.machine import TOO_FEW_THREADS  # noqa: PLC0415 - `--help` needs none of it

        return f"no thread can be started: {TOO_FEW_THREADS}"
    return ""

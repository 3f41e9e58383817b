"""What a command says: sentences, and on standard error a line or two for a person."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime

import click

from scissorsd import streams, terminal
from scissorsd.core import bars
from scissorsd.core.columns import hanging
from scissorsd.core.keeping import Kept
from scissorsd.errors import HoldError, ScissorsError
from scissorsd.records.journal_rows import Entry


def complain(text: str) -> None:
    """Write an error: its first line after the program's name, the others indented."""
    first, *rest = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").splitlines()
    write_lines([f"scissorsd: {first}", *(f"  {line}" for line in rest)])


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to standard error, marked as errors where systemd's journal reads them."""
    for text in lines:
        for line in hanging(text, _room(err=True)):
            click.echo(streams.marked_as_error(line), err=True)


def say(sentence: str, *, err: bool = False, under: int = 2) -> None:
    """Write a sentence; on a terminal it is broken between words, and paths stay whole."""
    click.echo("\n".join(hanging(sentence, _room(err=err), under=under)), err=err)


def _room(*, err: bool) -> int:
    """Return the columns of the terminal that standard output or error is; else no end of them."""
    if err:
        return terminal.width() if terminal.is_terminal() else terminal.ENDLESS
    try:
        return os.get_terminal_size(1).columns or terminal.ENDLESS
    except OSError:  # a pipe, or closed
        return terminal.ENDLESS


def show_bar(bar: bars.Bar) -> None:
    """Show a bar at the foot of the terminal until `terminal.show(None)`, but not among JSON."""
    marks = bars.FINE if terminal.can_show("".join(bars.FINE)) else bars.PLAIN
    terminal.show(lambda width: bar.line(width, marks))


def in_words(error: ScissorsError) -> str:
    """Say an error as a command does that ends with it: nobody tries again by himself."""
    if not isinstance(error, HoldError):
        return str(error)
    again = "Then run it again." if error.advice else "Run it again once that has passed."
    return f"{error}\n{again}"


def removed_by_keep(entry: Entry, kind: Kept) -> str:
    """Say that what there was of a picture was removed, and when; "" where it was not."""
    at = entry.swept_at(kind)
    return f"removed on {moment(at)}, as `keep` says" if at else ""


def moment(seconds: float) -> str:
    """Say when something was, as the clock on the wall has it."""
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")

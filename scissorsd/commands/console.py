"""Tables and sentences for people, as wide as the terminal."""

import os
from collections.abc import Iterable, Sequence
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console
from rich.markup import render
from rich.table import Table

from scissorsd.plain_text import for_terminal

_ENDLESS = 10_000  # columns: what reads our output from a pipe breaks no lines
_GAP = 2  # columns between two of a table


def new_console() -> Console:
    """Return a console as wide as the terminal; endless where what reads it is a pipe."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        console = Console(highlight=False, soft_wrap=True, width=_ENDLESS)
    return console


def print_sentence(console: Console, sentence: str, style: str = "", *, under: int = 2) -> None:
    """Print a sentence, broken between words only: a path that is too long is left whole."""
    indent = len(sentence) - len(sentence.lstrip()) + under
    lines = wrap(
        for_terminal(sentence),
        console.width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        console.print(line, style=style or None, markup=False)


def print_table(
    console: Console, head: Sequence[str], rows: Sequence[Sequence[str]], lines: Iterable[str]
) -> None:
    """Print rows of markup as a table where it fits; where it does not, these lines instead."""
    plain_rows = [[render(cell).plain for cell in row] for row in (head, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*plain_rows, strict=True)]
    if sum(widths) + _GAP * (len(widths) - 1) > console.width:
        for line in lines:
            print_sentence(console, line)
        return
    table = Table(*head, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console.print(table)

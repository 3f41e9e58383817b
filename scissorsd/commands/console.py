"""Tables and sentences for people, as wide as the terminal."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape, render
from rich.table import Table

from scissorsd.commands.doctor_machine import Finding
from scissorsd.core.catalogue import Model
from scissorsd.errors import ScissorsError
from scissorsd.inference import weights
from scissorsd.plain_text import for_terminal

_ENDLESS = 10_000  # columns: what reads our output from a pipe breaks no lines
_GAP = 2  # columns between two of a table
_COLOURS = {"ok": "", "note": "yellow", "bad": "red"}


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


def show_models(catalogue: Mapping[str, Model], folder: Path) -> None:
    """Print the known models and what is there of each."""
    rows, lines = [], []
    for model in catalogue.values():
        try:
            there, colour = ("there", "green") if weights.find(model, folder) else ("not there", "")
        except ScissorsError as error:
            there, colour = for_terminal(error.what), "red"
        note = "" if model.tested else "  (not tested by this project)"
        file = for_terminal(str(folder / model.file))
        shown = f"[{colour}]{escape(there)}[/]" if colour else escape(there)
        rows.append([escape(model.name), escape(file), shown + note])
        lines += [f"{model.name}: {there}{note}", f"  {file}"]
    print_table(new_console(), ["model", "file", ""], rows, lines)


def show_findings(findings: Iterable[Finding]) -> bool:
    """Print what `doctor` found, as it finds it; true if nothing of it is bad."""
    console = new_console()
    good = True
    for finding in findings:
        print_sentence(
            console, f"{finding.grade:4}  {finding.message}", _COLOURS[finding.grade], under=6
        )
        if finding.advice:
            console.print(f"      {escape(for_terminal(finding.advice))}")
        good = good and finding.grade != "bad"
    return good

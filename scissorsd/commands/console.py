"""What the asking commands print for people."""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap
from typing import Any, get_args

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape, render
from rich.table import Table

from scissorsd.commands.doctor import Finding
from scissorsd.core.catalogue import Model
from scissorsd.core.eta import in_words
from scissorsd.core.rules import Verdict
from scissorsd.errors import ScissorsError
from scissorsd.inference import weights
from scissorsd.plain_text import one_line, plain
from scissorsd.records.status_file import Refusal

_ENDLESS = 10_000  # columns: what reads our output from a pipe breaks no lines
_GAP = 2  # columns between two of a table
_COLOURS = {"ok": "", "note": "yellow", "bad": "red"}


def _console() -> Console:
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        console = Console(highlight=False, soft_wrap=True, width=_ENDLESS)
    return console


def _say(console: Console, sentence: str, style: str = "", *, under: int = 2) -> None:
    """Print a sentence, broken between words only: a path that is too long is left whole."""
    indent = len(sentence) - len(sentence.lstrip()) + under
    lines = wrap(
        plain(sentence),
        console.width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        console.print(line, style=style or None, markup=False)


def _show_table(
    console: Console, head: Sequence[str], rows: Sequence[Sequence[str]], lines: Iterable[str]
) -> None:
    """Print rows of markup as a table where it fits; where it does not, these lines instead."""
    plain_rows = [[render(cell).plain for cell in row] for row in (head, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*plain_rows, strict=True)]
    if sum(widths) + _GAP * (len(widths) - 1) > console.width:
        for line in lines:
            _say(console, line)
        return
    table = Table(*head, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def show_status(told: Mapping[str, Any]) -> None:
    """Print what `status` tells, as a table for each part."""
    console = _console()
    if told["running"]:
        since = datetime.fromtimestamp(told["started_at"], tz=UTC).astimezone()
        _say(console, f"running since {since:%Y-%m-%d %H:%M:%S} as process {told['pid']}")
        for model in told["providers"]:
            where = model["provider"] or "nothing: a GPU is required"
            _say(console, f"{model['model']} runs on {where} (precision {model['precision']})")
            for provider, why in model["refused"].items():
                _say(console, f"  not on {provider}: {one_line(why)}")
    else:
        _say(console, f"not running (state folder {told['state']})")
    if told["refused"]:
        refusal = Refusal(told["refused"]["at"], tuple(told["refused"]["problems"]))
        _say(console, f"watching; {refusal.in_words()}", "yellow")
    for mistake in told["mistakes"] or (told["refused"] or {}).get("problems", ()):
        _say(console, f"  {mistake}")
    if told["seconds_left"] is not None:
        _say(console, f"about {in_words(told['seconds_left'])} of work left")
    for trouble in told["troubles"] if told["running"] else ():
        _say(console, trouble, "red")
    _show_inboxes(console, told["inboxes"])
    if told["jobs"]:
        console.print("\nlast jobs")
        for job in told["jobs"]:
            when = datetime.fromtimestamp(job["ended_at"], tz=UTC).astimezone()
            what = job["verdict"] if job["state"] == "done" else job["reason"].splitlines()[0]
            line = f"{when:%H:%M:%S}  {job['state']:7} {job['source']}  {what}"
            _say(console, line)


def show_states(states: Iterable[Mapping[str, Any]], *, heading: str = "") -> None:
    """Print a line for each inbox of states that are not shown in full."""
    console = _console()
    if heading:
        console.print(f"\n{heading}")
    for told in states:
        how = f"running as process {told['pid']}" if told["running"] else "not running"
        last = f"last job {_job(told['jobs'][0])}" if told["jobs"] else "no job yet"
        for inbox in told["inboxes"]:
            line = f"{inbox['path']} → {inbox['outbox']}: {how}; {last}"
            _say(console, line)


def _job(job: Mapping[str, Any]) -> str:
    when = datetime.fromtimestamp(job["ended_at"], tz=UTC).astimezone()
    return f"{when:%Y-%m-%d %H:%M}, {job['path']}: {job['verdict'] or job['state']}"


def _show_inboxes(console: Console, inboxes: Iterable[Mapping[str, Any]]) -> None:
    inboxes = list(inboxes)
    modes = ["[red]away[/]" if i["away"] else i["watch"] or "-" for i in inboxes]
    names = [inbox["name"] for inbox in inboxes]
    rows = [
        [escape(plain(name)), mode, *(str(inbox[key]) for key in _COUNTS)]
        for name, mode, inbox in zip(names, modes, inboxes, strict=True)
    ]
    lines = [
        f"{i['name']}: {'away' if i['away'] else i['watch'] or 'not watched'}; "
        f"{_counted(i, _COUNTS)}"
        for i in inboxes
    ]
    console.print()
    _show_table(console, ["inbox", "watch", *_COUNTS], rows, lines)
    _show_verdicts(console, inboxes)
    for inbox, name in zip(inboxes, names, strict=True):
        for key, said in _REASONS.items():
            if inbox[key] and not (key == "held_why" and inbox["held_kinds"]):
                _say(console, f"{name}: {said}: {one_line(inbox[key])}")
        _show_held(console, name, inbox)


def _counted(counts: Mapping[str, Any], words: Iterable[str]) -> str:
    """Return the counts that there are: "3 done, 1 held"."""
    return ", ".join(f"{counts[word]} {word}" for word in words if counts[word]) or "nothing yet"


def _show_held(console: Console, name: str, inbox: Mapping[str, Any]) -> None:
    """Name the first pictures that are held for each reason."""
    left = inbox["held"] - sum(kind["count"] for kind in inbox["held_kinds"])
    for kind in inbox["held_kinds"]:
        _say(console, f"{name}: held: {one_line(kind['why'])}")
        more = kind["count"] - len(kind["first"])
        named = [*kind["first"], f"and {more} more"] if more else kind["first"]
        _say(console, f"  {', '.join(named)}")
    if inbox["held_kinds"] and left > 0:
        _say(console, f"{name}: held: {left} more, for other reasons")


def _show_verdicts(console: Console, inboxes: Iterable[Mapping[str, Any]]) -> None:
    judged = [inbox for inbox in inboxes if any(inbox["verdicts"].values())]
    if not judged:
        return
    names = [inbox["name"] for inbox in judged]
    counts = [{**inbox["verdicts"], "in review": inbox["review"]} for inbox in judged]
    words = (*_VERDICTS, "in review")
    rows = [
        [escape(plain(name)), *(str(c[word]) for word in words)]
        for name, c in zip(names, counts, strict=True)
    ]
    lines = [f"{name}: {_counted(c, words)}" for name, c in zip(names, counts, strict=True)]
    console.print()
    _show_table(console, ["verdicts", *words], rows, lines)
    for inbox in judged:
        if inbox["advice"]:
            console.print(escape(plain(f"{inbox['name']}: {inbox['advice']}")))


_VERDICTS = get_args(Verdict)
_REASONS = {"away": "away", "held_why": "held", "unseen": "cannot be looked at"}
_COUNTS = ("settling", "settled", "working", "done", "failed", "held")


def show_models(catalogue: Mapping[str, Model], folder: Path) -> None:
    """Print the known models and what is there of each."""
    rows, lines = [], []
    for model in catalogue.values():
        try:
            there, colour = ("there", "green") if weights.find(model, folder) else ("not there", "")
        except ScissorsError as error:
            there, colour = plain(error.what), "red"
        note = "" if model.tested else "  (not tested by this project)"
        file = plain(str(folder / model.file))
        shown = f"[{colour}]{escape(there)}[/]" if colour else escape(there)
        rows.append([escape(model.name), escape(file), shown + note])
        lines += [f"{model.name}: {there}{note}", f"  {file}"]
    _show_table(_console(), ["model", "file", ""], rows, lines)


def show_findings(findings: Iterable[Finding]) -> bool:
    """Print what `doctor` found, as it finds it; true if nothing of it is bad."""
    console = _console()
    good = True
    for finding in findings:
        _say(console, f"{finding.grade:4}  {finding.what}", _COLOURS[finding.grade], under=6)
        if finding.advice:
            console.print(f"      {escape(plain(finding.advice))}")
        good = good and finding.grade != "bad"
    return good

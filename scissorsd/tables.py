"""What the asking commands print for people."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scissorsd import weights
from scissorsd.core.catalogue import Model
from scissorsd.core.pace import in_words
from scissorsd.core.rules import Verdict
from scissorsd.doctor import Finding
from scissorsd.errors import ScissorsError
from scissorsd.logs import one_line, plain
from scissorsd.standing import Refusal

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "bad": "[red]bad[/]"}


def _console() -> Console:
    wide = Console(highlight=False, soft_wrap=True)
    return wide if wide.is_terminal else Console(highlight=False, soft_wrap=True, width=200)


def show_status(told: Mapping[str, Any]) -> None:
    """Print what `status` tells, as a table for each part."""
    console = _console()
    if told["running"]:
        since = datetime.fromtimestamp(told["started_at"], tz=UTC).astimezone()
        console.print(f"running since {since:%Y-%m-%d %H:%M:%S} as process {told['pid']}")
        for model in told["providers"]:
            where = model["provider"] or "nothing: a GPU is required"
            console.print(f"{model['model']} runs on {where} (precision {model['precision']})")
            for provider, why in model["refused"].items():
                console.print(escape(f"  not on {provider}: {one_line(why)}"))
    else:
        console.print(f"not running (state folder {escape(told['state'])})")
    if told["refused"]:
        refusal = Refusal(told["refused"]["at"], tuple(told["refused"]["problems"]))
        console.print(f"[yellow]watching; {escape(plain(refusal.in_words()))}[/]")
    for mistake in told["mistakes"] or (told["refused"] or {}).get("problems", ()):
        console.print(escape(f"  {plain(mistake)}"))
    if told["seconds_left"] is not None:
        console.print(f"about {in_words(told['seconds_left'])} of work left")
    for trouble in told["troubles"] if told["running"] else ():
        console.print(f"[red]{escape(trouble)}[/]")
    _show_inboxes(console, told["inboxes"])
    if told["jobs"]:
        console.print("\nlast jobs")
        for job in told["jobs"]:
            when = datetime.fromtimestamp(job["ended_at"], tz=UTC).astimezone()
            what = job["verdict"] if job["state"] == "done" else job["reason"].splitlines()[0]
            line = f"{when:%H:%M:%S}  {job['state']:7} {job['source']}  {what}"
            console.print(escape(plain(line)))


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
            console.print(escape(plain(line)))


def _job(job: Mapping[str, Any]) -> str:
    when = datetime.fromtimestamp(job["ended_at"], tz=UTC).astimezone()
    return f"{when:%Y-%m-%d %H:%M}, {job['path']}: {job['verdict'] or job['state']}"


def _show_inboxes(console: Console, inboxes: Iterable[Mapping[str, Any]]) -> None:
    inboxes = list(inboxes)
    table = Table("inbox", "watch", *_COUNTS, box=None, pad_edge=False, header_style="bold")
    for inbox in inboxes:
        mode = "[red]away[/]" if inbox["away"] else inbox["watch"] or "-"
        table.add_row(escape(inbox["name"]), mode, *(str(inbox[key]) for key in _COUNTS))
    console.print()
    console.print(table)
    _show_verdicts(console, inboxes)
    for inbox in inboxes:
        name = escape(inbox["name"])
        for key, said in _REASONS.items():
            if inbox[key]:
                reason = escape(plain(one_line(inbox[key])))
                console.print(f"{name}: {said}: {reason}")


def _show_verdicts(console: Console, inboxes: Iterable[Mapping[str, Any]]) -> None:
    judged = [inbox for inbox in inboxes if any(inbox["verdicts"].values())]
    if not judged:
        return
    table = Table("verdicts", *_VERDICTS, "in review", box=None, pad_edge=False)
    table.header_style = "bold"
    for inbox in judged:
        counts = [inbox["verdicts"][verdict] for verdict in _VERDICTS]
        table.add_row(escape(inbox["name"]), *map(str, counts), str(inbox["review"]))
    console.print()
    console.print(table)
    for inbox in judged:
        if inbox["advice"]:
            console.print(escape(plain(f"{inbox['name']}: {inbox['advice']}")))


_VERDICTS = get_args(Verdict)
_REASONS = {"away": "away", "held_why": "held", "unseen": "cannot be looked at"}
_COUNTS = ("settling", "settled", "working", "done", "failed", "held")


def show_models(catalogue: Mapping[str, Model], folder: Path) -> None:
    """Print the known models and what is there of each."""
    console = _console()
    table = Table("model", "file", "", box=None, pad_edge=False, header_style="bold")
    for model in catalogue.values():
        try:
            there = "[green]there[/]" if weights.find(model, folder) else "not there"
        except ScissorsError as error:
            there = f"[red]{escape(error.what)}[/]"
        note = "" if model.tested else "  (not tested by this project)"
        table.add_row(model.name, escape(str(folder / model.file)), there + note)
    console.print(table)


def show_findings(findings: Iterable[Finding]) -> bool:
    """Print what `doctor` found, as it finds it; true if nothing of it is bad."""
    console = _console()
    good = True
    for finding in findings:
        console.print(f"{_MARKS[finding.grade]:>4}  {escape(plain(finding.what))}")
        if finding.advice:
            console.print(f"      {escape(plain(finding.advice))}")
        good = good and finding.grade != "bad"
    return good

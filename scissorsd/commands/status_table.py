"""What `status` shows to people: sentences, and a table of the inboxes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import get_args

from rich.console import Console
from rich.markup import escape

from scissorsd.commands.console import new_console, print_sentence, print_table
from scissorsd.commands.status import InboxOverview, Overview
from scissorsd.config.schema import Provider
from scissorsd.core.eta import in_words
from scissorsd.core.rules import Verdict
from scissorsd.machine import expects_gpu
from scissorsd.plain_text import for_terminal, one_line
from scissorsd.records.journal_rows import Entry
from scissorsd.records.status_file import HubStatus, ProviderStatus

_VERDICTS: tuple[str, ...] = get_args(Verdict)
_COUNTS = ("settling", "settled", "working", "done", "failed", "held")


def show(chosen: Overview | None, others: Sequence[Overview]) -> None:
    """Print one overview in full, and a line for each inbox of the others."""
    console = new_console()
    if chosen is not None:
        _show_daemon(console, chosen)
        _show_inboxes(console, chosen.inboxes)
        _show_hub(console, chosen.hub)
        _show_jobs(console, chosen.jobs)
    if others and chosen is not None:
        console.print("\nother folders")
    for other in others:
        how = f"running as process {other.pid}" if other.running else "not running"
        last = f"last job {_job(other.jobs[0])}" if other.jobs else "no job yet"
        for inbox in other.inboxes:
            print_sentence(console, f"{inbox.path} → {inbox.outbox}: {how}; {last}")


def _show_daemon(console: Console, overview: Overview) -> None:
    if overview.started_at is not None:
        since = _local(overview.started_at)
        running = f"running since {since:%Y-%m-%d %H:%M:%S} as process {overview.pid}"
    else:  # it may have started so lately that it has no status file yet
        running = f"{'' if overview.running else 'not '}running (state folder {overview.state})"
    print_sentence(console, f"{running}; scissorsd {overview.daemon_version or overview.version}")
    if overview.daemon_version not in {None, overview.version}:
        command = f"this command is scissorsd {overview.version}: a restart brings the daemon to it"
        print_sentence(console, command, "yellow")
    for model in overview.providers:
        provider = model.provider or "nothing: a GPU is required"
        runs = f"{model.model} runs on {provider} (precision {model.precision})"
        print_sentence(console, runs)
        for refused, reason in _worth_telling(model):
            print_sentence(console, f"  not on {refused}: {one_line(reason)}")
    if overview.refused is not None:
        print_sentence(console, f"watching; {overview.refused.in_words()}", "yellow")
    problems = overview.refused.problems if overview.refused is not None else ()
    for problem in overview.mistakes or problems:
        print_sentence(console, f"  {problem}")
    if overview.page is not None:
        page = overview.page.address or f"not there: {one_line(overview.page.why)}"
        print_sentence(console, f"page: {page}", "" if overview.page.address else "yellow")
    if overview.seconds_left is not None:
        print_sentence(console, f"about {in_words(overview.seconds_left)} of work left")
    for trouble in overview.troubles if overview.running else ():
        print_sentence(console, trouble, "red")


def _worth_telling(model: ProviderStatus) -> Iterator[tuple[str, str]]:
    """Yield the providers that a model does not run on, and why.

    Not a GPU that nobody asked for, and that is not there: `doctor` tells of it.
    """
    is_auto = {*model.asked} == {*get_args(Provider)} - {"auto"}
    for name, reason in model.refused.items():
        is_expected = name == "cuda" and is_auto and bool(model.provider)
        if not is_expected or expects_gpu():
            yield name, reason


def _show_inboxes(console: Console, inboxes: Sequence[InboxOverview]) -> None:
    counts = [{word: getattr(inbox, word) for word in _COUNTS} for inbox in inboxes]
    rows, lines = [], []
    for inbox, numbers in zip(inboxes, counts, strict=True):
        mode = "[red]away[/]" if inbox.away else inbox.watch or "-"
        rows.append([escape(for_terminal(inbox.name)), mode, *map(str, numbers.values())])
        watched = "away" if inbox.away else inbox.watch or "not watched"
        lines.append(f"{inbox.name}: {watched}; {_counted(numbers)}")
    console.print()
    print_table(console, ["inbox", "watch", *_COUNTS], rows, lines)
    _show_verdicts(console, [inbox for inbox in inboxes if any(inbox.verdicts.values())])
    for inbox in inboxes:
        _show_reasons(console, inbox)


def _show_hub(console: Console, hub: HubStatus | None) -> None:
    """Say how the hub stands, and each host in a row."""
    if hub is None:
        return
    console.print()
    since = f"{_local(hub.since):%Y-%m-%d %H:%M:%S}"
    if hub.away:
        away = f"the hub {hub.address} is away since {since}: {one_line(hub.away)}"
        print_sentence(console, away, "yellow")
    else:
        refused = f", {hub.refused} answers refused" if hub.refused else ""
        there = f"the hub {hub.address} is there since {since}: {hub.out} orders out{refused}"
        print_sentence(console, there)
        if hub.is_full:
            print_sentence(console, "it takes no orders: it is short of memory or disk", "yellow")
    rows, lines = [], []
    for host in hub.hosts:
        runs = ", ".join(f"{net} on {on}" for net, on in host.providers.items() if on)
        words = {
            "version": host.version,
            "slots": str(host.slots),
            "busy": str(host.busy),
            "a minute": f"{host.pace:.0f}",
            "seen": f"{host.silent:.0f} s ago",
            "takes": ", ".join(host.takes) or "nothing",
            "runs": runs or "nothing yet",
        }
        rows.append([escape(for_terminal(text)) for text in (host.name, *words.values())])
        lines.append(f"{host.name}: " + ", ".join(f"{key} {text}" for key, text in words.items()))
    if rows:
        print_table(console, ["host", *words], rows, lines)
    for host in hub.hosts:
        gone = "" if host.live else f"it has been silent for {host.silent:.0f} s"
        if trouble := host.trouble or gone:
            print_sentence(console, f"{host.name}: {one_line(trouble)}", "yellow")


def _show_verdicts(console: Console, judged: Sequence[InboxOverview]) -> None:
    if not judged:
        return
    rows, lines = [], []
    for inbox in judged:
        counts = {**inbox.verdicts, "in review": inbox.review}
        rows.append([escape(for_terminal(inbox.name)), *map(str, counts.values())])
        lines.append(f"{inbox.name}: {_counted(counts)}")
    console.print()
    print_table(console, ["verdicts", *_VERDICTS, "in review"], rows, lines)
    for inbox in judged:
        if inbox.advice:
            print_sentence(console, f"{inbox.name}: {inbox.advice}")


def _counted(counts: Mapping[str, int]) -> str:
    """Return the counts that there are: "3 done, 1 held"."""
    return ", ".join(f"{n} {word}" for word, n in counts.items() if n) or "nothing yet"


def _show_reasons(console: Console, inbox: InboxOverview) -> None:
    """Say why an inbox is away, and name the first pictures that are held for each reason."""
    name = inbox.name
    if inbox.away:
        print_sentence(console, f"{name}: away: {one_line(inbox.away)}")
    if inbox.held_why and not inbox.held_kinds:
        print_sentence(console, f"{name}: held: {one_line(inbox.held_why)}")
    if inbox.unseen:
        print_sentence(console, f"{name}: cannot be looked at: {one_line(inbox.unseen)}")
    for kind in inbox.held_kinds:
        print_sentence(console, f"{name}: held: {one_line(kind.why)}")
        more = kind.count - len(kind.first)
        named = [*kind.first, f"and {more} more"] if more else kind.first
        print_sentence(console, f"  {', '.join(named)}")
    more = inbox.held - sum(kind.count for kind in inbox.held_kinds)
    if inbox.held_kinds and more > 0:
        print_sentence(console, f"{name}: held: {more} more, for other reasons")


def _show_jobs(console: Console, jobs: Iterable[Entry]) -> None:
    for number, job in enumerate(jobs):
        if number == 0:
            console.print("\nlast jobs")
        result = _result(job) if job.state == "done" else job.reason.partition("\n")[0]
        ended = _local(job.ended_at)
        print_sentence(console, f"{ended:%H:%M:%S}  {job.state:7} {job.source}  {result}")


def _result(job: Entry) -> str:
    return job.verdict + (f", doubt {job.doubt:.1%}" if job.doubt is not None else "")


def _job(job: Entry) -> str:
    return f"{_local(job.ended_at):%Y-%m-%d %H:%M}, {job.path}: {job.verdict or job.state}"


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone()

"""The command `once`: all that is in the inboxes now, and a sum of it."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scissorsd.commands import configuration
from scissorsd.commands.messages import complain, say
from scissorsd.commands.progress import Bars
from scissorsd.daemon.control_loop import Daemon
from scissorsd.errors import UsageError
from scissorsd.settings import Config

SETTLE = 0.5  # seconds; what is there is meant to be whole


def once(
    inbox: Path | None,
    outbox: Path | None,
    file: Path | None,
    options: dict[str, Any],
    *,
    given: Sequence[str],
    again: bool,
) -> int:
    """Cut all that is there, sum it up, and return the exit code.

    `given` names the options that stand on the command line. Raises UsageError unless it is
    either an inbox and an outbox, or a configuration file without such options.
    """
    config = _settings(inbox, outbox, file, options, given)
    with Bars() as bars:
        daemon = Daemon(
            config,
            origin=str(file.absolute()) if file else "",
            once=True,
            again=again,
            on_beat=bars.backlog,
            fetching=bars.fetching,
        )
        code = daemon.run()
    _sum_up(daemon, *(("-c", str(file)) if file else ()))
    return code


def _settings(
    inbox: Path | None,
    outbox: Path | None,
    file: Path | None,
    options: dict[str, Any],
    given: Sequence[str],
) -> Config:
    if file is None and inbox is not None and outbox is not None:
        options["settle"] = options["settle"] or f"{SETTLE}s"
        return configuration.from_folders(inbox, outbox, options)
    if file is None or inbox is not None:
        raise UsageError("give either INBOX and OUTBOX, or -c FILE")
    if given:
        raise UsageError(f"--{given[0].replace('_', '-')} does not go with -c; the file says it")
    config = configuration.load(file.absolute())
    inboxes = (replace(i, settle=min(i.settle, SETTLE)) for i in config.inboxes)
    return replace(config, inboxes=tuple(inboxes))


def _sum_up(daemon: Daemon, *config_option: str) -> None:
    left = daemon.left_over()
    totals = daemon.totals
    verdicts = ", ".join(f"{n} {v}" for v, n in sorted(totals.verdicts.items()) if v != "ok")
    came_out = f"{totals.done} cut" + (f" ({verdicts})" if verdicts else "")
    if daemon.is_cut_short():
        failed = f", {len(totals.failures)} not" if totals.failures else ""
        say(f"stopped: {came_out}{failed}, {_waiting(daemon)}", err=True)
    elif totals.done or left:
        say(f"{came_out}, {len(left)} not", err=True)
    else:
        nothing = "Nothing to do: every picture there was cut before (--again cuts them anew)."
        say(nothing, err=True)
    for picture, reason in left:
        complain(f"{picture}: {reason}")
    if any(state.holds.pictures or state.away for state in daemon.inboxes.states.values()):
        say("Once what stands in the way has passed, run it again.", err=True)
    if verdicts:
        for outbox in dict.fromkeys(inbox.outbox for inbox in daemon.config.inboxes):
            command = shlex.join(["scissorsd", "sheet", str(outbox), *config_option])
            say(f"To look at them all at a glance: {command}", err=True)


def _waiting(daemon: Daemon) -> str:
    if daemon.has_scanned():
        return f"{daemon.backlog()} left"
    return f"at least {daemon.backlog()} left (it had not looked at all that is there)"

"""The command `doctor`: what this machine can do, and what lies in the daemon's way."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from scissorsd.commands import (
    configuration,
    doctor_folders,
    doctor_hosts,
    doctor_machine,
    doctor_page,
)
from scissorsd.commands.findings import Finding
from scissorsd.records import lock, state_folders
from scissorsd.settings import DEFAULT_CONFIG, Config


def examine(config: Path | None, models: Path | None, *, timed: bool = False) -> Iterator[Finding]:
    """Yield every finding, each as soon as it is there; with `timed` providers are timed anew.

    Without a configuration file the usual one is meant or, where there is none, the one state
    folder that is known. Raises ConfigError for a file with problems.
    """
    path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    settings = configuration.load(path) if path else _only_known()
    of_folders = doctor_folders.examine(settings, path) if settings else ()
    of_page = doctor_page.examine(settings) if settings else ()
    of_hosts = doctor_hosts.examine(settings) if settings else ()
    of_machine = doctor_machine.examine(settings, models, timed=timed)
    yield from chain(of_machine, of_folders, of_page, of_hosts)


def _only_known() -> Config | None:
    """Return what a `watch` without a configuration file works by, if there is but one."""
    known = state_folders.everyone(None, None)
    if len(known) > 1:
        known = [state for state in known if lock.is_running(state.folder)]
    return known[0].config if len(known) == 1 else None

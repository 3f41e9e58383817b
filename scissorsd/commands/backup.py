"""The commands `backup` and `restore`: a copy of the job journal, and the way back."""

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from scissorsd.commands.alone import without_daemon
from scissorsd.errors import UsageError
from scissorsd.plain_text import for_terminal
from scissorsd.records import backups, migrations, state_folders
from scissorsd.records.backups import Backup
from scissorsd.records.journal_file import FILE

_STOP_IT = "Stop it, run this again, and then 'scissorsd adopt', before you start it."


def back_up(
    target: Path, config: Path | None, state: Path | None, *, overwrite: bool
) -> Iterator[str]:
    """Back up the job journal, also while a daemon runs; yield sentences."""
    folder = _state_folder(config, state)
    if not (folder / FILE).exists():
        raise UsageError(f"nothing was ever cut on the state folder {folder}: there is no journal")
    backup = backups.back_up(folder, target, overwrite=overwrite)
    size = target.stat().st_size
    yield for_terminal(f"{target}: {_held(backup)}; {size:,} bytes, checked.")
    yield for_terminal(
        f"To go back to it: {_command('restore', target, config, state)}. It holds no pictures: "
        "back up your configuration and your folders as well."
    )


def restore(backup: Path, config: Path | None, state: Path | None) -> Iterator[str]:
    """Put a backup into the place of the job journal; yield sentences."""
    folder = _state_folder(config, state)
    with without_daemon(folder, _STOP_IT):
        restored = backups.restore(folder, backup)
    yield for_terminal(
        f"The job journal of {folder} is that of {backup}: {_held(restored.backup)}."
    )
    if restored.kept is not None:
        yield for_terminal(f"What it was until now is kept as {restored.kept}.")
    if restored.backup.version < migrations.LATEST:
        yield f"It is of version {restored.backup.version}; the next start brings it up to date."
    yield for_terminal(
        "Pictures that were cut since are unknown to it. Before scissorsd runs again: "
        f"{_command('adopt', None, config, state)}, which takes what is out already for done."
    )


def _state_folder(config: Path | None, state: Path | None) -> Path:
    if state is not None:
        return state.absolute()
    return state_folders.find(config, None).folder


def _command(name: str, path: Path | None, config: Path | None, state: Path | None) -> str:
    words = ["scissorsd", name, *([str(path)] if path is not None else [])]
    words += ["-c", str(config)] if config is not None else []
    words += ["--state", str(state)] if state is not None else []
    return shlex.join(words)


def _held(backup: Backup) -> str:
    pictures = "1 picture" if backup.pictures == 1 else f"{backup.pictures:,} pictures"
    if not backup.latest:
        return pictures
    latest = datetime.fromtimestamp(backup.latest, tz=UTC).astimezone()
    return f"{pictures}, the latest of {latest:%Y-%m-%d %H:%M:%S}"

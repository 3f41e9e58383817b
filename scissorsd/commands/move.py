"""The command `move`: a folder was moved or renamed, and its pictures are to stay known."""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from scissorsd.commands.alone import without_daemon
from scissorsd.config import load, state_of
from scissorsd.errors import ScissorsError, UsageError
from scissorsd.folders import real_paths
from scissorsd.plain_text import for_terminal
from scissorsd.records import state_folders, status_file
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.moving import Renaming, is_known
from scissorsd.records.moving import move as rename
from scissorsd.settings import DEFAULT_CONFIG

_STOP_IT = (
    "Stop it, move the folder, name it anew in the configuration, run this again, and start it."
)


def move(old: Path, new: Path, config: Path | None, state: Path | None) -> Iterator[str]:
    """Rename a folder wherever it is known; yield sentences.

    Raises UsageError where it cannot be, and AlreadyRunningError where a daemon is at work.
    """
    renaming = _renaming(old, new)
    folders = [f for f in state_folders.named(config, state) if (f / FILE).exists()]
    if not folders:
        raise UsageError(
            "nothing was ever cut: there is no job journal in which to rename a folder"
        )
    named = config is not None or state is not None
    chosen = folders if named else [folder for folder in folders if _knows(folder, renaming)]
    sentences: list[str] = []
    with ExitStack() as stack:
        for folder in chosen:  # all of them, before anything is renamed in one
            stack.enter_context(without_daemon(folder, _STOP_IT))
        for folder in chosen:
            sentences += _rename(folder, renaming, config)
    yield from map(for_terminal, sentences or [_unknown(folders, renaming)])


def _renaming(old: Path, new: Path) -> Renaming:
    # Without following links: the old folder may be gone.
    before, after = (Path(os.path.abspath(path)) for path in (old, new))  # noqa: PTH100 - see above
    if before == after:
        raise UsageError(f"{before} is the old and the new path")
    if Path("/") in {before, after}:
        raise UsageError("/ cannot be renamed; name the folder below it")
    return Renaming(before, after)


def _knows(folder: Path, renaming: Renaming) -> bool:
    """Whether a folder is one of those that a state is about, or above one of them."""
    if state_folders.keeps(folder, renaming.covers):
        return True
    with suppress(ScissorsError):  # another user's, say
        journal = Journal(folder, read_only=True)
        try:
            return is_known(journal.file, renaming.old)
        finally:
            journal.close()
    return False


def _rename(folder: Path, renaming: Renaming, config: Path | None) -> Iterator[str]:
    journal = Journal(folder)
    try:
        moved = rename(journal.file, renaming)
    finally:
        journal.close()
    kept = state_folders.rename_kept(folder, renaming.of)
    if moved is None and not kept:
        return
    for kind, pairs in (("inbox", moved.inboxes), ("outbox", moved.outboxes)) if moved else ():
        yield from (f"{kind} {old} → {new}" for old, new in pairs)
    count = moved.pictures if moved is not None else 0
    undo = shlex.join(["scissorsd", "move", str(renaming.new), str(renaming.old)])
    yield f"{_counted(count)} known under {renaming.new} now. To undo it: {undo}"
    if real_paths.locate([renaming.new])[renaming.new].gone:
        yield f"Nothing is at {renaming.new} yet: move the folder before scissorsd runs again."
    origin = config or _configured_by(folder)
    named = _still_named(origin, renaming.old) if origin is not None else ()
    if named:
        yield (
            f"{origin} still names {renaming.old} ({', '.join(named)}): change it before scissorsd "
            "runs again, or it takes the folder for a new one."
        )


def _counted(pictures: int) -> str:
    return "1 picture is" if pictures == 1 else f"{pictures:,} pictures are"


def _configured_by(folder: Path) -> Path | None:
    """Return the configuration file of the daemon that ran last on a state folder."""
    status = status_file.read(folder)
    if status is not None and status.config:
        return Path(status.config)
    if DEFAULT_CONFIG.exists() and state_of(DEFAULT_CONFIG) == folder:
        return DEFAULT_CONFIG
    return None


def _still_named(origin: Path, old: Path) -> list[str]:
    """Return what of a configuration is the old folder or lies in it."""
    try:
        config = load(origin, folders=False).config
    except ScissorsError:  # it says so itself when it is used
        return []
    paths = {"state": config.state, "models": config.models}
    for inbox in config.inboxes:
        paths |= {f"path of {inbox.name}": inbox.path, f"outbox of {inbox.name}": inbox.outbox}
        paths |= {
            f"move_to of {inbox.name}, {rule.name}": inbox.outbox / rule.move_to
            for rule in inbox.rules
            if Path(rule.move_to).is_absolute()
        }
        paths |= {
            f"folder of outputs of {inbox.name}, {rule.name}": Path(folder)
            for rule in inbox.rules
            for folder in rule.folders_elsewhere
        }
    return [name for name, path in paths.items() if path.is_relative_to(old)]


def _unknown(folders: Sequence[Path], renaming: Renaming) -> str:
    back = Renaming(renaming.new, renaming.old)
    moved = any(_knows(folder, back) for folder in folders)
    hint = f"; {renaming.new} is known, so it was moved before" if moved else ""
    return f"Nothing is known under {renaming.old}{hint}."

"""The command `retry`: failed pictures are taken again, and what is held is tried at once."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from scissorsd.commands.lookup import (
    as_journalled,
    entries_about,
    inbox_unavailable_reason,
    missing_outputs,
    that_knows,
)
from scissorsd.commands.messages import removed_by_keep
from scissorsd.daemon.reason_files import is_reason_for
from scissorsd.errors import PlaceTakenError, ScissorsError, UsageError
from scissorsd.folders import mounts, publishing, sources
from scissorsd.plain_text import for_terminal, one_line
from scissorsd.records import hurry, lock, state_folders, status_file
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.journal_rows import Entry
from scissorsd.records.state_folders import StateFolder


def retry(paths: Sequence[Path], config: Path | None, state: Path | None) -> Iterator[str]:
    """Take these pictures again or, without paths, all that failed; yield a sentence for each.

    Raises UsageError where a picture that is named cannot be taken again.
    """
    if paths:
        states = state_folders.about(paths[0], config, state)
        chosen = that_knows(states, lambda one, asked: _has_failed(one, asked, paths[0]))
    else:
        chosen = state_folders.find(config, state)
    yield from retry_in(chosen, paths)


def retry_in(state: StateFolder, paths: Sequence[Path]) -> Iterator[str]:
    """Do the same with the pictures of one state folder."""
    count = 0
    for sentence in _retry(state, paths):
        count += 1
        yield sentence
    if not count:
        yield "No picture has failed."
    elif not lock.is_running(state.folder):
        yield "No daemon runs now; they are taken when one does."


def hurry_held(config: Path | None, state: Path | None) -> Iterator[str]:
    """Have all that is held tried at once; yield in sentences what that is."""
    folder = state_folders.find(config, state).folder
    if not lock.is_running(folder):
        yield "No daemon runs now; all that is held is tried when one does."
        return
    stands = status_file.read(folder)
    hurry.ask(folder)
    inboxes = stands.inboxes if stands is not None else ()
    held = sum(inbox.held for inbox in inboxes)
    if held:
        pictures = f"{held} held pictures are" if held > 1 else "1 held picture is"
        yield f"{pictures} tried at once."
    for inbox in inboxes:
        if inbox.paused:
            yield for_terminal(f"The outbox {inbox.outbox} is tried at once, too.")
    if not held and not any(inbox.paused for inbox in inboxes):
        yield "Nothing is held."


def _retry(state: StateFolder, paths: Sequence[Path]) -> Iterator[str]:
    if not (state.folder / FILE).exists():
        raise UsageError(f"nothing was ever cut on the state folder {state.folder}")
    journal = Journal(state.folder)
    try:
        state = as_journalled(state, journal)
        entries = [_failed(state, journal, path) for path in paths] or journal.entries.failures()
        for entry in entries:
            try:
                _check_inbox(state, entry)
                yield for_terminal(_again(journal, entry))
            except ScissorsError as error:
                if paths:
                    raise
                yield for_terminal(one_line(str(error)))  # the others are taken all the same
    finally:
        journal.close()


def _has_failed(state: StateFolder, journal: Journal, path: Path) -> bool:
    with suppress(UsageError):
        _failed(state, journal, path)
        return True
    return False


def _failed(state: StateFolder, journal: Journal, path: Path) -> Entry:
    entries = entries_about(state, journal, path)
    entry = next((e for e in entries if e.state == "failed" or _lacks_outputs(e)), None)
    waiting = next((entry for entry in entries if entry.state in {"held", "published"}), None)
    if entry is None and waiting is not None:
        runs = lock.is_running(state.folder)
        how = "without being asked" if runs else "when scissorsd runs"
        sooner = " 'scissorsd retry --held' has all that is held tried at once." if runs else ""
        raise UsageError(
            f"{path} did not fail: it is held, and tried again {how}",
            one_line(waiting.reason) + sooner,
        )
    if entry is None:
        raise UsageError(
            f"{path} is not a picture that failed, or whose outputs are gone",
            f"Ask 'scissorsd why {path}' how it stands.",
        )
    return entry


def _lacks_outputs(entry: Entry) -> bool:
    """Whether it was cut, and what came of it is no longer all there, or was not wanted."""
    is_rejected = entry.judged == "rejected"
    return entry.state == "done" and (is_rejected or bool(missing_outputs(entry)))


def _check_inbox(state: StateFolder, entry: Entry) -> None:
    """Raise UsageError unless the inbox is there; else a file could go where a mount hides it."""
    inbox = next((i for i in state.config.inboxes if str(i.path) == entry.inbox), None)
    if inbox is None:
        return
    unavailable = inbox_unavailable_reason(state, inbox)
    if not unavailable:
        away = mounts.Root(inbox.path, require_mount=inbox.require_mount).why_away()
        unavailable = f"The inbox {inbox.name!r} is away: {away}." if away else ""
    if unavailable:
        raise UsageError(f"{entry.source} cannot be taken again now", unavailable)


def _again(journal: Journal, entry: Entry) -> str:
    if not put_back(entry):
        return f"{entry.source} {no_longer_set_aside(entry)}; nothing to take again."
    journal.ask_again(entry.id)
    return f"{entry.source} will be taken again."


def no_longer_set_aside(entry: Entry) -> str:
    """Say why a picture that failed cannot be put back."""
    swept = removed_by_keep(entry, "failed" if entry.state == "failed" else "processed")
    return f"was moved away, and {swept}" if swept else "is no longer there"


def put_back(entry: Entry) -> bool:
    """Put a picture that was set aside back into its inbox, and remove its reason.

    False where it is no longer there. Raises UsageError where another has its place.
    """
    aside = entry.set_aside if entry.state == "failed" else ("", *filter(None, [entry.moved_to]))
    note, *moved = (Path(path) for path in aside or ("",))
    source = Path(entry.source)
    if moved and publishing.is_there(moved[0]):
        try:
            publishing.make_folder(source.parent)
            sources.put_back(moved[0], source)
        except PlaceTakenError as error:
            raise UsageError(
                f"{source} cannot be put back: a file of that name is there"
            ) from error
    elif not (entry.lies_at or source.exists()):
        return False
    if note.name and is_reason_for(source, note):
        publishing.remove(note)
    return True

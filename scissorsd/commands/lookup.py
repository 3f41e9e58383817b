"""What `status`, `why`, `retry` and `check` share: a path as the job journal knows it."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from scissorsd.errors import JournalError, ScissorsError
from scissorsd.folders import publishing, real_paths
from scissorsd.plain_text import one_line
from scissorsd.records import lock, respelling, status_file
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.journal_rows import Entry
from scissorsd.records.reviews import Review
from scissorsd.records.state_folders import StateFolder
from scissorsd.records.status_file import InboxStatus
from scissorsd.settings import Config, Inbox


def open_journal(state: StateFolder) -> Journal | None:
    """Open the job journal of a state folder for reading, or return None where there is none."""
    if not (state.folder / FILE).exists():
        return None
    return Journal(state.folder, read_only=True)


def as_journalled(state: StateFolder, journal: Journal | None) -> StateFolder:
    """Return a state whose inboxes have the paths by which its journal knows them.

    A daemon that runs has seen to it that they are the same; and a share of its may hang.
    """
    if journal is None or lock.is_running(state.folder):
        return state
    inboxes = tuple(respelling.recorded(journal, inbox) for inbox in state.config.inboxes)
    return replace(state, config=replace(state.config, inboxes=inboxes))


def find_in_inbox(
    state: StateFolder, journal: Journal | None, path: Path, *, but: Collection[Path] = ()
) -> tuple[Inbox, str] | None:
    """Return the inbox in which a path lies, and its path there as the journal or folder has it.

    However it is spelled: through links and other mounts, in other case where that is the same.
    The folders in `but` are known to hang, and are not accessed.
    """
    hang = [inbox.path for inbox in state.config.inboxes if inbox_unavailable_reason(state, inbox)]
    hang += but
    below = real_paths.below([inbox.path for inbox in state.config.inboxes], path, but=hang)
    if below is None or below[1] == ".":
        return None
    number, relative = below
    inbox = state.config.inboxes[number]
    known = journal is not None and journal.entries.of_source(inbox.path, relative)
    if not known and inbox.path not in hang:
        relative = real_paths.as_listed(inbox.path, relative)
    return inbox, relative


def that_knows(
    states: Sequence[StateFolder], knows: Callable[[StateFolder, Journal], bool]
) -> StateFolder:
    """Return the state whose journal knows what is asked, of several; else the first."""
    for state in states:
        journal = open_journal(state)
        if journal is not None:
            with closing(journal):
                if knows(as_journalled(state, journal), journal):
                    return state
    return states[0]


def entries_about(state: StateFolder, journal: Journal, path: Path) -> list[Entry]:
    """Return what is journalled of a path: a picture in an inbox, or a file that came of one."""
    in_inbox = find_in_inbox(state, journal, path)
    if in_inbox is None:
        return journal.entries.of_output(path_in_outbox(state, path))
    return journal.entries.of_source(in_inbox[0].path, in_inbox[1])


def path_in_outbox(state: StateFolder, path: Path) -> str:
    """Return the path of an output as the journal has it: below the folder that it went to."""
    inboxes = state.config.inboxes
    outboxes = [folder for i in inboxes for folder in (i.outbox, *i.folders_elsewhere)]
    below = real_paths.below(outboxes, path)
    return str(path if below is None else outboxes[below[0]] / below[1])


def inbox_unavailable_reason(state: StateFolder, inbox: Inbox) -> str:
    """Return why nothing in the inbox can be looked at now, or '' if it can."""
    stands = status_file.read(state.folder) if lock.is_running(state.folder) else None
    live = next((i for i in stands.inboxes if i.name == inbox.name), None) if stands else None
    return unavailable_reason(live) if live is not None else ""


def unavailable_reason(live: InboxStatus) -> str:
    """Return the same by what the daemon says of the inbox."""
    if live.away:
        return f"The inbox {live.name!r} is away: {live.away}. It goes on by itself."
    if live.silent:
        return f"The inbox {live.name!r} does not answer: {live.silent}. It goes on by itself."
    return ""


def missing_outputs(entry: Entry) -> set[str]:
    """Return those of its outputs that are no longer there; what cannot be looked at may be."""
    looks = {path: partial(_may_be_there, Path(path)) for path in entry.published}
    return {path for path, is_there in real_paths.run_with_patience(looks).items() if not is_there}


def waiting_in_review(reviews: Sequence[Review]) -> int:
    """Count those of which something lies in review/ now; all, where that cannot be looked at."""

    def there() -> int:
        return sum(any(map(_may_be_there, review.outputs)) for review in reviews)

    return real_paths.run_with_patience({"": there}).get("", len(reviews)) if reviews else 0


def _may_be_there(path: Path) -> bool:
    try:
        return publishing.is_there(path)
    except ScissorsError:  # denied, say
        return True


@contextmanager
def as_it_stands(config: Config) -> Iterator[tuple[StateFolder, Journal | None, str]]:
    """Open the job journal that goes with a configuration without a trace, while it is asked.

    Also gives the state, and why there is no journal; where nothing was ever cut there is neither.
    """
    journal, remark = _read_journal(config.state)
    try:
        yield as_journalled(StateFolder(config.state, config), journal), journal, remark
    finally:
        if journal is not None:
            journal.close()


def _read_journal(folder: Path) -> tuple[Journal | None, str]:
    try:
        if not (folder / FILE).exists():
            return None, ""
        return Journal(folder, read_only=True, traceless=True), ""
    except (JournalError, OSError) as error:
        why = one_line(str(error)) if isinstance(error, JournalError) else f"{error.strerror}."
        return None, f"What was cut before is not known here: {why}"

"""The command `recut`: pictures that were cut are cut again, by the changed rule or with a wish."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scissorsd.commands.lookup import (
    as_journalled,
    entries_about,
    inbox_unavailable_reason,
    that_knows,
)
from scissorsd.commands.messages import removed_by_keep
from scissorsd.commands.retry import no_longer_set_aside, put_back
from scissorsd.core.rules import Rule, choose
from scissorsd.core.wishes import NO_WISH, Wish, wish_of
from scissorsd.errors import ScissorsError, UsageError
from scissorsd.folders import scanning
from scissorsd.plain_text import for_terminal, one_line
from scissorsd.records import lock, state_folders
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.journal_rows import Entry
from scissorsd.records.state_folders import StateFolder
from scissorsd.settings import Inbox

_NAMED = 3  # so many of those that cannot be cut again are named


@dataclass(frozen=True, slots=True)
class Choice:
    """Which pictures are meant; one of these."""

    paths: Sequence[Path] = ()
    rule: str = ""
    stale: bool = False
    doubtful: bool = False
    failed: bool = False
    all: bool = False

    def check(self) -> None:
        """Raise UsageError unless it is one."""
        given = (self.paths, self.rule, self.stale, self.doubtful, self.failed, self.all)
        if sum(map(bool, given)) != 1:
            raise UsageError(
                "name the pictures to cut again, or give one of --rule NAME, --stale, --doubtful, "
                "--failed and --all"
            )


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking."""

    state: StateFolder
    jobs: tuple[int, ...]  # that will be cut again
    refused: tuple[str, ...]  # a sentence for each that will not

    @property
    def is_running(self) -> bool:
        """Whether a daemon is there that does it."""
        return lock.is_running(self.state.folder)


def recut(
    choice: Choice, wish: Wish, config: Path | None, state: Path | None, *, as_ruled: bool
) -> Asked:
    """Ask for pictures to be cut again; a daemon that runs, or the next, does it.

    The `wish` is added to what was wished before; with `as_ruled` that is dropped first. Raises
    UsageError where nothing that is meant can be cut again.
    """
    choice.check()
    if choice.paths:
        path = choice.paths[0]
        states = state_folders.about(path, config, state)
        chosen = that_knows(states, lambda one, asked: bool(entries_about(one, asked, path)))
    else:
        chosen = state_folders.find(config, state)
    return recut_in(chosen, choice, wish, as_ruled=as_ruled)


def recut_in(chosen: StateFolder, choice: Choice, wish: Wish, *, as_ruled: bool) -> Asked:
    """Do the same with the pictures of one state folder."""
    if not (chosen.folder / FILE).exists():
        raise UsageError(f"nothing was ever cut on the state folder {chosen.folder}")
    for model in filter(None, (wish.model, wish.second_opinion)):
        if model not in chosen.config.catalogue:
            known = ", ".join(chosen.config.catalogue)
            raise UsageError(f"there is no model {model!r}", f"There are: {known}.")
    journal = Journal(chosen.folder)
    try:
        chosen = as_journalled(chosen, journal)
        jobs, refused = list[int](), list[str]()
        for entry in _meant(choice, chosen, journal):
            before = NO_WISH if as_ruled else wish_of(entry.wish)
            try:
                _ask(chosen, journal, entry, before.and_then(wish))
                jobs.append(entry.id)
            except ScissorsError as error:
                refused.append(for_terminal(one_line(str(error))))
    finally:
        journal.close()
    return Asked(chosen, tuple(jobs), tuple(refused))


def in_words(asked: Asked, choice: Choice) -> Iterator[str]:
    """Say what will be cut again and what cannot be, a sentence a line."""
    if asked.refused:
        count = len(asked.refused)
        if not choice.paths:
            yield f"{count} cannot be cut again" + (
                ", the first of them:" if count > _NAMED else ":"
            )
        yield from asked.refused if choice.paths else asked.refused[:_NAMED]
    if not asked.jobs:
        yield "Nothing is cut again."
        return
    pictures = "1 picture is" if len(asked.jobs) == 1 else f"{len(asked.jobs)} pictures are"
    when = "now" if asked.is_running else "when scissorsd runs; it does not now"
    yield f"{pictures} cut again {when}."


def _meant(choice: Choice, state: StateFolder, journal: Journal) -> Iterator[Entry]:
    """Return the pictures that are meant."""
    if choice.paths:
        yield from (_named(path, state, journal) for path in choice.paths)
    elif choice.failed:
        yield from journal.entries.failures()
    else:
        for inbox in state.config.inboxes:
            stale = journal.recuts.stale(inbox.path, inbox.rules) if choice.stale else set()
            for entry in journal.recuts.cut(inbox.path):
                if _is_meant(choice, inbox, entry, stale):
                    yield entry


def _named(path: Path, state: StateFolder, journal: Journal) -> Entry:
    entries = entries_about(state, journal, path)
    if not entries:
        raise UsageError(f"{path} was never cut", f"Ask 'scissorsd why {path}' how it stands.")
    return next((entry for entry in entries if _lies_there(entry)), entries[0])


def _is_meant(choice: Choice, inbox: Inbox, entry: Entry, stale: Collection[int]) -> bool:
    if choice.doubtful:
        return _is_doubtful(inbox, entry) and not entry.judged
    by_rule = choice.rule in {entry.rule, f"{inbox.name}/{entry.rule}"}
    return choice.all or by_rule or entry.id in stale


def _is_doubtful(inbox: Inbox, entry: Entry) -> bool:
    """Whether it was when it was cut, or is by what its rule takes for doubtful now."""
    if entry.verdict not in {"", "ok"} or entry.doubt is None:
        return entry.verdict not in {"", "ok"}
    rule = choose(inbox.rules, entry.path)
    return rule is not None and entry.doubt > rule.doubtful_above


def _lies_there(entry: Entry) -> bool:
    """Whether a picture is in its inbox as it was cut."""
    sighting = scanning.sight(Path(entry.inbox), entry.path)
    return sighting is not None and sighting.version == (entry.size, entry.mtime_ns)


def _ask(state: StateFolder, journal: Journal, entry: Entry, wish: Wish) -> None:
    """Ask for one picture again; raises UsageError with the reason why that cannot be."""
    inbox, rule = _rule_of(state, entry)
    unavailable = inbox_unavailable_reason(state, inbox)
    if unavailable:
        raise UsageError(f"{entry.source} cannot be cut again now", unavailable)
    lies_at = entry.lies_at
    if entry.state == "failed":
        if not put_back(entry):
            raise UsageError(f"{entry.source} {no_longer_set_aside(entry)}")
    elif entry.state not in {"held", "again"} and not _lies_there(entry):
        lies_at = _moved_to(entry, rule)
    if not journal.recuts.ask(entry, wish, lies_at=lies_at):
        raise UsageError(f"{entry.source} is being cut at this moment", "Ask again when it is out.")


def _rule_of(state: StateFolder, entry: Entry) -> tuple[Inbox, Rule]:
    inbox = next((i for i in state.config.inboxes if str(i.path) == entry.inbox), None)
    if inbox is None:
        raise UsageError(f"{entry.source} lies in no inbox of the configuration any more")
    rule = choose(inbox.rules, entry.path)
    if rule is None or rule.skip:
        raise UsageError(f"no rule of the inbox {inbox.name!r} takes {entry.path} now")
    return inbox, rule


def _moved_to(entry: Entry, rule: Rule) -> str:
    """Return where a picture lies that is not in its inbox; UsageError where it is no more."""
    if swept := removed_by_keep(entry, "processed"):
        raise UsageError(f"{entry.source} was moved to {entry.moved_to}, and {swept}")
    if entry.moved_to:
        place = Path(entry.moved_to)
        sighting = scanning.sight(place.parent, place.name)
        if sighting is not None and sighting.size == entry.size:
            return entry.moved_to
        raise UsageError(f"{entry.source} is no longer there, nor where it was moved to, {place}")
    if rule.source == "delete":
        raise UsageError(f"{entry.source} was deleted when it was cut, as its rule says")
    raise UsageError(f"{entry.source} is no longer there as it was cut")

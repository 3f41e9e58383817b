"""The command `check` with pictures: which rule takes each, and what its outputs would be called.

Nothing on the disk is changed. The names are planned as the daemon plans them, by the job journal
and by what lies in the outbox; those of several pictures in the order in which they are named.
"""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from scissorsd.commands.lookup import (
    as_it_stands,
    find_in_inbox,
    inbox_unavailable_reason,
)
from scissorsd.commands.why import (
    asked_with,
    describe,
    in_no_inbox,
    in_rule,
    own_file,
    why_not_a_file,
    why_not_wanted,
)
from scissorsd.config.description import said_verdicts
from scissorsd.core.file_names import Facts, Naming, name_key
from scissorsd.core.rules import REVIEW_FOLDER, Job, Rule, choose, plan
from scissorsd.core.settling import Sighting
from scissorsd.core.wishes import NO_WISH, Wish, wish_of
from scissorsd.daemon.naming import is_name_taken, stricter
from scissorsd.errors import NameRefusedError, ScissorsError
from scissorsd.folders import publishing, real_paths, scanning, sources
from scissorsd.pictures import reading
from scissorsd.pictures.facts import facts_of
from scissorsd.plain_text import for_terminal
from scissorsd.records import names
from scissorsd.records.journal import Journal
from scissorsd.records.state_folders import StateFolder
from scissorsd.settings import Config, Inbox, Limits

_JOURNAL_ALONE = "the names are those that the job journal has free; another file may have one"


def rehearse(config: Config, paths: Sequence[Path]) -> Iterator[str]:
    """Say what would become of each picture; the sentences about one are indented under it."""
    with as_it_stands(config) as (state, journal, remark):
        if remark:
            yield for_terminal(remark)
        inboxes = state.config.inboxes
        hang = real_paths.that_hang(p for inbox in inboxes for p in (inbox.path, inbox.outbox))
        rehearsal = _Rehearsal(state, journal, hang)
        for path in paths:
            yield for_terminal(f"{path}:")
            yield from (for_terminal(f"  {sentence}") for sentence in rehearsal.of(path))


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at a path saw."""

    sighting: Sighting | None
    said: str  # where it is no file that can be taken now
    may_come: bool = True  # nothing stands where a picture could be dropped


class _Rehearsal:
    """Plans one picture after the other; the names of those before are taken."""

    def __init__(self, state: StateFolder, journal: Journal | None, hang: Collection[Path]) -> None:
        self._state = state
        self._journal = journal
        self._hang = set(hang)
        self._planned: dict[str, tuple[Path, str]] = {}  # the key of a name → whose it would be
        self._counted: dict[tuple[str, str], int] = {}  # inbox and rule → the last number given

    def of(self, path: Path) -> Iterator[str]:
        """Say what would become of a picture, in sentences."""
        found = find_in_inbox(self._state, self._journal, path, but=self._hang)
        if found is None:
            yield in_no_inbox(self._state, path)
            return
        inbox, relative = found
        look = self._look(inbox, relative, path)
        if not look.may_come:
            yield look.said
            return
        unwanted, rule = why_not_wanted(inbox, relative), choose(inbox.rules, relative)
        if unwanted or rule is None:
            yield unwanted
            return
        if look.said:
            yield look.said
        if own := self._own_file(inbox, look.sighting):
            yield own_file(own)
            return
        yield in_rule(inbox, rule.name)
        yield from self._known(inbox, relative, look.sighting)
        source = look.sighting or _coming(relative)
        wish = self._wish(inbox, source)
        if wish != NO_WISH:
            yield asked_with(wish)
        yield from self._names(inbox, source, wish.over(rule))

    def _look(self, inbox: Inbox, relative: str, path: Path) -> _Look:
        unavailable = inbox_unavailable_reason(self._state, inbox)
        if not unavailable and inbox.path not in self._hang:
            look = partial(_look, inbox, relative, path)
            seen = real_paths.run_with_patience({"": look}).get("")
            if seen is not None:
                return seen
            self._hang.add(inbox.path)
        return _Look(None, unavailable or f"The inbox {inbox.name!r} does not answer now.")

    def _own_file(self, inbox: Inbox, sighting: Sighting | None) -> str:
        if self._journal is None or sighting is None:
            return ""
        own = partial(self._journal.stamps.own_file, inbox.path, sighting)
        return real_paths.run_with_patience({"": own}).get("", "")

    def _known(self, inbox: Inbox, relative: str, sighting: Sighting | None) -> Iterator[str]:
        """Say how the picture stands in the job journal, if it is there as it was."""
        if self._journal is None or sighting is None:
            return
        for entry in self._journal.entries.of_source(inbox.path, relative):
            if (entry.size, entry.mtime_ns) == sighting.version:
                yield describe(self._state, entry, look=inbox.outbox not in self._hang)
                if entry.state == "done":
                    yield "It is not cut again while it stays as it is."

    def _wish(self, inbox: Inbox, source: Sighting) -> Wish:
        """Return what was asked of a picture: as it is there, or of the same bytes before."""
        if self._journal is None or inbox.path in self._hang:
            return NO_WISH
        known = self._journal.known(inbox.path, source.path)
        if known is not None and known.version == source.version and not known.removed:
            return wish_of(known.wish)
        before = self._journal.recuts.done_under_this_name(inbox.path, source)
        if not any(cut.entry.wish for cut in before):
            return NO_WISH
        look = partial(_content, inbox.path / source.path)
        content = real_paths.run_with_patience({"": look}).get("", b"")
        same = (cut.entry.wish for cut in before if cut.content == content)
        return wish_of(next(same, ""))

    # --- names -------------------------------------------------------------------------------

    def _names(self, inbox: Inbox, source: Sighting, rule: Rule) -> Iterator[str]:
        """Say the names, the review variant and the end of the source; and what is uncertain."""
        job, doubt = self._plan(inbox, source, rule)
        owner = inbox.path, source.path
        self._planned.update((_key(inbox, name), owner) for name in job.names)
        if job.counter:
            self._counted[inbox.name, rule.name] = job.counter
        if rule.is_told_by_pictures and job.facts is None:
            yield "What its names tell of the picture itself is known once it can be read."
        if doubt:
            yield f"{doubt}: {_JOURNAL_ALONE}."
        for planned in job.outputs:
            yield f"Its {planned.output.kind} would be {inbox.outbox / planned.path}."
        yield f"{_capitalised(said_verdicts(rule))}."
        if "review" in {rule.when_no_subject, rule.when_doubtful}:
            yield f"There its outputs have the same names: {inbox.outbox / REVIEW_FOLDER}/…"
        yield {
            "keep": "It would stay where it is.",
            "move": f"It would be moved to {inbox.outbox / job.moved_to}.",
            "delete": "It would be deleted, once its outputs are out.",
        }[rule.source]

    def _plan(self, inbox: Inbox, source: Sighting, rule: Rule) -> tuple[Job, str]:
        """Return the job as it would be planned; and why the outbox could not be asked, or ""."""
        if (earlier := self._planned_before(inbox, source, rule)) is not None:
            return earlier, ""
        doubt = f"The outbox {inbox.outbox} does not answer now"
        if inbox.outbox not in self._hang:
            planned = real_paths.run_with_patience(
                {"": partial(self._attempt, inbox, source, rule)}
            ).get("")
            if isinstance(planned, Job):
                return planned, ""
            if planned is not None:
                doubt = f"The outbox could not be looked through ({planned.what})"
            else:
                self._hang.add(inbox.outbox)

        def taken(name: str, _: Naming) -> bool:
            return self._is_owned(inbox, source, name)

        return self._job(inbox, source, rule, taken), doubt

    def _attempt(self, inbox: Inbox, source: Sighting, rule: Rule) -> Job | ScissorsError:
        """Plan by the journal and the outbox, which may hang, or refuse to be looked at."""

        def taken(name: str, naming: Naming) -> bool:
            if self._is_another(inbox, source, name):
                return True
            return is_name_taken(inbox, source.path, name, self._journal, naming)

        try:
            return self._job(inbox, source, rule, taken, may_read=True)
        except ScissorsError as error:
            return error

    def _job(
        self,
        inbox: Inbox,
        source: Sighting,
        rule: Rule,
        taken: Callable[[str, Naming], bool],
        *,
        may_read: bool = False,
    ) -> Job:
        facts, counter = None, 1
        if self._journal is not None and rule.is_told_by_pictures:
            facts = names.facts_of(self._journal.file, inbox.path, source)
        if facts is None and rule.is_told_by_pictures and may_read:
            facts = _facts(inbox, source, self._state.config.limits)
        if self._journal is not None and rule.counts:
            counter = names.counter_of(self._journal.file, inbox.path, source, rule)
        counter = max(counter, 1 + self._counted.get((inbox.name, rule.name), 0))
        return _planned(inbox, source, rule, taken, facts, counter)

    def _planned_before(self, inbox: Inbox, source: Sighting, rule: Rule) -> Job | None:
        """Return the job of a picture that was begun under this rule: it keeps its names."""
        if self._journal is None:
            return None
        known = self._journal.known(inbox.path, source.path)
        if known is None or known.version != source.version or known.state in {"failed", "again"}:
            return None
        job = self._journal.planned(inbox.path, inbox.outbox, source, rule)
        return job if job is not None and job.outputs else None

    def _is_another(self, inbox: Inbox, source: Sighting, name: str) -> bool:
        """Whether a name went to a picture that was rehearsed before."""
        mine = inbox.path, source.path
        return self._planned.get(_key(inbox, name), mine) != mine

    def _is_owned(self, inbox: Inbox, source: Sighting, name: str) -> bool:
        """Whether a name is another picture's by what was rehearsed and by the journal."""
        if self._is_another(inbox, source, name) or self._journal is None:
            return self._is_another(inbox, source, name)
        owner = self._journal.owner(inbox.outbox, name)
        return owner not in {None, (str(inbox.path), source.path)}


def _look(inbox: Inbox, relative: str, path: Path) -> _Look:
    try:
        sighting = scanning.sight(inbox.path, relative)
    except OSError as error:
        return _Look(None, f"{path} cannot be looked at ({error.strerror}).")
    if sighting is not None:
        empty = "It is empty; it is taken once something is in it." if not sighting.size else ""
        return _Look(sighting, empty)
    return _Look(None, why_not_a_file(path), may_come=not os.path.lexists(path))


def _content(path: Path) -> bytes:
    """Return the digest of a picture; b"" where it cannot be read."""
    with suppress(ScissorsError):
        there = publishing.stamp_file(path)
        return there.digest if there is not None else b""
    return b""


def _facts(inbox: Inbox, source: Sighting, limits: Limits) -> Facts | None:
    """Read what names tell of a picture itself; None where it cannot be read, or is not there."""
    with suppress(ScissorsError):
        data = sources.read_source(inbox.path, source, limit=limits.file)
        return facts_of(reading.read(data, max_pixels=limits.pixels), source)
    return None


def _coming(relative: str) -> Sighting:
    """Return the sighting of a picture that is not there yet."""
    return Sighting(relative, size=0, mtime_ns=0, inode=scanning.NO_INODE, device=0)


def _planned(
    inbox: Inbox,
    source: Sighting,
    rule: Rule,
    taken: Callable[[str, Naming], bool],
    facts: Facts | None,
    counter: int,
) -> Job:
    naming = Naming()
    while True:
        try:
            return plan(
                inbox.path,
                inbox.outbox,
                source,
                rule,
                inbox_name=inbox.name,
                date=datetime.now().astimezone().strftime("%Y-%m-%d"),
                taken=partial(_ask, taken, naming),
                naming=naming,
                facts=facts,
                counter=counter,
            )
        except NameRefusedError as refusal:
            naming = stricter(naming, refusal)


def _ask(taken: Callable[[str, Naming], bool], naming: Naming, name: str) -> bool:
    return taken(name, naming)


def _key(inbox: Inbox, name: str) -> str:
    return name_key(str(inbox.outbox / name))


def _capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]

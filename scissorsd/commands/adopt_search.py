"""The pictures that `adopt` looks at, and the outputs in an outbox that may be theirs."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from scissorsd.core.adopting import Names, names_before, variants
from scissorsd.core.file_names import AS_IT_IS, SHORT_NAME_LIMIT, UNKNOWN, Facts, Naming, name_key
from scissorsd.core.rules import (
    PROCESSED_FOLDER,
    REJECTED_FOLDER,
    REVIEW_FOLDER,
    Job,
    Rule,
    choose,
    plan,
)
from scissorsd.core.settling import Sighting
from scissorsd.errors import ScissorsError
from scissorsd.folders import publishing, sources
from scissorsd.folders.listing import Listing
from scissorsd.folders.scanning import scan
from scissorsd.pictures import reading
from scissorsd.pictures.facts import facts_of
from scissorsd.records.journal import Journal
from scissorsd.settings import MAX_PIXELS, Inbox

# What only the names in the outbox tell, each with a character in its place, and its form.
_DATE, _COUNTER = "\ue000", "\ue001"  # for private use, and taken by every file system
_GAPS = {_DATE: r"\d{4}-\d{2}-\d{2}", _COUNTER: r"\d{4,}"}
_OPEN = {_DATE: _DATE, _COUNTER: _COUNTER}
_UNFILLED: Mapping[str, str] = MappingProxyType({})
_SURE = 4  # so many variants of names are looked for in any case
_NAMINGS = (
    *(AS_IT_IS, Naming(portable=True)),
    *(Naming(limit=SHORT_NAME_LIMIT), Naming(limit=SHORT_NAME_LIMIT, portable=True)),
)
_FORMS = ("", REVIEW_FOLDER, REJECTED_FOLDER)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in an inbox, or one that was moved out of it when it was cut."""

    root: Path  # the inbox, or the folder to which its rule moves sources
    source: Sighting  # its path is relative to the root
    rule: Rule
    moved_to: str = ""  # as a job has it; "": it lies in the inbox

    @property
    def place(self) -> Path:
        """Where it lies."""
        return self.root / self.source.path


@dataclass(frozen=True, slots=True)
class Candidate:
    """Outputs that are there, all that a rule makes of a picture, and younger than it."""

    job: Job
    paths: tuple[str, ...]  # relative to the outbox
    folder: str  # review or rejected, where they lie in there

    @property
    def names(self) -> Names:
        """The names by which no other picture can have outputs."""
        return names_of(self.job)


@dataclass(frozen=True, slots=True)
class Search:
    """The outputs of one inbox's pictures."""

    inbox: Inbox
    listing: Listing  # of its outbox
    journal: Journal | None
    read: dict[str, Facts] = field(default_factory=dict)  # of the picture that was read last

    def pictures(self, unseen: Callable[[str, OSError], None]) -> Iterator[Picture]:
        """Yield every picture that is there and that a rule takes, the moved ones first.

        `unseen` is called with what is there and cannot be accessed.
        """
        inbox = self.inbox
        for folder in _destinations(inbox):
            root = inbox.outbox / folder
            for source in _scanned(root, inbox, unseen, recursive=True):
                rule = choose(inbox.rules, source.path)
                if rule is not None and not rule.skip and _destination(rule) == folder:
                    yield Picture(root, source, rule, f"{folder.rstrip('/')}/{source.path}")
        for source in _scanned(inbox.path, inbox, unseen, recursive=inbox.recursive):
            rule = choose(inbox.rules, source.path)
            if rule is not None and not rule.skip:
                yield Picture(inbox.path, source, rule)

    def plan(
        self, picture: Picture, naming: Naming, filled: Mapping[str, str] = _UNFILLED
    ) -> Callable[..., Job]:
        """Return how a picture's job is planned, under names that are not taken.

        `filled` has what names tell and only the outbox knows.
        """
        facts = self._facts(picture) if picture.rule.is_told_by_pictures else UNKNOWN
        counter = filled.get(_COUNTER, "")

        def planned(taken: Callable[[str], bool]) -> Job:
            return plan(
                self.inbox.path,
                self.inbox.outbox,
                picture.source,
                picture.rule,
                inbox_name=self.inbox.name,
                date=filled.get(_DATE, ""),
                taken=taken,
                naming=naming,
                facts={**facts, "counter": counter},
                counter=int(counter) if counter.isdecimal() else 0,
            )

        return planned

    def first(self, picture: Picture) -> Job:
        """Return a picture's job under the names that it has unless they were taken."""
        return self.plan(picture, AS_IT_IS)(lambda _: False)

    def dropped_as(self, picture: Picture) -> str:
        """Return the path that a moved picture had in its inbox, as far as its place tells.

        `a-jpg.jpg` was dropped as `a.jpg` if something is where that would have come out.
        """
        for path in names_before(picture.source.path):
            before = replace(picture, source=replace(picture.source, path=path))
            for job in variants(self.plan(before, AS_IT_IS)):
                if job.moved_to == picture.moved_to:
                    return path
                place = self.inbox.outbox / job.moved_to
                if not self._is_anything_there(job) and not publishing.is_there(place):
                    break
        return picture.source.path

    def is_there(self, job: Job) -> Candidate | None:
        """Return the outputs of a job if they are there, and may be its."""
        found = self._outputs(job, job.source)
        return found if isinstance(found, Candidate) and self._is_free(job) else None

    def candidates(self, picture: Picture) -> tuple[list[Candidate], str]:
        """Return all outputs that may be a picture's, the likelier first, and what is wrong.

        What is wrong with the first outputs that are not whole; "": there are none at all.
        """
        found: list[Candidate] = []
        wrong = ""
        for job in self._jobs(picture):
            outputs = self._outputs(job, picture.source)
            if isinstance(outputs, Candidate):
                if self._is_free(job):
                    found.append(outputs)
            else:
                wrong = wrong or outputs
        return found, wrong

    def _jobs(self, picture: Picture) -> Iterator[Job]:
        seen: set[tuple[str, ...]] = set()
        for naming in _NAMINGS:
            for filled in self._filled(picture, naming):
                missing = 0
                for number, job in enumerate(variants(self.plan(picture, naming, filled))):
                    if job.names in seen:
                        break  # this naming changes nothing
                    seen.add(job.names)
                    yield job
                    missing = 0 if self._is_anything_there(job) else missing + 1
                    if number >= _SURE - 1 and missing:
                        break

    def _filled(self, picture: Picture, naming: Naming) -> list[dict[str, str]]:
        """Return the days on which a picture may have been cut, and its numbers, as names tell."""
        job = self.plan(picture, naming, _OPEN)(lambda _: False)
        paths = [planned.path for planned in job.outputs]
        # the name that tells the most of them tells all: one rule has one day, and one number
        told = max(paths, key=lambda path: len(_OPEN.keys() & set(path)))
        if not _OPEN.keys() & set(told):
            return [{}]
        filled = [one for form in _FORMS for one in self.listing.fillings(_in(form, told), _GAPS)]
        return sorted(filled, key=lambda one: one.get(_DATE, ""), reverse=True)

    def _facts(self, picture: Picture) -> Facts:
        """Return what names tell of a picture itself; it is read for that."""
        place = str(picture.place)
        if place not in self.read:
            self.read.clear()  # each is asked for again and again, and then no more
            self.read[place] = _read_facts(picture.root, picture.source)
        return self.read[place]

    def _is_anything_there(self, job: Job) -> bool:
        paths = (_in(form, planned.path) for planned in job.outputs for form in _FORMS)
        return any(self.listing.file(path) is not None for path in paths)

    def _outputs(self, job: Job, source: Sighting) -> Candidate | str:
        """Return a job's outputs if they are there, or what is wrong with them."""
        wrong = ""
        for form in _FORMS:
            paths = tuple(_in(form, planned.path) for planned in job.outputs)
            files = {path: self.listing.file(path) for path in paths}
            there = {path: file for path, file in files.items() if file is not None}
            missing = [path for path in paths if path not in there]
            empty = [path for path, file in there.items() if not file.size]
            older = [path for path, file in there.items() if file.mtime_ns < source.mtime_ns]
            if there and missing:
                wrong = wrong or f"{next(iter(there))} is there, and {missing[0]} is not"
            elif empty or older:
                what = f"{empty[0]} is empty" if empty else f"{older[0]} is older than the picture"
                wrong = wrong or what
            elif there:
                return Candidate(job, paths, form)
        return wrong

    def _is_free(self, job: Job) -> bool:
        """Whether no name of the outputs is another picture's in the journal."""
        if self.journal is None:
            return True
        mine = {None, (str(job.inbox), job.source.path)}
        names = (planned.path for planned in job.outputs)
        return all(self.journal.owner(self.inbox.outbox, name) in mine for name in names)


def _read_facts(root: Path, source: Sighting) -> Facts:
    with suppress(ScissorsError):  # to prove it says why
        data = sources.read_source(root, source, limit=source.size)
        return facts_of(reading.read(data, max_pixels=MAX_PIXELS), source)
    return UNKNOWN


def names_of(job: Job) -> Names:
    """Return the names of a job's outputs, folded so that twins are one."""
    return frozenset(name_key(planned.path) for planned in job.outputs)


def _in(folder: str, path: str) -> str:
    return f"{folder}/{path.lstrip('/')}" if folder else path


def _destination(rule: Rule) -> str:
    return (rule.move_to or PROCESSED_FOLDER) if rule.source == "move" else ""


def _destinations(inbox: Inbox) -> list[str]:
    """Return the folders to which sources are moved, as the rules have them."""
    return list(dict.fromkeys(filter(None, map(_destination, inbox.rules))))


def _scanned(
    root: Path, inbox: Inbox, unseen: Callable[[str, OSError], None], *, recursive: bool
) -> list[Sighting]:
    """Return the pictures below a folder, in the order of their paths."""
    found: list[Sighting] = []
    tell = partial(_unseen_below, root, unseen)
    try:
        found.extend(scan(root, recursive=recursive, ignore=inbox.ignore, unseen=tell))
    except FileNotFoundError:
        return []
    except OSError as error:
        unseen(str(root), error)
    return sorted(found, key=lambda source: os.fsencode(source.path))


def _unseen_below(
    root: Path, unseen: Callable[[str, OSError], None], path: str, error: OSError
) -> None:
    unseen(str(root / path), error)

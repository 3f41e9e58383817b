"""The command `adopt`: outputs that are there are taken for done, where no record tells it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from scissorsd import failpoints
from scissorsd.commands.adopt_proof import Prover
from scissorsd.commands.adopt_search import Candidate, Picture, Search, names_of
from scissorsd.commands.alone import without_daemon
from scissorsd.commands.lookup import open_journal
from scissorsd.core.adopting import groups
from scissorsd.daemon.folder_layout import LayoutCheck
from scissorsd.errors import JournalDamagedError
from scissorsd.folders import mounts
from scissorsd.folders.listing import Listing
from scissorsd.machine import usable_cpus
from scissorsd.records import adoptions, journal_file, respelling, state_folders
from scissorsd.records.adoptions import Adoption, Memory
from scissorsd.records.journal import Journal
from scissorsd.settings import Config, Inbox

_AT_ONCE = 500  # pictures of one transaction, which is synced

_Item = TypeVar("_Item")
Progress = Callable[[str, int, int], None]  # the inbox, how many pictures are seen to, of how many


@dataclass(slots=True)
class Report:
    """What became of the pictures of one inbox."""

    name: str
    adopted: int = 0
    known: int = 0
    to_cut: int = 0
    doubtful: list[tuple[str, str]] = field(default_factory=list)  # a picture's path, and why
    stay: int = 0  # adopted, and not deleted, though the rule says so
    away: str = ""  # why nothing of it could be looked at


@dataclass(frozen=True, slots=True)
class Adopted:
    """What came of it all."""

    reports: tuple[Report, ...]
    set_aside: Path | None = None  # a damaged journal, in whose place there is a new one


def adopt(config: Path | None, state: Path | None, *, dry_run: bool, progress: Progress) -> Adopted:
    """Journal every picture as cut whose outputs are there.

    Raises AlreadyRunningError where a daemon works on the state folder, or on the same folders.
    """
    chosen = state_folders.find(config, state)
    if dry_run:
        journal = open_journal(chosen)
        reports = _all(chosen.config, journal, dry_run=True, progress=progress)
        return Adopted(tuple(reports))
    with ExitStack() as stack:
        stack.enter_context(
            without_daemon(chosen.folder, "Stop it, run this again, and start it afterwards.")
        )
        layout = LayoutCheck(lambda _: None)
        stack.callback(layout.close)
        layout.claim(chosen.config)
        journal, set_aside = _opened(chosen.folder)
        stack.enter_context(closing(journal))
        reports = _all(chosen.config, journal, dry_run=False, progress=progress)
        if not any(report.away for report in reports):
            journal_file.recovered(chosen.folder)
    return Adopted(tuple(reports), set_aside)


def _opened(state: Path) -> tuple[Journal, Path | None]:
    try:
        return Journal(state), None
    except JournalDamagedError:
        aside = journal_file.set_aside(state)
        return Journal(state), aside


def _all(
    config: Config, journal: Journal | None, *, dry_run: bool, progress: Progress
) -> list[Report]:
    listings: dict[Path, Listing] = {}
    places: set[Path] = set()  # of moved sources, which two inboxes may share
    reports = []
    with ThreadPoolExecutor(usable_cpus() + 1) as pool:
        for inbox in config.inboxes:
            if inbox.quick and not inbox.path.exists():  # the daemon makes it
                continue
            if journal is not None and dry_run:
                inbox = respelling.recorded(journal, inbox)  # noqa: PLW2901 - the same inbox
            elif journal is not None:
                respelling.follow(journal, inbox)
            report = Report(inbox.name, away=_why_away(inbox))
            reports.append(report)
            if report.away:
                continue
            listing = listings.setdefault(inbox.outbox, Listing(inbox.outbox))
            search = Search(inbox, listing, journal)
            adopter = _Adopter(search, config, pool, report, dry_run=dry_run, progress=progress)
            adopter.run(places)
    return reports


def _why_away(inbox: Inbox) -> str:
    away = mounts.Root(inbox.path, require_mount=inbox.require_mount).why_away()
    others = (inbox.outbox, *inbox.folders_elsewhere)
    return away or next(filter(None, (mounts.Root(folder).why_away() for folder in others)), "")


class _Adopter:
    """Sees to the pictures of one inbox."""

    def __init__(
        self,
        search: Search,
        config: Config,
        pool: ThreadPoolExecutor,
        report: Report,
        *,
        dry_run: bool,
        progress: Progress,
    ) -> None:
        self._search = search
        self._prover = Prover(search, config.limits.pixels)
        self._pool = pool
        self._report = report
        self._dry_run = dry_run
        self._progress = progress
        self._used: set[str] = set()  # names of outputs that have found their picture
        self._seen = self._total = 0

    def run(self, places: set[Path]) -> None:
        """See to all of them, first those that were moved: what is out is rather theirs."""
        pictures = [p for p in self._search.pictures(self._unseen) if p.place not in places]
        self._total = len(pictures)
        file = self._search.journal.file if self._search.journal is not None else None
        path = self._search.inbox.path
        memory = adoptions.remembered(file, path) if file is not None else Memory()
        moved = [picture for picture in pictures if picture.moved_to]
        places.update(picture.place for picture in moved)
        for some in (moved, [picture for picture in pictures if not picture.moved_to]):
            self._see_to(self._unknown(some, memory))

    def _unseen(self, path: str, error: OSError) -> None:
        self._report.doubtful.append((path, f"it cannot be looked at: {error.strerror}"))

    def _unknown(self, pictures: Sequence[Picture], memory: Memory) -> list[Picture]:
        """Return the pictures of which the journal knows nothing that holds; count the others."""
        new = [
            picture
            for picture in pictures
            if not memory.knows(picture.source)
            and not (picture.moved_to and str(picture.place) in memory.moved_to)
        ]
        changed = [picture for picture in new if picture.source.path in memory.contents]
        contents = self._pool.map(self._prover.content, changed)
        same = {
            picture.place
            for picture, content in zip(changed, contents, strict=True)
            if content in memory.contents[picture.source.path]
        }
        unknown = [picture for picture in new if picture.place not in same]
        self._report.known += len(pictures) - len(unknown)
        self._step(len(pictures) - len(unknown))
        return unknown

    def _see_to(self, pictures: Sequence[Picture]) -> None:
        """Adopt pictures whose outputs have names that no other may have, and then the others."""
        jobs = [self._search.first(picture) for picture in pictures]
        claims = Counter(name for job in jobs for name in names_of(job))
        sure: list[tuple[Picture, Candidate]] = []
        others: list[tuple[Picture, str]] = []  # and what was wrong with the first outputs
        for picture, job in zip(pictures, jobs, strict=True):
            names = names_of(job)
            found = self._search.is_there(job)
            if found and all(claims[name] == 1 for name in names) and self._used.isdisjoint(names):
                sure.append((picture, found))
            else:
                others.append((picture, ""))
        # Reserved before any is proved: another picture may have them only if they are not its.
        reserved = {name for _, found in sure for name in found.names}
        for some in _batches(sure):
            proven = self._pool.map(self._prover.prove, *zip(*some, strict=True))
            right = []
            for (picture, found), result in zip(some, proven, strict=True):
                if isinstance(result, Adoption):
                    right.append(result)
                else:
                    reserved -= found.names
                    others.append((picture, result))
            self._write(right)
        self._used |= reserved
        self._tell_apart(others)

    def _tell_apart(self, pictures: Sequence[tuple[Picture, str]]) -> None:
        """Adopt pictures whose outputs have other names, or names that several may have."""
        open_ones: list[tuple[Picture, list[Candidate]]] = []
        for picture, wrong in pictures:
            found, missing = self._search.candidates(picture)
            left = [one for one in found if self._used.isdisjoint(one.names)]
            if left:
                open_ones.append((picture, left))
            else:
                self._leave(picture, wrong or missing)
        claims = [set[str]().union(*(one.names for one in found)) for _, found in open_ones]
        together = [[open_ones[number] for number in group] for group in groups(claims)]
        for some in _batches(together):
            right = []
            for group, results in zip(
                some, self._pool.map(self._prover.prove_group, some), strict=True
            ):
                for (picture, _), result in zip(group, results, strict=True):
                    if isinstance(result, Adoption):
                        right.append(result)
                        self._used |= names_of(result.job)
                    else:
                        self._leave(picture, result)
            self._write(right)

    def _leave(self, picture: Picture, wrong: str) -> None:
        self._step(1)
        if picture.moved_to and not wrong:
            wrong = "it was moved when it was cut, and no outputs of it are there"
        if wrong:
            self._report.doubtful.append((str(picture.place), wrong))
        else:
            self._report.to_cut += 1

    def _write(self, right: Sequence[Adoption]) -> None:
        if right and self._search.journal is not None and not self._dry_run:
            adoptions.add(self._search.journal.file, right)
            failpoints.at("adopt.batch")
        self._report.adopted += len(right)
        self._report.stay += sum(
            adoption.job.rule.source == "delete" and adoption.source == "keep" for adoption in right
        )
        self._step(len(right))

    def _step(self, count: int) -> None:
        self._seen += count
        self._progress(self._report.name, self._seen, self._total)


def _batches(of: Sequence[_Item]) -> Iterator[list[_Item]]:
    for begin in range(0, len(of), _AT_ONCE):
        yield list(of[begin : begin + _AT_ONCE])

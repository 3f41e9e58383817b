"""Which pictures the names on a command line mean, of those in review/ or judged before."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scissorsd.commands.lookup import as_journalled, find_in_inbox, path_in_outbox
from scissorsd.core.globs import matches
from scissorsd.core.rules import REJECTED_FOLDER, in_review
from scissorsd.errors import JournalError, UsageError
from scissorsd.folders import real_paths
from scissorsd.records import state_folders
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.reviews import Review, Reviews
from scissorsd.records.state_folders import StateFolder
from scissorsd.settings import Inbox

_MAGIC = re.compile(r"[*?\[{]")


@dataclass(frozen=True, slots=True)
class Shop:
    """A state folder that is asked, with its journal open."""

    state: StateFolder
    journal: Journal
    reviews: Reviews


@dataclass(frozen=True, slots=True)
class Found:
    """A picture that was named, and whose it is."""

    shop: Shop
    review: Review


@dataclass(frozen=True, slots=True)
class Meant:
    """What one name means."""

    found: tuple[Found, ...]
    judged_before: int = 0  # of those that a glob or folder means, so many are judged already


def open_shops(config: Path | None, state: Path | None) -> Iterator[Shop]:
    """Open the state that is named or, where none is, every one that this user can."""
    if config is not None or state is not None:
        states = [state_folders.find(config, state)]
    else:
        states = state_folders.everyone(None, None) or [state_folders.find(None, None)]
    for one in states:
        if not (one.folder / FILE).exists():
            if len(states) == 1:
                raise UsageError(f"nothing was ever cut on the state folder {one.folder}")
            continue
        try:
            journal = Journal(one.folder)
        except JournalError:
            if len(states) == 1:
                raise
            continue  # another user's
        yield _shop(one, journal)


def open_shop(state: StateFolder) -> Shop:
    """Open one state folder. Raises JournalError, and UsageError where nothing was ever cut."""
    if not (state.folder / FILE).exists():
        raise UsageError(f"nothing was ever cut on the state folder {state.folder}")
    return _shop(state, Journal(state.folder))


def _shop(state: StateFolder, journal: Journal) -> Shop:
    return Shop(as_journalled(state, journal), journal, Reviews(journal.file))


def meant_by(name: Path, shops: Sequence[Shop]) -> Meant:
    """Return what a name means; nothing is found where it means nothing that is known.

    It is a path from the working folder or else, where that means nothing, from an outbox or an
    inbox. Raises UsageError where it then means pictures of several.
    """
    for paths in (_from_here, _from_folders):
        meant = [m for shop in shops for path in paths(name, shop) for m in _exactly(path, shop)]
        if meant:
            return Meant(tuple(_of_one(name, meant)))
    before = 0
    for paths in (_from_here, _from_folders):
        several = [_several(path, shop) for shop in shops for path in paths(name, shop)]
        marked = {(f.shop.state.folder, f.review.entry.id): f for m in several for f in m.found}
        waiting = list(marked.values())
        before = before or max((m.judged_before for m in several), default=0)
        if waiting:
            return Meant(tuple(waiting), before)
    return Meant((), before)


def _from_here(name: Path, _: Shop) -> list[Path]:
    return [name.absolute()]


def _from_folders(name: Path, shop: Shop) -> list[Path]:
    if name.is_absolute():
        return []
    inboxes = shop.state.config.inboxes
    return list(dict.fromkeys(folder / name for i in inboxes for folder in (i.outbox, i.path)))


def _of_one(name: Path, found: Sequence[Found]) -> list[Found]:
    """Return the picture to be judged of those that a name means: the versions of one."""
    if len({(f.shop.state.folder, f.review.entry.inbox, f.review.entry.path) for f in found}) > 1:
        raise UsageError(
            f"{name} means more than one picture: "
            + ", ".join(sorted({f.review.entry.source for f in found})),
            "Name one of them by its whole path.",
        )
    waiting = [f for f in found if f.review.entry.in_review and f.shop.reviews.owns(f.review)]
    judged = [f for f in found if f.review.can_be_judged]
    return [(waiting or judged or list(found))[0]]


# --- one ---------------------------------------------------------------------------------------


def _exactly(path: Path, shop: Shop) -> list[Found]:
    """Return the jobs of a picture, an output or a reason at a path, the latest first."""
    outboxes = [inbox.outbox for inbox in shop.state.config.inboxes]
    in_inbox = None
    if not any(path.is_relative_to(outbox) for outbox in outboxes):
        in_inbox = find_in_inbox(shop.state, shop.journal, path)
    if in_inbox is not None:
        entries = shop.journal.entries.of_source(in_inbox[0].path, in_inbox[1])
        return _found(shop, [shop.reviews.of_job(entry.id) for entry in entries])
    place = path_in_outbox(shop.state, path)
    found = _found(shop, [shop.reviews.of_job(e.id) for e in shop.journal.entries.of_output(place)])
    found = found or _found(shop, shop.reviews.of_note(place))
    if not found and place.endswith(".txt"):  # the reason of what was judged meanwhile
        entries = shop.journal.entries.of_output(place.removesuffix(".txt"))
        found = _found(shop, [shop.reviews.of_job(entry.id) for entry in entries])
    return found


def _found(shop: Shop, reviews: Sequence[Review | None]) -> list[Found]:
    return [Found(shop, review) for review in reviews if review is not None]


# --- several -----------------------------------------------------------------------------------


def _several(path: Path, shop: Shop) -> Meant:
    """Return what waits under a glob or below a folder."""
    found: list[Found] = []
    before = 0
    for inbox in shop.state.config.inboxes:
        pattern = _pattern(path, inbox)
        if pattern is None:
            continue
        where, glob = pattern
        waiting = shop.reviews.waiting(inbox.path)
        judged = shop.reviews.judged(inbox.path)
        if where == "outbox" and f"{glob}/".startswith(f"{REJECTED_FOLDER}/"):
            waiting += [r for r in judged if r.entry.judged == "rejected"]
        found += [Found(shop, r) for r in waiting if _falls_under(glob, _names(r, inbox, where))]
        before += sum(_falls_under(glob, _names_before(r, inbox, where)) for r in judged)
    return Meant(tuple(found), before)


def _pattern(path: Path, inbox: Inbox) -> tuple[str, str] | None:
    """Return a path or glob from the outbox or the inbox that it lies in."""
    below = real_paths.below([inbox.outbox, inbox.path], path)
    return None if below is None else (("outbox", "inbox")[below[0]], below[1])


def _names(review: Review, inbox: Inbox, where: str) -> list[str]:
    if where == "inbox":
        return [review.entry.path]
    paths = [*review.entry.published, review.entry.moved_to]
    return [str(Path(p).relative_to(inbox.outbox)) for p in paths if _is_below(p, inbox.outbox)]


def _names_before(review: Review, inbox: Inbox, where: str) -> list[str]:
    """Return the names that a judged picture had while it waited."""
    if where == "inbox":
        return [review.entry.path]
    outbox = inbox.outbox
    places = (p.relative_to(outbox) if p.is_relative_to(outbox) else p for p in review.places)
    return [in_review(str(place)) for place in places]


def _is_below(path: str, folder: Path) -> bool:
    return path != "" and Path(path).is_relative_to(folder)


def _falls_under(glob: str, names: Sequence[str]) -> bool:
    """Whether one of the names is meant by a glob, or lies below a folder."""
    if _MAGIC.search(glob):
        return any(matches(glob, name) for name in names)
    return any(glob == "." or name.startswith(f"{glob}/") for name in names)

"""Folders that would feed each other: results cut again, pictures taken twice."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from scissorsd.config.findings import Finding
from scissorsd.config.schema import Configuration, InboxSection
from scissorsd.config.validation import Validated
from scissorsd.core.ignoring import why_ignored
from scissorsd.core.rules import PROCESSED_FOLDER

_PATIENCE = 2.0  # seconds; a share that hangs must not keep the daemon from starting
_PROBES = ("any.name", "any/any.name")


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder as it is written, and as it really is once links are followed."""

    written: Path
    real: Path

    def within(self, outer: "_Folder") -> str | None:
        """Give the path from an outer folder to this one, "." for the same; None: not inside."""
        for inner, other in ((self.written, outer.written), (self.real, outer.real)):
            if inner.is_relative_to(other):
                return inner.relative_to(other).as_posix()
        return None


@dataclass(frozen=True, slots=True)
class _Inbox:
    name: str
    section: InboxSection
    path: _Folder
    outbox: _Folder

    def takes_from(self, folder: _Folder) -> str | None:
        """Give where in this inbox a folder lies whose pictures it would take, or None."""
        place = folder.within(self.path)
        if place is None or place == ".":
            return place
        return place if self.section.recursive and not self._ignores(place) else None

    def _ignores(self, place: str) -> bool:
        paths = (f"{place}/{probe}" for probe in _PROBES)
        return all(why_ignored(path, self.section.ignore) for path in paths)


def check_folders(validated: Validated) -> Iterator[Finding]:
    """Look at how inboxes, outboxes, destinations and the state folder lie to each other."""
    configuration = validated.configuration
    if configuration is None:
        return
    real = _real(_paths(configuration))
    inboxes = [
        _Inbox(
            name,
            section,
            _Folder(section.path, real[section.path]),
            _Folder(section.outbox, real[section.outbox]),
        )
        for name, section in configuration.inboxes.items()
    ]
    for index, inbox in enumerate(inboxes):
        yield from _own_outbox(inbox)
        yield from _overlaps(inbox, inboxes[:index])
        yield from _moves(inbox, inboxes, real)
        state = _Folder(configuration.state, real[configuration.state])
        if validated.whole("state") and state.within(inbox.path) is not None:
            yield Finding(("state",), f"lies inside the inbox of inboxes.{inbox.name}")
    yield from _circles(inboxes)


def _own_outbox(inbox: _Inbox) -> Iterator[Finding]:
    place = inbox.takes_from(inbox.outbox)
    if place == ".":
        what = "is the inbox itself: results would be cut again; choose another folder"
        yield Finding(("inboxes", inbox.name, "outbox"), what)
    elif place is not None:
        what = "lies inside its own inbox: results would be cut again; choose another folder, or "
        yield Finding(("inboxes", inbox.name, "outbox"), f'{what}exclude it: ignore: ["{place}/"]')
    elif inbox.path.within(inbox.outbox) not in {None, "."}:
        what = "lies inside its own outbox: results could land in it; choose another folder"
        yield Finding(("inboxes", inbox.name, "path"), what)


def _overlaps(inbox: _Inbox, earlier: list[_Inbox]) -> Iterator[Finding]:
    for other in earlier:
        inner = inbox.takes_from(other.path)
        outer = other.takes_from(inbox.path)
        if inner is None and outer is None:
            continue
        how = "is the same folder as" if "." in {inner, outer} else "overlaps with"
        what = f"{how} inboxes.{other.name}.path: pictures would be taken twice"
        yield Finding(("inboxes", inbox.name, "path"), what)


def _moves(inbox: _Inbox, inboxes: list[_Inbox], real: dict[Path, Path]) -> Iterator[Finding]:
    for index, path in _destinations(inbox.section):
        folder = _Folder(path, real[path])
        taker = next((i for i in inboxes if i.takes_from(folder) is not None), None)
        if taker:
            key = "move_to" if inbox.section.rules[index].move_to else "source"
            what = f"pictures moved to {path} would be taken again by inboxes.{taker.name}"
            yield Finding(("inboxes", inbox.name, "rules", index, key), what)


def _destinations(section: InboxSection) -> Iterator[tuple[int, Path]]:
    for index, rule in enumerate(section.rules):
        if rule.source == "move" and not rule.skip:
            yield index, section.outbox / (rule.move_to or PROCESSED_FOLDER)


def _circles(inboxes: list[_Inbox]) -> Iterator[Finding]:
    """Find each way by which what comes out of an inbox comes back into it through others."""
    feeds = {
        inbox.name: [
            other.name
            for other in inboxes
            if other is not inbox
            and (other.takes_from(inbox.outbox) or other.path.within(inbox.outbox)) is not None
        ]
        for inbox in inboxes
    }
    told: set[frozenset[str]] = set()
    for name in feeds:
        way = _way_back(name, feeds)
        if way and frozenset(way) not in told:
            told.add(frozenset(way))
            what = f"results would go round in a circle: {' → '.join([*way, name])}"
            yield Finding(("inboxes", way[-1], "outbox"), what)


def _way_back(start: str, feeds: dict[str, list[str]]) -> list[str]:
    """Give the shortest way from an inbox through others back to it, or nothing."""
    ways, seen = [[start]], {start}
    for way in ways:
        for fed in feeds[way[-1]]:
            if fed == start:
                return way
            if fed not in seen:
                seen.add(fed)
                ways.append([*way, fed])
    return []


def _paths(configuration: Configuration) -> set[Path]:
    paths = {configuration.state}
    for section in configuration.inboxes.values():
        paths |= {section.path, section.outbox, *(path for _, path in _destinations(section))}
    return paths


def _real(paths: set[Path]) -> dict[Path, Path]:
    """Follow links, each path in a thread of its own; one that hangs is taken as it is written."""
    real = {path: path for path in paths}

    def follow(path: Path) -> None:
        real[path] = Path(os.path.realpath(path))  # Path.resolve raises on loops of links

    threads = [Thread(target=follow, args=(path,), daemon=True) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE)
    return dict(real)

"""Folders that would feed each other: results cut again, pictures taken twice."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scissorsd.config.outputs import OutputSection
from scissorsd.config.problems import Problem
from scissorsd.config.schema import Configuration, InboxSection, RuleSection
from scissorsd.config.validation import Validated
from scissorsd.core.ignored_names import why_ignored
from scissorsd.core.rules import PROCESSED_FOLDER, Output, Rule
from scissorsd.folders import real_paths
from scissorsd.folders.real_paths import Location
from scissorsd.settings import Config, Inbox

_PROBES = ("any.name", "any/any.name")
Section = InboxSection | Inbox  # an inbox as the file has it, or as the daemon does
Locations = Mapping[Path, Location]


@dataclass(frozen=True, slots=True)
class _Inbox:
    name: str
    section: Section
    path: Location
    outbox: Location

    def takes_from(self, folder: Location) -> str | None:
        """Return where in this inbox a folder lies whose pictures it would take, or None."""
        return next((below for below in folder.seen_in(self.path) if self._takes(below)), None)

    def _takes(self, below: str) -> bool:
        return below == "." or (self.section.recursive and not self._ignores(below))

    def _ignores(self, below: str) -> bool:
        paths = (f"{below}/{probe}" for probe in _PROBES)
        return all(why_ignored(path, self.section.ignore) for path in paths)


def check_folders(validated: Validated) -> Iterator[Problem]:
    """Look at how inboxes, outboxes, destinations and the state folder lie to each other."""
    configuration = validated.configuration
    if configuration is None:
        return
    locations = real_paths.locate({configuration.state, *_paths(configuration.inboxes)})
    yield from _entangled(configuration.inboxes, locations)
    yield from _elsewhere(configuration, locations)
    for name, section in configuration.inboxes.items():
        obstacle = locations[section.outbox].obstacle
        if obstacle is not None:
            message = f"cannot be a folder: {obstacle} is a file; choose another"
            yield Problem(("inboxes", name, "outbox"), message)
        inside = locations[configuration.state].within(locations[section.path]) is not None
        if inside and validated.whole("state"):
            yield Problem(("state",), f"lies inside the inbox of inboxes.{name}")


def why_entangled(config: Config) -> dict[str, str]:
    """Return each inbox whose folders have come to feed each other, and how; mounts may change."""
    inboxes = {inbox.name: inbox for inbox in config.inboxes}
    why: dict[str, str] = {}
    for problem in _entangled(inboxes, real_paths.locate(_paths(inboxes))):
        _, name, *_, key = problem.loc
        subject = f"its {key} " if key in {"path", "outbox"} else ""
        why.setdefault(str(name), f"{subject}{problem.message}")
    return why


def _entangled(sections: Mapping[str, Section], locations: Locations) -> Iterator[Problem]:
    inboxes = [
        _Inbox(name, section, locations[section.path], locations[section.outbox])
        for name, section in sections.items()
    ]
    for index, inbox in enumerate(inboxes):
        yield from _own_outbox(inbox)
        yield from _overlaps(inbox, inboxes[:index])
        yield from _moves(inbox, inboxes, locations)
        yield from _outputs(inbox, inboxes, locations)
    yield from _circles(inboxes)


def _own_outbox(inbox: _Inbox) -> Iterator[Problem]:
    below = inbox.takes_from(inbox.outbox)
    if below == ".":
        message = "is the inbox itself: results would be cut again; choose another folder"
        yield Problem(("inboxes", inbox.name, "outbox"), message)
    elif below is not None:
        message = "lies inside its own inbox: results would be cut again"
        advice = f'choose another folder, or exclude it: ignore: ["{below}/"]'
        yield Problem(("inboxes", inbox.name, "outbox"), f"{message}; {advice}")
    elif inbox.path.within(inbox.outbox) not in {None, "."}:
        message = "lies inside its own outbox: results could land in it; choose another folder"
        yield Problem(("inboxes", inbox.name, "path"), message)


def _overlaps(inbox: _Inbox, earlier: list[_Inbox]) -> Iterator[Problem]:
    for other in earlier:
        inner = inbox.takes_from(other.path)
        outer = other.takes_from(inbox.path)
        if inner is None and outer is None:
            continue
        how = "is the same folder as" if "." in {inner, outer} else "overlaps with"
        message = f"{how} inboxes.{other.name}.path: pictures would be taken twice"
        yield Problem(("inboxes", inbox.name, "path"), message)


def _moves(inbox: _Inbox, inboxes: list[_Inbox], locations: Locations) -> Iterator[Problem]:
    for index, path in _destinations(inbox.section):
        taker = next((i for i in inboxes if i.takes_from(locations[path]) is not None), None)
        if taker:
            key = "move_to" if inbox.section.rules[index].move_to else "source"
            message = f"pictures moved to {path} would be taken again by inboxes.{taker.name}"
            yield Problem(("inboxes", inbox.name, "rules", index, key), message)


def _outputs(inbox: _Inbox, inboxes: list[_Inbox], locations: Locations) -> Iterator[Problem]:
    for (rule, output), path in _folders_elsewhere(inbox.section):
        loc = ("inboxes", inbox.name, "rules", rule, "outputs", output, "folder")
        place = locations[path]
        taker = next((i for i in inboxes if i.takes_from(place) is not None), None)
        holder = next((i for i in inboxes if i.path.within(place) is not None), None)
        if taker:
            message = f"outputs put into {path} would be cut again by inboxes.{taker.name}"
            yield Problem(loc, f"{message}; choose another folder")
        elif holder:
            message = f"the inbox of inboxes.{holder.name} lies in {path}: outputs could land in it"
            yield Problem(loc, f"{message}; choose another folder")


def _elsewhere(configuration: Configuration, locations: Locations) -> Iterator[Problem]:
    """Look at the folders of outputs that lie outside of the outbox by themselves."""
    for name, section in configuration.inboxes.items():
        for (rule, output), path in _folders_elsewhere(section):
            loc = ("inboxes", name, "rules", rule, "outputs", output, "folder")
            place = locations[path]
            if place.obstacle is not None:
                message = f"cannot be a folder: {place.obstacle} is a file; choose another"
                yield Problem(loc, message)
            elif place.within(locations[configuration.state]) is not None:
                yield Problem(loc, "lies inside the state folder, which is scissorsd's own")


def _folders_elsewhere(section: Section) -> Iterator[tuple[tuple[int, int], Path]]:
    """Yield each folder of an output that is absolute, and of which rule and output it is."""
    rules: Sequence[RuleSection | Rule] = section.rules
    for number, rule in enumerate(rules):
        outputs: Sequence[OutputSection | Output] = () if rule.skip else rule.outputs
        for index, output in enumerate(outputs):
            if output.folder.startswith("/") and not Path(output.folder).is_relative_to(
                section.outbox
            ):
                yield (number, index), Path(output.folder)


def _destinations(section: Section) -> Iterator[tuple[int, Path]]:
    rules: Sequence[RuleSection | Rule] = section.rules
    for index, rule in enumerate(rules):
        if rule.source == "move" and not rule.skip:
            yield index, section.outbox / (rule.move_to or PROCESSED_FOLDER)


def _circles(inboxes: list[_Inbox]) -> Iterator[Problem]:
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
    known: set[frozenset[str]] = set()
    for name in feeds:
        way = _way_back(name, feeds)
        if way and frozenset(way) not in known:
            known.add(frozenset(way))
            message = f"results would go round in a circle: {' → '.join([*way, name])}"
            yield Problem(("inboxes", way[-1], "outbox"), message)


def _way_back(start: str, feeds: dict[str, list[str]]) -> list[str]:
    """Return the shortest way from an inbox through others back to it, or []. Breadth first."""
    ways, seen = [[start]], {start}
    for way in ways:
        for fed in feeds[way[-1]]:
            if fed == start:
                return way
            if fed not in seen:
                seen.add(fed)
                ways.append([*way, fed])
    return []


def _paths(inboxes: Mapping[str, Section]) -> set[Path]:
    paths: set[Path] = set()
    for section in inboxes.values():
        paths |= {section.path, section.outbox, *(path for _, path in _destinations(section))}
        paths |= {path for _, path in _folders_elsewhere(section)}
    return paths

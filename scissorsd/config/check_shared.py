"""Outputs of two inboxes that want the same names in one folder."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scissorsd.config.check_outputs import path_of
from scissorsd.config.problems import Problem
from scissorsd.config.schema import InboxSection, RuleSection
from scissorsd.config.validation import Validated
from scissorsd.core.file_names import name_key
from scissorsd.core.globs import literal_start
from scissorsd.folders import real_paths
from scissorsd.folders.real_paths import Location

_Named = dict[tuple[str, str], list[RuleSection]]  # the real folder and the name → whose it is


def check_shared(validated: Validated) -> Iterator[Problem]:
    """Warn where equal names of two inboxes would come to lie in one folder."""
    if validated.configuration is None:
        return
    inboxes = validated.configuration.inboxes
    folders = {folder for section in inboxes.values() for folder in _folders(section)}
    if len(inboxes) < 2:  # noqa: PLR2004 - two
        return
    locations = real_paths.locate(folders)
    known: list[tuple[str, _Named]] = []
    for name, section in inboxes.items():
        named = _names(name, section, locations)
        for other, theirs in known:
            shared = next(_shared(named, theirs), None)
            if shared is not None:
                folder, path = shared
                message = (
                    f"outputs go where those of inboxes.{other} go, under the same names: of two "
                    f"pictures of one name in both the later one steps aside ({path} in {folder}); "
                    "give each an outbox of its own, or their outputs a folder, or {inbox} in name"
                )
                yield Problem(("inboxes", name, "outbox"), message, warning=True)
                break
        known.append((name, named))


def _folders(section: InboxSection) -> Iterator[Path]:
    yield section.outbox
    for rule in section.rules:
        yield from (Path(one.folder) for one in rule.outputs if one.folder.startswith("/"))


def _names(inbox: str, section: InboxSection, locations: Mapping[Path, Location]) -> _Named:
    """Return every path that outputs of an inbox may have, its fields still open."""
    named: _Named = {}
    for number, rule in enumerate(section.rules, 1):
        for output in () if rule.skip else rule.outputs:
            folder, path = section.outbox, path_of(output)
            if output.folder.startswith("/"):
                folder, path = Path(output.folder), path.removeprefix(output.folder)
            path = path.replace("{inbox}", inbox).replace("{rule}", rule.name or f"rule {number}")
            key = str(locations[folder].real), name_key(path.strip("/"))
            named.setdefault(key, []).append(rule)
    return named


def _shared(mine: _Named, theirs: _Named) -> Iterator[tuple[str, str]]:
    for key in mine.keys() & theirs.keys():
        if any(_may_meet(one, other) for one in mine[key] for other in theirs[key]):
            yield key


def _may_meet(one: RuleSection, other: RuleSection) -> bool:
    """Whether both rules may take pictures of one path, as far as their globs begin alike."""
    first, second = (_beginnings(rule.match or ()) for rule in (one, other))
    return any(a.startswith(b) or b.startswith(a) for a in first for b in second)


def _beginnings(globs: Sequence[str]) -> list[str]:
    return [literal_start(glob) for glob in globs] or [""]

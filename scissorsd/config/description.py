"""A configuration in plain words, for `scissorsd check`."""

import os
from collections.abc import Iterator, Sequence

from scissorsd.config.description_of_keeping import said_housekeeping
from scissorsd.config.description_of_outputs import said_mask, said_output
from scissorsd.config.description_of_page import said_page
from scissorsd.config.parse_quantities import said_count, said_seconds, said_size
from scissorsd.core.rules import DOUBTFUL, PROCESSED_FOLDER, REVIEW_FOLDER, OnVerdict, Rule
from scissorsd.folders import real_paths
from scissorsd.settings import Config, Hosts, Inbox

_WATCHED = {
    "auto": "by events, or by polling where it is a network share",
    "events": "by events",
    "polling": "by polling",
}
_VERDICTS: dict[OnVerdict, str] = {
    "publish": "is published like any other",
    "review": f"goes to {REVIEW_FOLDER}/",
    "fail": "is set aside as failed",
}
_SILENT = "does not answer now: nothing of it is taken until it does"


def describe(config: Config) -> str:
    """Say what each inbox will do, rule by rule, and what holds for all of them."""
    lines: list[str] = []
    for inbox in config.inboxes:
        if not inbox.quick:  # it is told of with the page
            lines += [*_inbox(inbox), ""]
    if config.page is not None:
        lines += [*said_page(config), ""]
    if config.hosts is not None:
        lines += [*_hosts(config.hosts), ""]
    return "\n".join([*lines, *_everywhere(config)])


def _hosts(hosts: Hosts) -> Iterator[str]:
    """Say over which hub other machines cut, and what is left for this one."""
    here = "only what no host can" if hosts.here == 0 else "pictures, too"
    if hosts.here:
        here = f"up to {hosts.here} pictures at once, too"
    yield f"hosts: other machines cut over {hosts.hub}; this one cuts {here}"
    yield f"  its name and secret there are in {hosts.join}"
    if hosts.bytes:
        most = said_size(hosts.bytes)
        yield f"  to hosts that do not see the folders go pictures of up to {most}"
    if hosts.same_version:
        yield "  hosts of another version get no work"


def _inbox(inbox: Inbox) -> Iterator[str]:
    below = " and its sub-folders" if inbox.recursive else ", not its sub-folders"
    yield f"{inbox.name}: watches {inbox.path}{below}; results go to {inbox.outbox}"
    silent = real_paths.that_hang([inbox.path])
    away = _SILENT if silent else _away(inbox)
    if away:
        yield f"  the inbox {away}"
    yield (
        f"  watched {_WATCHED[inbox.watch]}, looked through every {said_seconds(inbox.rescan)}; "
        f"a picture is taken once it has not changed for {said_seconds(inbox.settle)}"
    )
    globs = f"{_or(inbox.ignore)}, and " if inbox.ignore else ""
    yield f"  ignored: {globs}temporary files and system folders"
    for number, rule in enumerate(inbox.rules, 1):
        what, *details = _rule(rule, first=number == 1)
        yield f"  {number}. {rule.name}: {what}"
        yield from (f"     {line}" for line in details)
    yield from (f"  {line}" for line in said_housekeeping(inbox))
    if all(rule.match for rule in inbox.rules):
        yield "  pictures that match no rule are left alone"


def _away(inbox: Inbox) -> str:
    if not os.path.isdir(inbox.path):  # noqa: PTH112 (Path's raises where it may not look)
        return "is not there now: it counts as away until it is"
    if inbox.require_mount and not os.path.ismount(inbox.path):
        return "is not mounted now: it counts as away until it is"
    return ""


def _rule(rule: Rule, *, first: bool) -> Iterator[str]:
    every = "every picture is" if first else "every other picture is"
    which = f"pictures matching {_or(rule.match)} are" if rule.match else every
    first_words, *others = said_rule(rule)
    yield f"{which} {first_words}"
    yield from others


def said_rule(rule: Rule) -> Iterator[str]:
    """Say what becomes of the pictures that a rule takes."""
    if rule.skip:
        yield "left alone"
        return
    yield f"cut with {rule.model}{_other(rule)}{said_mask(rule.mask)}"
    yield f"out come{'s' if len(rule.outputs) == 1 else ''} {said_output(rule.outputs[0])}"
    yield from (f"and {said_output(output)}" for output in rule.outputs[1:])
    yield _source(rule)
    yield said_verdicts(rule)


def _other(rule: Rule) -> str:
    if not rule.second_opinion or rule.second_opinion == rule.model:
        return ""
    return f", or with {rule.second_opinion} where that is the surer of the two"


def said_verdicts(rule: Rule) -> str:
    """Say what becomes of a picture whose mask is not good enough."""
    without, doubtful = _VERDICTS[rule.when_no_subject], _VERDICTS[rule.when_doubtful]
    mask = "a doubtful mask"
    if rule.doubtful_above != DOUBTFUL:
        mask += f" (a doubt above {rule.doubtful_above:g})"
    if without == doubtful:
        return f"a picture without a subject, or with {mask}, {without}"
    return f"a picture without a subject {without}; one with {mask} {doubtful}"


def _source(rule: Rule) -> str:
    folder = rule.move_to or PROCESSED_FOLDER
    return {
        "keep": "the source stays where it is",
        "move": f"the source is moved to {folder.rstrip('/')}/",
        "delete": "the source is deleted",
    }[rule.source]


def _everywhere(config: Config) -> Iterator[str]:
    limits = config.limits
    workers = f"{config.workers} workers" if config.workers else "as many workers as suit"
    yield (
        f"pictures beyond {said_size(limits.file)} or {said_count(limits.pixels)} pixels fail; "
        f"pictures in flight take {said_size(config.memory)} at most, "
        f"in {workers}"
    )
    gpu = "; a GPU is required" if config.require_gpu else ""
    where = "the best that works" if config.providers == ("auto",) else ", ".join(config.providers)
    yield f"providers: {where}{gpu}; precision: {config.precision}"
    yield f"model files: {config.models}; job journal: {config.state}"


def _or(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))

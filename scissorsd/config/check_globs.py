"""Globs that are probably not what was meant: every problem is a warning."""

import re
from collections.abc import Iterator
from itertools import takewhile

from scissorsd.config.problems import Problem, quoted
from scissorsd.config.schema import InboxSection, RuleSection
from scissorsd.config.validation import Validated
from scissorsd.core.ignored_names import PICTURE_SUFFIXES, why_ignored

_REGEX = re.compile(
    r"^\^|\$$|\\[.dwsDSWbB()\[\]+]|\.\*\\|\.\+|\(\?|\([^()]*\|[^()]*\)|\.\*[A-Za-z]*\$"
)
_HIDDEN = re.compile(r"(^|/)\.\*")  # also a glob for hidden files; in `ignore` it often is
_REWRITES = (  # regular expression → glob, in order
    (r"^\^|\$$|\(\?[a-z:]+\)?", ""),
    (r"\.[*+]\??", "*"),
    (r"\\d[+*]?", "[0-9]"),
    (r"\\[wS][+*]?", "*"),
    (r"\\(.)", r"\1"),
    (r"\(([^()|]*(?:\|[^()|]*)+)\)", lambda match: "{" + match[1].replace("|", ",") + "}"),
)
_EVERYTHING = {"**", "*", "**/*"}
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}$")


def check_globs(validated: Validated) -> Iterator[Problem]:
    """Look at every inbox's `ignore` and at the `match` of its rules."""
    configuration = validated.configuration
    for name, inbox in configuration.inboxes.items() if configuration else ():
        for index, pattern in enumerate(inbox.ignore):
            if _REGEX.search(pattern):
                yield _regex(("inboxes", name, "ignore", index), pattern)
        for index, rule in enumerate(inbox.rules):
            loc = ("inboxes", name, "rules", index)
            for number, pattern in enumerate(rule.match or []):
                if _REGEX.search(pattern) or _HIDDEN.search(pattern):
                    yield _regex((*loc, "match", number), pattern)
                elif reason := _never(pattern, inbox):
                    message = f"{quoted(pattern)} can never match: {reason}"
                    yield Problem((*loc, "match", number), message, warning=True)
        yield from _shadowed(validated, name, inbox)


def _regex(loc: tuple[str | int, ...], pattern: str) -> Problem:
    glob = pattern
    for old, new in _REWRITES:
        glob = re.sub(old, new, glob)
    hint = f", such as {quoted(glob)}" if glob and glob != pattern else ""
    message = f"{quoted(pattern)} looks like a regular expression; patterns are globs{hint}"
    return Problem(loc, message, warning=True)


def _never(pattern: str, inbox: InboxSection) -> str:
    """Return why no picture can match, or ''."""
    folder, _, _ = pattern.rpartition("/")
    if pattern.startswith("/"):
        return "patterns are relative to the inbox; leave out what comes before"
    if pattern.startswith("~") or {".", ".."} & set(pattern.split("/")):
        return "paths in the inbox have neither ~ nor . nor .. as a folder"
    if "\\" in pattern:
        return "folders are separated by /, not by a backslash"
    suffix = _SUFFIX.search(pattern)
    if suffix and suffix[0].lower() not in PICTURE_SUFFIXES:
        return f"no picture's name ends in {suffix[0]}"
    if folder.replace("*", "") and not inbox.recursive:
        return "it names a sub-folder, and the inbox has recursive: false"
    return why_ignored("/".join(takewhile(_is_literal, pattern.split("/"))), ())


def _is_literal(part: str) -> bool:
    return not set(part) & set("*?[{")


def _shadowed(validated: Validated, name: str, inbox: InboxSection) -> Iterator[Problem]:
    """Find rules of which nothing is left by `ignore` and the rules above."""
    taken = dict.fromkeys(inbox.ignore, "ignore")
    for index, rule in enumerate(inbox.rules):
        loc = ("inboxes", name, "rules", index)
        if not validated.whole(*loc, "match") or loc in validated.broken:
            continue
        patterns = rule.match or ["**"]
        takers = [_taker(pattern, taken) for pattern in patterns]
        if all(takers):
            taker = " and ".join(dict.fromkeys(t for t in taken.values() if t in takers))
            verb = "" if " and " in taker else "s"
            message = f"this rule can never match: {taker} take{verb} all before it"
            place = (*loc, "match") if rule.match else loc
            yield Problem(place, message, warning=True)
        for pattern in patterns:
            taken.setdefault(pattern, _called(rule, index))


def _called(rule: RuleSection, index: int) -> str:
    return f"rule {quoted(rule.name)}" if rule.name else f"rule {index + 1}"


def _taker(pattern: str, taken: dict[str, str]) -> str:
    """Return what takes everything that the pattern matches, or ''."""
    return next((taker for earlier, taker in taken.items() if _covers(earlier, pattern)), "")


def _covers(earlier: str, later: str) -> bool:
    """Whether every path of `later` is surely one of `earlier`; false where it is not known."""
    earlier, later = earlier.casefold(), later.casefold()
    if earlier in _EVERYTHING or earlier == later:
        return True
    folder = earlier.removesuffix("**")
    is_folder = folder.endswith("/") and _is_literal(folder)
    return is_folder and later.startswith(folder)

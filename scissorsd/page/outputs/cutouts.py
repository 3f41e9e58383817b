"""Which output of a job is the whole cutout, from which another output can be made.

It is lossless, as large as the picture, and nothing stands around its subject: so it holds the
very colours and the very mask that every output of the job was made of.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scissorsd.core.canvas import asks_nothing
from scissorsd.core.formats import FORMATS
from scissorsd.core.rules import NOTHING, Output, Rule
from scissorsd.core.wishes import wish_of
from scissorsd.errors import PictureError
from scissorsd.page.answers import Refusal
from scissorsd.page.desk import Desk
from scissorsd.page.lookup import Found, outputs_of
from scissorsd.page.outputs.places import open_output, open_source, read_whole
from scissorsd.pictures.reading import read_header
from scissorsd.records.journal_rows import Entry, is_look_of

_LOSSLESS_SUFFIXES = tuple(
    suffix for row in FORMATS.values() if row.is_lossless for suffix in row.suffixes
)
_BYTES_PER_PIXEL = 8  # of a cutout's file, at most


@dataclass(frozen=True, slots=True)
class Cutout:
    """A whole cutout: its file, the version of that, and its bytes."""

    path: Path
    version: tuple[int, int]
    data: bytes


def is_finishable(rules: Iterable[Rule], entry: Entry) -> bool:
    """Whether other outputs can be made of a job's cutout, by what is known without a look at it.

    `rules` are those of its inbox.
    """
    return _number(rules, entry) is not None


def read_cutout(desk: Desk, found: Found) -> Cutout:
    """Read the whole cutout of a job; or refuse."""
    entry = found.entry
    if not any(kind == "cutout" for kind, _ in found.outputs):
        raise Refusal(409, "no_cutout", f"There is no cutout of {found.name} now.")
    number = _number(found.inbox.rules, entry)
    if number is None:
        raise _not_whole(found)
    opened = open_output(desk, found, number)
    limits = desk.config.limits
    data = read_whole(opened, max(limits.file, _BYTES_PER_PIXEL * limits.pixels))
    if _rule(found.inbox.rules, entry) is None:
        _compare_with_source(desk, found, data)
    return Cutout(opened.path, opened.version, data)


def _number(rules: Iterable[Rule], entry: Entry) -> int | None:
    """Return which output is a whole cutout; None where none is."""
    cutouts = [number for number, (kind, _) in enumerate(outputs_of(entry)) if kind == "cutout"]
    if not cutouts:
        return None
    rule = _rule(rules, entry)
    if rule is None:  # only its file tells
        paths = outputs_of(entry)
        named = (n for n in cutouts if str(paths[n][1]).lower().endswith(_LOSSLESS_SUFFIXES))
        return next(named, None)
    whole = [n for n in cutouts if n < len(rule.outputs) and _is_whole(rule.outputs[n])]
    return min(whole, key=lambda n: _likeness(rule.outputs[n]), default=None)


def _rule(rules: Iterable[Rule], entry: Entry) -> Rule | None:
    """Return the rule by which a job was cut, while the configuration has it."""
    wish = wish_of(entry.wish)
    by_name = sorted(rules, key=lambda rule: rule.name != entry.rule)
    return next((rule for rule in by_name if is_look_of(entry.plan, wish.over(rule))), None)


def _is_whole(output: Output) -> bool:
    return output.is_lossless and asks_nothing(output) and output.outline == NOTHING


def _likeness(output: Output) -> tuple[bool, bool]:
    """Sort what is as other outputs usually are first: colours cleaned, at 8 bits."""
    return output.colour != "clean", output.depth != "8"


def _compare_with_source(desk: Desk, found: Found, data: bytes) -> None:
    """Refuse a cutout that is not as large as its picture: it was cropped, or made smaller."""
    limits = desk.config.limits
    try:
        source = read_whole(open_source(desk, found), limits.file)
        sizes = [
            sorted((header.width, header.height))
            for header in (read_header(d, max_pixels=limits.pixels) for d in (source, data))
        ]
    except (Refusal, PictureError) as error:
        raise Refusal(
            409,
            "not_known",
            f"The rule {found.entry.rule!r} has changed since {found.name} was cut, and the "
            f"picture itself cannot be read: whether its cutout is whole is not known.",
            "Have it cut again.",
        ) from error
    if sizes[0] != sizes[1]:
        raise _not_whole(found)


def _not_whole(found: Found) -> Refusal:
    return Refusal(
        409,
        "not_whole",
        f"The cutout of {found.name} is cropped, resized, outlined or lossy; nothing else can be "
        "made of it.",
        "Give its rule a further output of its own, {kind: cutout, format: png}, and have it cut "
        "again.",
    )

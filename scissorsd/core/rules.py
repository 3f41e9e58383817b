"""Rules: which one a picture falls under, and the job that follows from it."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, islice
from pathlib import PurePath, PurePosixPath
from typing import Literal

from scissorsd.core.formats import FORMATS, Format, Kind, default_name
from scissorsd.core.globs import matches
from scissorsd.core.settling import Sighting

Verdict = Literal["ok", "doubtful", "no_subject"]
OnVerdict = Literal["publish", "review", "fail"]
SourceAction = Literal["keep", "move", "delete"]
Holes = Literal["keep", "fill", "open"]
Edges = Literal["auto", "soft", "fine", "best"]
Quality = int | Literal["lossless"]  # 1 to 100
Align = Literal[
    "center",
    "top",
    "bottom",
    "left",
    "right",
    "top left",
    "top right",
    "bottom left",
    "bottom right",
]
# Of pictures whose doubt is greater most are badly cut (docs/masks.md; masking.doubt).
DOUBTFUL = 0.1
ASKED_ABOVE = 0.06  # the doubt above which a second network is asked, where a rule names one
_BEST = 100  # the highest quality, at which WebP has always been lossless
NAME_FIELDS = ("stem", "ext", "rule", "inbox", "kind", "date")

REVIEW_FOLDER = "review"
REJECTED_FOLDER = "rejected"
FAILED_FOLDER = "failed"
PROCESSED_FOLDER = "processed"
_VARIANTS_TRIED = 100  # of names, in search of those that a picture had before
NAME_LIMIT = 255  # bytes in one file name, on nearly every file system
SHORT_NAME_LIMIT = 143  # ... but where names are encrypted (eCryptfs, as on Synology's NAS)
# What FAT, exFAT, NTFS and so SMB forbid in a name (Microsoft, "Naming Files, Paths, and
# Namespaces"); some file systems forbid bytes that are not UTF-8, too.
_FORBIDDEN = re.compile(r"""[<>:"|?*\\\x00-\x1f\x7f\ud800-\udfff]""")


@dataclass(frozen=True, slots=True)
class Naming:
    """What the file system of an outbox takes of a name."""

    limit: int = NAME_LIMIT  # bytes
    portable: bool = False  # no characters that some file system forbids

    def name(self, body: str, suffix: str) -> str:
        """Return a name that it takes."""
        if self.portable:
            body = _FORBIDDEN.sub("-", body)
            suffix = _FORBIDDEN.sub("-", suffix)
            if not suffix and body != body.rstrip(". "):  # which Windows cuts off
                body = body.rstrip(". ") + "_"
        return fit(body, suffix, self.limit)

    def path(self, path: str) -> str:
        """Return a relative path of which it takes every part."""
        return "/".join(self.name(*_split(part)) for part in path.split("/")) if path else ""


AS_IT_IS = Naming()


def _split(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem else (name, "")


@dataclass(frozen=True, slots=True)
class Length:
    """A distance: pixels, or percent of a side that is named where it is used."""

    amount: float
    unit: Literal["px", "%"] = "px"

    def of(self, side: float) -> float:
        """Return the distance in pixels, `side` being that side's length."""
        return self.amount if self.unit == "px" else self.amount * side / 100


NOTHING = Length(0)


@dataclass(frozen=True, slots=True)
class Output:
    """One file to make of a picture."""

    kind: Kind = "cutout"
    format: Format = "png"
    folder: str = ""  # inside the outbox, above the mirrored sub-folders
    name: str = ""  # a template over NAME_FIELDS; empty: the kind's own
    quality: Quality = 90  # JPEG, WebP and AVIF; JPEG is never lossless
    compression: Literal["fast", "small"] = "fast"  # PNG
    background: str = "white"  # flat: a colour (name or hex) or the path of a picture
    metadata: Literal["strip", "keep"] = "strip"
    colour: Literal["clean", "as_is"] = "clean"  # clean: without the old background's at the edges
    depth: Literal["8", "16", "same"] = "8"  # bits of a sample; PNG and TIFF
    crop: Literal["none", "subject"] = "none"
    margin: Length = NOTHING  # on each side; in pixels or percent (longer side) of what comes out
    aspect: tuple[int, int] | None = None  # width : height
    size: tuple[int, int] | int | None = None  # width and height, or the longest side; pixels
    align: Align = "center"  # where the subject lies in a frame that leaves it room
    shadow: Literal["none", "soft"] = "none"  # flat
    outline: Length = NOTHING  # around a cutout's subject; percent of the longer side
    outline_colour: str = "white"
    # To reach `size`: no, yes, or so many times at most ("2x"). Old plans are without it.
    enlarge: str = field(default="no", repr=False)

    @property
    def is_lossless(self) -> bool:
        """Whether its file holds every pixel as it was made."""
        is_best = self.quality == "lossless" or (self.format == "webp" and self.quality == _BEST)
        return FORMATS[self.format].is_lossless or is_best

    @property
    def heeds_enlarge(self) -> bool:
        """Whether `enlarge` can make a difference."""
        return self.size is not None and self.kind != "comparison"


@dataclass(frozen=True, slots=True)
class MaskOptions:
    """How the network's map becomes the mask."""

    edges: Edges = "auto"
    threshold: float | None = None  # in (0, 1): a hard edge there
    feather: Length = NOTHING  # these two: percent of the picture's longer side
    grow: Length = NOTHING  # less than nothing shrinks
    keep: Literal["all", "largest"] = "all"  # of the separate parts of the mask
    holes: Holes = "keep"  # open: what has the background's colour is background


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do with the pictures that match it."""

    name: str
    match: tuple[str, ...] = ()  # globs relative to the inbox; none: every picture
    skip: bool = False
    model: str = "u2net"
    # The network that is asked where the first is unsure; empty: none. Old plans are without it.
    second_opinion: str = field(default="", repr=False)
    mask: MaskOptions = field(default_factory=MaskOptions)
    outputs: tuple[Output, ...] = (Output(),)
    when_no_subject: OnVerdict = "review"
    when_doubtful: OnVerdict = "publish"
    doubtful_above: float = field(default=DOUBTFUL, repr=False)  # old plans are without it
    source: SourceAction = "keep"
    move_to: str = ""  # absolute, or relative to the outbox; empty: processed/


def action(rule: Rule, verdict: Verdict) -> OnVerdict:
    """Return what a rule says of a picture with this verdict."""
    if verdict == "no_subject":
        return rule.when_no_subject
    return rule.when_doubtful if verdict == "doubtful" else "publish"


def choose(rules: Sequence[Rule], path: str) -> Rule | None:
    """Return the first rule whose globs match the path, or none."""
    for rule in rules:
        if not rule.match or any(matches(pattern, path) for pattern in rule.match):
            return rule
    return None


@dataclass(frozen=True, slots=True)
class PlannedOutput:
    """An output and the path it will have, relative to the outbox."""

    output: Output
    path: str


@dataclass(frozen=True, slots=True)
class Job:
    """One picture under one rule, planned."""

    inbox: PurePath  # absolute, as is the outbox
    outbox: PurePath
    source: Sighting
    rule: Rule
    outputs: tuple[PlannedOutput, ...]  # none: they are out, and only the source is left
    moved_to: str = ""  # where the source goes, relative to the outbox or absolute; empty: nowhere
    id: int = 0  # its row in the job journal, once begun
    lies_at: str = ""  # cut again where its source was moved to, absolute; empty: in the inbox

    @property
    def names(self) -> tuple[str, ...]:
        """Every path that this job may write, whatever its verdict turns out to be."""
        paths = [planned.path for planned in self.outputs]
        claimed = [*paths, *(in_review(path) for path in paths)]
        return (*claimed, self.moved_to) if self.moved_to else tuple(claimed)


def in_review(path: str) -> str:
    """Return the path that an output has when a person should look at it first."""
    return f"{REVIEW_FOLDER}/{path}"


def plan(
    inbox: PurePath,
    outbox: PurePath,
    source: Sighting,
    rule: Rule,
    *,
    inbox_name: str,
    date: str,
    taken: Callable[[str], bool],
    naming: Naming = AS_IT_IS,
    before: Collection[str] = (),
) -> Job:
    """Plan the job: the first set of names, in a fixed order, of which none is taken.

    `a.jpg` becomes `a.png`; where that is taken, `a-jpg.png`, then `a-2.png`, `a-3.png`, and so on
    for all of its outputs alike. `taken` answers for a path relative to the outbox. `inbox_name`
    and `date` are for the templates of the outputs' names. Of a picture that is cut again, `before`
    are the paths of its outputs: a set with one of these comes first.
    """

    def planned(variant: str) -> Job:
        return Job(
            inbox=inbox,
            outbox=outbox,
            source=source,
            rule=rule,
            outputs=tuple(
                PlannedOutput(
                    output,
                    _output_path(output, source.path, variant, rule, inbox_name, date, naming),
                )
                for output in rule.outputs
            ),
            moved_to=_destination(rule, source.path, variant, naming),
        )

    first = map(planned, islice(_variants(source.path), _VARIANTS_TRIED if before else 0))
    as_before = (job for job in first if not set(before).isdisjoint(p.path for p in job.outputs))
    for job in chain(as_before, map(planned, _variants(source.path))):
        if not any(taken(name) for name in job.names):
            return job
    raise AssertionError("the variants never end")


def destinations(rule: Rule, path: str, naming: Naming = AS_IT_IS) -> Iterator[str]:
    """Return the places to which a source may be moved, in the order in which they are tried."""
    return (_destination(rule, path, variant, naming) for variant in _variants(path))


def _variants(path: str) -> Iterator[str]:
    yield ""
    yield "-" + PurePosixPath(path).suffix[1:].lower()
    yield from (f"-{number}" for number in count(2))


def _output_path(
    output: Output,
    source: str,
    variant: str,
    rule: Rule,
    inbox_name: str,
    date: str,
    naming: Naming,
) -> str:
    picture = PurePosixPath(source)
    template = output.name or default_name(output.kind)
    if "{stem}" not in template:
        template += variant
        variant = ""
    values = {
        "stem": picture.stem + variant,
        "ext": picture.suffix[1:],
        "rule": rule.name,
        "inbox": inbox_name,
        "kind": output.kind,
        "date": date,
    }
    name = template.format(**{key: _harmless(value) for key, value in values.items()})
    suffixes = FORMATS[output.format].suffixes
    suffix = next((s for s in suffixes if name.lower().endswith(s)), "")
    *folders, body = (name[: -len(suffix)] if suffix else name).split("/")
    inner = (naming.name(_harmless(folder), "") for folder in folders)
    parent = naming.path(_parent(source))
    return _joined(output.folder, parent, *inner, naming.name(body, suffix or suffixes[0]))


def _destination(rule: Rule, source: str, variant: str, naming: Naming) -> str:
    if rule.source != "move":
        return ""
    picture = PurePosixPath(source)
    folder = rule.move_to or PROCESSED_FOLDER
    name = naming.name(picture.stem + variant, picture.suffix)
    return _joined(folder, naming.path(_parent(source)), name)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _joined(*parts: str) -> str:
    """Join without letting pathlib fold a name that is only dots."""
    first, *rest = (part for part in parts if part)
    return "/".join([first.rstrip("/"), *(part.strip("/") for part in rest)])


def _harmless(value: str) -> str:
    """Make a value that a template may use as a whole folder name without leaving the outbox."""
    return value.replace("/", "-") if value.strip(".") else value.replace(".", "_")


def fit(body: str, suffix: str, limit: int = NAME_LIMIT) -> str:
    """Join a name so that it fits in so many bytes; a body cut short ends in its hash."""
    if len(_encoded(body + suffix)) <= limit:
        return body + suffix
    if len(_encoded(suffix)) > limit // 2:  # an extension in name only
        body, suffix = body + suffix, ""
    end = "~" + hashlib.sha256(_encoded(body)).hexdigest()[:8] + suffix
    while len(_encoded(body + end)) > limit:
        body = body[:-1]
    return body + end


def name_key(path: str) -> str:
    """Return what two paths share when some file system would take them for one name.

    Unicode's canonical caseless match (The Unicode Standard, 3.13, definition D145).
    """
    return _decomposed(_decomposed(path).casefold())


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

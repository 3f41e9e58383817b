"""Rules: which one a picture falls under, and the job that follows from it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, islice
from pathlib import PurePath, PurePosixPath
from typing import Literal

from scissorsd.core.file_names import (
    AS_IT_IS,
    OF_THE_PICTURE,
    UNKNOWN,
    Facts,
    Naming,
    counted,
    fields_of,
    filled,
    folder_of,
    harmless,
    joined,
    name_key,
)
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

REVIEW_FOLDER = "review"
REJECTED_FOLDER = "rejected"
FAILED_FOLDER = "failed"
PROCESSED_FOLDER = "processed"
_VARIANTS_TRIED = 100  # of names, in search of those that a picture had before


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
    folder: str = ""  # above the mirrored sub-folders; in the outbox, or absolute and outside of it
    name: str = ""  # a template over file_names.NAME_FIELDS; empty: the kind's own
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
    def template(self) -> str:
        """The template of its name."""
        return self.name or default_name(self.kind)

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

    @property
    def is_told_by_pictures(self) -> bool:
        """Whether a picture must be read before its outputs can be named."""
        return any(fields_of(one.template).intersection(OF_THE_PICTURE) for one in self.outputs)

    @property
    def folders_elsewhere(self) -> tuple[str, ...]:
        """The folders outside of the outbox, absolute, to which some of its outputs go."""
        elsewhere = (one.folder for one in self.outputs if one.folder.startswith("/"))
        return () if self.skip else tuple(dict.fromkeys(elsewhere))

    @property
    def counts(self) -> bool:
        """Whether its pictures are counted in the names of their outputs."""
        return any("counter" in fields_of(one.template) for one in self.outputs)


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
    """An output and the path it will have: relative to the outbox, or absolute elsewhere."""

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
    counter: int = 0  # its number among those of its rule, where names tell it
    facts: Facts | None = None  # what names tell of the picture itself, once that is known
    # The number of this begin among all of the journal; the answer to an older one is refused.
    turn: int = field(default=0, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Every path that this job may write, whatever its verdict turns out to be."""
        claimed = _claimed([planned.path for planned in self.outputs])
        return (*claimed, self.moved_to) if self.moved_to else claimed


def _claimed(paths: Sequence[str]) -> tuple[str, ...]:
    return (*paths, *map(in_review, paths))


def in_review(path: str) -> str:
    """Return the path in the outbox that an output has when a person should look at it first."""
    return f"{REVIEW_FOLDER}/{path.lstrip('/')}"


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
    facts: Facts | None = None,
    counter: int = 1,
) -> Job:
    """Plan the job: the first set of names, in a fixed order, of which none is taken.

    `a.jpg` becomes `a.png`; where that is taken, `a-jpg.png`, then `a-2.png`, `a-3.png`, and so on
    for all of its outputs alike. Those that are counted have the first number, from `counter` on,
    of which nothing is taken. `taken` answers for a path relative to the outbox. `inbox_name`,
    `date` and `facts` (none: not known yet) are for the templates of the outputs' names; a text for
    `counter` among them stands as it is. Of a picture that is cut again, `before` are the paths of
    its outputs: a set with one of these comes first.
    """
    told = UNKNOWN if facts is None else facts
    words = {"inbox": inbox_name, "date": date, **told}
    parts = _Parts(source.path, rule, words, naming)
    numbers = [counter] if "counter" in told else count(counter)
    free = (n for n in numbers if not any(map(taken, _claimed(parts.counted(n)))))
    number = next(free, counter)

    def planned(variant: str) -> Job:
        return Job(
            inbox=inbox,
            outbox=outbox,
            source=source,
            rule=rule,
            outputs=tuple(map(PlannedOutput, rule.outputs, parts.paths(variant, number))),
            moved_to=_destination(rule, source.path, variant, naming),
            counter=number if rule.counts else 0,
            facts={name: told[name] for name in OF_THE_PICTURE} if is_told else None,
        )

    is_told = facts is not None and rule.is_told_by_pictures
    settled = set(_claimed(parts.counted(number)))
    first = map(planned, islice(_variants(source.path), _VARIANTS_TRIED if before else 0))
    as_before = (job for job in first if not set(before).isdisjoint(p.path for p in job.outputs))
    for job in chain(as_before, map(planned, _variants(source.path))):
        if not any(taken(name) for name in job.names if name not in settled):
            return job
    raise AssertionError("the variants never end")


def destinations(rule: Rule, path: str, naming: Naming = AS_IT_IS) -> Iterator[str]:
    """Return the places to which a source may be moved, in the order in which they are tried."""
    return (_destination(rule, path, variant, naming) for variant in _variants(path))


def _variants(path: str) -> Iterator[str]:
    yield ""
    yield "-" + PurePosixPath(path).suffix[1:].lower()
    yield from (f"-{number}" for number in count(2))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the paths of a picture's outputs are made of."""

    source: str
    rule: Rule
    words: Mapping[str, str]  # by their fields, those that all of its outputs share
    naming: Naming

    def paths(self, variant: str, number: int) -> list[str]:
        """Return the path of each output; of those that would have one path, each has its own."""
        paths: list[str] = []
        for output in self.rule.outputs:
            tails = chain([""], (f"-{twin}" for twin in count(2)))
            its = (self._path(output, variant, number, tail) for tail in tails)
            keys = set(map(name_key, paths))
            paths.append(next(path for path in its if name_key(path) not in keys))
        return paths

    def counted(self, number: int) -> list[str]:
        """Return the paths of those outputs that are counted."""
        if not self.rule.counts:
            return []
        every = zip(self.rule.outputs, self.paths("", number), strict=True)
        return [path for output, path in every if "counter" in fields_of(output.template)]

    def _path(self, output: Output, variant: str, number: int, tail: str) -> str:
        picture, parent = PurePosixPath(self.source), folder_of(self.source)
        template, in_stem = output.template, variant
        if "counter" in fields_of(template):  # which tells it from all others
            in_stem = ""
        elif "stem" not in fields_of(template):
            template, in_stem = template + variant, ""
        values = {
            "stem": picture.stem + in_stem,
            "ext": picture.suffix[1:],
            "rule": self.rule.name,
            "kind": output.kind,
            "parent": parent.rpartition("/")[2] or self.words["inbox"],
            "counter": counted(number),
            **self.words,
        }
        name = filled(template, values)
        suffixes = FORMATS[output.format].suffixes
        suffix = next((s for s in suffixes if name.lower().endswith(s)), "")
        *folders, body = (name[: -len(suffix)] if suffix else name).split("/")
        inner = (self.naming.name(harmless(folder), "") for folder in folders)
        file = self.naming.name(body + tail, suffix or suffixes[0])
        return joined(output.folder, self.naming.path(parent), *inner, file)


def _destination(rule: Rule, source: str, variant: str, naming: Naming) -> str:
    if rule.source != "move":
        return ""
    picture = PurePosixPath(source)
    folder = rule.move_to or PROCESSED_FOLDER
    name = naming.name(picture.stem + variant, picture.suffix)
    return joined(folder, naming.path(folder_of(source)), name)

"""Measure how well the doubt of a mask finds the bad ones, where the truth is known.

`python benchmarks/doubt.py [PICTURES …] [--seeds 0 …]`: the drawn pictures of
tests/core/drawn_alphas.py, in three shapes (each seed draws others), and those of each folder that
have a truth: for NAME.jpg there is NAME.png, its alpha. Of these each quarter is a picture, too, if
a twentieth of it at least is subject: subjects that are cut off are where networks err. Every
network cuts them, edges soft, in full precision.

A mask is bad whose intersection over union with the truth is below BAD. Printed as Markdown: how
many pictures each limit of the doubt takes for doubtful, how many of these are bad (precision), and
how many of the bad these are (recall), beside the rule that there was before (more of the frame
undecided than subject, or three borders touched); how far masks are from the truth by doubt; how
many of the subjects that fill their frame are bad; how early the bad ones come where the greatest
doubt is first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import mattes
import numpy as np
from bench import parser, place
from mattes import Matte
from numpy.typing import NDArray
from precisions import drawings
from quality import sessions

from scissorsd import logs
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.masking import FILLING, Judgement
from scissorsd.core.rules import DOUBTFUL, MaskOptions
from scissorsd.machine import cpu_name
from scissorsd.pictures.cutting_out import Inference, find_subject
from scissorsd.pictures.in_memory import from_array
from scissorsd.pictures.picture import Picture
from scissorsd.pictures.reading import read
from scissorsd.settings import MAX_PIXELS

MODELS = ("u2net", "u2netp")
BAD = 0.8  # of intersection over union; below it a mask is of no use
LIMITS = (0.05, 0.08, DOUBTFUL, 0.12, 0.15, 0.2, 0.3)
STEPS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 1.0)
EARLY = (0.1, 0.15, 0.25, 0.5)  # of the pictures, the greatest doubt first
DRAWN = "drawn"
LEAST = 0.05  # of a quarter that must be subject
SOFT = MaskOptions(edges="soft")


@dataclass(frozen=True, slots=True)
class Judged:
    """What one network made of one picture."""

    model: str
    kind: str
    name: str
    judgement: Judgement
    overlap: float  # intersection over union with the truth
    before: bool  # whether the rule that there was took it for doubtful

    @property
    def is_bad(self) -> bool:
        """Whether the mask is of no use."""
        return self.overlap < BAD


class Keeping:
    """A network that keeps its last raw map."""

    def __init__(self, network: Inference) -> None:
        self._network = network
        self.raw = np.zeros((1, 1), np.float32)

    def run(self, name: str, shown: NDArray[np.float32], /) -> tuple[NDArray[np.float32], str, str]:
        """Run it."""
        self.raw, provider, precision = self._network.run(name, shown)
        return self.raw, provider, precision


def main() -> None:
    """Cut everything and print the tables."""
    options = parser(__doc__)
    options.add_argument("pictures", nargs="*", type=Path, metavar="PICTURES")
    options.add_argument("--seeds", nargs="+", type=int, default=[0], help="of what is drawn")
    options.add_argument("--each", action="store_true", help="print every picture, too")
    arguments = options.parse_args()
    logs.set_up(quiet=True)
    network = Keeping(sessions(place(arguments)))
    found = [
        judged(model, kind, name, picture, truth, network)
        for kind, name, picture, truth in shown(arguments.pictures, arguments.seeds)
        for model in MODELS
    ]
    # What has no subject is told by itself, and no doubt is needed.
    counted = [one for one in found if one.judgement.verdict != "no_subject"]
    kinds = {
        kind: sum(one.kind == kind for one in found) // len(MODELS) for kind in kinds_of(found)
    }
    print(
        f"{cpu_name()}; {', '.join(f'{count} {kind}' for kind, count in kinds.items())}, by "
        f"{' and '.join(MODELS)}: {len(found)} masks; {len(found) - len(counted)} without a "
        f"subject; of the others {sum(one.is_bad for one in counted)} are bad (below {BAD}).\n"
    )
    for lines in (limits(counted), limits_by_kind(counted), steps(counted), early(counted)):
        print("\n".join(lines), end="\n\n")
    print(filling(counted))
    if arguments.each:
        for one in sorted(found, key=lambda one: -one.judgement.doubt):
            words = f"{one.judgement.doubt:.3f} {one.overlap:.3f} {one.judgement.border_share:.2f}"
            print(f"{words} {one.judgement.verdict} {one.model} {one.kind}: {one.name}")


def kinds_of(found: Sequence[Judged]) -> list[str]:
    """Return the kinds of pictures there are, in their order."""
    return list(dict.fromkeys(one.kind for one in found))


# --- the pictures ----------------------------------------------------------------------------


def shown(
    folders: Sequence[Path], seeds: Sequence[int]
) -> Iterator[tuple[str, str, Picture, Matte]]:
    """Yield kind, name, picture and truth."""
    for folder in folders:
        for path in sorted(folder.iterdir()):
            beside = path.with_suffix(".png")
            if path == beside or not beside.exists():
                continue
            picture = read(path.read_bytes(), max_pixels=MAX_PIXELS)
            truth = mattes.read(beside)
            yield "photographs", path.stem, picture, truth
            yield from quarters(path.stem, picture.rgb, truth)
    for seed in seeds:
        for name, drawing in drawings(seed).items():
            yield DRAWN, f"{name}, {seed}" if seed else name, drawing.picture, drawing.truth


def quarters(
    name: str, rgb: NDArray[np.uint8], truth: Matte
) -> Iterator[tuple[str, str, Picture, Matte]]:
    """Yield the quarters of a photograph in which there is something of its subject."""
    height, width = truth.shape
    for number, (top, left) in enumerate((t, w) for t in (0, height // 2) for w in (0, width // 2)):
        part = slice(top, top + height // 2), slice(left, left + width // 2)
        if float(np.mean(truth[part] > 0.5)) >= LEAST:
            picture = from_array(np.ascontiguousarray(rgb[part]), MAX_PIXELS)
            yield "quarters of photographs", f"{name}, {number + 1}", picture, truth[part]


def judged(
    model: str, kind: str, name: str, picture: Picture, truth: Matte, network: Keeping
) -> Judged:
    """Cut a picture, and compare."""
    cut = find_subject(picture, CATALOGUE[model], network, SOFT)
    matte = cut.mask.astype(np.float32) / np.float32(255)
    overlap = mattes.overlap(matte, truth)
    return Judged(model, kind, name, cut.judgement, overlap, was_doubtful(network.raw))


def was_doubtful(raw: NDArray[np.float32]) -> bool:
    """Whether the rule before this one took a raw map for doubtful."""
    taken = raw > 0.5
    unsure = (raw > 0.1) & (raw < 0.9)
    borders = (taken[0], taken[-1], taken[:, 0], taken[:, -1])
    touched = sum(bool(np.mean(border) >= 0.1) for border in borders)
    return bool(np.mean(unsure) > np.mean(taken)) or touched >= 3


# --- the tables ------------------------------------------------------------------------------


def scores(flagged: Sequence[Judged], counted: Sequence[Judged]) -> str:
    """Write how many are taken for doubtful, and what that is worth."""
    hits = sum(one.is_bad for one in flagged)
    bad = sum(one.is_bad for one in counted)
    share = len(flagged) / max(1, len(counted))
    precision = f"{hits / len(flagged):.2f}" if flagged else ""
    return f"{share:.0%} | {precision} | {hits / max(1, bad):.2f}"


def limits(counted: Sequence[Judged]) -> Iterator[str]:
    """Write what each limit is worth, for photographs and for drawn pictures."""
    parts = [
        [one for one in counted if one.kind != DRAWN],
        [one for one in counted if one.kind == DRAWN],
    ]
    yield (
        "| doubtful is | of the photographs and quarters | precision | recall | of the drawn "
        "| precision | recall |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|"
    before = [scores([one for one in part if one.before], part) for part in parts]
    yield f"| the rule before | {' | '.join(before)} |"
    for limit in LIMITS:
        by = [scores([one for one in p if one.judgement.doubt > limit], p) for p in parts]
        yield f"| a doubt above {limit:.2f} | {' | '.join(by)} |"


def limits_by_kind(counted: Sequence[Judged]) -> Iterator[str]:
    """Write what the usual limit is worth for each network and kind of picture."""
    yield f"| a doubt above {DOUBTFUL:.2f} | pictures | bad | of all | precision | recall |"
    yield "|---|---:|---:|---:|---:|---:|"
    for model in MODELS:
        for kind in kinds_of(counted):
            some = [one for one in counted if (one.model, one.kind) == (model, kind)]
            flagged = [one for one in some if one.judgement.doubt > DOUBTFUL]
            bad = sum(one.is_bad for one in some)
            yield f"| {model}, {kind} | {len(some)} | {bad} | {scores(flagged, some)} |"


def steps(counted: Sequence[Judged]) -> Iterator[str]:
    """Write how far masks are from the truth, by doubt."""
    yield "| doubt | pictures | 1 − intersection over union: mean | median | worst | bad |"
    yield "|---|---:|---:|---:|---:|---:|"
    for low, high in pairwise(STEPS):
        some = [one for one in counted if low <= one.judgement.doubt < high]
        if not some:
            continue
        errors = [1 - one.overlap for one in some]
        bad = sum(one.is_bad for one in some) / len(some)
        yield (
            f"| {low:.2f}–{high:.2f} | {len(some)} | {np.mean(errors):.3f} | "
            f"{np.median(errors):.3f} | {max(errors):.3f} | {bad:.0%} |"
        )


def early(counted: Sequence[Judged]) -> Iterator[str]:
    """Write how many of the bad ones are among the first, the greatest doubt first."""
    ranked = sorted(counted, key=lambda one: -one.judgement.doubt)
    bad = sum(one.is_bad for one in ranked)
    yield "| the first … by doubt | hold of the bad ones |"
    yield "|---:|---:|"
    for share in EARLY:
        first = ranked[: round(share * len(ranked))]
        yield f"| {share:.0%} | {sum(one.is_bad for one in first) / max(1, bad):.0%} |"


def filling(counted: Sequence[Judged]) -> str:
    """Say how many subjects that fill their frame are bad, and how many of the others."""
    full = [one for one in counted if one.judgement.border_share > FILLING]
    others = [one for one in counted if one.judgement.border_share <= FILLING]
    parts = [
        f"{sum(one.is_bad for one in some)} of {len(some)} {words}"
        for some, words in (
            (full, f"whose subject takes over {FILLING:.0%} of the frame's border"),
            (others, "of the others"),
        )
    ]
    return f"Bad are {parts[0]}, and {parts[1]}."


if __name__ == "__main__":
    main()

"""Measure what a second opinion costs, and what it is worth.

`python benchmarks/second_opinion.py [PICTURES …] [--first u2net] [--other u2netp]`: the photographs
of scikit-image, the drawn pictures of tests/core/drawn_alphas.py, and the photographs in each
folder, with their quarters, as benchmarks/doubt.py takes them. Edges soft, full precision.

Printed as Markdown, by kind: how many pictures are asked about, so how many runs of networks a
picture takes; how often the other is kept, and how often the two disagree. Where the truth is known
also the mean intersection over union of what is asked about, alone and with the other; how many of
these are better or worse by CLEARLY; and how many of those on which the two disagree are bad (below
BAD), of the bad among what is asked about.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mattes
import numpy as np
from bench import parser, place
from doubt import BAD, SOFT, shown
from masks import photographs
from mattes import Matte
from quality import sessions

from scissorsd import logs
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.masking import AGREED
from scissorsd.machine import cpu_name
from scissorsd.pictures.cutting_out import Cut, Inference, find_subject
from scissorsd.pictures.picture import Picture

WHOLE = ("scikit-image's", "photographs")
CLEARLY = 0.02  # of intersection over union


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one picture: the first network alone, and both."""

    kind: str
    name: str
    alone: Cut
    both: Cut
    truth: Matte | None

    @property
    def agreement(self) -> float:
        """How far the two overlap; 1 where only one was asked."""
        agreement = self.both.judgement.agreement
        return 1.0 if agreement is None else agreement

    def right(self, cut: Cut) -> float:
        """Return how far a mask overlaps with the truth."""
        assert self.truth is not None  # noqa: S101 - asked only then
        return mattes.overlap(cut.mask.astype(np.float32) / np.float32(255), self.truth)


def main() -> None:
    """Cut everything and print the table."""
    options = parser(__doc__)
    options.add_argument("pictures", nargs="*", type=Path, metavar="PICTURES")
    options.add_argument("--first", default="u2net")
    options.add_argument("--other", default="u2netp")
    options.add_argument("--seeds", nargs="+", type=int, default=[0], help="of what is drawn")
    options.add_argument("--whole", action="store_true", help="photographs only, and no quarters")
    options.add_argument("--each", action="store_true", help="print every picture asked about, too")
    arguments = options.parse_args()
    logs.set_up(quiet=True)
    network = sessions(place(arguments))
    first, other = CATALOGUE[arguments.first], CATALOGUE[arguments.other]
    found = [
        asked(kind, name, picture, truth, network, first, other)
        for kind, name, picture, truth in pictures(arguments.pictures, arguments.seeds)
        if not arguments.whole or kind in WHOLE
    ]
    print(f"{cpu_name()}; {first.name}, and {other.name} where that is unsure.\n")
    print("\n".join(table(found)))
    for one in found if arguments.each else ():
        if one.both.asked:
            numbers = f"{one.alone.judgement.doubt:.3f} agree {one.agreement:.2f}"
            if one.truth is not None:
                numbers += f" {one.right(one.alone):.3f} → {one.right(one.both):.3f}"
            print(f"{numbers} {one.both.model} {one.kind}: {one.name}")


def pictures(
    folders: Sequence[Path], seeds: Sequence[int]
) -> Iterator[tuple[str, str, Picture, Matte | None]]:
    """Yield kind, name, picture and, where it is known, the truth."""
    for name, picture in photographs().items():
        yield "scikit-image's", name, picture, None
    yield from shown(folders, seeds)


def asked(
    kind: str,
    name: str,
    picture: Picture,
    truth: Matte | None,
    network: Inference,
    first: Model,
    other: Model,
) -> Asked:
    """Cut a picture with the first network alone, and with both."""
    alone = find_subject(picture, first, network, SOFT)
    both = find_subject(picture, first, network, SOFT, other=other)
    return Asked(kind, name, alone, both, truth)


def table(found: Sequence[Asked]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield (
        "| pictures | asked about | runs a picture | other kept | disagree | IoU alone → both "
        f"| better, worse by {CLEARLY} | disagreeing: bad of them, of the bad |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for kind in dict.fromkeys(one.kind for one in found):
        ours = [one for one in found if one.kind == kind]
        doubted = [one for one in ours if one.both.asked]
        kept = sum(one.both.model == one.both.asked for one in doubted)
        apart = [one for one in doubted if one.agreement < AGREED]
        yield (
            f"| {len(ours)} {kind} | {len(doubted)} | {1 + len(doubted) / len(ours):.2f} | {kept} "
            f"| {len(apart)} | {' | '.join(to_the_truth(doubted, apart))} |"
        )


def to_the_truth(doubted: Sequence[Asked], apart: Sequence[Asked]) -> list[str]:
    """Return the cells that need the truth."""
    if not doubted or doubted[0].truth is None:
        return ["", "", ""]
    before = np.array([one.right(one.alone) for one in doubted])
    after = np.array([one.right(one.both) for one in doubted])
    bad = sum(after < BAD)
    found = sum(one.right(one.both) < BAD for one in apart)
    return [
        f"{before.mean():.3f} → {after.mean():.3f}",
        f"{sum(after > before + CLEARLY)}, {sum(after < before - CLEARLY)}",
        f"{found} of {len(apart)}, of {bad}",
    ]


if __name__ == "__main__":
    main()

"""A second opinion: another network is asked where the first one is unsure.

Measured outside of this project with ISNet beside U²-Net; see docs/networks.md. The surer of the
two is kept, by its own doubt; where they disagree the mask is doubtful, whoever is surer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core.catalogue import Model
from scissorsd.core.masking import AGREED, SUBJECT, Judgement, doubt
from scissorsd.core.rules import ASKED_ABOVE
from scissorsd.errors import ScissorsError


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What one network says of a picture: its raw map, and where that was computed."""

    model: Model
    raw: NDArray[np.float32]
    provider: str
    precision: str


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The opinion that is kept, and what came of asking for another one."""

    kept: Opinion
    asked: str = ""  # the other network, where it was asked and answered
    agreement: float | None = None  # how far the two overlap, from 0 to 1
    trouble: str = ""  # why there is no other opinion, in words


def hear(first: Opinion, other: Model | None, ask: Callable[[Model], Opinion]) -> Heard:
    """Ask `other`, if there is one and the first is unsure, and keep the surer opinion.

    Where it cannot answer the first one is kept, and the trouble told.
    """
    if other is None or other.name == first.model.name:
        return Heard(first)
    unsure = doubt(first.raw)
    if unsure <= ASKED_ABOVE:
        return Heard(first)
    try:
        second = ask(other)
    except ScissorsError as error:
        why = error.what.partition("\n")[0].rstrip(":.")
        return Heard(first, trouble=f"{other.name} could give no second opinion: {why}")
    kept = second if doubt(second.raw) < unsure else first
    return Heard(kept, other.name, overlap(first.raw, second.raw))


def overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return the intersection over union of what two raw maps of one picture take for subject.

    They are compared on the coarser grid. Two that find nothing agree.
    """
    coarse, fine = sorted((first, second), key=lambda raw: raw.size)
    height, width = coarse.shape
    one = coarse > SUBJECT
    two = np.asarray(Image.fromarray(fine).resize((width, height), Image.Resampling.BOX)) > SUBJECT
    union = int(np.count_nonzero(one | two))
    return int(np.count_nonzero(one & two)) / union if union else 1.0


def weighed(judgement: Judgement, heard: Heard) -> Judgement:
    """Judge a mask in the light of two opinions: where they disagree, it is doubtful at best."""
    if heard.agreement is None:
        return judgement
    verdict = judgement.verdict
    if heard.agreement < AGREED and verdict == "ok":
        verdict = "doubtful"
    return replace(judgement, verdict=verdict, agreement=heard.agreement)

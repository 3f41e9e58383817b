"""Picture → network input; the network's raw map → mask and verdict.

Before and after the network we do what reproduces the masks that its authors published (Qin et
al., "U²-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern
Recognition 106, 2020, and their released code): divide by the picture's own maximum, take the
first of the seven outputs, normalise it to its own minimum and maximum, stretch it linearly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core.catalogue import Model
from scissorsd.core.rules import DOUBTFUL, Verdict

# A picture with a subject drives the raw map to 1 somewhere: on 1,000 pictures with subjects
# (ECSSD) fewer than 1 in 200 stays under this peak or this share.
NO_SUBJECT_PEAK = 0.9
NO_SUBJECT_SHARE = 0.005
SUBJECT = 0.5  # above this the raw map says "subject"
UNSURE = (0.1, 0.9)  # between these it does not know
AGREED = 0.8  # overlap (intersection over union) from which on two raw maps are one opinion
# A subject that takes more of the frame's border than this fills it. That alone is no doubt (most
# are whole, or meant so), but it is worth saying: one in five or so is badly cut.
FILLING = 0.25

# A picture that fills less than this part of a side of the frame that an output asks for, and may
# not be enlarged further, is too small for it.
TOO_SMALL = 0.9

FLAT = 1e-6  # a raw map whose values span less than this says nothing
# Shrinking 12 megapixels to 320 pixels may take a cheap reduction to three times that size first.
_REDUCING_GAP = 3.0
_DIGITS = 4  # of a number that is told


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and the numbers of the raw map and the flaw of the picture that led to it."""

    verdict: Verdict
    peak: float  # the raw map's maximum, in [0, 1]
    subject_share: float  # of the frame, above SUBJECT
    unsure_share: float  # of the frame, within UNSURE
    doubt: float = 0.0  # see `doubt`
    border_share: float = 0.0  # of the frame's border, above SUBJECT
    flaw: str = ""  # of the picture itself, in half a sentence
    above: float = DOUBTFUL  # the doubt that makes it doubtful
    agreement: float | None = None  # with a second opinion, by overlap; None: there is none
    filled: float = 1.0  # of a side of the frame that an output asks for; see canvas.filled

    @property
    def numbers(self) -> dict[str, float]:
        """Return the numbers, each in [0, 1], as they are told and journalled."""
        numbers = {
            "doubt": self.doubt,
            "peak": self.peak,
            "subject": self.subject_share,
            "undecided": self.unsure_share,
            "border": self.border_share,
        }
        if self.agreement is not None:
            numbers["agreement"] = self.agreement
        if self.filled < 1:
            numbers["filled"] = self.filled
        return {name: round(value, _DIGITS) for name, value in numbers.items()}

    @property
    def reason(self) -> str:
        """Say in a sentence, with the numbers, why the verdict is what it is."""
        numbers = (
            f"doubt {self.doubt:.1%}, surest point {self.peak:.2f} of 1, {self.subject_share:.1%} "
            f"of the frame taken for subject, {self.unsure_share:.1%} undecided, "
            f"{self.border_share:.1%} of its border touched"
        )
        return f"{self._why} ({numbers})"

    @property
    def _why(self) -> str:
        match self.verdict:
            case "no_subject" if self.flaw:
                return f"no clear subject was found, and {self.flaw}"
            case "no_subject" if self.peak < NO_SUBJECT_PEAK:
                return (
                    f"the network found no clear subject: it is nowhere surer than "
                    f"{self.peak:.1%}, and where there is one it reaches {NO_SUBJECT_PEAK:.0%}"
                )
            case "no_subject":
                return (
                    f"the network found no clear subject: only {self.subject_share:.2%} of the "
                    f"frame would be one, less than {NO_SUBJECT_SHARE:.1%}"
                )
            case "doubtful":
                return ", and ".join(self._doubts())
        return ", but ".join(["the network is sure of a subject", *self._filling()])

    def _doubts(self) -> list[str]:
        doubts = [self.flaw] if self.flaw else []
        if self.doubt > self.above:
            doubts.append(f"{said_doubt(self.doubt)}, more than {said_percent(self.above)}")
        if self.agreement is not None and self.agreement < AGREED:
            doubts.append(said_agreement(self.agreement))
        return [*doubts, *filter(None, [said_filled(self.filled)]), *self._filling()]

    def _filling(self) -> list[str]:
        return list(filter(None, [said_border(self.border_share)]))


def said_doubt(doubt: float) -> str:
    """Say in half a sentence what a doubt means."""
    return f"the network is unsure about {said_percent(doubt)} of the subject"


def said_numbers(numbers: Mapping[str, float]) -> str:
    """Say in a sentence what is to be said of the numbers of a judgement; "" of none."""
    if "doubt" not in numbers:
        return ""
    words = said_doubt(numbers["doubt"])
    agreement = numbers.get("agreement", 1.0)
    more = (
        said_agreement(agreement) if agreement < AGREED else "",
        said_filled(numbers.get("filled", 1.0)),
        said_border(numbers.get("border", 0.0)),
    )
    return "; ".join(["T" + words[1:], *filter(None, more)]) + "."


def said_agreement(agreement: float) -> str:
    """Say in half a sentence how far two networks that disagree are of one opinion."""
    return f"two networks disagree: only {agreement:.0%} of what they take for subject is the same"


def said_filled(filled: float) -> str:
    """Say in half a sentence that a picture is too small for its frame; "" where it is not."""
    if filled >= TOO_SMALL:
        return ""
    return f"the picture is too small: it fills {filled:.0%} of what it could of the frame"


def said_percent(share: float) -> str:
    """Write a share as people do: to a tenth of a percent."""
    return f"{100 * share:.1f}".removesuffix(".0") + "%"


def said_border(share: float) -> str:
    """Say in half a sentence that a subject fills the frame; "" where it does not."""
    if share <= FILLING:
        return ""
    return (
        f"the subject fills the frame ({share:.0%} of its border): it is cut off there, or it is "
        "the background"
    )


def network_input(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, model: Model
) -> NDArray[np.float32]:
    """Make the input of a network: height × width × 3 → 1 × 3 × size × size, float32.

    What is transparent in the picture is shown to the network as white. `rgb` may be `resized` to
    that size already.
    """
    side = (model.input_size, model.input_size)
    values = _resized(rgb, side).astype(np.float32)
    if alpha is not None:
        cover = _resized(alpha, side).astype(np.float32)[..., None] / np.float32(255)
        values = values * cover + np.float32(255) * (1 - cover)
    values /= model.scale or max(float(values.max()), 1.0)
    values -= np.asarray(model.mean, np.float32)
    values /= np.asarray(model.std, np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def without_transparent(
    raw: NDArray[np.float32], alpha: NDArray[np.uint8] | None
) -> NDArray[np.float32]:
    """Take out of the raw map what is transparent in the picture: it is never subject."""
    if alpha is None:
        return raw
    height, width = raw.shape
    cover = _resized(alpha, (width, height)).astype(np.float32)
    return raw * (cover / np.float32(255))


def judge(raw: NDArray[np.float32], *, doubtful_above: float = DOUBTFUL) -> Judgement:
    """Judge the raw sigmoid map (size × size), before it is normalised."""
    taken = raw > SUBJECT
    borders = taken[0], taken[-1], taken[:, 0], taken[:, -1]
    judgement = Judgement(
        verdict="ok",
        peak=float(raw.max()),
        subject_share=float(np.mean(taken)),
        unsure_share=float(np.mean((raw > UNSURE[0]) & (raw < UNSURE[1]))),
        doubt=doubt(raw),
        border_share=float(np.mean(np.concatenate(borders))),
        above=doubtful_above,
    )
    if judgement.peak < NO_SUBJECT_PEAK or judgement.subject_share < NO_SUBJECT_SHARE:
        return replace(judgement, verdict="no_subject")
    return replace(judgement, verdict="doubtful" if judgement.doubt > doubtful_above else "ok")


def doubt(raw: NDArray[np.float32]) -> float:
    """Return how much of the subject the network is unsure of: 0 it is sure, 1 there is none.

    It is one less the overlap to be expected of what is taken for subject with what is, each value
    of the raw map (before it is normalised) taken for the chance that its pixel is subject.
    """
    taken = raw > SUBJECT
    chances = np.clip(raw, 0, 1).astype(np.float64)
    sure = float(chances[taken].sum())
    either = float(np.count_nonzero(taken)) + float(chances[~taken].sum())
    return 1 - sure / either if sure else 1.0


def flawed(judgement: Judgement, flaw: str) -> Judgement:
    """Judge a picture that has a flaw of its own (none: nothing): it is doubtful at best."""
    verdict: Verdict = "doubtful" if flaw and judgement.verdict == "ok" else judgement.verdict
    return replace(judgement, verdict=verdict, flaw=flaw)


def measured(judgement: Judgement, filled: float) -> Judgement:
    """Judge a mask by how much of a frame it fills: too little of it is doubtful at best."""
    is_doubtful = filled < TOO_SMALL and judgement.verdict == "ok"
    return replace(
        judgement, verdict="doubtful" if is_doubtful else judgement.verdict, filled=filled
    )


def normalised(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch the values of the raw map over [0, 1]; a flat map has no subject and becomes 0."""
    low, high = float(raw.min()), float(raw.max())
    if high - low < FLAT:
        return np.zeros_like(raw)
    return (raw - low) / (high - low)


def within(mask: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Multiply the picture's own alpha into a mask (both height × width, 255 for 1)."""
    if alpha is None:
        return mask
    product = mask.astype(np.uint16)
    product *= alpha
    product += 127
    product //= 255
    return product.astype(np.uint8)


def resized_bilinear(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize to (width, height) by triangle interpolation, antialiased when shrinking."""
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=_REDUCING_GAP)


def _resized(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(resized_bilinear(Image.fromarray(pixels), size))

"""One picture in memory: the network's look at it, its mask, and the bytes of its outputs."""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scissorsd import images
from scissorsd.core import cutting, looks, masking
from scissorsd.core.catalogue import Model
from scissorsd.core.foreground import cleaned
from scissorsd.core.looks import Box, Look
from scissorsd.core.masking import Judgement
from scissorsd.core.refining import refine
from scissorsd.core.rules import MaskOptions, Output
from scissorsd.core.shaping import shape


class Inference(Protocol):
    """What is needed of `sessions.Sessions`."""

    def run(
        self, name: str, network_input: NDArray[np.float32], /
    ) -> tuple[NDArray[np.float32], str]:
        """Run a network: 1 × 3 × size × size → the raw map (size × size) and the provider."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A picture's mask (height × width, 255 for 1) and what is to be said of it."""

    mask: NDArray[np.uint8]
    judgement: Judgement
    provider: str
    infer_s: float


def cut_out(
    picture: images.Picture, model: Model, sessions: Inference, options: MaskOptions
) -> Cut:
    """Find the subject of a picture."""
    height, width = picture.rgb.shape[:2]
    began = monotonic()
    raw, provider = _look(picture, model, sessions, (0, 0, width, height))
    seen = (Look(masking.normalised(raw), (0, 0, width, height)),)
    if options.edges == "best" and (box := looks.second_box(seen[0])):
        closer, provider = _look(picture, model, sessions, box)
        second = Look(masking.normalised(closer), box)
        seen = (*seen, second) if looks.agree(seen[0], second) else seen
    infer_s = monotonic() - began
    if options.edges == "soft":
        mask = looks.full_size(seen)
    else:
        mask = refine(picture.rgb, seen, options.edges)
    mask = shape(masking.within(mask, picture.alpha), options)
    return Cut(mask, masking.judge(raw), provider, infer_s)


def _look(
    picture: images.Picture, model: Model, sessions: Inference, box: Box
) -> tuple[NDArray[np.float32], str]:
    """Show a box of the picture to the network; give its raw map and the provider."""
    left, top, right, bottom = box
    shown = picture.rgb[top:bottom, left:right]
    alpha = picture.alpha if picture.alpha is None else picture.alpha[top:bottom, left:right]
    if model.input_size == images.SMALL and shown.shape == picture.rgb.shape:
        shown = picture.small
    raw, provider = sessions.run(model.name, masking.network_input(shown, alpha, model))
    return masking.without_transparent(raw, alpha), provider


def render(picture: images.Picture, cut: Cut, output: Output, *, max_pixels: int) -> bytes:
    """Make one output of a cut picture: the bytes of its file."""
    rgb, mask = picture.rgb, cut.mask
    if output.colour == "clean" and output.kind != "mask":
        rgb = cleaned(rgb, picture.small, mask)
    match output.kind:
        case "cutout":
            pixels = cutting.cutout(rgb, mask)
        case "mask":
            pixels = mask
        case "flat":
            height, width = mask.shape
            colour = images.colour(output.background)
            behind = colour or images.load_background(
                Path(output.background), height, width, max_pixels, picture.metadata.icc
            )
            pixels = cutting.flat(rgb, mask, behind)
        case "comparison":
            pixels = cutting.comparison(picture.rgb, mask, rgb)
    return images.encode(pixels, output, picture.metadata)

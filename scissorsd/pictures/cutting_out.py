"""One picture in memory: its passes through the network, its mask, the bytes of its outputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Protocol, assert_never

import numpy as np
from numpy.typing import NDArray

from scissorsd.core import cutting, masking, passes
from scissorsd.core.boxes import Box
from scissorsd.core.canvas import asks_nothing, filled, framed, framed_size
from scissorsd.core.catalogue import Model
from scissorsd.core.depth import Pixels, Sample, deep_mask, deepened, shallow
from scissorsd.core.foreground_colour import cleaned
from scissorsd.core.masking import Judgement
from scissorsd.core.opening import opened
from scissorsd.core.opinions import Opinion, hear, weighed
from scissorsd.core.outlining import outlined
from scissorsd.core.passes import NetworkMask
from scissorsd.core.refining import refine
from scissorsd.core.rules import DOUBTFUL, NOTHING, MaskOptions, Output
from scissorsd.core.shadows import is_cut_off, shadow
from scissorsd.core.shaping import shape
from scissorsd.errors import OverLimitsError
from scissorsd.pictures.backgrounds import load_background, parse_colour
from scissorsd.pictures.encoding import encode, refuse_too_long, wants_16_bits
from scissorsd.pictures.picture import SMALL, Picture

_OPAQUE = 255


class Inference(Protocol):
    """What is needed of `sessions.Sessions`."""

    def run(
        self, name: str, network_input: NDArray[np.float32], /
    ) -> tuple[NDArray[np.float32], str, str]:
        """Run a network: 1 × 3 × size × size → raw map (height × width), provider, precision."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A picture's mask (height × width, 255 for 1) and what is to be said of it."""

    mask: NDArray[np.uint8]
    judgement: Judgement
    provider: str
    precision: str
    infer_s: float
    model: str = ""  # the network whose mask it is
    asked: str = ""  # the network that gave a second opinion, if one did
    remarks: tuple[str, ...] = ()  # what else is to be said of it, in words


def find_subject(
    picture: Picture,
    model: Model,
    sessions: Inference,
    options: MaskOptions,
    *,
    other: Model | None = None,
    doubtful_above: float = DOUBTFUL,
) -> Cut:
    """Find the subject of a picture: run the network once or twice, refine, shape and judge.

    `other` is a network that is asked for a second opinion where the first is unsure; what follows
    is done with the one that is surer.
    """
    height, width = picture.rgb.shape[:2]
    began = monotonic()
    whole = 0, 0, width, height
    first = _run(picture, model, sessions, whole)
    heard = hear(first, other, lambda asked: _run(picture, asked, sessions, whole))
    kept = latest = heard.kept
    seen: tuple[NetworkMask, ...] = (_network_mask(kept, whole),)
    judgement = masking.judge(kept.raw, doubtful_above=doubtful_above)
    look, doubt = passes.LOOKS.get(options.edges), judgement.doubt
    if look and doubt >= look.doubt and (box := passes.second_box(seen[0], look)):
        latest = _run(picture, kept.model, sessions, box)
        second = _network_mask(latest, box)
        surer = masking.doubt(latest.raw) <= look.surer * doubt
        seen = (*seen, second) if surer and passes.agree(seen[0], second, look) else seen
    infer_s = monotonic() - began
    if options.holes == "open":
        seen = opened(picture.rgb, seen)
    mask = passes.full_size(seen) if options.edges == "soft" else refine(picture.rgb, seen)
    mask = shape(masking.within(mask, picture.alpha), options)
    return Cut(
        mask=mask,
        judgement=masking.flawed(weighed(judgement, heard), _flaw(picture)),
        provider=latest.provider,
        precision=latest.precision,
        infer_s=infer_s,
        model=kept.model.name,
        asked=heard.asked,
        remarks=(heard.trouble,) if heard.trouble else (),
    )


def measured(cut: Cut, outputs: Sequence[Output]) -> Cut:
    """Judge a cut also by whether it is large enough for what is to be made of it."""
    judgement = masking.measured(cut.judgement, filled(cut.mask, outputs))
    return replace(cut, judgement=judgement)


def _flaw(picture: Picture) -> str:
    if picture.alpha is not None and not picture.alpha.any():
        return "the picture is transparent throughout"
    return picture.flaw


def _network_mask(opinion: Opinion, box: Box) -> NetworkMask:
    return NetworkMask(masking.normalised(opinion.raw), box, opinion.model.grid)


def _run(picture: Picture, model: Model, sessions: Inference, box: Box) -> Opinion:
    """Run a network on a box of the picture."""
    left, top, right, bottom = box
    shown = picture.rgb[top:bottom, left:right]
    alpha = picture.alpha if picture.alpha is None else picture.alpha[top:bottom, left:right]
    if model.input_size == SMALL and shown.shape == picture.rgb.shape:
        shown = picture.small
    network_input = masking.network_input(shown, alpha, model)
    raw, provider, precision = sessions.run(model.name, network_input)
    return Opinion(model, masking.without_transparent(raw, alpha), provider, precision)


def refuse_impossible(
    height: int, width: int, outputs: Sequence[Output], *, max_pixels: int
) -> None:
    """Raise OverLimitsError, before any work, where an output of such a picture cannot be.

    Only what is certain counts: the picture may yet be turned, and its subject may be smaller.
    """
    for output in outputs:
        either_way = ((height, width), (width, height))
        first, second = (_refusal(output, shape, max_pixels) for shape in either_way)
        if first and second:
            raise first


def _refusal(output: Output, shape: tuple[int, int], max_pixels: int) -> OverLimitsError | None:
    if output.kind == "comparison":
        return None  # which is never large
    try:
        _refuse_over(output, shape, max_pixels)
        if output.crop != "subject" or output.size is not None:
            high, wide = framed_size(*shape, output)
            refuse_too_long(wide, high, output)
    except OverLimitsError as error:
        return error
    return None


def render(picture: Picture, cut: Cut, output: Output, *, max_pixels: int) -> bytes:
    """Make one output of a cut picture: the bytes of its file."""
    (content,) = render_all(picture, cut, [output], max_pixels=max_pixels)
    return content


def render_all(
    picture: Picture, cut: Cut, outputs: Sequence[Output], *, max_pixels: int
) -> Iterator[bytes]:
    """Make the outputs of a cut picture, each the bytes of its file."""
    colours: dict[tuple[str, bool], Pixels] = {}  # as outputs want them; each made once
    for output in outputs:
        deep = wants_16_bits(output, picture)
        kind = output.colour, deep
        if output.kind != "mask" and kind not in colours:
            colours[kind] = _colours(picture, cut, output, deep=deep)
        seen = picture.rgb if output.kind == "mask" else colours[kind]
        yield _output(picture, cut, output, seen, max_pixels=max_pixels)


def _colours(picture: Picture, cut: Cut, output: Output, *, deep: bool) -> Pixels:
    """Return the picture in the colours that an output is made of."""
    rgb = _as_it_is(picture, deep=deep)
    if output.colour != "clean":
        return rgb
    if deep or picture.deep is None:
        return own_colours(picture, rgb, cut.mask)
    # Rounded last: so an output of 8 bits is the same, made now or later of a cutout of 16.
    edges = shallow(own_colours(picture, picture.deep, cut.mask))
    return np.where(cut.mask[..., None] == _OPAQUE, rgb, edges)


def _as_it_is(picture: Picture, *, deep: bool) -> Pixels:
    if not deep:
        return picture.rgb
    return deepened(picture.rgb) if picture.deep is None else picture.deep


def own_colours(picture: Picture, rgb: NDArray[Sample], mask: NDArray[np.uint8]) -> NDArray[Sample]:
    """Clean the colours of a picture; `rgb` are those, at 8 bits or 16.

    Where the picture is transparent itself its colours are the subject's own already: they stay.
    """
    if picture.alpha is not None:
        mask = np.where(picture.alpha == _OPAQUE, mask, np.uint8(_OPAQUE) * (mask != 0))
    return cleaned(rgb, picture.small, mask)


def _output(
    picture: Picture, cut: Cut, output: Output, colours: Pixels, *, max_pixels: int
) -> bytes:
    """Make one output: framed, and laid on what it asks for."""
    if output.kind == "comparison":
        before = _as_it_is(picture, deep=wants_16_bits(output, picture))
        both = cutting.comparison(before, cut.mask, colours)
        return encode(both, output, picture.metadata)
    _refuse_over(output, cut.mask.shape, max_pixels)
    rgb, shallow_mask = framed(colours, cut.mask, output)
    mask: Pixels = shallow_mask
    if wants_16_bits(output, picture):
        mask = deepened(shallow_mask)
        if asks_nothing(output):
            mask = deep_mask(shallow_mask, picture.alpha, picture.deep_alpha)
    match output.kind:
        case "mask":
            pixels = mask
        case "flat":
            height, width = mask.shape
            colour = parse_colour(output.background)
            behind = colour or load_background(
                Path(output.background), height, width, max_pixels, picture.metadata.icc
            )
            stands = output.shadow == "soft" and not is_cut_off(cut.mask)
            pixels = cutting.flat(rgb, mask, behind, shadow(shallow_mask) if stands else None)
        case "cutout":
            pixels = cutting.cutout(rgb, mask)
            if output.outline != NOTHING:
                rim = parse_colour(output.outline_colour) or (255, 255, 255)
                pixels = outlined(pixels, output.outline.of(max(mask.shape)), rim)
        case _:
            assert_never(output.kind)
    return encode(pixels, output, picture.metadata)


def _refuse_over(output: Output, shape: tuple[int, ...], max_pixels: int) -> None:
    height, width = framed_size(shape[0], shape[1], output)
    if not asks_nothing(output) and height * width > max_pixels:
        raise OverLimitsError(
            f"a {output.kind} of {width} by {height} pixels would be {height * width / 1e6:.1f} "
            f"megapixels, over the limit of {max_pixels / 1e6:.1f}",
            "Ask for a smaller size or margin in the rule, or raise the limit (limits: pixels).",
        )

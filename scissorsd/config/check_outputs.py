"""What one option of a mask or an output says against another."""

from collections.abc import Iterator

from scissorsd.config.outputs import MaskSection, OutputSection
from scissorsd.config.parse_quantities import said_aspect, said_frame, said_length
from scissorsd.config.problems import Loc, Problem
from scissorsd.core.file_names import fields_of
from scissorsd.core.formats import FORMATS, FORMATS_OF, Format, default_name, listed

_CANVAS = ("crop", "margin", "aspect", "size", "enlarge", "align")


def check_mask(loc: Loc, mask: MaskSection) -> Iterator[Problem]:
    """Look at how a mask is made."""
    if mask.grow.amount and mask.shrink.amount:
        yield Problem((*loc, "shrink"), "stands beside grow; a mask either grows or shrinks")


def check_output(loc: Loc, output: OutputSection) -> Iterator[Problem]:
    """Look at one output."""
    yield from _names(loc, output)
    yield from _room(loc, output)
    form, formats = format_of(output), FORMATS_OF[output.kind]
    if output.depth == "16" and form in formats and not FORMATS[form].has_16_bits:
        choice = listed((name for name in formats if FORMATS[name].has_16_bits), "or")
        yield Problem((*loc, "depth"), f"{form} has no 16 bits; use format: {choice}, or depth: 8")
    if output.quality == "lossless" and form == "jpeg":
        choice = listed((name for name in formats if name != form), "or")
        yield Problem((*loc, "quality"), f"{form} is never lossless; use format: {choice}")
    for option, why in _in_vain(output, form):
        yield Problem((*loc, option), f"has no effect{why}", warning=True)


def format_of(output: OutputSection) -> Format:
    """Return the output's format, by default the first of its kind."""
    return output.format or FORMATS_OF[output.kind][0]


def path_of(output: OutputSection) -> str:
    """Return the path of an output as the planner builds it, with its fields still open."""
    name = output.name or default_name(output.kind)
    suffixes = FORMATS[format_of(output)].suffixes
    if not name.lower().endswith(suffixes):
        name += suffixes[0]
    return f"{output.folder}/{name}".replace("{kind}", output.kind)


def _names(loc: Loc, output: OutputSection) -> Iterator[Problem]:
    form = format_of(output)
    if form not in FORMATS_OF[output.kind]:
        choice = listed(FORMATS_OF[output.kind], "or")
        yield Problem((*loc, "format"), f"a {output.kind} cannot be {form}; use {choice}")
    elif suffix := _other_suffix(output.name or "", form):
        message = f"the name ends in {suffix}, but the format is {form}"
        yield Problem((*loc, "name"), message)
    if output.name and not fields_of(output.name) & {"stem", "counter"}:
        message = "has no {stem}, so every picture of a folder wants this one name"
        yield Problem((*loc, "name"), message, warning=True)


def _other_suffix(name: str, form: Format) -> str:
    """Return the suffix of another format in which a name ends, or ''."""
    others = (suffix for other, row in FORMATS.items() if other != form for suffix in row.suffixes)
    return next((suffix for suffix in others if name.lower().endswith(suffix)), "")


def _room(loc: Loc, output: OutputSection) -> Iterator[Problem]:
    size, aspect = output.size, output.aspect
    if isinstance(size, tuple) and aspect and not _same_shape(size, aspect):
        message = f"is {said_aspect(aspect)}, but size is {said_frame(size)}; leave one of them out"
        yield Problem((*loc, "aspect"), message)
        return
    sides = _sides(output)
    if sides and 2 * output.margin.of(max(sides)) >= min(sides):
        message = f"leaves no room: twice {said_length(output.margin)} takes a whole side"
        yield Problem((*loc, "margin"), message)
    longest = size if isinstance(size, int) else max(size or (0, 0))
    form = format_of(output)
    limit = FORMATS[form].longest_side
    if limit and longest > limit:
        what = f"is too much for {form}; a side has at most {limit} pixels"
        yield Problem((*loc, "size"), what)


def _same_shape(size: tuple[int, int], aspect: tuple[int, int]) -> bool:
    """Whether a frame has this aspect, to the pixel that rounding may cost."""
    (width, height), (across, down) = size, aspect
    return abs(width * down - height * across) <= max(across, down)


def _sides(output: OutputSection) -> tuple[float, float] | None:
    """Return the width and height of what comes out as far as they are known; None: they are not.

    Where only the longer side is, the subject may be as wide as it is high. Without a size, only a
    margin in percent can be judged, by the aspect alone.
    """
    if isinstance(output.size, tuple):
        return output.size
    across, down = output.aspect or (1, 1)
    if output.size is None and output.margin.unit == "px":
        return None
    scale = (output.size or 1) / max(across, down)
    return across * scale, down * scale


def _in_vain(output: OutputSection, form: Format) -> Iterator[tuple[str, str]]:
    """Yield each option without effect, and what follows these words about it."""
    kind, given = output.kind, output.model_fields_set
    if "background" in given and kind != "flat":
        yield "background", ": only a flat has one"
    if "quality" in given and FORMATS[form].is_lossless:
        yield "quality", f": {form} is lossless"
    if "compression" in given and not FORMATS[form].has_compression:
        others = (name for name, row in FORMATS.items() if row.has_compression)
        yield "compression", f": only {listed(others, 'and')} has it"
    if output.depth == "same" and not FORMATS[form].has_16_bits:
        yield "depth", f": {form} has 8 bits"
    if "colour" in given and kind == "mask":
        yield "colour", ": a mask has none"
    if output.shadow != "none" and kind != "flat":
        yield "shadow", ": only a flat has one"
    if output.outline.amount and kind != "cutout":
        yield "outline", ": only a cutout has one"
    elif "outline_colour" in given and not output.outline.amount:
        yield "outline_colour", " without outline"
    yield from _canvas_in_vain(output)


def _canvas_in_vain(output: OutputSection) -> Iterator[tuple[str, str]]:
    if output.kind == "comparison":
        for option in _CANVAS:
            if option in output.model_fields_set:
                yield option, ": a comparison shows the whole picture"
        return
    if "enlarge" in output.model_fields_set and output.size is None:
        yield "enlarge", " without size"
    leaves_room = isinstance(output.size, tuple) or (output.size and output.enlarge != "yes")
    if output.align != "center" and not (output.aspect or leaves_room):
        yield "align", " without aspect, or a size of width and height"

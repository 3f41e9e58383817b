"""What a mask and an output will be, in plain words."""

from collections.abc import Iterator

from scissorsd.config.parse_quantities import said_aspect, said_frame, said_length
from scissorsd.core.formats import FORMATS
from scissorsd.core.rules import Length, MaskOptions, Output


def said_mask(mask: MaskOptions) -> str:
    """Say how the mask is made, in brackets, as far as it is not made as usual."""
    return _bracketed(_of_the_mask(mask), "mask: ")


def said_output(output: Output) -> str:
    """Say what an output is: `a flat JPEG of 2000 × 2000 on white (the subject alone)`."""
    form = FORMATS[output.format]
    words = f"a {'16-bit ' if output.depth == '16' else ''}{output.kind} {form.title}"
    if output.size:
        words += f" of {said_frame(output.size)}{_enlarged(output)}"
    if output.kind == "flat":
        words += f" on {output.background}"
    words += _bracketed(_of_the_picture(output))
    if output.name:
        words += f" named {output.name}"
    if output.folder:
        words += f" in {output.folder.rstrip('/')}/"
    return words + (" with the camera's metadata" if output.metadata == "keep" else "")


def _enlarged(output: Output) -> str:
    if not output.heeds_enlarge or output.enlarge == "no":
        return ""
    most = "as far as needed" if output.enlarge == "yes" else f"to {output.enlarge} at most"
    return f", enlarged {most}"


def _of_the_mask(mask: MaskOptions) -> Iterator[str]:
    if mask.edges != MaskOptions().edges:
        yield f"{mask.edges} edges"
    if mask.keep == "largest":
        yield "its largest part alone"
    if mask.holes == "fill":
        yield "holes filled"
    if mask.holes == "open":
        yield "holes opened"
    if mask.threshold is not None:
        yield f"a hard edge at {mask.threshold:g}"
    if mask.grow.amount > 0:
        yield f"grown by {said_length(mask.grow)}"
    if mask.grow.amount < 0:
        yield f"shrunk by {said_length(Length(-mask.grow.amount, mask.grow.unit))}"
    if mask.feather.amount:
        yield f"feathered by {said_length(mask.feather)}"


def _of_the_picture(output: Output) -> Iterator[str]:
    frame = "the subject alone" if output.crop == "subject" else ""
    if output.margin.amount:
        yield f"{frame or 'the whole picture'} with a margin of {said_length(output.margin)}"
    elif frame:
        yield frame
    if output.aspect and not isinstance(output.size, tuple):
        yield said_aspect(output.aspect)
    if output.align != "center":
        yield f"at the {output.align}"
    if output.shadow != "none":
        yield "a soft shadow"
    if output.outline.amount:
        yield f"an outline of {said_length(output.outline)} in {output.outline_colour}"
    if output.colour == "as_is" and output.kind != "mask":
        yield "the old background's colour left in the edges"
    yield from _of_the_file(output)


def _of_the_file(output: Output) -> Iterator[str]:
    row = FORMATS[output.format]
    if output.quality == "lossless" and row.can_be_lossless:
        yield "without loss"
    if output.depth == "same" and row.has_16_bits:
        yield "as many bits as the picture has"
    if row.has_compression and output.compression == "small":
        yield "packed small"


def _bracketed(words: Iterator[str], label: str = "") -> str:
    joined = ", ".join(words)
    return f" ({label}{joined})" if joined else ""

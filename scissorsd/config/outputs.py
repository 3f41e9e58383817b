"""The schema of what comes out: how the mask is made, and each file made of it."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from scissorsd.config import parse_quantities, parse_texts
from scissorsd.config.sections import Section, written
from scissorsd.core.file_names import NAME_FIELDS
from scissorsd.core.formats import FORMATS, FORMATS_OF, Format, Kind, listed
from scissorsd.core.rules import Align, Edges, Holes, Length

_LENGTH = WithJsonSchema({"type": ["string", "number"]})
_WITH_QUALITY = listed((name for name, row in FORMATS.items() if not row.is_lossless), "and")
_CAN_BE_LOSSLESS = listed((name for name, row in FORMATS.items() if row.can_be_lossless), "and")
_WITH_COMPRESSION = listed((name for name, row in FORMATS.items() if row.has_compression), "and")
_WITH_16_BITS = listed((name for name, row in FORMATS.items() if row.has_16_bits), "and")

Folder = Annotated[str, AfterValidator(parse_texts.destination)]
Template = Annotated[str, AfterValidator(parse_texts.template)]
Background = Annotated[str, AfterValidator(parse_texts.background)]
Colour = Annotated[str, AfterValidator(parse_texts.colour)]
Depth = Annotated[
    Literal["8", "16", "same"],
    PlainValidator(parse_texts.depth),
    WithJsonSchema({"enum": [8, 16, "same"]}),
]
Quality = Annotated[
    int | Literal["lossless"],
    PlainValidator(parse_texts.quality),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 100}, {"const": "lossless"}]}
    ),
]
Aspect = Annotated[
    tuple[int, int], PlainValidator(parse_quantities.aspect), WithJsonSchema({"type": "string"})
]
Frame = Annotated[
    tuple[int, int] | int,
    PlainValidator(parse_quantities.frame),
    WithJsonSchema({"type": ["string", "integer"]}),
]
Enlarge = Annotated[
    str,
    PlainValidator(parse_quantities.enlarge),
    WithJsonSchema({"type": ["string", "boolean"]}),
]
Alignment = Annotated[
    Align,
    BeforeValidator(parse_texts.alignment),
    WithJsonSchema({"enum": [*get_args(Align), "centre"]}),
]
Margin = Annotated[
    Length,
    PlainValidator(parse_quantities.length),
    AfterValidator(parse_quantities.length_within(percent=45, pixels=4096)),
    _LENGTH,
]
Outline = Annotated[
    Length,
    PlainValidator(parse_quantities.length),
    AfterValidator(parse_quantities.length_within(percent=10, pixels=512)),
    _LENGTH,
]
Edge = Annotated[
    Length,
    PlainValidator(parse_quantities.length),
    AfterValidator(parse_quantities.length_within(percent=5, pixels=512)),
    _LENGTH,
]


class MaskSection(Section):
    """How the network's map becomes the mask."""

    edges: Edges = Field(
        default="auto",
        description="soft: the network's mask, stretched. fine: refined to the picture's own "
        "edges, after one look of the network. auto: the same, after a second and closer look at "
        "a subject that is small in its picture, if the network is surer of it then. best: such a "
        "look at all but the largest subjects, which is better more often, and worse now and then.",
    )
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None,
        description="A hard edge where the mask passes this value, between 0 (background) and 1 "
        "(subject). Default: edges stay soft where the picture's own are.",
        examples=[0.5],
    )
    grow: Edge = Field(
        default=written(0),
        description="Move the edge outwards, by pixels (2px) or by a part of the picture's longer "
        "side (0.1%).",
    )
    shrink: Edge = Field(
        default=written(0),
        description="Move it inwards, likewise: takes away what is left of a bright background.",
    )
    feather: Edge = Field(
        default=written(0), description="Soften the edge inwards, over this distance; done last."
    )
    keep: Literal["all", "largest"] = Field(
        default="all",
        description="largest: of several parts that do not touch, the largest alone. It also "
        "takes away the second shoe of a pair.",
    )
    holes: Holes = Field(
        default="keep",
        description="fill: no background shows through the subject, as it does through a cup's "
        "handle. open: what has the background's colour, but lies enclosed in the subject, is "
        "background: between a wheel's spokes, but on a white box before a white wall its label, "
        "too.",
    )


class OutputSection(Section):
    """One file to make of a picture."""

    kind: Kind = Field(
        default="cutout",
        description="cutout: the subject on nothing. mask: the same as a grey picture. flat: the "
        "subject on a background. comparison: before and after, side by side.",
    )
    format: Format | None = Field(
        default=None,
        description="The file format. "
        + "; ".join(f"{kind}: {', '.join(formats)}" for kind, formats in FORMATS_OF.items())
        + ". The first is the default.",
        examples=["png"],
    )
    folder: Folder = Field(
        default="",
        description="A folder inside the outbox, above the mirrored sub-folders; or an absolute "
        "one, on any disk, outside of the outbox and of every inbox.",
        examples=["masks", "/srv/web"],
    )
    name: Template | None = Field(
        default=None,
        description="The file's name, a template over "
        + " ".join(f"{{{word}}}" for word in NAME_FIELDS)
        + ". {width}, {height}: of the picture, in pixels, as it is seen; {taken}: the day of the "
        "photograph by EXIF, else of its file; {parent}: the folder in which it lies, at the top "
        "the inbox's name; {counter}: its number among the pictures of the rule, 0001, 0002, … "
        "Default: {stem}, for other kinds than the cutout with the kind after it.",
        examples=["{stem}-{kind}"],
    )
    quality: Quality = Field(
        default=90,
        description=f"From 1 to 100; for {_WITH_QUALITY}. lossless: every pixel as it is; for "
        f"{_CAN_BE_LOSSLESS}.",
        examples=[92, "lossless"],
    )
    compression: Literal["fast", "small"] = Field(
        default="fast",
        description=f"For {_WITH_COMPRESSION}. small: about a tenth smaller, in twenty times the "
        "time.",
    )
    depth: Depth = Field(
        default=written(8),
        description=f"Bits of each colour; for {_WITH_16_BITS}. same: as many as the picture has.",
        examples=[8, 16, "same"],
    )
    metadata: Literal["strip", "keep"] = Field(
        default="strip",
        description="keep: what the camera wrote stays in the output, the place where the picture "
        "was taken too. The colour profile and the resolution always stay.",
    )
    background: Background = Field(
        default="white",
        description="What a flat is laid on: a colour, by name or as '#f4f4f4' (in quotes), or the "
        "path of a picture.",
        examples=["white", "#f4f4f4", "paper.jpg"],
    )
    colour: Literal["clean", "as_is"] = Field(
        default="clean",
        description="clean: the old background's colour is taken out of soft edges. as_is: edges "
        "keep the picture's own.",
    )
    crop: Literal["none", "subject"] = Field(
        default="none",
        description="subject: the subject alone, without the empty space around it.",
    )
    margin: Margin = Field(
        default=written(0),
        description="Room on each side, in pixels (40px) or as a part of the longer side of what "
        "comes out: with crop: subject, 7.5% makes the subject 85% of it.",
        examples=["7.5%", "40px"],
    )
    aspect: Aspect | None = Field(
        default=None,
        description="Width to height, such as 1:1 or 4:5; room is added, nothing is cut off. "
        "Default: as it comes.",
        examples=["4:5", "1:1"],
    )
    size: Frame | None = Field(
        default=None,
        description="In pixels: the longer side (2000), or width and height (2000x2000), into "
        "which all is fitted. Default: as large as in the picture.",
        examples=[2000, "2000x2000"],
    )
    enlarge: Enlarge = Field(
        default=written("no"),
        description="Where picture or subject are smaller than size asks for. no: they stay as "
        "they are, with background around them. yes: they are enlarged. 2x: to twice their size "
        "at most. What then fills too little of the frame is doubtful.",
        examples=["2x"],
    )
    align: Alignment = Field(
        default="center",
        description="Where the subject lies in a frame that leaves it room (aspect, size).",
    )
    shadow: Literal["none", "soft"] = Field(
        default="none", description="For a flat. soft: a faint shadow where the subject stands."
    )
    outline: Outline = Field(
        default=written(0),
        description="For a cutout: a line around the subject, as on a sticker, in pixels (12px) or "
        "as a part of the longer side (2%).",
    )
    outline_colour: Colour = Field(
        default="white", description="Its colour, by name or as '#f4f4f4' (in quotes)."
    )


class WordsSection(OutputSection):
    """An output by the words of somebody who may name no file of this machine."""

    background: Colour = "white"

"""The schema of a network of one's own: its file, what it takes and what it gives."""

from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from scissorsd.config import parse_quantities, parse_texts
from scissorsd.config.sections import Place, Section, written
from scissorsd.core.catalogue import IMAGENET_MEAN, IMAGENET_STD, Gives

Sha256 = Annotated[str, AfterValidator(parse_texts.sha256)]
Scale = Annotated[
    float | None,
    PlainValidator(parse_quantities.scale),
    WithJsonSchema({"anyOf": [{"const": "maximum"}, {"type": "number", "exclusiveMinimum": 0}]}),
]


class CustomModelSection(Section):
    """A network of your own: an ONNX file that takes a picture and gives what tells its subject."""

    file: Place = Field(description="The ONNX file.", examples=["/srv/models/my-network.onnx"])
    sha256: Sha256 = Field(
        description="Its SHA-256, 64 hexadecimal digits, as sha256sum FILE prints; a file that "
        "differs is never used.",
        examples=["0123456789abcdef" * 4],
    )
    size: int = Field(
        default=320,
        description="The width and height, in pixels, that the network takes.",
        ge=16,
        le=8192,
        examples=[320, 1024],
    )
    mean: list[Annotated[float, Field(ge=-1000, le=1000)]] = Field(
        default=list(IMAGENET_MEAN),
        description="What is taken from red, green and blue, once they are divided by scale.",
        min_length=3,
        max_length=3,
    )
    std: list[Annotated[float, Field(gt=0, le=1000)]] = Field(
        default=list(IMAGENET_STD),
        description="What red, green and blue are then divided by.",
        min_length=3,
        max_length=3,
    )
    scale: Scale = Field(
        default=written("maximum"),
        description="What red, green and blue, from 0 to 255, are divided by first: a number, such "
        "as 255, or the picture's own maximum, as U2-Net, ISNet and BiRefNet want it.",
        examples=["maximum", 255],
    )
    output: int = Field(
        default=0,
        description="Which of the network's outputs is looked at, counted from 0.",
        ge=0,
        le=255,
    )
    gives: Gives = Field(
        default="map",
        description="What that output holds. map: the subject, from 0 to 1. logits: a map before "
        "its sigmoid. classes: a channel of scores for each class.",
    )
    classes: list[Annotated[int, Field(ge=0, le=1023)]] = Field(
        default_factory=list,
        description="With gives: classes, the channels that are the subject, counted from 0.",
        examples=[[1, 2]],
    )
    grid: int | None = Field(
        default=None,
        description="How many cells a side the network truly answers on, where its map is "
        "stretched. Default: as many as the map has pixels.",
        ge=8,
        le=8192,
        examples=[512],
    )

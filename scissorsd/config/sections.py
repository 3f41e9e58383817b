"""What every group of options is: the base of the schema's sections, and the types they share."""

from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    WithJsonSchema,
)

from scissorsd.config import parse_quantities, parse_texts

AMOUNT = WithJsonSchema({"type": ["string", "integer"]})

Text = Annotated[str, AfterValidator(parse_texts.line)]
Place = Annotated[Path, PlainValidator(parse_texts.place), WithJsonSchema({"type": "string"})]
KeptFor = Annotated[
    float | None,
    PlainValidator(parse_quantities.kept_for),
    WithJsonSchema({"type": "string"}),
]
Size = Annotated[
    int,
    BeforeValidator(parse_quantities.size),
    AfterValidator(parse_quantities.within("1KiB", "1024TiB", parse_quantities.size)),
    AMOUNT,
]


class Section(BaseModel):
    """A group of options: unknown keys are refused, and nothing is guessed from another type."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        validate_default=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        defer_build=True,
    )


def section_of(annotation: object) -> type[Section] | None:
    """Return the section that an option's type is, or is a list or table of."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((section for arg in get_args(annotation) if (section := section_of(arg))), None)


def written(value: str | int) -> Any:  # noqa: ANN401 (its type is the option's)
    """Return a default as a user would write it; the option's own parser reads it."""
    return value

"""The schema of what becomes of a picture whose mask is doubtful."""

from typing import Annotated, Any, get_args

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticKnownError

from scissorsd.config.sections import Section
from scissorsd.core.rules import DOUBTFUL, OnVerdict

_WORDS = get_args(OnVerdict)


class DoubtfulSection(Section):
    """When a mask is doubtful, and what then; a word alone says what then."""

    above: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=DOUBTFUL,
        description="The doubt from which on it is: how much of the subject the network is unsure "
        "of, between 0 and 1. The lower, the more pictures, and the more good ones among them: "
        "docs/masks.md.",
        examples=[0.08],
    )
    then: OnVerdict = Field(
        default="publish", description="What becomes of such a picture, as with when_no_subject."
    )

    @model_validator(mode="before")
    @classmethod
    def _a_word_alone(cls, value: object) -> object:
        """Take a word for `then`."""
        if not isinstance(value, str):
            return value
        if value not in _WORDS:
            expected = " or ".join([", ".join(map(repr, _WORDS[:-1])), repr(_WORDS[-1])])
            raise PydanticKnownError("literal_error", {"expected": expected})
        return {"then": value}


class _OrAWord:
    """Says in the JSON Schema that a word may stand in the place of the table."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(_WORDS)}, handler(schema)]}


WhenDoubtful = Annotated[DoubtfulSection, _OrAWord()]

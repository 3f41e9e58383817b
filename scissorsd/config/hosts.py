"""The options of other machines that cut for this one, and what they must be."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from scissorsd.config import parse_quantities, parse_texts
from scissorsd.config.sections import AMOUNT, Place, Section, written
from scissorsd.core.hub_address import hub_address

_MOST_HERE = 1024


def address(text: str) -> str:
    """Check the address of a hub."""
    parse_texts.line(text)
    try:
        hub_address(text)
    except ValueError as error:
        raise ValueError(f"cannot be: {error}") from None
    return text


def count_here(value: object) -> object:
    """Return how many pictures are cut here: a number, or None for auto."""
    if value == "auto":
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_HERE:
        raise ValueError(f"is neither auto nor a number from 0 to {_MOST_HERE}")
    return value


def _lasting(least: str, most: str) -> object:
    return AfterValidator(parse_quantities.within(least, most, parse_quantities.seconds))


class HostsSection(Section):
    """Other machines that cut for this one, and the hub over which they are given pictures."""

    hub: Annotated[str, AfterValidator(address)] = Field(
        description="The address of the hub: RabbitMQ 3.10 or newer. amqp:// is for this machine.",
        examples=["amqps://nas.local:5671/scissorsd"],
    )
    join: Place = Field(
        description="The file with user, secret and CA, written by `scissorsd hub init`.",
        examples=["/etc/scissorsd/hub/watcher.join"],
    )
    here: Annotated[
        int | None,
        BeforeValidator(count_here),
        WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 0}]}),
    ] = Field(
        default=written("auto"),
        description="How many pictures this machine cuts itself at once. auto: as many as without "
        "hosts. 0: only those that no host can cut, one after the other.",
        examples=["auto", 0],
    )
    ahead: int = Field(
        default=2,
        description="How many orders are out for each picture that the hosts cut at once.",
        ge=1,
        le=100,
    )
    bytes: Annotated[
        int,
        BeforeValidator(parse_quantities.size),
        AfterValidator(parse_quantities.within("0MiB", "64MiB", parse_quantities.size)),
        AMOUNT,
    ] = Field(
        default=written("12MiB"),
        description="The largest picture that goes over the hub itself, to hosts that do not see "
        "the folders. 0: none does.",
        examples=["12MiB", 0],
    )
    lost_after: Annotated[
        float, BeforeValidator(parse_quantities.seconds), _lasting("6s", "10m"), AMOUNT
    ] = Field(
        default=written("10s"),
        description="After so long without a word a host gets no more work.",
        examples=["10s"],
    )
    lease: Annotated[
        float, BeforeValidator(parse_quantities.seconds), _lasting("1m", "24h"), AMOUNT
    ] = Field(
        default=written("15m"),
        description="After so long without an answer an order is taken for lost.",
        examples=["15m"],
    )
    same_version: bool = Field(
        default=False,
        description="true: hosts of another version get no work.",
    )

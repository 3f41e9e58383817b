"""The table of output formats: whole, and at one with what is written out beside it."""

from itertools import chain
from typing import get_args

import click
import pytest

from scissorsd.cli import cut
from scissorsd.commands import latest_cutouts
from scissorsd.core.formats import FORMATS, FORMATS_OF, Format, Kind, listed
from scissorsd.pictures.encoding import ENCODERS


def test_every_format_has_a_row_and_an_encoder() -> None:
    """Whatever the type `Format` names can be looked up, and written."""
    assert set(FORMATS) == set(ENCODERS) == set(get_args(Format))


def test_the_defaults_of_the_kinds() -> None:
    """The order of the rows decides; this is what the documentation says."""
    assert set(FORMATS_OF) == set(get_args(Kind))
    assert {kind: formats[0] for kind, formats in FORMATS_OF.items()} == {
        "cutout": "png",
        "mask": "png",
        "flat": "jpeg",
        "comparison": "jpeg",
    }


def test_every_kind_is_offered_and_shown() -> None:
    """The command line names each kind once, and the contact sheet knows which to show first."""
    (choice,) = (
        option.type
        for option in cut.params
        if isinstance(option.type, click.Choice) and "cutout" in option.type.choices
    )
    assert tuple(choice.choices) == get_args(Kind)
    assert sorted(latest_cutouts._SHOWN_FIRST) == sorted(get_args(Kind))


def test_suffixes() -> None:
    """No two formats share a suffix."""
    suffixes = list(chain.from_iterable(row.suffixes for row in FORMATS.values()))
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize(
    ("names", "words"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_listed(names: list[str], words: str) -> None:
    """Names in a sentence."""
    assert listed(names, "or") == words

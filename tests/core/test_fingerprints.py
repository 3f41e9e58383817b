import os
from dataclasses import replace

import pytest

from scissorsd.core.fingerprints import fingerprint, fingerprint_of_look
from scissorsd.core.rules import NOTHING, Length, MaskOptions, Output, Rule

FINE = MaskOptions(edges="fine")


def test_a_fingerprint_stays_the_same() -> None:
    """It is kept in journals: if it changed, every job that was begun would be planned anew."""
    assert fingerprint(Rule("all", mask=FINE)) == "137d60c589f2669df2c4073997f0c42d"


def test_a_default_that_has_changed() -> None:
    """`fine` was the default: who spells it out has the old rule, who does not has a new one."""
    assert fingerprint(Rule("all")) == fingerprint(Rule("all", mask=MaskOptions(edges="auto")))
    assert fingerprint(Rule("all")) != fingerprint(Rule("all", mask=FINE))
    assert fingerprint_of_look(Rule("all")) != fingerprint_of_look(Rule("all", mask=FINE))
    wide = Rule("all", mask=replace(FINE, grow=Length(2)))
    assert fingerprint(wide) == "6a3238f0d5a53f7adb7ec3576ce47943"


def test_pictures_were_enlarged() -> None:
    """Who asks for a size, and not for that, has a new rule; who asks for none, the old one."""
    large = Rule("all", mask=FINE, outputs=(Output(size=10, enlarge="yes"),))
    assert fingerprint(large) == "0a8f1705c7b33e94f4a18e20df3d34b3"
    for enlarge in ("no", "2x"):
        other = replace(large, outputs=(Output(size=10, enlarge=enlarge),))
        assert fingerprint(other) != fingerprint(large)
        assert fingerprint_of_look(other) != fingerprint_of_look(large)
    for output in (Output("mask"), Output("comparison", "jpeg", size=10)):
        before, after = (
            Rule("all", outputs=(replace(output, enlarge=word),)) for word in ("yes", "no")
        )
        assert fingerprint(before) == fingerprint(after)


def test_defaults_do_not_count() -> None:
    """A setting at its default is as good as none: an older version may not have known it."""
    spelled_out = Rule(
        "all", outputs=(Output("cutout", "png", margin=NOTHING),), mask=MaskOptions()
    )
    assert fingerprint(spelled_out) == fingerprint(Rule("all"))


@pytest.mark.parametrize(
    "other",
    [
        Rule("another"),
        Rule(os.fsdecode(b"\xff")),
        Rule("all", match=("*.jpg",)),
        Rule("all", mask=MaskOptions(feather=Length(1))),
        Rule("all", mask=MaskOptions(feather=Length(1, "%"))),
        Rule("all", outputs=()),
        Rule("all", outputs=(Output(), Output("mask"))),
        Rule("all", outputs=(Output("mask"), Output())),
        Rule("all", doubtful_above=0.08),
        Rule("all", outputs=(Output(size=10),)),
        Rule("all", outputs=(Output(size=(10, 10)),)),
        Rule("all", outputs=(Output(aspect=(10, 10)),)),
    ],
)
def test_every_setting_counts(other: Rule) -> None:
    """Rules that say different things have different fingerprints."""
    assert fingerprint(other) != fingerprint(Rule("all"))
    assert fingerprint(other) == fingerprint(replace(other))
    assert fingerprint(other) != fingerprint(replace(other, source="move"))

"""The parameters of remove.bg's contract: what each may be, and what it is told otherwise."""

import pytest

from scissorsd.core.rules import Length
from scissorsd.page.answers import Refusal
from scissorsd.page.foreign.removebg_words import Asked, asked_in, one_background, one_source

from .calling import asked

TEN, THIRTY = Length(10, "%"), Length(30)


def test_without_parameters_it_is_the_contracts_defaults() -> None:
    """A preview, in colours, png or jpg as it comes, and a configuration lifts the preview."""
    plain = asked_in({}, has_backdrop=False, full=False)
    assert (plain.megapixels, plain.format, plain.type, plain.tells_type) == (
        0.25,
        "auto",
        "auto",
        True,
    )
    assert (plain.scale, plain.position, plain.roi, plain.colour, plain.shadow) == (
        *(None, None, None, None),
        0.0,
    )
    assert asked_in({}, has_backdrop=False, full=True).megapixels is None
    assert asked_in({"size": "", "crop": ""}, has_backdrop=False, full=False) == plain


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        ("size", "preview", "megapixels", 0.25),
        ("size", "small", "megapixels", 0.25),
        ("size", "regular", "megapixels", 0.25),
        ("size", "medium", "megapixels", 1.5),
        ("size", "hd", "megapixels", 4.0),
        ("size", "full", "megapixels", None),
        ("size", "4k", "megapixels", None),
        ("size", "50MP", "megapixels", None),
        ("size", "auto", "megapixels", None),
        ("type", "product", "type", "product"),
        ("type_level", "none", "tells_type", False),
        ("type_level", "latest", "tells_type", True),
        ("format", "webp", "format", "webp"),
        ("channels", "alpha", "only_alpha", True),
        ("channels", "rgba", "only_alpha", False),
        ("crop", "true", "crop", True),
        ("crop", "false", "crop", False),
        ("crop_margin", "0", "margin", (Length(0),) * 4),
        ("crop_margin", "10%", "margin", (TEN,) * 4),
        ("crop_margin", "10% 30px", "margin", (TEN, THIRTY, TEN, THIRTY)),
        ("crop_margin", "10% 30px 0 0", "margin", (TEN, THIRTY, Length(0), Length(0))),
        ("scale", "50%", "scale", 0.5),
        ("scale", "50%", "position", (0.5, 0.5)),
        ("scale", "original", "scale", None),
        ("position", "center", "position", (0.5, 0.5)),
        ("position", "original", "position", None),
        ("position", "25%", "position", (0.25, 0.25)),
        ("position", "0% 100%", "position", (0.0, 1.0)),
        ("roi", "0% 10% 30px 10%", "roi", (Length(0, "%"), TEN, THIRTY, TEN)),
        ("bg_color", "green", "colour", (0, 128, 0, 255)),
        ("bg_color", "fff", "colour", (255, 255, 255, 255)),
        ("bg_color", "#81d4fa", "colour", (0x81, 0xD4, 0xFA, 255)),
        ("bg_color", "81d4fa77", "colour", (0x81, 0xD4, 0xFA, 0x77)),
        ("bg_color", "f008", "colour", (255, 0, 0, 0x88)),
        ("add_shadow", "true", "shadow", 1.0),
        ("shadow_type", "drop", "shadow", 1.0),
        ("shadow_type", "none", "shadow", 0.0),
        ("semitransparency", "false", "shadow", 0.0),
        ("shadow_method", "legacy", "shadow", 0.0),
    ],
)
def test_a_parameter(name: str, text: str, attribute: str, value: object) -> None:
    """Each value that the contract has means what it says there."""
    assert getattr(asked(**{name: text}), attribute) == value


def test_position_and_opacity_beside_others() -> None:
    """A position that is given stands against the one that scale implies; opacity is of 50."""
    assert asked(scale="50%", position="original").position is None
    assert asked(add_shadow="true", shadow_opacity="100").shadow == 2.0
    assert asked(shadow_opacity="100").shadow == 0.0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("size", "huge"), ("type", "cloud"), ("type_level", "3"), ("format", "gif")],
        *[("channels", "rgb"), ("crop", "maybe"), ("scale", "5%"), ("scale", "101%")],
        *[("scale", "half"), ("position", "left"), ("position", "1% 2% 3%")],
        *[("position", "120%"), ("roi", "0 0 10px"), ("roi", "a b c d"), ("crop_margin", "51%")],
        *[("crop_margin", "501px"), ("crop_margin", "1px 2px 3px"), ("crop_margin", "-1px")],
        *[("bg_color", "#12345"), ("bg_color", "no such"), ("bg_color", "rgb(1,2,3)")],
        *[("add_shadow", "x"), ("shadow_type", "car"), ("shadow_opacity", "101")],
        *[("shadow_opacity", "nan"), ("semitransparency", "x"), ("shadow_method", "x")],
    ],
)
def test_an_unknown_value(name: str, text: str) -> None:
    """It is refused by its parameter's own code, and what it may be is said."""
    with pytest.raises(Refusal) as refused:
        asked(**{name: text})
    refusal = refused.value
    assert (refusal.status, refusal.code) == (400, f"invalid_{name}")
    assert refusal.advice.endswith(".")


def test_what_contradicts_itself() -> None:
    """No source, two, two backgrounds, a mask on a background: each has its code."""
    for function, given, code in (
        (one_source, set[str](), "missing_source"),
        (one_source, {"image_file", "image_url"}, "multiple_sources"),
        (one_background, {"bg_color", "bg_image_file"}, "multiple_bg_sources"),
    ):
        with pytest.raises(Refusal) as refused:
            function(given)
        assert (refused.value.status, refused.value.code) == (400, code)
    for words in (
        {"channels": "alpha", "bg_color": "red"},
        {"channels": "alpha", "add_shadow": "true"},
        {"channels": "alpha", "format": "zip"},
        {"add_shadow": "true", "shadow_type": "none"},
        {"bg_colour": "red"},
    ):
        with pytest.raises(Refusal) as refused:
            asked(**words)
        assert refused.value.status == 400
    assert isinstance(asked(channels="alpha"), Asked)

"""The parameters of a call in remove.bg's contract: texts in, values out, or what is wrong.

Whatever is not known is refused, as is what contradicts something else: nothing that was asked for
is left out in silence. An empty parameter is as good as none.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from scissorsd.core.rules import Length
from scissorsd.page.answers import Refusal
from scissorsd.pictures.backgrounds import parse_colour

Picture = Literal["auto", "png", "jpg", "webp", "zip"]
Colour = tuple[int, int, int, int]
Four = tuple[Length, Length, Length, Length]

SOURCES = ("image_file", "image_file_b64", "image_url")
BACKGROUNDS = ("bg_color", "bg_image_file", "bg_image_url")
SHADOW = 50.0  # percent: our soft shadow as a rule has it

_SIZES: Mapping[str, float | None] = {  # megapixels
    **dict.fromkeys(("preview", "small", "regular"), 0.25),
    "medium": 1.5,
    "hd": 4.0,
    **dict.fromkeys(("full", "4k", "50mp", "auto")),
}
_TYPES = {
    *("auto", "person", "product", "animal", "car", "car_interior", "car_part"),
    *("transportation", "graphics", "graphic", "other"),
}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(px|%)")
_HEX = re.compile(r"#?([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z]+")
_HALF, _WHOLE, _LEAST = 50.0, 100.0, 10.0  # percent
_WIDEST = 500.0  # pixels of a margin


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for, but for the pictures that it brings."""

    megapixels: float | None  # of the result at most; None: as many as the picture has
    type: str
    tells_type: bool
    format: Picture
    only_alpha: bool
    crop: bool
    margin: Four  # top, right, bottom, left; percent of the subject
    scale: float | None  # of the canvas, in parts; None: as it is
    position: tuple[float, float] | None  # of the free room, in parts; None: where it was
    roi: Four | None  # left, top, right, bottom
    colour: Colour | None  # behind the subject, with its alpha
    shadow: float  # as dark as ours, times this; 0: none


def asked_in(texts: Mapping[str, str], *, has_backdrop: bool, full: bool) -> Asked:
    """Return what the parameters ask for; raises Refusal in the contract's codes.

    `full`: a call without a size gets the whole picture.
    """
    values = {name: _value(name, text) for name, text in texts.items() if text != ""}
    get = values.get
    size = "full" if full else "preview"
    scale = cast("float | None", get("scale"))
    colour = cast("Colour | None", get("bg_color"))
    only_alpha = bool(get("channels", False))
    asked = Asked(
        megapixels=cast("float | None", values["size"] if "size" in values else _SIZES[size]),
        type=str(get("type", "auto")),
        tells_type=get("type_level", "1") != "none",
        format=cast("Picture", get("format", "auto")),
        only_alpha=only_alpha,
        crop=bool(get("crop", False)),
        margin=cast("Four", get("crop_margin", _four(Length(0)))),
        scale=scale,
        position=cast("tuple[float, float] | None", get("position", (0.5, 0.5) if scale else None)),
        roi=cast("Four | None", get("roi")),
        colour=colour,
        shadow=_shadow(values),
    )
    if only_alpha and (colour or has_backdrop or asked.shadow or asked.format == "zip"):
        raise _invalid(
            "channels", "An alpha mask has neither a background, nor a shadow, nor comes as a zip"
        )
    return asked


def one_source(given: set[str]) -> str:
    """Return which parameter has the picture."""
    found = [name for name in SOURCES if name in given]
    if not found:
        raise Refusal(
            400,
            "missing_source",
            "no image given",
            "Please provide the source image in the image_url, image_file or image_file_b64 "
            "parameter.",
        )
    if len(found) > 1:
        what = "multiple image sources given: please provide either the image_url, image_file or "
        raise Refusal(400, "multiple_sources", f"{what}image_file_b64 parameter")
    return found[0]


def one_background(given: set[str]) -> str:
    """Return which parameter has the background, or ""."""
    found = [name for name in BACKGROUNDS if name in given]
    if len(found) > 1:
        what = "multiple background sources given: please provide either the bg_color, the "
        raise Refusal(400, "multiple_bg_sources", f"{what}bg_image_url or the bg_image_file")
    return found[0] if found else ""


def _invalid(name: str, why: str = "") -> Refusal:
    return Refusal(400, f"invalid_{name}", f"invalid {name} parameter given", f"{why}.")


def _value(name: str, text: str) -> object:
    parse = _PARAMETERS.get(name)
    if parse is None:
        known = ", ".join([*SOURCES, *_PARAMETERS, *BACKGROUNDS[1:]])
        what = f"unknown parameter {name[:40]!r} given"
        raise Refusal(400, "unknown_parameter", what, f"Known are {known}.")
    try:
        return parse(text)
    except ValueError as error:
        raise _invalid(name, str(error)) from error


def _shadow(values: Mapping[str, object]) -> float:
    """Return how dark the shadow is; `add_shadow` is the older word for a type of it."""
    kind = values.get("shadow_type")
    if kind is False and values.get("add_shadow"):
        raise _invalid("shadow_type", "It is none, and add_shadow is true")
    wanted = kind if kind is not None else values.get("add_shadow", False)
    opacity = cast("float", values.get("shadow_opacity", SHADOW))
    return opacity / SHADOW if wanted else 0.0


# --- the parameters, one function each: it raises ValueError with what is expected ---------------


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        word = text.lower()
        if word not in words:
            raise ValueError(f"It is {', '.join(words[:-1])} or {words[-1]}, not {text[:40]!r}")
        return word

    return parse


def _size(text: str) -> float | None:
    return _SIZES[_one_of(*_SIZES)(text)]


def _boolean(text: str) -> bool:
    return _BOOLEANS[_one_of(*_BOOLEANS)(text)]


def _alpha(text: str) -> bool:
    return _one_of("rgba", "alpha")(text) == "alpha"


def _casts(text: str) -> bool:
    """Whether a shadow is asked for; of the kinds there are, a car's and 3D are not made here."""
    return _one_of("none", "drop", "auto")(text) != "none"


def _length(text: str) -> Length:
    match = _LENGTH.fullmatch(text)
    if match is None and text != "0":
        raise ValueError(f"{text[:40]!r} is neither pixels (30px) nor percent (10%)")
    return Length(float(match[1]), "%" if match[2] == "%" else "px") if match else Length(0)


def _percent(text: str, least: float) -> float:
    length = _length(text)
    if length.unit != "%" or not least <= length.amount <= _WHOLE:
        raise ValueError(f"It is from {least:g}% to 100%, not {text[:40]!r}")
    return length.amount / _WHOLE


def _four(length: Length) -> Four:
    return length, length, length, length


def _margin(text: str) -> Four:
    """Read one, two or four margins, in the order of CSS."""
    lengths = [_length(word) for word in text.split()]
    for length in lengths:
        if length.amount > (_HALF if length.unit == "%" else _WIDEST):
            raise ValueError("A margin is at most 50% of the subject, or 500px")
    match lengths:
        case [one]:
            return _four(one)
        case [down, across]:
            return down, across, down, across
        case [top, right, bottom, left]:
            return top, right, bottom, left
    raise ValueError("It is one, two (vertical, horizontal) or four values (top, right, …)")


def _scale(text: str) -> float | None:
    return None if text == "original" else _percent(text, _LEAST)


def _position(text: str) -> tuple[float, float] | None:
    if text in {"original", "center"}:
        return None if text == "original" else (0.5, 0.5)
    places = [_percent(word, 0.0) for word in text.split()]
    match places:
        case [both]:
            return both, both
        case [across, down]:
            return across, down
    raise ValueError("It is original, center, one value or two (horizontal, vertical)")


def _roi(text: str) -> Four:
    match [_length(word) for word in text.split()]:
        case [left, top, right, bottom]:
            return left, top, right, bottom
    raise ValueError('It is two points, "x1 y1 x2 y2", in pixels (px) or percent (%)')


def _colour(text: str) -> Colour:
    if match := _HEX.fullmatch(text):
        digits = match[1] if len(match[1]) > len("rgba") else "".join(c * 2 for c in match[1])
        red, green, blue, *alpha = bytes.fromhex(digits)
        return red, green, blue, *(alpha or [255])  # type: ignore[return-value]
    known = parse_colour(text) if _NAME.fullmatch(text) else None
    if known is None:
        raise ValueError(f"{text[:40]!r} is neither a colour's name nor 3, 4, 6 or 8 hex digits")
    return (*known, 255)


def _opacity(text: str) -> float:
    try:
        opacity = float(text)
    except ValueError:
        opacity = -1.0
    if not 0 <= opacity <= _WHOLE:
        raise ValueError(f"It is from 0 to 100, not {text[:40]!r}")
    return opacity


_PARAMETERS: Mapping[str, Callable[[str], object]] = {
    "size": _size,
    "type": _one_of(*sorted(_TYPES)),
    "type_level": _one_of("none", "1", "2", "latest"),
    "format": _one_of("auto", "png", "jpg", "webp", "zip"),
    "roi": _roi,
    "crop": _boolean,
    "crop_margin": _margin,
    "scale": _scale,
    "position": _position,
    "channels": _alpha,
    "add_shadow": _boolean,
    "shadow_method": _one_of("latest", "legacy"),
    "shadow_type": _casts,
    "shadow_opacity": _opacity,
    "semitransparency": _boolean,
    "bg_color": _colour,
}
PARAMETERS = tuple(_PARAMETERS)

"""What may be asked of a cutout, in the words that a rule of the configuration has.

Here stand their types and defaults. What each means, its bounds, and what is said of a wrong one
stand in `config.outputs` and `config.schema`, for the configuration and for Python.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from os import PathLike, fspath
from pathlib import Path
from typing import Literal, TypeVar

from scissorsd import config
from scissorsd.core import rules
from scissorsd.core.catalogue import IMAGENET_MEAN, IMAGENET_STD, Gives, Model
from scissorsd.core.formats import Format, Kind
from scissorsd.core.rules import Align, Edges, Holes
from scissorsd.errors import ConfigError, UsageError

Distance = str | float  # "12px", "1.5%" (of the longer side), or a number of pixels
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskOptions:
    """How the network's map becomes the mask: a rule's `mask`.

    `edges`: `soft` is the network's mask, stretched; `fine` brings it to the picture's own edges,
    `auto` does so after a second, closer look at a small subject, if the network is surer of it
    then; `best` looks closer at all but the largest subjects. `threshold`, in (0, 1), makes a
    hard edge. `grow`, `shrink` and `feather` are distances: pixels, or a part of the picture's
    longer side ("0.1%"). Raises UsageError for what cannot be.
    """

    edges: Edges = "auto"
    threshold: float | None = None
    grow: Distance = 0
    shrink: Distance = 0
    feather: Distance = 0
    keep: Literal["all", "largest"] = "all"
    holes: Holes = "keep"
    parsed: rules.MaskOptions = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parsed = _asked("MaskOptions", lambda: config.mask_of(_words(self)))
        object.__setattr__(self, "parsed", parsed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One file to make of a picture: an entry of a rule's `outputs`, without `folder` and `name`.

    `format` None: PNG, and JPEG of a flat or comparison. `margin` and `outline` are distances:
    pixels, or a part of the longer side ("7.5%"). `size` is the longer side in pixels (2000) or
    both ("2000x1500"); `enlarge` says whether a smaller picture may be enlarged to that ("no",
    "yes", "2x"). `aspect` is width to height ("4:5"). `background` is a colour or the path of a
    picture. Raises UsageError for what cannot be; of what has no effect it warns (UserWarning).
    """

    kind: Kind = "cutout"
    format: Format | None = None
    quality: int | Literal["lossless"] = 90
    compression: Literal["fast", "small"] = "fast"
    depth: Literal[8, 16, "same"] = 8
    metadata: Literal["strip", "keep"] = "strip"
    background: str | PathLike[str] = "white"
    colour: Literal["clean", "as_is"] = "clean"
    crop: Literal["none", "subject"] = "none"
    margin: Distance = 0
    aspect: str | None = None
    size: int | str | None = None
    enlarge: bool | str = "no"
    align: Align = "center"
    shadow: Literal["none", "soft"] = "none"
    outline: Distance = 0
    outline_colour: str = "white"
    parsed: rules.Output = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        remarks: list[str] = []
        parsed = _asked(
            "Output",
            lambda: config.output_of(_words(self), files=True, remark=remarks.append),
        )
        for remark in remarks:
            warnings.warn(remark, stacklevel=3)  # where the Output is made
        object.__setattr__(self, "parsed", parsed)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomModel:
    """A network of your own: an entry of the configuration's `custom_models`.

    `file` is an ONNX file, `sha256` its SHA-256 in hexadecimal digits. `size` is the side, in
    pixels, of what it takes; red, green and blue are divided by `scale` first, then `mean` and
    `std` are applied. Its `output` of that number `gives` a `map` of the subject, its `logits`, or
    `classes`. Raises UsageError for what cannot be. Errors call it by its file's name.
    """

    file: str | PathLike[str]
    sha256: str
    size: int = 320
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    scale: float | Literal["maximum"] = "maximum"
    output: int = 0
    gives: Gives = "map"
    classes: tuple[int, ...] = ()
    grid: int | None = None
    parsed: Model = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        name = Path(self.file).stem
        parsed = _asked("CustomModel", lambda: config.model_of(name, _words(self)))
        object.__setattr__(self, "parsed", parsed)


def _words(options: MaskOptions | Output | CustomModel) -> dict[str, object]:
    """Return what was asked for besides the defaults, as a configuration file would have it."""
    asked = {
        each.name: getattr(options, each.name)
        for each in fields(options)
        if each.init and getattr(options, each.name) != each.default
    }
    return {word: _written(value) for word, value in asked.items()}


def _written(value: object) -> object:
    if isinstance(value, PathLike):
        return fspath(value)
    return list(value) if isinstance(value, tuple) else value


def _asked(name: str, parse: Callable[[], _T]) -> _T:
    """Raise what the configuration's words have against these as an error of the caller's."""
    try:
        return parse()
    except ConfigError as error:
        raise UsageError(f"{name}: {'; '.join(error.problems)}") from error

"""scissorsd: a folder-watching daemon that cuts the background out of photographs.

In Python:

    from scissorsd import Cutter, Output, cut_out

    cutout = cut_out("cat.jpg")
    cutout.image.save("cat.png")

    with Cutter("u2net") as cutter:  # kept open, for many pictures and threads
        webp = cutter.cut("cat.jpg").render(Output(format="webp"))
"""

from typing import TYPE_CHECKING

from scissorsd.errors import (
    CorruptPictureError,
    HoldError,
    OverLimitsError,
    PictureError,
    ScissorsError,
    SessionError,
    TruncatedPictureError,
    UnsupportedPictureError,
    UsageError,
    WeightsError,
)

if TYPE_CHECKING:
    from scissorsd.api import CustomModel, Cutout, Cutter, MaskOptions, Opening, Output, cut_out

__version__ = "0.2.0"
__all__ = [
    "CorruptPictureError",
    "CustomModel",
    "Cutout",
    "Cutter",
    "HoldError",
    "MaskOptions",
    "Opening",
    "Output",
    "OverLimitsError",
    "PictureError",
    "ScissorsError",
    "SessionError",
    "TruncatedPictureError",
    "UnsupportedPictureError",
    "UsageError",
    "WeightsError",
    "__version__",
    "cut_out",
]


def __getattr__(name: str) -> object:
    """Import what is heavy only when it is asked for."""
    if name in __all__:
        from scissorsd import api  # noqa: PLC0415 - so that `--help` need not load numpy

        return getattr(api, name)
    raise AttributeError(f"module 'scissorsd' has no attribute {name!r}")

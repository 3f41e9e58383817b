"""scissorsd: a folder-watching daemon that cuts the background out of photographs.

In Python:

    from scissorsd import cut_out

    cutout = cut_out("cat.jpg")
    cutout.image.save("cat.png")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scissorsd.api import Cutout, cut_out

__version__ = "0.1.0"
__all__ = ["Cutout", "__version__", "cut_out"]


def __getattr__(name: str) -> object:
    """Import what is heavy only when it is asked for."""
    if name in {"Cutout", "cut_out"}:
        from scissorsd import api  # noqa: PLC0415 - so that `--help` need not load numpy

        return getattr(api, name)
    raise AttributeError(f"module 'scissorsd' has no attribute {name!r}")

"""Cutting out from Python, within somebody else's program, whose settings stay as they are.

What users import stands in `scissorsd` itself; docs/python.md tells how it is used.
"""

from scissorsd.api.cutout import Cutout
from scissorsd.api.cutter import Cutter, cut_out
from scissorsd.api.given import Channels, GivenPicture, read_bytes
from scissorsd.api.options import CustomModel, MaskOptions, Output
from scissorsd.inference.sessions import Opening

__all__ = [
    "Channels",
    "CustomModel",
    "Cutout",
    "Cutter",
    "GivenPicture",
    "MaskOptions",
    "Opening",
    "Output",
    "cut_out",
    "read_bytes",
]

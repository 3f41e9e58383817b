"""Drives real `scissorsd` processes: starts them, reads what they log, waits, ends them."""

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
import yaml
from PIL import Image, ImageDraw

import scissorsd

pillow_heif.register_heif_opener()  # for writing only

DEADLINE = 60.0  # seconds; far more than anything here takes, even on a busy machine
FORMATS = {
    ".jpg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".avif": "AVIF",
    ".heic": "HEIF",
}
_ROOT = Path(scissorsd.__file__).parent.parent


def picture(name: str = "a.jpg", *, number: int = 0) -> bytes:
    """Draw a picture with a clear subject, in the format of its name; each number is its own."""
    image = Image.new("RGB", (96, 72), "whitesmoke")
    colour = (178, 34 + 5 * number % 120, 34)
    ImageDraw.Draw(image).ellipse((26, 10, 70, 62), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, FORMATS[Path(name).suffix])
    return buffer.getvalue()


def wait_for[T](wanted: Callable[[], T]) -> T:
    """Ask until the answer is something; fail at the deadline."""

"""Small pictures for the contact sheet."""

import io
from pathlib import Path
from threading import Lock

from PIL import Image

from scissorsd.core.colours import between, to_rgb
from scissorsd.core.contact_sheet import SIDE
from scissorsd.core.depth import Samples
from scissorsd.core.formats import FORMATS
from scissorsd.settings import MAX_PIXELS

_READ = tuple(row.pillow for row in FORMATS.values())
_QUALITY = 80  # of WebP
_LARGE = 30_000_000  # pixels: such a picture is read while no other large one is


def has_alpha(path: Path) -> bool:
    """Whether a file is a picture with an alpha channel."""
    try:
        with Image.open(path, formats=_READ) as image:
            return image.has_transparency_data
    except Exception:  # noqa: BLE001 - whatever lies there
        return False


_large = Lock()


def thumbnail(path: Path, side: int = SIDE) -> Image.Image:
    """Read a picture at most `side` pixels wide and high: RGB, or RGBA, in sRGB."""
    with Image.open(path, formats=_READ) as image:
        pixels = image.width * image.height
        if pixels > MAX_PIXELS:
            raise ValueError("too many pixels")
        if pixels > _LARGE:
            with _large:
                return _small(image, side)
        return _small(image, side)


def _small(image: Image.Image, side: int) -> Image.Image:
    icc = image.info.get("icc_profile")
    scale = min(1.0, side / image.width, side / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image.draft("RGB", (2 * size[0], 2 * size[1]))  # a JPEG is decoded no larger than needed
    image.load()
    if image.mode not in {"RGB", "RGBA"}:
        colours = to_rgb(image, icc, Samples(16 if image.mode.startswith("I;16") else 8))
        icc = colours.profile
        image = colours.rgb
        if colours.alpha is not None:
            image.putalpha(colours.alpha)
    factor = min(image.width // size[0], image.height // size[1]) // 2
    if factor > 1:
        image = image.reduce(factor)
    image = image.resize(size, Image.Resampling.HAMMING)  # Lanczos would ring at the edges
    shown = between(image.convert("RGB"), icc, None)
    if image.mode == "RGBA":
        shown.putalpha(image.getchannel("A"))
    return shown


def as_webp(picture: Image.Image) -> bytes:
    """Return a small picture as a WebP, which is a few KB even with an alpha channel."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()

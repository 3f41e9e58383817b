"""Small pictures for the page: of any picture that is read, upright, in sRGB, alpha kept."""

import io

from PIL import Image

from scissorsd.core.colours import between
from scissorsd.pictures.reading import read

_QUALITY = 80  # of WebP
_EFFORT = 2  # of 6: a higher one buys a few percent in several times the time


def preview(data: bytes, side: int, *, max_pixels: int) -> bytes:
    """Draw a picture at most `side` pixels wide and high, as a WebP; nothing is enlarged.

    Raises what `reading.read` does.
    """
    picture = read(data, max_pixels=max_pixels, side=2 * side)
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    small = _fitted(image, side)
    shown = between(small.convert("RGB"), picture.metadata.icc, None)
    if small.mode == "RGBA":
        shown.putalpha(small.getchannel("A"))
    return _as_webp(shown)


def alpha_preview(data: bytes, side: int, *, max_pixels: int) -> bytes:
    """Draw a picture's alpha so, as a grey picture: white where it is opaque."""
    picture = read(data, max_pixels=max_pixels)
    if picture.alpha is None:
        height, width = picture.rgb.shape[:2]
        return _as_webp(_fitted(Image.new("L", (width, height), "white"), side))
    return _as_webp(_fitted(Image.fromarray(picture.alpha), side))


def _fitted(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.HAMMING, reducing_gap=2.0)  # Lanczos would ring


def _as_webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY, method=_EFFORT)
    return buffer.getvalue()

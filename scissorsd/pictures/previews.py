"""Small pictures for the page: of any picture that is read, upright, in sRGB, alpha kept."""

import io
from contextlib import suppress

from PIL import Image

from scissorsd.core.colours import between
from scissorsd.pictures.reading import read

_QUALITY = 80  # of WebP
_EFFORT = 2  # of 6: a higher one buys a few percent in several times the time
# What a PNG may have besides its samples, so that they are not what is to be shown.
_OTHERWISE = {"icc_profile", "exif", "transparency", "gamma", "chromaticity", "loop"}


def preview(data: bytes, side: int, *, max_pixels: int) -> bytes:
    """Draw a picture at most `side` pixels wide and high, as a WebP; nothing is enlarged.

    Raises what `reading.read` does.
    """
    plain = _plain_png(data, max_pixels)
    if plain is not None:
        return _as_webp(_fitted(plain, side))
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


def _plain_png(data: bytes, max_pixels: int) -> Image.Image | None:
    """Decode a PNG that Pillow has as it is to be shown, which most cutouts are; None for others.

    It takes half the time that `reading.read` needs, which has more to look after.
    """
    if not data.startswith(b"\x89PNG"):
        return None
    with (
        suppress(OSError, SyntaxError, ValueError),  # what is wrong with it `read` tells
        Image.open(io.BytesIO(data), formats=("PNG",)) as image,
    ):
        is_plain = image.mode in {"L", "RGB", "RGBA"} and not _OTHERWISE & image.info.keys()
        if is_plain and image.width * image.height <= max_pixels:
            image.load()
            return image
    return None


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
